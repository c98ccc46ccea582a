/** Site check: draw, paste or send a site; every condition on it, by number; the page to print. */

import { Failure, siteCheck } from "../api";
import type { SiteAnswer, SiteCondition } from "../contract";
import { h, icon, ICONS } from "../dom";
import * as format from "../format";
import { say, words } from "../i18n";
import type { Store } from "../state";
import { failedLine, skeleton } from "./notices";

const USUAL_REACH_M = 10;
const MOST_REACH_M = 100;
const MOST_FILE_BYTES = 5_000_000;
/** Longer ones have no link that every browser and proxy carries; the server draws them all the same. */
const MOST_LINK_LETTERS = 6_000;
type Position = [number, number];

export interface SiteActions {
  mark: (geometry: GeoJSON.Geometry | null) => void;
  zoomTo: (geometry: GeoJSON.Geometry) => void;
  /** Hand every click on the map to `take`; null = clicks are the map's again. */
  capture: (take: ((lon: number, lat: number) => void) | null, finish: () => void) => void;
}

type Inputs = Record<string, unknown>;

export class SitePanel {
  readonly element = h("div", { class: "site-check" });
  private corners: Position[] | null = null;
  private inputs: Inputs | null = null;
  private answer: SiteAnswer | null = null;
  private failure: unknown = null;
  private waiting = false;
  private reach = USUAL_REACH_M;
  private turn = 0;

  constructor(
    private readonly store: Store,
    private readonly actions: SiteActions,
  ) {
    store.on(["lang"], () => this.render());
    store.on(["date"], () => void this.ask());
    store.on(["panel"], ({ panel }, before) => {
      if (before.panel === "site" && this.corners) this.stopDrawing();
      // the page clears what was marked when the panel changes; ours comes after
      if (panel === "site") queueMicrotask(() => this.markSite());
    });
    document.addEventListener("keydown", (event) => this.key(event), true);
    this.render();
  }

  /** Check a shape that is known already, such as a parcel's. */
  check(geometry: GeoJSON.Geometry): void {
    this.store.set({ panel: "site", selected: null });
    this.inputs = { site: geometry };
    void this.ask();
  }

  // --- drawing -------------------------------------------------------------------------------

  private startDrawing(): void {
    [this.corners, this.answer, this.failure, this.inputs] = [[], null, null, null];
    if (this.store.state.mode === "3d") this.store.set({ mode: "2d" });
    this.actions.mark(null);
    this.actions.capture((lon, lat) => this.addCorner([lon, lat]), () => this.finishDrawing());
    this.render();
  }

  private addCorner(corner: Position): void {
    const last = this.corners?.at(-1);
    if (!this.corners || (last && last[0] === corner[0] && last[1] === corner[1])) return;
    this.corners.push(corner);
    this.actions.mark(draft(this.corners));
    this.render();
  }

  private undoCorner(): void {
    this.corners?.pop();
    this.actions.mark(this.corners?.length ? draft(this.corners) : null);
    this.render();
  }

  private stopDrawing(): void {
    this.corners = null;
    this.actions.capture(null, () => undefined);
    this.actions.mark(null);
    this.render();
  }

  private finishDrawing(): void {
    const corners = this.corners;
    if (!corners || corners.length < 3) return;
    this.stopDrawing();
    this.inputs = { site: polygon(corners) };
    void this.ask();
  }

  private key(event: KeyboardEvent): void {
    if (!this.corners || (event.target instanceof HTMLElement && event.target.matches("input, textarea, select"))) return;
    if (event.key === "Escape") this.stopDrawing();
    else if (event.key === "Enter" && this.corners.length >= 3) this.finishDrawing();
    else if (event.key === "Backspace") this.undoCorner();
    else return;
    event.stopPropagation();
    event.preventDefault();
  }

  // --- asking --------------------------------------------------------------------------------

  private async send(file: File): Promise<void> {
    if (file.size > MOST_FILE_BYTES) {
      this.failure = new Failure(0, { zh: "文件超过 5 MB", en: "The file is larger than 5 MB" });
      this.render();
      return;
    }
    this.inputs = { file: await base64(file), filename: file.name };
    void this.ask();
  }

