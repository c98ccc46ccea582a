/** The work list of suspected illegal construction, and the case file of one alert. */

import { alertFile, alerts, chipAddress, NO_FILTER, type AlertFilter } from "../api";
import { copy } from "../clipboard";
import type { AlertFile, AlertRow, Config, Field, Layer, Reason, Scalar, TrailStep } from "../contract";
import { h, icon, ICONS } from "../dom";
import * as format from "../format";
import { isTextKey, say, text, words } from "../i18n";
import type { Store } from "../state";
import { AlertWork, alertFiguresList } from "./alertwork";
import { swipe } from "./swipe";
import { failedLine, skeleton, type Notices } from "./notices";
import { titleOf } from "./card";

const LAYER = "alerts";

export interface AlertActions {
  /** Take the map to an alert. */
  goTo: (alert: { lon: number; lat: number }) => void;
  mark: (geometry: GeoJSON.Geometry | null) => void;
}

export class AlertsPanel {
  readonly element = h("div", { class: "alerts" });
  private rows: AlertRow[] = [];
  private total = 0;
  private filter: AlertFilter = NO_FILTER;
  private turn = 0;
  private stale = true;
  private work: AlertWork | null = null;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly notices: Notices,
    private readonly actions: AlertActions,
  ) {
    store.on(["date"], () => (this.stale = true));
    store.on(["panel", "selected", "lang", "date"], () => void this.render());
    void this.render();
  }

  /** Next (1) or previous (−1) alert of the list, and take the map there. */
  step(by: 1 | -1): void {
    if (this.rows.length === 0) return;
    const at = this.rows.findIndex((row) => row.key === this.selected());
    const from = at < 0 && by < 0 ? 0 : at;
    const next = this.rows[(from + by + this.rows.length) % this.rows.length];
    if (next) this.open(next);
  }

  /** Steps were taken, here or elsewhere: show them, unless somebody is writing. */
  told(keys: ReadonlySet<number | null>): void {
    this.stale = true;
    const open = this.selected();
    if ((open !== null && !keys.has(open)) || this.work?.busy) return;
    // where the server is gone, the next step will say so
    if (open !== null && this.work?.dirty) this.warn(open, this.work).catch(() => undefined);
    else void this.render();
  }

  /** Somebody is writing: what they see stays, and they are told if it holds no more. */
  private async warn(key: number, work: AlertWork): Promise<void> {
    const { trail } = await alertFile(key);
    if (this.work !== work || trail.length === work.file.trail.length) return;
    this.notices.show("alert", text("work_changed"), "info", () => void this.render());
  }

  /** The list, fetched again if the date or the filter has changed. */
  async list(): Promise<AlertRow[]> {
    if (this.stale) {
      const { alerts: rows, total } = await alerts(this.filter, this.store.state.date);
      [this.rows, this.total, this.stale] = [rows, total, false];
    }
    return this.rows;
  }

  private selected(): number | null {
    const { selected } = this.store.state;
    return selected?.layer === LAYER ? selected.id : null;
  }

  private open(row: AlertRow): void {
    this.store.set({ selected: { layer: LAYER, id: row.key }, panel: "alerts" });
    this.actions.goTo(row);
  }

  private async render(): Promise<void> {
    if (this.store.state.panel !== "alerts") return;
    const turn = ++this.turn;
    const waiting = setTimeout(() => turn === this.turn && this.element.replaceChildren(skeleton(6)), 120);
    try {
      const rows = await this.list();
      const key = this.selected();
      const file = key === null ? null : await alertFile(key);
      if (turn !== this.turn) return;
      const before = this.work?.file.key === file?.key ? this.work : null;
      this.work = file?.may_work && this.store.state.date === null ? this.workOn(file) : null;
      if (before) this.work?.takeOver(before);
      this.notices.clear("alert");
      this.element.replaceChildren(...(file ? this.caseFile(file, rows) : this.workList(rows)));
      if (file) this.actions.mark(file.geometry);
    } catch (error) {
      if (turn !== this.turn) return;
      this.element.replaceChildren(failedLine(error, () => { this.stale = true; void this.render(); }));
    } finally {
      clearTimeout(waiting);
    }
  }

  private workOn(file: AlertFile): AlertWork {
    return new AlertWork(file, this.config, this.notices, () => {
      [this.stale, this.work] = [true, null];
      void this.render();
    });
  }

  // --- the list ------------------------------------------------------------------------------

  private workList(rows: AlertRow[]): HTMLElement[] {
    const { states, reasons, counties } = this.config.alerts;
    const filtered = this.filter.state || this.filter.reason || this.filter.county;
    const none = filtered || this.store.state.date ? "no_alerts" : "no_alerts_yet";
    return [
      this.caution(),
      h(
        "div",
        { class: "filters" },
        this.choice("state", words("state"), states.map((one) => [one.code, say(one)])),
        this.choice("reason", words("reason"), reasons.map((one) => [one.code, say(one)])),
        this.choice("county", words("county"), counties.map((one) => [one.code, one.name])),
      ),
      h("p", { class: "fine spread" }, h("span", {}, this.howMany()), h("span", {}, words("keys_hint"))),
      rows.length
        ? h("ol", { class: "alert-list" }, ...rows.map((row) => this.line(row)))
        : h("p", { class: "empty" }, words(none)),
      ...(this.store.state.date ? [] : [alertFiguresList()]),
    ];
  }

  private howMany(): string {
    const shown = format.number(this.rows.length);
    const all = this.total > this.rows.length ? ` / ${format.number(this.total)}` : "";
    return `${shown}${all} ${words("alerts_count")}`;
  }

  private caution(): HTMLElement {
    return h("p", { class: "caution" }, icon(ICONS.info, 16), h("span", {}, words("clue_only")));
  }

  private choice(name: keyof AlertFilter, title: string, options: [string, string][]): HTMLElement {
    const select = h(
      "select",
      {
        id: `filter-${name}`,
        onchange: (event: Event) => {
          this.filter = { ...this.filter, [name]: (event.target as HTMLSelectElement).value };
          this.stale = true;
          void this.render();
        },
      },
      h("option", { value: "" }, words("any")),
      ...options.map(([code, label]) => h("option", { value: code, selected: this.filter[name] === code }, label)),
    );
    return h("label", {}, h("span", {}, title), select);
  }

  private line(row: AlertRow): HTMLElement {
    return h(
      "li",
      {},
      h(
        "button",
        { class: "alert-line", "data-alert": row.key, onclick: () => this.open(row) },
        h("span", { class: "spread" }, h("b", { class: "mono" }, row.alert_id), this.stateTag(row.state)),
        h("span", { class: "tags" }, this.kindTag(row.kind), ...row.reasons.map((code) => this.reasonTag(code))),
        h(
          "span",
          { class: "fine spread" },
          h("span", {}, [format.area(row.area_m2).split(" · ")[0], heightChange(row)].filter(Boolean).join(" · ")),
          h("span", { title: words("score") }, meter(row.score), ` ${format.number(row.score * 100)}%`),
        ),
      ),
    );
  }

  private stateTag(code: string): HTMLElement {
    const state = this.config.alerts.states.find((one) => one.code === code);
    return h("span", { class: "tag state", style: `--c:${state?.color ?? "#868e96"}` }, state ? say(state) : code);
  }

  private reasonTag(code: string): HTMLElement {
    const reason = this.config.alerts.reasons.find((one) => one.code === code);
    return h("span", { class: "tag" }, reason ? say(reason) : code);
  }

  private kindTag(code: string): HTMLElement {
    return h("span", { class: "tag plain" }, this.coded("kind", code));
  }

  private coded(name: string, code: Scalar): string {
    const field = this.field(name);
    const entry = field?.codes?.[String(code)];
    return entry ? say(entry) : String(code ?? "—");
  }

  private field(name: string): Field | undefined {
    return this.layer()?.fields.find((field) => field.name === name);
  }

  private layer(id: string = LAYER): Layer | undefined {
    return this.config.layers.find((layer) => layer.id === id);
  }

  // --- the case file -------------------------------------------------------------------------

  private caseFile(file: AlertFile, rows: AlertRow[]): HTMLElement[] {
    const at = rows.findIndex((row) => row.key === file.key);
    return [
      h(
        "div",
        { class: "case-nav" },
        h("button", { class: "text-button", onclick: () => this.store.set({ selected: null }) }, icon(ICONS.left, 14), words("back_to_list")),
        h("span", { class: "fine" }, at < 0 ? "" : `${at + 1} / ${rows.length}`),
        h("button", { class: "action", onclick: () => this.step(-1), title: "K" }, words("previous")),
        h("button", { class: "action", onclick: () => this.step(1), title: "J" }, words("next")),
      ),
      h(
        "article",
        { class: "case", "data-alert": file.key },
        h("h3", { class: "spread" }, h("span", { class: "mono" }, file.alert_id), this.stateTag(file.properties.state)),
        h("p", { class: "tags" }, this.kindTag(file.properties.kind), ...file.properties.reasons.map((code) => this.reasonTag(code))),
        this.pictures(file),
        this.measures(file),
        this.caution(),
        ...this.grounds(file),
        ...this.versionsConsulted(file),
        ...this.trail(file),
        this.work?.element ?? "",
        this.detection(file),
      ),
    ];
  }

  private pictures(file: AlertFile): HTMLElement {
    const { chips } = file;
    if (chips.length === 0) return h("p", { class: "empty" }, words("no_chips"));
    const named = (part: string): string | undefined => chips.find((name) => name === part) ?? chips.find((name) => name.startsWith(part));
    const [before, after] = [named("before"), named("after")];
    const rest = chips.filter((name) => name !== before && name !== after);
    const dates = file.evidence[0];
    const compared =
      before && after
        ? [
            swipe({
              before: chipAddress(file.key, before),
              after: chipAddress(file.key, after),
              beforeLabel: `${words("before")} ${dates?.before_date ?? ""}`,
              afterLabel: `${words("after")} ${dates?.image_date ?? ""}`,
              hint: words("drag_to_compare"),
            }),
          ]
        : [before, after].filter((name) => name !== undefined).map((name) => this.chip(file.key, name));
    return h("div", { class: "chips" }, ...compared, h("div", { class: "chip-row" }, ...rest.map((name) => this.chip(file.key, name))));
  }

  private chip(key: number, name: string): HTMLElement {
    const parts: [RegExp, string][] = [
      [/diff|delta|dsm$/, words("difference")],
      [/before/, words("before")],
      [/after/, words("after")],
    ];
    const title = parts.find(([pattern]) => pattern.test(name))?.[1] ?? name;
    return h("figure", {}, h("img", { src: chipAddress(key, name), alt: title, loading: "lazy" }), h("figcaption", {}, title));
  }

  private measures({ properties, place_code, geometry, assignee, due_on }: AlertFile): HTMLElement {
    const band = properties.area_band_m2;
    const rows: [string, string][] = [
      [words("area"), format.area(properties.area_m2) + (band ? ` (± ${format.number(band, 1)} m²)` : "")],
      [words("height_change"), heightChange(properties) || "—"],
      [words("score"), `${format.number(properties.score * 100)}%`],
      [words("stage"), this.coded("stage", properties.stage)],
      [words("image_date"), properties.image_date ?? "—"],
      [words("county"), this.county(properties.county_code)],
      [words("parcel"), properties.parcel_code ?? "—"],
      [words("place_code"), place_code ?? "—"],
      ...(assignee ? [[words("work_assignee"), assignee] as [string, string]] : []),
      ...(due_on ? [[words("work_due"), due_on] as [string, string]] : []),
    ];
    const list = h("dl", { class: "fields" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    const position = format.degrees(...centre(geometry));
    return h(
      "div",
      {},
      list,
      h(
        "div",
        { class: "actions" },
        h("button", { class: "action", onclick: () => this.actions.goTo(lonLat(geometry)) }, icon(ICONS.target, 15), h("span", {}, words("zoom_to"))),
        h("button", { class: "action", onclick: () => void copy(position, this.notices) }, icon(ICONS.copy, 15), h("span", {}, words("copy_position"))),
        h("button", { class: "action", onclick: () => void copy(this.store.link(), this.notices) }, icon(ICONS.link, 15), h("span", {}, words("copy_link"))),
      ),
    );
  }

  private county(code: string | null): string {
    const county = this.config.alerts.counties.find((one) => one.code === code);
    return county ? `${county.name} (${county.code})` : (code ?? "—");
  }

  private grounds({ reasons }: AlertFile): HTMLElement[] {
    if (reasons.length === 0) return [];
    return [
      h("h4", {}, words("reasons")),
      ...reasons.map((reason) =>
        h(
          "section",
          { class: "ground" },
          h("b", {}, say(reason.title)),
          h("p", { class: "fine" }, say(reason.law)),
          h("dl", { class: "fields" }, ...figures(reason)),
        ),
      ),
    ];
  }

  private versionsConsulted({ consulted }: AlertFile): HTMLElement[] {
    if (consulted.length === 0) return [];
    return [
      h("h4", {}, words("consulted")),
      h(
        "ul",
        { class: "plain-list" },
        ...consulted.map((one) => {
          const layer = this.layer(one.layer);
          const title = (layer && one.properties && titleOf(layer, one.properties)) || `#${one.key}`;
          return h(
            "li",
            {},
            h("button", { class: "text-button", onclick: () => this.store.set({ selected: { layer: one.layer, id: one.key }, panel: "card" }) }, title),
            h("span", { class: "fine" }, `${layer ? say(layer.title) : one.layer} · ${words("version")} ${one.version_id}`),
          );
        }),
      ),
    ];
  }

  private trail({ trail }: AlertFile): HTMLElement[] {
    if (trail.length === 0) return [];
    return [h("h4", {}, words("trail")), h("ol", { class: "trail" }, ...trail.map((step) => this.trailStep(step)))];
  }

  private trailStep(step: TrailStep): HTMLElement {
    const [from, to] = [step.from_state, step.to_state].map((code) => (code ? this.coded("state", code) : null));
    const plain = step.event === "assigned" ? `${words("assigned")} ${step.assignee ?? "—"}` : words(step.event === "state" ? "state" : step.event);
    const due = step.due_on ? ` · ${words("due")} ${step.due_on}` : "";
    const what = (step.event === "state" ? `${from ?? ""} → ${to ?? ""}` : plain) + (step.event === "due" ? ` ${step.due_on ?? ""}` : due);
    return h(
      "li",
      {},
      h("span", { class: "spread" }, h("b", {}, what), h("span", { class: "fine" }, format.minute(step.at, this.config.city.timezone))),
      h("span", { class: "fine" }, step.who + (step.undone_at ? ` ${words("undone")}` : "")),
      step.note ? h("p", {}, step.note) : null,
      step.document ? h("a", { href: `/documents/${step.document}`, download: true }, h("img", { class: "thumbnail", src: `/documents/${step.document}`, alt: step.note ?? words("photo"), loading: "lazy" })) : null,
    );
  }

  private detection({ evidence }: AlertFile): HTMLElement {
    const run = evidence[0];
    const line = run
      ? `${words("found_by")}: ${run.engine} ${run.engine_version} · ${words("rules_version")} ${run.rules_version} · ${run.before_image} → ${run.after_image}`
      : "";
    return h("p", { class: "fine" }, line);
  }
}

function figures(reason: Reason): HTMLElement[] {
  return Object.entries(reason.figures).flatMap(([name, value]) => [
    h("dt", {}, isTextKey(name) ? words(name) : name),
    h("dd", {}, figure(name, value)),
  ]);
}

/** A figure of a rule by its name's ending: shares in percent, metres, square metres. */
function figure(name: string, value: number): string {
  if (name.endsWith("_m2")) return format.area(value);
  if (name.endsWith("_m")) return `${format.number(value, 1)} m`;
  if (/cover|share/.test(name)) return `${format.number(value * 100, 1)}%`;
  return format.number(value, 2);
}

function heightChange(row: { delta_h_m: number | null; delta_h_band_m: number | null }): string {
  if (row.delta_h_m === null) return "";
  const band = row.delta_h_band_m === null ? "" : ` ± ${format.number(row.delta_h_band_m, 1)}`;
  return `ΔH ${row.delta_h_m > 0 ? "+" : ""}${format.number(row.delta_h_m, 1)}${band} m`;
}

function meter(score: number): HTMLElement {
  return h("i", { class: "meter", style: `--v:${Math.round(score * 100)}%`, "aria-hidden": "true" });
}

function centre(geometry: GeoJSON.Geometry): [number, number] {
  const { lon, lat } = lonLat(geometry);
  return [lon, lat];
}

/** Mean of the corners of the first ring: inside enough to point at. */
function lonLat(geometry: GeoJSON.Geometry): { lon: number; lat: number } {
  const rings = geometry.type === "MultiPolygon" ? geometry.coordinates[0] : geometry.type === "Polygon" ? geometry.coordinates : [];
  const ring = rings?.[0] ?? [];
  const sum = ring.reduce<[number, number]>(([x, y], point) => [x + (point[0] ?? 0), y + (point[1] ?? 0)], [0, 0]);
  return { lon: sum[0] / (ring.length || 1), lat: sum[1] / (ring.length || 1) };
}
