/** What the page shows, in one value; the address's hash holds all of it, so a link brings it back. */

import type { Lang } from "./i18n";

export interface View {
  lon: number;
  lat: number;
  zoom: number;
  bearing: number;
  pitch: number;
}

export interface Selection {
  layer: string;
  id: number;
}

export interface State {
  lang: Lang;
  mode: "2d" | "3d";
  view: View;
  /** The date the city is shown as of, ISO; null = now. */
  date: string | null;
  /** Ids of the layers that are shown. */
  layers: ReadonlySet<string>;
  /** Opacity by layer, percent, where it is not 100. */
  opacity: Readonly<Record<string, number>>;
  selected: Selection | null;
  panel: "none" | "card" | "alerts" | "site";
  /** Opacity of the ground in 3D, percent. */
  ground: number;
}

type Listener = (now: State, before: State) => void;

const HASH_DELAY_MS = 250;

/** Holds the state, tells listeners of changes, keeps the address up to date. */
export class Store {
  private listeners: Listener[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private now: State,
    private readonly usual: ReadonlySet<string>,
  ) {}

  get state(): State {
    return this.now;
  }

  set(change: Partial<State>): void {
    const before = this.now;
    this.now = { ...before, ...change };
    for (const listener of this.listeners) listener(this.now, before);
    clearTimeout(this.timer);
    // Browsers limit how often the address may change; a drag would change it every frame.
    this.timer = setTimeout(() => {
      history.replaceState(null, "", `#${toHash(this.now, this.usual)}`);
    }, HASH_DELAY_MS);
  }

  /** Call `listener` when one of `names` has changed; returns nothing, lives as long as the page. */
  on(names: readonly (keyof State)[], listener: Listener): void {
    this.listeners.push((now, before) => {
      if (names.some((name) => now[name] !== before[name])) listener(now, before);
    });
  }

  /** The permanent link to what is shown now. */
  link(): string {
    return `${location.origin}${location.pathname}#${toHash(this.now, this.usual)}`;
  }
}

export function toHash(state: State, usual: ReadonlySet<string>): string {
  const { view } = state;
  const parts: [string, string][] = [
    [
      "v",
      [
        view.zoom.toFixed(2),
        view.lat.toFixed(6),
        view.lon.toFixed(6),
        Math.round(view.bearing),
        Math.round(view.pitch),
      ].join("/"),
    ],
  ];
  if (state.mode === "3d") parts.push(["m", "3d"]);
  if (state.date) parts.push(["d", state.date]);
  if (!sameSet(state.layers, usual)) parts.push(["l", [...state.layers].join(",")]);
  const faded = Object.entries(state.opacity).filter(([, percent]) => percent !== 100);
  if (faded.length) parts.push(["o", faded.map(([id, percent]) => `${id}:${percent}`).join(",")]);
  if (state.selected) parts.push(["s", `${state.selected.layer}.${state.selected.id}`]);
  if (state.panel === "alerts" || state.panel === "site") parts.push(["p", state.panel]);
  if (state.ground !== 100) parts.push(["g", String(state.ground)]);
  if (state.lang === "en") parts.push(["lang", "en"]);
  return parts.map(([name, value]) => `${name}=${value}`).join("&");
}

/** What a hash says; parts that make no sense are left out. `known`: ids of all layers. */
export function fromHash(hash: string, known: ReadonlySet<string>): Partial<State> {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const found: Partial<State> = {};
  const view = readView(said.get("v"));
  if (view) found.view = view;
  if (said.get("m") === "3d") found.mode = "3d";
  const date = said.get("d");
  if (date && /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(Date.parse(date))) found.date = date;
  const layers = said.get("l");
  if (layers !== null) found.layers = new Set(layers.split(",").filter((id) => known.has(id)));
  const opacity = said.get("o");
  if (opacity) found.opacity = readOpacity(opacity, known);
  const [layer, id] = (said.get("s") ?? "").split(".");
  if (layer && known.has(layer) && /^\d+$/.test(id ?? "")) {
    found.selected = { layer, id: Number(id) };
    found.panel = "card";
  }
  const panel = said.get("p");
  if (panel === "alerts" || panel === "site") found.panel = panel;
  const ground = Number(said.get("g") ?? Number.NaN);
  if (ground >= 0 && ground <= 100) found.ground = Math.round(ground);
  if (said.get("lang") === "en") found.lang = "en";
  return found;
}

function readView(text: string | null): View | null {
  const [zoom, lat, lon, bearing, pitch] = (text ?? "").split("/").map(Number);
  if (zoom === undefined || lat === undefined || lon === undefined) return null;
  const plausible = zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 85 && Math.abs(lon) <= 180;
  return plausible ? { zoom, lat, lon, bearing: bearing || 0, pitch: pitch || 0 } : null;
}

function readOpacity(text: string, known: ReadonlySet<string>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [id, percent] = part.split(":");
    const value = Number(percent);
    if (id && known.has(id) && value >= 0 && value <= 100) found[id] = value;
  }
  return found;
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}
