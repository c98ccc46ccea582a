/** The server's routes. Every failure is a `Failure` that can be shown to a person. */

import type {
  AlertFigures,
  AlertFile,
  AlertRow,
  AlertStep,
  Config,
  ImageDay,
  Item,
  Label,
  LiveStep,
  Paper,
  Readings,
  SearchAnswer,
  SiteAnswer,
  Version,
} from "./contract";
import { text } from "./i18n";

/** Why an answer did not come, in both languages. `status` 0 = the server was not reached. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly label: Label,
  ) {
    super(label.en);
  }
}

export const ORIGIN = location.origin;

/** Address pattern of a layer's vector tiles, the city as of `date` (null = now). */
export function tileAddress(layer: string, date: string | null): string {
  const time = date ? `&datetime=${date}` : "";
  return `${ORIGIN}/collections/${layer}/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt${time}`;
}

/** Address pattern of map tiles of images: what was taken until `date`. */
export function imageTiles(date: string, style: "image" | "hillshade"): string {
  return `${ORIGIN}/collections/imagery/map/tiles/WebMercatorQuad/{z}/{y}/{x}?f=webp&datetime=${date}&style=${style}`;
}

export function tilesetAddress(layer: string, date: string | null): string {
  return `${ORIGIN}/3dtiles/${layer}/tileset.json${date ? `?datetime=${date}` : ""}`;
}

export function chipAddress(alert: number, name: string): string {
  return `${ORIGIN}/map/alerts/${alert}/${encodeURIComponent(name)}.png`;
}

export const config = (): Promise<Config> => ask("/map/config.json");

/** Days there are images of, newest first. */
export const imageDays = async (): Promise<ImageDay[]> =>
  (await ask<{ days: ImageDay[] }>("/map/imagery.json")).days;

export const counts = async (date: string | null): Promise<Record<string, number>> =>
  (await ask<{ layers: Record<string, number> }>("/map/counts.json", { datetime: date })).layers;

export const search = (q: string, signal: AbortSignal): Promise<SearchAnswer> =>
  ask("/map/search.json", { q }, signal);

export const item = (layer: string, id: number, date: string | null): Promise<Item> =>
  ask(`/collections/${layer}/items/${id}`, { f: "json", datetime: date });

export const history = async (layer: string, id: number): Promise<Version[]> =>
  (await ask<{ versions: Version[] }>(`/collections/${layer}/items/${id}/history`)).versions;

/** `href`: as the server gave it with the feature; only its path is asked. */
export const documents = async (href: string): Promise<Paper[]> => {
  const { pathname, search } = new URL(href);
  return (await ask<{ documents: Paper[] }>(`${pathname}${search}`)).documents;
};

export const readings = (datastream: string, hours: number): Promise<Readings> =>
  ask("/map/readings.json", { datastream, hours: String(hours) });

export const siteCheck = (inputs: Record<string, unknown>): Promise<SiteAnswer> =>
  ask("/processes/site-check/execution", {}, undefined, JSON.stringify({ inputs }));

export const alertFile = (key: number): Promise<AlertFile> => ask(`/map/alerts/${key}.json`);

/** Take an alert on from the version it was read in. */
export const stepAlert = (file: AlertFile, step: AlertStep): Promise<AlertFile> =>
  ask(`/collections/alerts/items/${file.key}`, {}, undefined, JSON.stringify({ properties: step }), {
    method: "PATCH",
    headers: { "Content-Type": "application/merge-patch+json", "If-Match": file.etag },
  });

export const sendPhoto = (alert: number, photo: File, title: string | null): Promise<Paper> =>
  ask(`/collections/alerts/items/${alert}/documents`, { name: photo.name, title }, undefined, photo);

export const alertFigures = async (): Promise<AlertFigures> =>
  (await ask<{ total: AlertFigures }>("/map/alerts/stats.json")).total;

/** Be told of every step of an alert, for as long as the page is open. */
export function watchAlerts(told: (step: LiveStep) => void): void {
  const stream = new EventSource("/live");
  stream.addEventListener("alert", (event) => told(JSON.parse((event as MessageEvent<string>).data) as LiveStep));
  // Left open, it would be an error of the page that goes.
  addEventListener("pagehide", () => stream.close());
}

export interface AlertFilter {
  state: string;
  reason: string;
  county: string;
}

export const NO_FILTER: AlertFilter = { state: "", reason: "", county: "" };

export interface AlertList {
  alerts: AlertRow[];
  /** How many match, also where fewer were sent. */
  total: number;
}

const MOST_ALERTS = "500";

/** The work list: of today from the alerts' own route, of a past date from the layer's items. */
export async function alerts(filter: AlertFilter, date: string | null): Promise<AlertList> {
  if (date === null) return ask<AlertList>("/map/alerts.json", { ...filter, limit: MOST_ALERTS });
  const page = await ask<{ features: Item[] }>("/collections/alerts/items", {
    f: "json",
    limit: MOST_ALERTS,
    datetime: date,
  });
  const found = page.features
    .map(alertRow)
    .filter((a) => !filter.state || a.state === filter.state)
    .filter((a) => !filter.reason || a.reasons.includes(filter.reason))
    .filter((a) => !filter.county || a.county_code === filter.county)
    .sort((a, b) => b.score - a.score || b.area_m2 - a.area_m2);
  return { alerts: found, total: found.length };
}

function alertRow(feature: Item): AlertRow {
  const properties = feature.properties as unknown as Omit<AlertRow, "reasons" | "key">;
  const [lon, lat] = firstPosition(feature.geometry);
  const reasons = String(feature.properties["reasons"] ?? "").split(",");
  return { ...properties, key: feature.id, reasons, lon, lat };
}

/** Some position of a geometry: enough to fly there. */
export function firstPosition(geometry: GeoJSON.Geometry | null): [number, number] {
  if (!geometry || geometry.type === "GeometryCollection") return [0, 0];
  let inner: unknown = geometry.coordinates;
  while (Array.isArray(inner) && Array.isArray(inner[0])) inner = inner[0];
  return inner as [number, number];
}

/** One answer of the server; with a `body` it is asked by POST, or as `more` says. */
export async function ask<T>(
  path: string,
  params: Record<string, string | null> = {},
  signal?: AbortSignal,
  body?: string | Blob,
  more: { method?: string; headers?: Record<string, string> } = {},
): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const address = `${path}${query.size ? `?${query}` : ""}`;
  let response: Response;
  try {
    const sending = body === undefined ? {} : { method: more.method ?? "POST", body };
    const headers = { Accept: "application/json", ...more.headers };
    response = await fetch(address, { headers, signal: signal ?? null, ...sending });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(0, text("unreachable"));
  }
  if (!response.ok) throw new Failure(response.status, await said(response));
  return (await response.json()) as T;
}

/** The server's own words where it sent any. */
async function said(response: Response): Promise<Label> {
  try {
    const body = (await response.json()) as { zh?: string; en?: string; description?: string };
    const fallback = body.description ?? response.statusText;
    return { zh: body.zh ?? fallback, en: body.en ?? fallback };
  } catch {
    return { zh: `服务器答复 ${response.status}`, en: `the server answered ${response.status}` };
  }
}
