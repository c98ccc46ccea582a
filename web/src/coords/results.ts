/** The right side: what was found out, the accuracy and its steps, the map, the rows. */

import { copy as copyText } from "../clipboard";
import type { Config } from "../contract";
import { h, icon, ICONS } from "../dom";
import { number } from "../format";
import { lang, say } from "../i18n";
import { failedLine, Notices, skeleton } from "../panels/notices";
import { DETECT, MOST_POINTS, type Answer, type Candidate, type Choice, type Converted } from "./contract";
import { axes, csv, type Digits, download, isDegrees, shown } from "./figures";
import type { PointsMap } from "./pointsmap";
import { half, t } from "./texts";

const PAGE_ROWS = 200;

export interface ResultEvents {
  /** Convert again, with this frame instead of asking the data. */
  use: (candidate: Candidate) => void;
  retry: () => void;
}

export class Results {
  readonly element = h("section", { class: "results", id: "results" });
  private readonly summary = h("div", { class: "summary", "aria-live": "polite" });
  private readonly place = h("div", { class: "points-map" });
  private readonly table = h("div", { class: "rows" });
  private readonly notices = new Notices();
  private map: PointsMap | null = null;
  private answer: Answer | null = null;
  private digits: Digits = "decimal";
  private onlyFailed = false;
  private rows = PAGE_ROWS;
  private chosen: number | null = null;
  private state: "empty" | "busy" | "failed" | "done" = "empty";
  private error: unknown = null;

  constructor(
    private readonly config: Config | null,
    private readonly choices: Choice[],
    private readonly events: ResultEvents,
  ) {
    this.element.append(this.summary, this.place, this.table, this.notices.element);
    this.render();
  }

  busy(): void {
    this.state = "busy";
    this.render();
  }

  failed(error: unknown): void {
    this.state = "failed";
    this.error = error;
    this.render();
  }

  clear(): void {
    this.state = "empty";
    this.answer = null;
    this.render();
  }

  show(answer: Answer): void {
    this.state = "done";
    this.answer = answer;
    this.rows = PAGE_ROWS;
    this.onlyFailed = false;
    this.chosen = null;
    this.render();
    if (answer.converted) void this.draw(answer.converted);
  }

  /** Resolves when the map, if there is one, is drawn. */
  async idle(): Promise<void> {
    await this.map?.idle();
  }

  render(): void {
    this.element.dataset["state"] = this.state;
    this.element.setAttribute("aria-label", t("results"));
    const { answer } = this;
    const converted = this.state === "done" ? (answer?.converted ?? null) : null;
    this.place.hidden = !converted || !this.config;
    this.place.setAttribute("aria-label", t("points_map"));
    this.table.hidden = !answer || this.state !== "done";
    if (this.state === "empty") this.summary.replaceChildren(h("p", { class: "empty" }, t("nothing_yet")));
    else if (this.state === "busy") this.summary.replaceChildren(h("p", { class: "fine" }, t("converting")), skeleton(4));
    else if (this.state === "failed") this.summary.replaceChildren(failedLine(this.error, this.events.retry));
    else if (answer) {
      this.summary.replaceChildren(...(converted ? this.told(answer, converted) : this.undecided(answer)));
      this.renderRows();
    }
  }

  private async draw(converted: Converted): Promise<void> {
    if (!this.config) return;
    if (!this.map) {
      try {
        const { PointsMap } = await import("./pointsmap");
        this.map = new PointsMap(this.place, this.config, (row) => this.choose(row, false));
      } catch (error) {
        console.warn(error);
        this.place.replaceChildren(h("p", { class: "empty" }, t("no_map")));
        return;
      }
    }
    if (this.answer?.converted !== converted) return;
    this.map.resize();
    const count = this.map.show(converted.lonlat);
    const some = converted.xy.some(([x]) => x !== null);
    this.notices.clear("map");
    if (count === 0 && some) this.notices.show("map", asLabel("no_places"), "info");
    else if (count >= MOST_POINTS) this.notices.show("map", both(`${t("map_part")} ${number(MOST_POINTS)} ${t("rows")}`), "info");
  }

