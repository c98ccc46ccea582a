import type { Config } from "../contract";
import type { MapEvents } from "../map2d/map";
import type { Store, View } from "../state";
export interface SolidMap { idle(): Promise<void>; pause(): void; resume(view: View): void; flyTo(lon: number, lat: number): void }
export async function openSolid(_p: HTMLElement, _c: Config, _s: Store, _e: MapEvents): Promise<SolidMap> { throw new Error("later"); }