  private async ask(): Promise<void> {
    if (!this.inputs) return;
    const turn = ++this.turn;
    [this.waiting, this.failure] = [true, null];
    this.render();
    const { date } = this.store.state;
    try {
      const found = await siteCheck({ ...this.inputs, reach_m: this.reach, ...(date ? { datetime: date } : {}) });
      if (turn !== this.turn) return;
      this.answer = found;
      this.actions.zoomTo(found.site.geometry);
      this.markSite();
    } catch (error) {
      if (turn !== this.turn) return;
      [this.answer, this.failure] = [null, error];
    }
    this.waiting = false;
    this.render();
  }

  private markSite(): void {
    if (this.store.state.panel === "site" && this.answer) this.actions.mark(this.answer.site.geometry);
  }

  // --- what is shown -------------------------------------------------------------------------

  private render(): void {
    this.element.replaceChildren(
      ...(this.corners ? this.drawing(this.corners) : this.ways()),
      ...(this.waiting ? [skeleton(5)] : []),
      ...(this.failure ? [failedLine(this.failure, () => void this.ask())] : []),
      ...(this.answer && !this.waiting ? this.shown(this.answer) : []),
    );
  }

  private drawing(corners: Position[]): HTMLElement[] {
    return [
      h("p", { class: "caution", role: "status" }, icon(ICONS.info, 16), h("span", {}, words("site_drawing"))),
      h(
        "div",
        { class: "actions" },
        this.button("site-finish", words("site_finish"), () => this.finishDrawing(), corners.length < 3),
        this.button("site-undo", words("site_undo"), () => this.undoCorner(), corners.length === 0),
        this.button("site-cancel", words("site_cancel"), () => this.stopDrawing()),
      ),
      h("p", { class: "fine" }, `${format.number(corners.length)} ${words("site_corners")}`),
    ];
  }

