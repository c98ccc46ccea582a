/** The card of what was clicked: five fields first, then all; versions, readings, things to copy. */

import { history, item, readings } from "../api";
import { copy } from "../clipboard";
import type { Config, Field, Item, Layer, Scalar, Version } from "../contract";
import { h, icon, ICONS } from "../dom";
import * as format from "../format";
import { say, words } from "../i18n";
import type { Hit } from "../map2d/map";
import type { Store } from "../state";
import { documentList } from "./documents";
import { swatch } from "./layers";
import { failedLine, skeleton, type Notices } from "./notices";
import { sparkline } from "./sparkline";

const FIRST = 5;
const READING_HOURS = 168;

export interface CardActions {
  /** The exact shape of what is open, for the map to mark; null = nothing. */
  mark: (geometry: GeoJSON.Geometry | null) => void;
  zoomTo: (layer: Layer, item: Item) => void;
  /** Ask what bears on the place of a shape. */
  check: (geometry: GeoJSON.Geometry) => void;
}

/** What was found at a place. */
export interface Place {
  lon: number;
  lat: number;
  hits: Hit[];
}

export class CardPanel {
  readonly element = h("div", { class: "cards" });
  private place: Place | null = null;
  /** Counts renders, so that an answer that comes late is dropped. */
  private turn = 0;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly notices: Notices,
    private readonly actions: CardActions,
  ) {
    store.on(["selected", "lang", "date"], () => this.render());
    this.render();
  }

  /** Show what lies at a place; the first of it opens. */
  show(place: Place): void {
    this.place = place;
    const first = place.hits[0];
    this.store.set({ selected: first ? { layer: first.layer, id: first.id } : null, panel: "card" });
    if (!first) this.render();
  }

  private render(): void {
    const turn = ++this.turn;
    const { selected } = this.store.state;
    if (!selected) {
      this.actions.mark(null);
      this.element.replaceChildren(
        ...(this.place ? [this.placeLine(this.place)] : []),
        h("p", { class: "empty" }, words("nothing_here")),
      );
      return;
    }
    const hits = this.place?.hits ?? [];
    const known = hits.some((hit) => hit.layer === selected.layer && hit.id === selected.id);
    const rows = known ? hits : [{ ...selected, properties: {} }];
    this.element.replaceChildren(
      ...(this.place && known ? [this.placeLine(this.place)] : []),
      ...rows.map((hit) => {
        const open = hit.layer === selected.layer && hit.id === selected.id;
        return this.card(hit, open, turn);
      }),
    );
  }

  private placeLine({ lon, lat, hits }: Place): HTMLElement {
    return h(
      "div",
      { class: "place-line" },
      h("span", { class: "mono" }, format.degrees(lon, lat)),
      hits.length > 1 ? h("span", { class: "fine" }, `${words("found_here")} ${hits.length}`) : null,
      this.button("copy", words("copy_position"), () => copy(format.degrees(lon, lat), this.notices)),
    );
  }

  private card(hit: Hit, open: boolean, turn: number): HTMLElement {
    const layer = this.config.layers.find((one) => one.id === hit.layer);
    if (!layer) return h("div");
    const title = titleOf(layer, hit.properties as Record<string, Scalar>);
    const name = h("span", { class: "card-title" }, title || "…");
    const body = h("div", { class: "card-body" });
    const head = h(
      "button",
      {
        class: "card-head",
        "aria-expanded": open ? "true" : "false",
        onclick: () => this.store.set({ selected: open ? null : { layer: hit.layer, id: hit.id } }),
      },
      swatch(layer),
      h("span", { class: "card-names" }, h("span", { class: "card-layer" }, say(layer.title)), name),
      icon(ICONS.chevron, 14),
    );
    if (open) void this.fill(body, name, layer, hit.id, turn);
    return h(
      "article",
      { class: `card${open ? " open" : ""}`, "data-feature": `${hit.layer}.${hit.id}` },
      head,
      open ? body : null,
    );
  }

  private async fill(body: HTMLElement, name: HTMLElement, layer: Layer, id: number, turn: number): Promise<void> {
    body.replaceChildren(skeleton(FIRST));
    try {
      const found = await item(layer.id, id, this.store.state.date);
      if (turn !== this.turn) return;
      name.textContent = titleOf(layer, found.properties) || `#${id}`;
      this.actions.mark(found.geometry);
      body.replaceChildren(...this.contents(layer, found));
    } catch (error) {
      if (turn !== this.turn) return;
      this.actions.mark(null);
      const missing = (error as { status?: number }).status === 404;
      body.replaceChildren(
        missing
          ? h("p", { class: "empty" }, words(this.store.state.date ? "gone" : "not_found"))
          : failedLine(error, () => this.render()),
      );
    }
  }

  private contents(layer: Layer, found: Item): (HTMLElement | string)[] {
    const { properties } = found;
    const filled = layer.fields.filter((field) => !isEmpty(properties[field.name]));
    const first = [...filled].sort((a, b) => weight(layer, a) - weight(layer, b)).slice(0, FIRST);
    const timezone = this.config.city.timezone;
    const since = properties["valid_from"];
    const [lon, lat] = middle(found.geometry);
    const past = h("div", { class: "history" });
    return [
      ...(layer.latest ? [this.latest(layer, properties)] : []),
      table(first.map((field) => [say(field.title), shown(layer, field, properties)])),
      h(
        "p",
        { class: "fine" },
        since ? `${words("since")} ${format.day(String(since), timezone)} · ` : "",
        `${words("owner")}: ${say(layer.owner)} · ±${format.number(layer.accuracy_m, 2)} m`,
      ),
      h(
        "div",
        { class: "actions" },
        layer.style.kind === "alert"
          ? this.button("alert", words("case_file"), () => this.store.set({ panel: "alerts" }), true)
          : null,
        this.button("target", words("zoom_to"), () => this.actions.zoomTo(layer, found), true),
        found.geometry?.type.endsWith("Polygon") && layer.theme !== "base"
          ? this.button("layers", words("site_check"), () => found.geometry && this.actions.check(found.geometry), true)
          : null,
        this.button("clock", words("history"), () => void this.history(past, layer, found.id), true),
        this.button("copy", words("copy_position"), () => copy(format.degrees(lon, lat), this.notices), true),
        this.button("link", words("copy_link"), () => copy(this.store.link(), this.notices), true),
      ),
      past,
      found.documents ? documentList(found.documents.href) : "",
      h(
        "details",
        {},
        h("summary", {}, `${words("all_fields")} (${layer.fields.length})`),
        table(layer.fields.map((field) => [say(field.title), shown(layer, field, properties), field.name])),
        table([
          [words("position"), `${format.degrees(lon, lat)}`],
          ["", format.sexagesimal(lon, lat)],
        ]),
      ),
    ];
  }

  private latest(layer: Layer, properties: Record<string, Scalar>): HTMLElement {
    const stream = String(properties["datastream"] ?? "");
    const unit = properties["unit"] ? ` ${properties["unit"]}` : "";
    const value = properties["latest_value"];
    const at = properties["latest_time"];
    const limit = typeof properties["alarm_above"] === "number" ? properties["alarm_above"] : null;
    const over = limit !== null && typeof value === "number" && value > limit;
    const chart = h("div", { class: "chart" });
    if (stream) void this.chart(chart, stream, unit, limit);
    return h(
      "div",
      { class: "latest", "data-layer": layer.id },
      h("span", { class: "card-layer" }, words("latest")),
      h(
        "strong",
        { class: over ? "over" : null },
        typeof value === "number" ? `${format.number(value, 2)}${unit}` : "—",
      ),
      at ? h("span", { class: "fine" }, format.minute(String(at), this.config.city.timezone)) : null,
      chart,
    );
  }

  private async chart(place: HTMLElement, stream: string, unit: string, limit: number | null): Promise<void> {
    try {
      const { readings: series } = await readings(stream, READING_HOURS);
      place.replaceChildren(
        series.length < 2
          ? h("p", { class: "empty" }, words("no_readings"))
          : sparkline(series, { unit, limit, timezone: this.config.city.timezone }),
      );
    } catch (error) {
      place.replaceChildren(failedLine(error, () => void this.chart(place, stream, unit, limit)));
    }
  }

  private async history(place: HTMLElement, layer: Layer, id: number): Promise<void> {
    if (place.childElementCount) return place.replaceChildren();
    place.replaceChildren(skeleton(2));
    try {
      const versions = await history(layer.id, id);
      place.replaceChildren(...this.versions(layer, versions));
    } catch (error) {
      place.replaceChildren();
      place.append(failedLine(error, () => { place.replaceChildren(); void this.history(place, layer, id); }));
    }
  }

  private versions(layer: Layer, versions: Version[]): HTMLElement[] {
    const { timezone } = this.config.city;
    const code = versions[0]?.place_code;
    const list = versions.map((version, i) => {
      const from = format.day(version.valid_from, timezone);
      const to = version.valid_to ? format.day(version.valid_to, timezone) : words("until_now");
      const delivery = this.config.deliveries.find((one) => one.id === version.opened_by);
      return h(
        "li",
        {},
        h(
          "button",
          { class: "text-button", title: words("choose_date"), onclick: () => this.store.set({ date: version.valid_to ? from : null }) },
          `${from} → ${to}`,
        ),
        h("span", { class: "fine" }, delivery ? `${delivery.department ?? ""} ${delivery.source}` : `#${version.opened_by}`),
        ...changes(layer, version, versions[i + 1]),
      );
    });
    return [
      h("ol", { class: "versions" }, ...list),
      ...(code
        ? [
            h(
              "p",
              { class: "place-line" },
              h("span", { class: "fine" }, words("place_code")),
              h("span", { class: "mono" }, code),
              this.button("copy", words("copy_code"), () => copy(code, this.notices)),
            ),
          ]
        : []),
    ];
  }

  private button(name: keyof typeof ICONS, title: string, act: () => unknown, worded = false): HTMLElement {
    return h(
      "button",
      { class: worded ? "action" : "icon-button", "aria-label": title, title, onclick: () => void act() },
      icon(ICONS[name], 15),
      worded ? h("span", {}, title) : null,
    );
  }
}

