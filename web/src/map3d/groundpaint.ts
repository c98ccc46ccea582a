/** What the ground looks like in 3D: land use tints and roads, painted from our own vector tiles. */

import { VectorTile, type VectorTileFeature, type VectorTileLayer } from "@mapbox/vector-tile";
import {
  Event,
  type ImageryLayer,
  type ImageryProvider,
  ImageryLayer as Imagery,
  Rectangle,
  WebMercatorTilingScheme,
} from "cesium";
import { PbfReader } from "pbf";

import { tileAddress } from "../api";
import { colorCodes, mix } from "../colors";
import type { Config, Layer } from "../contract";
import { isDark, landTint, palette, type Palette } from "../map2d/palette";
import { tintLayer } from "../map2d/style";

const SIZE = 512;
const DEEPEST_TILE = 16;
const DEEPEST = 18;
const SHALLOWEST = 11;
const CLASS_WIDTH_M: Record<string, number> = { expressway: 44, arterial: 36, secondary: 24, branch: 11 };
const SHARE = 0.67;  // of a road's 红线 width that is carriageway
const EQUATOR_M = 40_075_016.7;

/** The painted ground as of `date`; null where the city has neither land use nor roads. */
export function groundPaint(config: Config, date: string | null): ImageryLayer | null {
  const land = tintLayer(config);
  const roads = config.layers.find((layer) => layer.style.kind === "road");
  const extent = land?.extent ?? roads?.extent;
  if (!extent) return null;
  const painter = new Painter(land ?? null, roads ?? null, date, palette());
  const [west, south, east, north] = extent;
  const provider = {
    tileWidth: SIZE,
    tileHeight: SIZE,
    minimumLevel: SHALLOWEST,
    maximumLevel: DEEPEST,
    tilingScheme: new WebMercatorTilingScheme(),
    rectangle: Rectangle.fromDegrees(west, south, east, north),
    hasAlphaChannel: true,
    errorEvent: new Event(),
    credit: undefined,
    proxy: undefined,
    tileDiscardPolicy: undefined,
    getTileCredits: () => [],
    pickFeatures: () => undefined,
    requestImage: (x: number, y: number, level: number) => painter.paint(x, y, level),
  };
  return new Imagery(provider as unknown as ImageryProvider);
}

class Painter {
  private readonly tiles = new Map<string, Promise<VectorTileLayer | null>>();

  constructor(
    private readonly land: Layer | null,
    private readonly roads: Layer | null,
    private readonly date: string | null,
    private readonly colors: Palette,
  ) {}

  async paint(x: number, y: number, z: number): Promise<HTMLCanvasElement> {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIZE;
    const pen = canvas.getContext("2d");
    if (!pen) return canvas;
    pen.fillStyle = this.colors.background;
    pen.fillRect(0, 0, SIZE, SIZE);
    // Below the deepest tile its part is enlarged.
    const up = Math.max(0, z - DEEPEST_TILE);
    const part = { x: x % 2 ** up, y: y % 2 ** up, scale: 2 ** up };
    const at: [number, number, number] = [z - up, x >> up, y >> up];
    const [land, roads] = await Promise.all([this.tile(this.land, ...at), this.tile(this.roads, ...at)]);
    if (land && this.land) this.paintLand(pen, land, this.land, part);
    if (roads && this.roads) this.paintRoads(pen, roads, this.roads, part, metresPerPixel(z, y));
    return canvas;
  }

  private paintLand(pen: CanvasRenderingContext2D, tile: VectorTileLayer, layer: Layer, part: Part): void {
    for (const feature of features(tile)) {
      const tint = landTint(String(feature.properties[layer.style.color_by ?? ""] ?? ""), this.colors);
      if (!tint) continue;
      trace(pen, feature, part);
      pen.fillStyle = tint;
      pen.fill("evenodd");
    }
  }

  private paintRoads(
    pen: CanvasRenderingContext2D,
    tile: VectorTileLayer,
    layer: Layer,
    part: Part,
    metres: number,
  ): void {
    const colors = new Map(colorCodes(layer).map(([code, { color }]) => [code, color]));
    const order = ["branch", "secondary", "arterial", "expressway"];
    const roads = features(tile).map((feature) => {
      const kind = String(feature.properties["road_class"] ?? "branch");
      const width = Number(feature.properties["width_m"] ?? CLASS_WIDTH_M[kind] ?? 11) * SHARE;
      return { feature, kind, pixels: Math.max(1, width / metres) };
    });
    roads.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    pen.lineCap = pen.lineJoin = "round";
    for (const casing of [true, false]) {
      for (const { feature, kind, pixels } of roads) {
        const color = kind === "branch" ? this.colors.road : (colors.get(kind) ?? this.colors.major);
        const dimmed = isDark(this.colors) ? mix(color, this.colors.background, 0.62) : color;
        trace(pen, feature, part);
        pen.strokeStyle = casing ? mix(dimmed, "#6b5a35", kind === "branch" ? 0.16 : 0.3) : dimmed;
        pen.lineWidth = casing ? pixels + 2 : pixels;
        pen.stroke();
      }
    }
  }

  private tile(layer: Layer | null, z: number, x: number, y: number): Promise<VectorTileLayer | null> {
    if (!layer) return Promise.resolve(null);
    const address = tileAddress(layer.id, this.date)
      .replace("{z}", String(z))
      .replace("{x}", String(x))
      .replace("{y}", String(y));
    let found = this.tiles.get(address);
    if (!found) this.tiles.set(address, (found = load(address, layer.id)));
    return found;
  }
}

interface Part {
  x: number;
  y: number;
  scale: number;
}

async function load(address: string, layer: string): Promise<VectorTileLayer | null> {
  const response = await fetch(address);
  if (!response.ok || response.status === 204) return null;
  return new VectorTile(new PbfReader(new Uint8Array(await response.arrayBuffer()))).layers[layer] ?? null;
}

function features(tile: VectorTileLayer): VectorTileFeature[] {
  return Array.from({ length: tile.length }, (_, i) => tile.feature(i));
}

function trace(pen: CanvasRenderingContext2D, feature: VectorTileFeature, part: Part): void {
  const unit = (SIZE * part.scale) / feature.extent;
  pen.beginPath();
  for (const line of feature.loadGeometry()) {
    line.forEach((point, i) => {
      const x = point.x * unit - part.x * SIZE;
      const y = point.y * unit - part.y * SIZE;
      if (i) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    if (feature.type === 3) pen.closePath();
  }
}

function metresPerPixel(z: number, y: number): number {
  const latitude = Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + 0.5)) / 2 ** z)));
  return (EQUATOR_M * Math.cos(latitude)) / (SIZE * 2 ** z);
}
