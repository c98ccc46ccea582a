/** The whole style of the 2D map: base tint, our layers in their order, names on top. */

import type { LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";

import { colorField } from "../colors";
import { tileAddress } from "../api";
import type { Config, Layer } from "../contract";
import type { State } from "../state";
import { drawing, marksOf, zoomFrom } from "./drawing";
import { landTint, palette, type Palette } from "./palette";

/** The tint under everything, made from the land use plan; switched like a layer. */
export const BACKDROP = "backdrop";
export const SELECTION = "selection";

const DEEPEST_TILE = 16;
// Few enough to be sent whole: then names of every rank are there at every zoom.
export const WHOLE_UP_TO = 5000;

/** Layers that come as one GeoJSON document instead of tiles. */
export const comesWhole = (layer: Layer): boolean =>
  layer.style.kind === "label" && layer.features <= WHOLE_UP_TO;

/** Layers whose marks stand at points of their own. */
export const isMarked = (layer: Layer): boolean => layer.style.kind === "alert";

const EMPTY: SourceSpecification = {
  type: "geojson",
  data: { type: "FeatureCollection", features: [] },
};

export function styleOf(config: Config, state: State): StyleSpecification {
  const colors = palette();
  const layers = [...config.layers].sort((a, b) => a.order - b.order);
  const drawn = layers.flatMap((layer) => shown(layer, colors, state));
  return {
    version: 8,
    sources: Object.fromEntries([
      ...layers.map((layer) => [layer.id, source(layer, state.date)]),
      ...layers.filter(isMarked).map((layer) => [marksOf(layer.id), EMPTY]),
      [SELECTION, EMPTY],
    ]) as Record<string, SourceSpecification>,
    layers: [
      { id: "background", type: "background", paint: { "background-color": colors.background } },
      ...backdrop(config, colors, state),
      ...drawn.filter((spec) => spec.type !== "symbol"),
      ...selection(colors),
      ...drawn.filter((spec) => spec.type === "symbol"),
    ],
  };
}

/** The style's layers of one of ours, hidden where it is off. */
export function shown(layer: Layer, colors: Palette, state: State): LayerSpecification[] {
  const opacity = (state.opacity[layer.id] ?? 100) / 100;
  const visibility = state.layers.has(layer.id) ? "visible" : "none";
  return drawing(layer, colors, opacity).map((spec) => {
    const whole = comesWhole(layer) ? withoutSourceLayer(spec) : spec;
    return { ...whole, layout: { ...whole.layout, visibility } } as LayerSpecification;
  });
}

function withoutSourceLayer(spec: LayerSpecification): LayerSpecification {
  const copy: Partial<Record<string, unknown>> = { ...spec };
  delete copy["source-layer"];
  return copy as unknown as LayerSpecification;
}

function source(layer: Layer, date: string | null): SourceSpecification {
  if (comesWhole(layer)) return { type: "geojson", data: wholeAddress(layer.id, date) };
  return {
    type: "vector",
    tiles: [tileAddress(layer.id, date)],
    minzoom: Math.floor(zoomFrom(layer)),
    maxzoom: DEEPEST_TILE,
    ...(layer.extent ? { bounds: layer.extent } : {}),
  };
}

export function wholeAddress(layer: string, date: string | null): string {
  return `${location.origin}/collections/${layer}/items?f=json&limit=${WHOLE_UP_TO}${date ? `&datetime=${date}` : ""}`;
}

/** The layer whose polygons carry land use classes, for the tint. */
export const tintLayer = (config: Config): Layer | undefined =>
  config.layers.find((layer) => layer.id === "land_use_plan");

function backdrop(config: Config, colors: Palette, state: State): LayerSpecification[] {
  const layer = tintLayer(config);
  const field = layer && colorField(layer);
  if (!layer || !field?.codes) return [];
  const pairs = Object.keys(field.codes).flatMap((code) => {
    const tint = landTint(code, colors);
    return tint ? [code, tint] : [];
  });
  return [
    {
      id: `${BACKDROP}/fill`,
      type: "fill",
      source: layer.id,
      "source-layer": layer.id,
      layout: { visibility: state.layers.has(BACKDROP) ? "visible" : "none" },
      paint: {
        "fill-color": ["match", ["get", field.name], ...pairs, "rgba(0,0,0,0)"] as unknown as string,
        "fill-antialias": false,
      },
    },
  ];
}

/** What is selected, whole and exact: its own geometry from the item, not from tiles. */
function selection(colors: Palette): LayerSpecification[] {
  return [
    {
      id: "selection/fill",
      type: "fill",
      source: SELECTION,
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": colors.accent, "fill-opacity": 0.14 },
    },
    {
      id: "selection/halo",
      type: "line",
      source: SELECTION,
      paint: { "line-color": colors.halo, "line-width": 6, "line-opacity": 0.85 },
    },
    {
      id: "selection/line",
      type: "line",
      source: SELECTION,
      paint: { "line-color": colors.accent, "line-width": 3 },
    },
    {
      id: "selection/point",
      type: "circle",
      source: SELECTION,
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-radius": 9,
        "circle-color": colors.accent,
        "circle-opacity": 0.25,
        "circle-stroke-color": colors.accent,
        "circle-stroke-width": 3,
      },
    },
  ];
}