/** What changed from the version before. */
function changes(layer: Layer, version: Version, before: Version | undefined): HTMLElement[] {
  if (!before) return [h("p", { class: "fine" }, words("first_version"))];
  const lines = layer.fields
    .filter((field) => version.properties[field.name] !== before.properties[field.name])
    .map((field) => {
      const [old, now] = [before, version].map((one) => format.value(field, one.properties[field.name]));
      return h("p", { class: "change" }, `${say(field.title)}: `, h("s", {}, old ?? ""), " → ", h("b", {}, now ?? ""));
    });
  const moved = JSON.stringify(version.geometry) !== JSON.stringify(before.geometry);
  return [...lines, ...(moved ? [h("p", { class: "change" }, words("geometry_changed"))] : [])];
}

/** What a person would call a feature: its name, else what identifies it. */
export function titleOf(layer: Layer, properties: Record<string, Scalar>): string {
  const named = ["name", "project", ...(layer.style.label ? [layer.style.label] : [])];
  const found = [...named, ...layer.key].map((name) => properties[name]).find((one) => !isEmpty(one));
  return isEmpty(found) ? "" : String(found);
}

/** Fields that say most come first: names, kinds, measures; then the order of the layer. */
function weight(layer: Layer, field: Field): number {
  const place = layer.fields.indexOf(field);
  if (field.name === layer.style.color_by) return place - 60;
  if (field.name === "name") return place - 50;
  if (field.unit) return place - 20;
  if (layer.key.includes(field.name)) return place - 10;
  return field.type === "code" ? place - 15 : place;
}

