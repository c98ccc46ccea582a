/** Which layers are on when nobody has chosen. */

import type { Config } from "./contract";
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