  private ways(): HTMLElement[] {
    const file = h("input", { type: "file", id: "site-file", hidden: true });
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      if (chosen) void this.send(chosen);
    });
    const pasted = h("textarea", { id: "site-text", rows: 2, "aria-label": words("site_text"), placeholder: words("site_text") });
    const reach = h("input", { type: "number", id: "site-reach", min: 0, max: MOST_REACH_M, value: this.reach });
    reach.addEventListener("change", () => {
      const wanted = Number(reach.value);
      this.reach = Math.min(MOST_REACH_M, Math.max(0, Number.isFinite(wanted) ? wanted : USUAL_REACH_M));
      void this.ask();
    });
    return [
      h("p", { class: "fine" }, words("site_hint")),
      h(
        "div",
        { class: "actions" },
        this.button("site-draw", words("site_draw"), () => this.startDrawing()),
        this.button("site-upload", words("site_upload"), () => file.click()),
        file,
      ),
      h(
        "details",
        {},
        h("summary", {}, words("site_more")),
        pasted,
        this.button("site-paste", words("site_check"), () => {
          this.inputs = { site: pasted.value };
          void this.ask();
        }),
        h("label", { class: "fine" }, words("site_reach"), " ", reach, " m"),
      ),
    ];
  }

  private shown(answer: SiteAnswer): HTMLElement[] {
    const { site, summary } = answer;
    const rows: [string, string][] = [
      [words("site_area"), `${format.number(site.area_m2, 1)} m² · ${format.number(site.area_m2 / 10_000, 4)} ha`],
      ...site.admin.slice(-1).map((area): [string, string] => [words("site_county"), area.name]),
      [words("site_as_of"), answer.as_of.slice(0, 10)],
    ];
    const link = this.notice(answer);
    return [
      h(
        "p",
        { class: `site-verdict${summary.forbidden ? " forbidden" : ""}`, role: "status" },
        words(summary.forbidden ? "site_forbidden" : "site_free"),
      ),
      table(rows),
      link
        ? h(
            "div",
            { class: "actions" },
            h("a", { class: "action", id: "site-print", href: link, target: "_blank", rel: "noopener" }, words("site_print")),
          )
        : h("p", { class: "fine" }, words("site_too_long")),
      ...(answer.land_use.length ? [h("h3", {}, words("site_land_use")), this.landUse(answer)] : []),
      ...this.groups(answer),
      h("p", { class: "fine" }, `${words("site_consulted")}: ${answer.consulted.map((one) => say(one.title)).join("、")}`),
    ];
  }

  private landUse(answer: SiteAnswer): HTMLElement {
    return h(
      "table",
      { class: "facts site-land-use" },
      ...answer.land_use.map((row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, `${row.code ?? ""} ${say(row.title)}`),
          h("td", {}, `${format.number(row.area_m2, 1)} m² · ${format.number(row.share * 100, 1)} %`),
        ),
      ),
    );
  }

  private groups(answer: SiteAnswer): HTMLElement[] {
    const groups = new Map<string, SiteCondition[]>();
    for (const one of answer.conditions) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
    return [...groups].map(([layer, conditions], i) =>
      h(
        "details",
        { open: i < 3 },
        h("summary", {}, `${say(conditions[0]?.evidence.layer_title ?? { zh: layer, en: layer })} (${conditions.length})`),
        h("ol", { class: "site-conditions" }, ...conditions.map((one) => this.condition(one))),
      ),
    );
  }

  private condition(one: SiteCondition): HTMLElement {
    return h(
      "li",
      { value: one.number },
      h(
        "button",
        {
          class: `site-condition ${one.weight}`,
          "data-condition": one.number,
          onclick: () => one.geometry && this.actions.mark(one.geometry),
        },
        say(one.text),
      ),
      one.evidence.id === null
        ? null
        : h(
            "button",
            {
              class: "text-button",
              onclick: () =>
                this.store.set({ selected: { layer: one.evidence.layer, id: one.evidence.id as number }, panel: "card" }),
            },
            words("feature"),
          ),
    );
  }

  /** The page to print, by a link that can be kept; null = the outline is too long for one. */
  private notice({ site, reach_m }: SiteAnswer): string | null {
    const query = new URLSearchParams({ site: wkt(site.geometry), reach_m: String(reach_m) });
    const { date } = this.store.state;
    if (date) query.set("datetime", date);
    const link = `/processes/site-check/notice.html?${query}`;
    return link.length > MOST_LINK_LETTERS ? null : link;
  }

  private button(id: string, title: string, action: () => void, disabled = false): HTMLElement {
    return h("button", { class: "action", id, onclick: action, disabled }, title);
  }
}

function draft(corners: Position[]): GeoJSON.Geometry {
  if (corners.length === 1) return { type: "Point", coordinates: corners[0] as Position };
  return corners.length === 2 ? { type: "LineString", coordinates: corners } : polygon(corners);
}

function polygon(corners: Position[]): GeoJSON.Polygon {
  return { type: "Polygon", coordinates: [[...corners, corners[0] as Position]] };
}

/** WKT with nine digits of a degree: a tenth of a millimetre. */
function wkt(geometry: GeoJSON.Geometry): string {
  const ring = (points: GeoJSON.Position[]): string =>
    `(${points.map(([x, y]) => `${(x ?? 0).toFixed(9)} ${(y ?? 0).toFixed(9)}`).join(",")})`;
  const rings = (polygon: GeoJSON.Position[][]): string => `(${polygon.map(ring).join(",")})`;
  if (geometry.type === "Polygon") return `POLYGON${rings(geometry.coordinates)}`;
  if (geometry.type === "MultiPolygon") return `MULTIPOLYGON(${geometry.coordinates.map(rings).join(",")})`;
  throw new TypeError(`a site is of polygons, not ${geometry.type}`);
}

function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^data:[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error(file.name));
    reader.readAsDataURL(file);
  });
}

function table(rows: [string, string][]): HTMLElement {
  return h(
    "table",
    { class: "facts" },
    ...rows.map(([title, value]) => h("tr", {}, h("th", { scope: "row" }, title), h("td", {}, value))),
  );
}