  private told(answer: Answer, converted: Converted): HTMLElement[] {
    const { accuracy_m: accuracy } = converted;
    const steps = converted.steps.map((step) => h("li", {}, half(step)));
    const decided = answer.diagnosis?.decision
      ? h("p", { class: "decided" }, icon(ICONS.info, 16), `${t("decided")} `, h("b", {}, converted.from.name), ` ${say(converted.from.title)}`)
      : null;
    const why = answer.diagnosis?.candidates[0]?.why ?? [];
    return present([
      h(
        "div",
        { class: "figures" },
        this.figure(t("accuracy"), accuracy === 0 ? t("exact") : `± ${number(accuracy, 3)} m`, "accuracy"),
        this.figure(t("done_rows"), number(answer.rows.length - answer.failed), "done"),
        answer.failed ? this.figure(t("failed_rows"), number(answer.failed), "failed-count") : null,
        h("span", { class: "grow" }),
        h("button", { class: "action", id: "copy", onclick: () => this.copy(answer) }, icon(ICONS.copy, 15), t("copy")),
        h("button", { class: "action", id: "download", onclick: () => this.save(answer) }, t("download")),
      ),
      decided,
      decided ? h("ul", { class: "why" }, ...why.map((reason) => h("li", {}, half(reason)))) : null,
      converted.turned ? h("p", { class: "fine" }, t("turned")) : null,
      converted.beyond_control ? h("p", { class: "fine warn" }, `${number(converted.beyond_control)} ${t("beyond")}`) : null,
      h("details", { open: true, class: "steps" }, h("summary", {}, t("steps")), h("ol", {}, ...(steps.length ? steps : [h("li", {}, t("same_frame"))]))),
    ]);
  }

  private figure(name: string, value: string, id: string): HTMLElement {
    return h("span", { class: "figure", id }, h("small", {}, name), h("b", {}, value));
  }

  private undecided({ diagnosis }: Answer): HTMLElement[] {
    if (!diagnosis) return [];
    const listed = diagnosis.candidates.slice(0, 8).map((candidate) => {
      const frame = this.choices.find(({ name }) => name === candidate.frame);
      const plain = candidate.unit === "as stated" && candidate.shift.every((metres) => metres === 0);
      const reading = plain ? null : `${candidate.unit}, +(${candidate.shift.map((metres) => number(metres)).join(", ")})`;
      const score = candidate.score === null ? null : `${number(candidate.score * 100)} % ${t("within")}`;
      return h(
        "li",
        {},
        h("span", {}, h("b", {}, candidate.frame), ` ${frame ? say(frame.title) : ""}`, ...[reading, score].map((words) => (words ? h("small", {}, words) : null))),
        plain ? h("button", { class: "text-button", onclick: () => this.events.use(candidate) }, t("use_frame")) : null,
      );
    });
    const needs = diagnosis.needs.map((need) => h("li", {}, half(need)));
    const mixed = diagnosis.mixed.map(({ frame, rows }) => h("li", {}, `${frame}: ${number(rows)} ${t("rows")}`));
    return present([
      h("p", { class: "decided undecided", role: "status" }, icon(ICONS.alert, 16), t("undecided")),
      mixed.length ? h("p", {}, t("mixed")) : null,
      mixed.length ? h("ul", { class: "why" }, ...mixed) : null,
      needs.length ? h("p", { class: "fine" }, t("needs")) : null,
      needs.length ? h("ul", { class: "why" }, ...needs) : null,
      listed.length ? h("p", { class: "fine" }, t("candidates")) : null,
      listed.length ? h("ul", { class: "candidates" }, ...listed) : null,
    ]);
  }