function shown(layer: Layer, field: Field, properties: Record<string, Scalar>): string {
  const own = properties["unit"];
  const unit = layer.latest && field.name === "alarm_above" && own ? String(own) : field.unit;
  return format.value(field, properties[field.name], unit);
}

function table(rows: [name: string, value: string, hint?: string][]): HTMLElement {
  return h(
    "dl",
    { class: "fields" },
    ...rows.flatMap(([name, value, hint]) => [h("dt", { title: hint ?? null }, name), h("dd", {}, value)]),
  );
}

const isEmpty = (value: unknown): boolean => value === null || value === undefined || value === "";

/** Middle of a geometry's extent, degrees. */
export function middle(geometry: GeoJSON.Geometry | null): [lon: number, lat: number] {
  const [west, south, east, north] = extent(geometry);
  return [(west + east) / 2, (south + north) / 2];
}

/** Extent of a geometry, degrees. */
export function extent(geometry: GeoJSON.Geometry | null): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  const walk = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "number" && typeof part[1] === "number") {
      box[0] = Math.min(box[0], part[0]);
      box[1] = Math.min(box[1], part[1]);
      box[2] = Math.max(box[2], part[0]);
      box[3] = Math.max(box[3], part[1]);
    } else part.forEach(walk);
  };
  if (geometry && geometry.type !== "GeometryCollection") walk(geometry.coordinates);
  return box;
}
