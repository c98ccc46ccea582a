/** What is shown when nobody has chosen: which layers are on, and where the map stands. */

import type { Bbox, Config } from "./contract";
import { BACKDROP, tintLayer } from "./map2d/style";

// A readable city first; pipes, parcels, plans and parts are a click away.
const USUAL_KINDS = new Set(["building", "road", "label", "alert"]);
const FEW = 50;

/** Buildings, roads, names, alerts, boundaries of few areas, and the tint. */
export function usualLayers(config: Config): ReadonlySet<string> {
  const ids = config.layers
    .filter((layer) => {
      const boundary = layer.theme === "base" && layer.style.kind === "outline" && layer.features <= FEW;
      return USUAL_KINDS.has(layer.style.kind) || boundary;
    })
    .map((layer) => layer.id);
  return new Set(tintLayer(config) ? [...ids, BACKDROP] : ids);
}

/** Every id that may stand in a link. */
export const knownLayers = (config: Config): ReadonlySet<string> =>
  new Set([...config.layers.map((layer) => layer.id), BACKDROP]);

const WINDOW_PX = 900;  // what a view of the whole city should fit into
const DEEPEST_HOME = 16;

/** Where the page opens: the city's home view, or all buildings where it shows none of them. */
export function homeView(config: Config): { lon: number; lat: number; zoom: number } {
  const { home } = config.city;
  const built = config.layers.find((layer) => layer.style.kind === "building")?.extent;
  if (!built || contains(built, home)) return home;
  const view = viewOfBox(built);
  return { ...view, zoom: Math.min(DEEPEST_HOME, view.zoom) };
}

/** A view that holds a box of degrees. */
export function viewOfBox([west, south, east, north]: Bbox): { lon: number; lat: number; zoom: number } {
  const degrees = Math.max(east - west, north - south, 1e-5);
  return { lon: (west + east) / 2, lat: (south + north) / 2, zoom: Math.log2((360 * WINDOW_PX) / (512 * degrees)) };
}

function contains([west, south, east, north]: Bbox, { lon, lat }: { lon: number; lat: number }): boolean {
  return west <= lon && lon <= east && south <= lat && lat <= north;
}
