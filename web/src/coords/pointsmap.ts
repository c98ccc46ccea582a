/** The results on the city's own base map. */

import { type GeoJSONSource, Map as MapLibre, NavigationControl, setWorkerUrl } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";

import type { Config } from "../contract";
import { homeView, usualLayers } from "../layersets";
import { onScheme, palette } from "../map2d/palette";
import { drawPatterns } from "../map2d/patterns";
import { styleOf } from "../map2d/style";
import type { State } from "../state";
import { MOST_POINTS, type Pair } from "./contract";

setWorkerUrl(workerUrl);

const POINTS = "converted";
const NEAREST = 17;

export class PointsMap {
  readonly map: MapLibre;
  private drawn: GeoJSON.Feature<GeoJSON.Point>[] = [];

  constructor(
    container: HTMLElement,
    private readonly config: Config,
    private readonly clicked: (row: number) => void,
  ) {
    const { lon, lat, zoom } = homeView(config);
    this.map = new MapLibre({
      container,
      style: this.style(),
      center: [lon, lat],
      zoom,
      minZoom: 3,
      maxZoom: 21,
      attributionControl: false,
      localIdeographFontFamily: "'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif",
    });
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    drawPatterns(this.map);
    // The style's sources are there only now, and anew after a change of colours.
    this.map.on("style.load", () => this.draw());
    this.map.on("click", `${POINTS}/dot`, ({ features }) => {
      const row = features?.[0]?.id;
      if (typeof row === "number") this.clicked(row);
    });
    for (const [event, cursor] of [["mouseenter", "pointer"], ["mouseleave", ""]] as const) {
      this.map.on(event, `${POINTS}/dot`, () => void (this.map.getCanvas().style.cursor = cursor));
    }
    onScheme(() => this.map.setStyle(this.style()));
  }

  /** Resolves when everything in view is drawn. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.map.loaded() && this.map.areTilesLoaded() && !this.map.isMoving()) resolve();
      else this.map.once("idle", () => resolve());
    });
  }

  /** Show places (CGCS2000 degrees, by row) and go there; how many there are. */
  show(places: Pair[]): number {
    this.drawn = [];
    for (const [row, [lon, lat]] of places.entries()) {
      if (lon === null || lat === null || Math.abs(lat) > 85) continue;
      this.drawn.push({ type: "Feature", id: row, geometry: { type: "Point", coordinates: [lon, lat] }, properties: { row } });
      if (this.drawn.length >= MOST_POINTS) break;
    }
    this.draw();
    this.fit();
    return this.drawn.length;
  }

  /** Mark one row's place; null = none. */
  choose(row: number | null, move = true): void {
    if (!this.map.getLayer(`${POINTS}/chosen`)) return;
    this.map.setFilter(`${POINTS}/chosen`, ["==", ["get", "row"], row ?? -1]);
    const place = this.drawn.find(({ id }) => id === row);
    const [lon, lat] = place?.geometry.coordinates ?? [];
    if (move && lon !== undefined && lat !== undefined) {
      this.map.easeTo({ center: [lon, lat], zoom: Math.max(this.map.getZoom(), 15), duration: still() ? 0 : 400 });
    }
  }

  resize(): void {
    this.map.resize();
  }

  private fit(): void {
    const lons = this.drawn.map(({ geometry }) => geometry.coordinates[0] ?? 0);
    const lats = this.drawn.map(({ geometry }) => geometry.coordinates[1] ?? 0);
    if (!lons.length) return;
    // not Math.min(...lons): twenty thousand arguments are too many for some browsers
    const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b));
    const most = (values: number[]): number => values.reduce((a, b) => Math.max(a, b));
    this.map.fitBounds([[least(lons), least(lats)], [most(lons), most(lats)]], {
      padding: 50,
      maxZoom: NEAREST,
      duration: still() ? 0 : 500,
    });
  }

  private draw(): void {
    this.map.getSource<GeoJSONSource>(POINTS)?.setData({ type: "FeatureCollection", features: this.drawn });
  }

  private style(): ReturnType<typeof styleOf> {
    const colors = palette();
    const layers = new Set([...usualLayers(this.config)].filter((id) => id !== "alerts"));
    const base = styleOf(this.config, { layers, opacity: {}, date: null } as unknown as State);
    const dot = { "circle-stroke-color": colors.halo, "circle-stroke-width": 1.5 };
    return {
      ...base,
      sources: { ...base.sources, [POINTS]: { type: "geojson", data: { type: "FeatureCollection", features: this.drawn } } },
      layers: [
        ...base.layers.filter((layer) => !layer.id.startsWith("selection/")),
        { id: `${POINTS}/dot`, type: "circle", source: POINTS, paint: { "circle-radius": 5, "circle-color": colors.accent, ...dot } },
        {
          id: `${POINTS}/chosen`,
          type: "circle",
          source: POINTS,
          filter: ["==", ["get", "row"], -1],
          paint: { "circle-radius": 8, "circle-color": "#d9480f", ...dot },
        },
      ],
    };
  }
}

const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
