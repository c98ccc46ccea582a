/** The ground of the city in 3D, from what the city has surveyed.
 *
 * There is no terrain service. Every tile of buildings states the height its lowest building
 * stands at, so the tilesets themselves hold a coarse model of the ground; between its points the
 * height is interpolated. Heights are ellipsoidal, as in the tiles. */

import { CustomHeightmapTerrainProvider, GeographicTilingScheme, Math as Angle, Rectangle } from "cesium";

interface Tile {
  boundingVolume: { region?: number[] };
  content?: { uri: string };
  children?: Tile[];
}

interface Sample {
  lon: number;  // radians
  lat: number;
  size: number;  // extent of the tile the height stands for
  height: number;
}

const GRID = 16;  // heights a side of a terrain tile
const NESTED = 24;  // at most so many tilesets below the root are read
const DOWN_M = 0.15;  // the ground lies a little below the lowest base, not in its plane

export class Ground {
  private constructor(
    private readonly samples: Sample[],
    /** Height of the middle of the city, for cameras that have nothing better. */
    readonly usual: number,
  ) {}

  /** Read it from a tileset of buildings; null = flat at height `fallback`. */
  static async of(tileset: string | null, fallback: number): Promise<Ground> {
    const samples = tileset ? await read(tileset) : [];
    const heights = samples.map((one) => one.height).sort((a, b) => a - b);
    return new Ground(samples, heights[Math.floor(heights.length / 2)] ?? fallback);
  }

  /** Ellipsoidal height in metres at a place in radians; near samples count most. */
  height(lon: number, lat: number): number {
    let [sum, weights] = [0, 0];
    for (const one of this.samples) {
      const dx = (one.lon - lon) * Math.cos(lat);
      const dy = one.lat - lat;
      const weight = 1 / (dx * dx + dy * dy + one.size * one.size) ** 2;
      sum += weight * one.height;
      weights += weight;
    }
    return weights ? sum / weights - DOWN_M : this.usual;
  }

  heightDegrees(lon: number, lat: number): number {
    return this.height(Angle.toRadians(lon), Angle.toRadians(lat));
  }

  terrain(): CustomHeightmapTerrainProvider {
    const tilingScheme = new GeographicTilingScheme();
    const rectangle = new Rectangle();
    return new CustomHeightmapTerrainProvider({
      width: GRID,
      height: GRID,
      tilingScheme,
      callback: (x, y, level) => {
        const { west, north, width, height } = tilingScheme.tileXYToRectangle(x, y, level, rectangle);
        return Float32Array.from({ length: GRID * GRID }, (_, i) => {
          const column = i % GRID;
          const row = Math.floor(i / GRID);
          return this.height(west + (column / (GRID - 1)) * width, north - (row / (GRID - 1)) * height);
        });
      },
    });
  }
}

async function read(address: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  const waiting = [address];
  for (let i = 0; i < Math.min(waiting.length, NESTED + 1); i++) {
    const base = new URL(waiting[i] ?? address);
    const response = await fetch(base);
    if (!response.ok) continue;
    const { root } = (await response.json()) as { root: Tile };
    walk(root, (tile) => {
      const uri = tile.content?.uri;
      const region = tile.boundingVolume.region;
      if (!uri || !region) return;
      if (/\.json(\?|$)/.test(uri)) waiting.push(new URL(uri, base).href);
      else samples.push(sample(region));
    });
  }
  return samples;
}

function walk(tile: Tile, visit: (tile: Tile) => void): void {
  visit(tile);
  for (const child of tile.children ?? []) walk(child, visit);
}

function sample(region: number[]): Sample {
  const [west = 0, south = 0, east = 0, north = 0, low = 0] = region;
  const lat = (south + north) / 2;
  return {
    lon: (west + east) / 2,
    lat,
    size: Math.hypot((east - west) * Math.cos(lat), north - south) / 2,
    height: low,
  };
}
