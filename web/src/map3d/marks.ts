/** Alerts in 3D: their marks stand over the ground, seen through buildings. */

import { Billboard, BillboardCollection, Cartesian3, type Scene } from "cesium";

import { alerts, NO_FILTER } from "../api";
import { colorCodes, layerColor } from "../colors";
import type { Config, Layer } from "../contract";
import { markPicture } from "../map2d/patterns";
import type { Hit } from "../map2d/map";
import type { State } from "../state";
import type { Ground } from "./ground";

const OVER_GROUND_M = 12;

export class Marks {
  private readonly billboards: BillboardCollection;
  private readonly layer: Layer | undefined;
  private date: string | null | undefined;

  constructor(
    private readonly scene: Scene,
    private readonly ground: Ground,
    config: Config,
  ) {
    this.layer = config.layers.find((one) => one.style.kind === "alert");
    this.billboards = scene.primitives.add(new BillboardCollection({ scene })) as BillboardCollection;
  }

  /** Bring the marks to what the state says. */
  async follow({ layers, date }: State): Promise<void> {
    const { layer } = this;
    if (!layer) return;
    this.billboards.show = layers.has(layer.id);
    if (this.billboards.show && this.date !== date) {
      this.date = date;
      const { alerts: rows } = await alerts(NO_FILTER, date);
      if (this.date !== date) return;
      const colors = new Map(colorCodes(layer).map(([code, { color }]) => [code, color]));
      this.billboards.removeAll();
      for (const { key, lon, lat, state } of rows) {
        const color = colors.get(state) ?? layerColor(layer);
        this.billboards.add({
          id: key,
          position: Cartesian3.fromDegrees(lon, lat, this.ground.heightDegrees(lon, lat) + OVER_GROUND_M),
          image: markPicture(color),
          scale: 0.5,
          disableDepthTestDistance: Infinity,
        });
      }
    }
    this.scene.requestRender();
  }

  /** What a pick hit, as the 2D map would say it. */
  hit(picked: unknown): Hit | null {
    const { primitive, id } = (picked ?? {}) as { primitive?: unknown; id?: unknown };
    if (!this.layer || !(primitive instanceof Billboard) || typeof id !== "number") return null;
    return { layer: this.layer.id, id, properties: {} };
  }
}
