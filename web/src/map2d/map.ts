/** The 2D map: MapLibre driven by the page's state, and the other way round. */

import {
  type GeoJSONSource,
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
  type VectorTileSource,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";

import { alerts, NO_FILTER, tileAddress } from "../api";
import type { Bbox, Config } from "../contract";
import { words } from "../i18n";
import type { Store, View } from "../state";
import { drawPatterns } from "./patterns";
import { onScheme, palette } from "./palette";
import { marksOf } from "./drawing";
import { BACKDROP, comesWhole, isMarked, SELECTION, shown, styleOf, wholeAddress } from "./style";

setWorkerUrl(workerUrl);

const REACH_PX = 5;  // how far from the pointer a thin line still counts as clicked
const MOST_HITS = 12;

/** A feature under the pointer, as its tile describes it. */
export interface Hit {
  layer: string;
  id: number;
  properties: Record<string, unknown>;
}

export interface MapEvents {
  clicked: (hits: Hit[], lon: number, lat: number) => void;
  pointer: (lon: number, lat: number) => void;
  busy: (busy: boolean) => void;
  failed: (message: string) => void;
}

export class FlatMap {
  readonly map: MapLibre;
  private following = false;
  private marked: GeoJSON.Geometry | null = null;
  private taken: ((lon: number, lat: number) => void) | null = null;
  private finished: () => void = () => undefined;

  constructor(
    container: HTMLElement,
    private readonly config: Config,
    private readonly store: Store,
    private readonly events: MapEvents,
  ) {
    const { view } = store.state;
    this.map = new MapLibre({
      container,
      style: styleOf(config, store.state),
      center: [view.lon, view.lat],
      zoom: view.zoom,
      bearing: view.bearing,
      pitch: view.pitch,
      minZoom: 6,
      maxZoom: 21,
      maxPitch: 60,
      attributionControl: false,
      localIdeographFontFamily: "'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif",
      locale: controlTexts(),
    });
    this.map.addControl(new NavigationControl({ visualizePitch: true }), "top-right");
    this.map.addControl(new ScaleControl({ maxWidth: 120 }), "bottom-left");
    this.map.keyboard.enable();
    drawPatterns(this.map);
    this.listen();
    this.follow();
  }

  /** Resolves when everything in view is drawn. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.map.loaded() && this.map.areTilesLoaded() && !this.map.isMoving()) resolve();
      else this.map.once("idle", () => resolve());
    });
  }

  /** Mark a shape as selected; null = nothing. */
  show(geometry: GeoJSON.Geometry | null): void {
    this.marked = geometry;
    const features = geometry ? [{ type: "Feature" as const, geometry, properties: {} }] : [];
    this.map.getSource<GeoJSONSource>(SELECTION)?.setData({ type: "FeatureCollection", features });
  }

  /** Hand every click to `take`, a double click to `finish`; null = clicks are the map's again. */
  capture(take: ((lon: number, lat: number) => void) | null, finish: () => void): void {
    [this.taken, this.finished] = [take, finish];
    this.map.getCanvas().style.cursor = take ? "crosshair" : "";
  }

  flyTo(lon: number, lat: number, zoom: number): void {
    const offset: [number, number] = [-this.covered() / 2, 0];
    this.map.easeTo({ center: [lon, lat], zoom: Math.max(zoom, this.map.getZoom()), offset, ...this.motion() });
  }

  /** Pixels of the map's right that the side panel covers. */
  private covered(): number {
    const side = document.querySelector<HTMLElement>(".side");
    const width = side?.offsetWidth ?? 0;
    return width < this.map.getContainer().clientWidth * 0.6 ? width : 0;
  }

  fit([west, south, east, north]: Bbox, deepest = 18): void {
    const padding = { top: 80, bottom: 60, left: 60, right: 60 + this.covered() };
    this.map.fitBounds([[west, south], [east, north]], { padding, maxZoom: deepest, ...this.motion() });
  }

  private motion(): { duration: number } {
    return { duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 700 };
  }

  private listen(): void {
    const { map, events } = this;
    map.on("click", ({ point, lngLat }) => {
      if (this.taken) return this.taken(lngLat.lng, lngLat.lat);
      events.clicked(this.hits(point.x, point.y), lngLat.lng, lngLat.lat);
    });
    map.on("dblclick", (event) => {
      if (!this.taken) return;
      event.preventDefault();
      this.finished();
    });
    let frame = 0;
    map.on("mousemove", ({ point, lngLat }) => {
      events.pointer(lngLat.lng, lngLat.lat);
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        if (map.isMoving() || this.taken) return;
        map.getCanvas().style.cursor = this.hits(point.x, point.y, 1).length ? "pointer" : "";
      });
    });
    map.on("moveend", () => {
      if (!this.following) this.store.set({ view: this.view() });
    });
    // The style's sources are there only now, and anew after a change of colours.
    map.on("style.load", () => {
      this.show(this.marked);
      void this.placeMarks(this.store.state.date);
    });
    map.on("dataloading", () => events.busy(true));
    map.on("idle", () => events.busy(false));
    map.on("error", ({ error }) => events.failed(error.message));
    onScheme(() => this.restyle());
  }

  private follow(): void {
    const { store } = this;
    const name = (): void => this.map.getCanvas().setAttribute("aria-label", words("map"));
    name();
    store.on(["lang"], name);
    store.on(["layers", "opacity"], (now, before) => {
      for (const layer of this.config.layers) {
        const same = now.layers.has(layer.id) === before.layers.has(layer.id);
        if (same && now.opacity[layer.id] === before.opacity[layer.id]) continue;
        for (const spec of shown(layer, palette(), now)) {
          this.map.setLayoutProperty(spec.id, "visibility", spec.layout?.visibility);
          for (const [name, value] of Object.entries(spec.paint ?? {})) {
            if (!name.endsWith("-opacity")) continue;
            this.map.setPaintProperty(spec.id, name as "fill-opacity", value as number);
          }
        }
      }
      if (this.map.getLayer(`${BACKDROP}/fill`)) {
        const visibility = now.layers.has(BACKDROP) ? "visible" : "none";
        this.map.setLayoutProperty(`${BACKDROP}/fill`, "visibility", visibility);
      }
    });
    store.on(["date"], ({ date }) => {
      void this.placeMarks(date);
      for (const layer of this.config.layers) {
        if (comesWhole(layer)) {
          this.map.getSource<GeoJSONSource>(layer.id)?.setData(wholeAddress(layer.id, date));
        } else {
          this.map.getSource<VectorTileSource>(layer.id)?.setTiles([tileAddress(layer.id, date)]);
        }
      }
    });
  }

  /** Ask for a layer's features again: some have changed. */
  reload(id: string): void {
    const { date } = this.store.state;
    void this.placeMarks(date);
    this.map.getSource<VectorTileSource>(id)?.setTiles([tileAddress(id, date)]);
  }

  /** Put the view where the state has it (after 3D, or from a link). */
  moveTo(view: View): void {
    this.following = true;
    this.map.jumpTo({ center: [view.lon, view.lat], zoom: view.zoom, bearing: view.bearing, pitch: Math.min(view.pitch, 60) });
    this.following = false;
  }

  private view(): View {
    const { lng, lat } = this.map.getCenter();
    return {
      lon: lng,
      lat,
      zoom: this.map.getZoom(),
      bearing: this.map.getBearing(),
      pitch: this.map.getPitch(),
    };
  }

  /** Alerts as points, of the date that is shown. */
  private async placeMarks(date: string | null): Promise<void> {
    const layer = this.config.layers.find(isMarked);
    if (!layer) return;
    try {
      const { alerts: rows } = await alerts(NO_FILTER, date);
      if (date !== this.store.state.date) return;
      this.map.getSource<GeoJSONSource>(marksOf(layer.id))?.setData({
        type: "FeatureCollection",
        features: rows.map(({ key, lon, lat, alert_id, state, score }) => ({
          type: "Feature",
          id: key,
          geometry: { type: "Point", coordinates: [lon, lat] },
          properties: { alert_id, state, score },
        })),
      });
    } catch (error) {
      this.events.failed(String(error));
    }
  }

  private restyle(): void {
    this.map.setStyle(styleOf(this.config, this.store.state), { diff: true });
  }

  /** Features under a point of the screen, small and precise ones first. */
  private hits(x: number, y: number, most = MOST_HITS): Hit[] {
    const layers = this.map.getLayersOrder().filter((id) => this.clickable(id));
    const box: [[number, number], [number, number]] = [
      [x - REACH_PX, y - REACH_PX],
      [x + REACH_PX, y + REACH_PX],
    ];
    const near = this.map.queryRenderedFeatures(box, { layers });
    const exact = new Set(
      this.map.queryRenderedFeatures([x, y], { layers }).map((f) => `${f.layer.id.split("/")[0]}.${f.id}`),
    );
    const found = new Map<string, Hit & { weight: number }>();
    for (const feature of near) {
      const source = feature.layer.id.split("/")[0] ?? "";
      const name = `${source}.${feature.id}`;
      const polygon = feature.geometry.type.endsWith("Polygon");
      // Near misses help with points and lines; a polygon is hit or it is not.
      if (found.has(name) || (polygon && !exact.has(name)) || typeof feature.id !== "number") continue;
      const layer = this.config.layers.find((one) => one.id === source);
      if (!layer) continue;
      const weight = layer.style.kind === "alert" ? 2000 : layer.order + (polygon ? 0 : 1000);
      found.set(name, { layer: layer.id, id: feature.id, properties: feature.properties, weight });
    }
    return [...found.values()].sort((a, b) => b.weight - a.weight).slice(0, most);
  }

  private clickable(id: string): boolean {
    const [layer, name] = id.split("/");
    if (layer === BACKDROP || layer === SELECTION || !name || name.endsWith("casing")) return false;
    return this.config.layers.some((one) => one.id === layer && this.store.state.layers.has(one.id));
  }
}

function controlTexts(): Record<string, string> {
  return {
    "Map.Title": words("map"),
    "NavigationControl.ZoomIn": "放大 Zoom in",
    "NavigationControl.ZoomOut": "缩小 Zoom out",
    "NavigationControl.ResetBearing": words("north_up"),
  };
}