  private renderRows(): void {
    const { answer } = this;
    if (!answer) return;
    const { converted } = answer;
    const wanted = answer.rows.flatMap((_, i) => (!this.onlyFailed || answer.faults[String(i)] ? [i] : []));
    const part = wanted.slice(0, this.rows);
    const [first, second] = axes(answer.to);
    const head = converted
      ? [t("line"), ...answer.columns.map((name) => (name === "text" ? t("original") : name)), first, second, ""]
      : [t("line"), ...answer.columns.map((name) => (name === "text" ? t("original") : name)), t("reason")];
    this.table.replaceChildren(
      h("div", { class: "rows-head" }, this.failedSwitch(answer), h("span", { class: "grow" }), isDegrees(answer.to) && converted ? this.digitsSwitch() : null),
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": t("results") },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {}, ...part.map((row) => this.row(answer, row))),
        ),
      ),
      ...(wanted.length > part.length
        ? [h("button", { class: "text-button", onclick: () => { this.rows += 5 * PAGE_ROWS; this.renderRows(); } }, `${t("more")} (${number(wanted.length - part.length)})`)]
        : []),
    );
  }

  private row(answer: Answer, row: number): HTMLElement {
    const fault = answer.faults[String(row)];
    const [x, y] = shown(answer.converted?.xy[row], answer.to, this.digits);
    const [lon, lat] = answer.converted?.lonlat[row] ?? [null, null];
    const numbers = fault
      ? [h("td", { colspan: answer.converted ? "3" : "1", class: "fault" }, say(fault))]
      : answer.converted
        ? [
            h("td", { class: "number" }, x),
            h("td", { class: "number" }, y),
            h("td", {}, lon !== null && lat !== null ? this.placeLink(row, lon, lat) : null),
          ]
        : [h("td", {})];
    return h(
      "tr",
      { "data-row": row, class: row === this.chosen ? "chosen" : null, onclick: () => this.choose(row, true) },
      h("td", { class: "number" }, String(answer.lines[row] ?? "")),
      ...(answer.rows[row] ?? []).map((value) => h("td", {}, value)),
      ...numbers,
    );
  }

  private placeLink(row: number, lon: number, lat: number): HTMLElement {
    const label = `${t("open_map")} (${t("line")} ${this.answer?.lines[row] ?? ""})`;
    const hash = `v=17/${lat.toFixed(6)}/${lon.toFixed(6)}/0/0${lang() === "en" ? "&lang=en" : ""}`;
    return h("a", { href: `/map#${hash}`, target: "_blank", rel: "noopener", "aria-label": label, title: label }, icon(ICONS.target, 15));
  }

  private failedSwitch(answer: Answer): HTMLElement | null {
    if (!answer.failed) return null;
    const box = h("input", { type: "checkbox", id: "only-failed", checked: this.onlyFailed, onchange: () => { this.onlyFailed = box.checked; this.renderRows(); } });
    return h("label", { class: "check" }, box, `${t("only_failed")} (${number(answer.failed)})`);
  }

  private digitsSwitch(): HTMLElement {
    const options: [Digits, string][] = [["decimal", t("decimal")], ["dms", t("dms")]];
    const buttons = options.map(([value, name]) =>
      h("button", { id: `digits-${value}`, "aria-pressed": value === this.digits ? "true" : "false", onclick: () => this.setDigits(value) }, name),
    );
    return h("div", { class: "segmented small", role: "group", "aria-label": t("digits") }, ...buttons);
  }

  private setDigits(digits: Digits): void {
    this.digits = digits;
    this.renderRows();
    document.getElementById(`digits-${digits}`)?.focus();
  }

  private choose(row: number, fromTable: boolean): void {
    this.chosen = row;
    this.map?.choose(row, fromTable);
    for (const line of this.table.querySelectorAll("tr[data-row]")) {
      line.classList.toggle("chosen", line.getAttribute("data-row") === String(row));
    }
    if (!fromTable) this.table.querySelector(`tr[data-row="${row}"]`)?.scrollIntoView({ block: "center" });
  }

  private save(answer: Answer): void {
    const from = answer.converted?.from.name ?? DETECT;
    download(csv(answer, this.digits), `${from}_${answer.to.name}.csv`.replace(/[^\w.-]+/g, "-"));
  }

  private copy(answer: Answer): void {
    const lines = (answer.converted?.xy ?? []).map((pair) => shown(pair, answer.to, this.digits).join("\t"));
    void copyText(lines.join("\n"), this.notices);
  }
}

const present = (parts: (HTMLElement | null)[]): HTMLElement[] =>
  parts.filter((part): part is HTMLElement => part !== null);

const asLabel = (key: Parameters<typeof t>[0]): { zh: string; en: string } => both(t(key));

/** A text that is already in the language that is on. */
const both = (words: string): { zh: string; en: string } => ({ zh: words, en: words });
