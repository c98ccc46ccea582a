/** Layers that have a body, as tilesets: loaded when shown, coloured, and asked what was hit. */

import {
  Cartesian3,
  Cesium3DTileFeature,
  Cesium3DTileset,
  Cesium3DTileStyle,
  type Scene,
} from "cesium";

import { tilesetAddress } from "../api";
import { colorCodes, colorField, layerColor } from "../colors";
import type { Layer } from "../contract";
import { HEIGHT_CLASSES } from "../map2d/palette";
import type { Hit } from "../map2d/map";
import type { State } from "../state";

const SELECTED = "#1f6feb";
const AMBIENT = 0.95;

export class Solids {
  private readonly loaded = new Map<string, Cesium3DTileset>();
  private readonly wanted = new Map<string, string>();

  constructor(
    private readonly scene: Scene,
    private readonly layers: Layer[],
    private readonly events: { failed: (message: string) => void; changed: () => void },
  ) {}

  /** Everything that is shown has arrived. */
  get ready(): boolean {
    return this.wanted.size === this.loaded.size && [...this.loaded.values()].every((one) => !one.show || one.tilesLoaded);
  }

  /** Bring the scene to what the state says. */
  async follow(state: State): Promise<void> {
    await Promise.all(this.layers.map((layer) => this.followOne(layer, state)));
    this.scene.requestRender();
  }

  private async followOne(layer: Layer, state: State): Promise<void> {
    const address = tilesetAddress(layer.id, state.date);
    const shown = state.layers.has(layer.id);
    const old = this.loaded.get(layer.id);
    if (old && this.wanted.get(layer.id) === address) {
      old.show = shown;
      old.style = styleOf(layer, state);
      return;
    }
    if (!shown || this.wanted.get(layer.id) === address) return;
    this.wanted.set(layer.id, address);
    try {
      const tileset = await Cesium3DTileset.fromUrl(address, { maximumScreenSpaceError: 12 });
      if (this.wanted.get(layer.id) !== address) return tileset.destroy();
      if (old) this.scene.primitives.remove(old);
      light(tileset);
      tileset.style = styleOf(layer, state);
      tileset.tileFailed.addEventListener(({ message }: { message: string }) => this.events.failed(message));
      tileset.allTilesLoaded.addEventListener(() => this.events.changed());
      this.loaded.set(layer.id, tileset);
      this.scene.primitives.add(tileset);
    } catch (error) {
      this.wanted.delete(layer.id);
      this.events.failed(String(error));
    }
  }

  /** What a pick hit, as the 2D map would say it. */
  hit(picked: unknown): Hit | null {
    if (!(picked instanceof Cesium3DTileFeature)) return null;
    const layer = [...this.loaded].find(([, tileset]) => tileset === picked.tileset)?.[0];
    const id: unknown = picked.getProperty("key");
    if (!layer || typeof id !== "number") return null;
    const names = picked.getPropertyIds();
    return { layer, id, properties: Object.fromEntries(names.map((name) => [name, picked.getProperty(name)])) };
  }
}

/** The same light at every hour: no sun, no environment maps, an even ambient. */
function light(tileset: Cesium3DTileset): void {
  tileset.environmentMapManager.enabled = false;
  const even = Array.from({ length: 9 }, (_, i) => (i ? Cartesian3.ZERO : new Cartesian3(AMBIENT, AMBIENT, AMBIENT)));
  tileset.imageBasedLighting.sphericalHarmonicCoefficients = even;
}

function styleOf(layer: Layer, state: State): Cesium3DTileStyle {
  const alpha = (state.opacity[layer.id] ?? 100) / 100;
  const selected = state.selected?.layer === layer.id ? state.selected.id : null;
  const conditions = [
    ...(selected === null ? [] : [[`\${key} === ${selected}`, `color("${SELECTED}", ${alpha})`]]),
    ...(layer.solid === "extrude" ? byHeight(alpha) : byCode(layer, alpha)),
  ];
  return new Cesium3DTileStyle({ color: { conditions } });
}

function byHeight(alpha: number): string[][] {
  return HEIGHT_CLASSES.map(({ below, color }) => [
    below === Infinity ? "true" : `\${height_m} < ${below}`,
    `color("${color}", ${alpha})`,
  ]);
}

function byCode(layer: Layer, alpha: number): string[][] {
  const field = colorField(layer);
  const codes = field ? colorCodes(layer) : [];
  return [
    ...codes.map(([code, { color }]) => [`\${${field?.name}} === "${code}"`, `color("${color}", ${alpha})`]),
    ["true", `color("${layerColor(layer)}", ${alpha})`],
  ];
}
