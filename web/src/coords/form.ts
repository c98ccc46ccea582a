/** The left side: the text or file, the two frames, how it is written. */

import type { Config } from "../contract";
import { h, icon, ICONS } from "../dom";
import { number } from "../format";
import { say } from "../i18n";
import { DETECT, type Asked, type Choice } from "./contract";
import { t, type Key } from "./texts";

const OTHER = "other";
const MOST_BYTES = 10_000_000;
const AT_ONCE = 200_000;  // letters up to which typing converts by itself
const WAIT_MS = 500;
const SWAP = "M8 4v16l-3-3M16 20V4l3 3";
const GROUPS: [Choice["group"], Key][] = [
  ["city", "city"],
  ["service", "service"],
  ["local", "local"],
  ["other", "others"],
  ["old", "old"],
];

export interface FormEvents {
  convert: (asked: Asked, body: string | Blob) => void;
  cleared: () => void;
  tooLarge: () => void;
  changed: () => void;
}

export class Form {
  readonly element = h("form", { class: "ask", id: "ask" });
  readonly asked: Asked;
  private readonly area: HTMLTextAreaElement;
  private readonly picker = h("input", { type: "file", accept: ".csv,.txt,.tsv,text/plain,text/csv", hidden: true });
  private file: File | null = null;
  private written = { from: "", to: "" };
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly config: Config | null,
    private readonly choices: Choice[],
    first: Partial<Asked>,
    private readonly events: FormEvents,
  ) {
    this.asked = { from: DETECT, to: "EPSG:4490", order: "auto", angles: "auto", ...first };
    this.area = h("textarea", { id: "text", rows: 10, spellcheck: "false", autocomplete: "off", wrap: "off" });
    this.area.addEventListener("input", () => this.typed());
    this.picker.addEventListener("change", () => this.take(this.picker.files?.[0]));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.convert();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.convert();
    });
    this.acceptDrops();
    this.render();
  }

  convert(): void {
    clearTimeout(this.timer);
    const body = this.file ?? this.area.value;
    if (typeof body === "string" && !body.trim()) return this.events.cleared();
    if ((typeof body === "string" ? body.length : body.size) > MOST_BYTES) return this.events.tooLarge();
    this.events.convert(this.asked, body);
  }

  /** Take these instead of what is chosen, and convert. */
  use(change: Partial<Asked>): void {
    this.set(change);
    this.render();
    this.convert();
  }

  render(): void {
    const focus = document.activeElement?.id;
    this.area.setAttribute("aria-label", t("input"));
    this.area.placeholder = t("input_hint");
    this.area.hidden = this.file !== null;
    this.element.replaceChildren(
      h("div", { class: "spread" }, h("h2", {}, t("input")), this.tools()),
      this.area,
      this.file ? this.fileLine(this.file) : h("p", { class: "fine" }, t("formats")),
      this.picker,
      h(
        "div",
        { class: "frames" },
        this.frameField("from"),
        this.frameField("to"),
        h("button", { type: "button", class: "icon-button", id: "swap", "aria-label": t("swap"), title: t("swap"), onclick: () => this.swap() }, icon(SWAP)),
      ),
      h(
        "div",
        { class: "options" },
        this.option("order", t("order"), [["auto", t("order_auto")], ["east", t("order_east")], ["north", t("order_north")]]),
        this.option("angles", t("angles"), [["auto", t("angles_auto")], ["packed", t("angles_packed")]]),
      ),
      h("div", { class: "actions" }, h("button", { class: "action primary", id: "convert", title: t("keys") }, t("convert")), h("span", { class: "fine" }, t("keys"))),
    );
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  private tools(): HTMLElement {
    const button = (id: string, name: string, run: () => void): HTMLElement =>
      h("button", { type: "button", class: "text-button", id, onclick: run }, name);
    return h(
      "div",
      {},
      button("choose-file", t("choose_file"), () => this.picker.click()),
      button("example", t("example"), () => this.example()),
      button("clear", t("clear"), () => this.clear()),
    );
  }

  private fileLine(file: File): HTMLElement {
    return h(
      "p",
      { class: "file-line" },
      h("b", {}, file.name),
      h("span", { class: "fine" }, `${number(file.size / 1000, 1)} kB`),
      h("button", { type: "button", class: "icon-button", "aria-label": t("remove_file"), onclick: () => this.clear() }, icon(ICONS.close, 14)),
    );
  }

  private frameField(which: "from" | "to"): HTMLElement {
    const known = this.asked[which] === DETECT || this.choices.some(({ name }) => name === this.asked[which]);
    const open = !known || this.written[which] === OTHER;
    const option = (value: string, name: string): HTMLElement =>
      h("option", { value, selected: value === (open ? OTHER : this.asked[which]) }, name);
    const groups = GROUPS.map(([group, title]) => {
      const found = this.choices.filter((choice) => choice.group === group);
      return found.length ? h("optgroup", { label: t(title) }, ...found.map((one) => option(one.name, named(one)))) : null;
    });
    const select = h(
      "select",
      { id: which, onchange: () => this.chose(which, select.value) },
      which === "from" ? option(DETECT, t("detect")) : null,
      ...groups,
      option(OTHER, t("other")),
    );
    const input = h("input", {
      id: `${which}-other`,
      type: "text",
      value: known ? "" : this.asked[which],
      placeholder: "EPSG:4548, local:…",
      "aria-label": t("other_frame"),
      onchange: () => this.wrote(which, input.value.trim()),
    });
    return h("label", { class: "field" }, h("span", {}, t(which)), select, open ? input : null);
  }

  private option<K extends "order" | "angles">(name: K, title: string, options: [Asked[K], string][]): HTMLElement {
    const select = h(
      "select",
      { id: name, onchange: () => this.use({ [name]: select.value } as Partial<Asked>) },
      ...options.map(([value, label]) => h("option", { value, selected: this.asked[name] === value }, label)),
    );
    return h("label", { class: "field" }, h("span", {}, title), select);
  }

  private chose(which: "from" | "to", value: string): void {
    this.written[which] = value === OTHER ? OTHER : "";
    if (value !== OTHER) return this.use({ [which]: value });
    this.render();
    document.getElementById(`${which}-other`)?.focus();
  }

  private wrote(which: "from" | "to", value: string): void {
    if (value) this.use({ [which]: value });
  }

  private swap(): void {
    const { from, to } = this.asked;
    this.written = { from: "", to: "" };
    this.use({ from: to, to: from === DETECT ? "EPSG:4490" : from });
  }

  private set(change: Partial<Asked>): void {
    Object.assign(this.asked, change);
    this.events.changed();
  }

  private typed(): void {
    clearTimeout(this.timer);
    if (this.area.value.length <= AT_ONCE) this.timer = setTimeout(() => this.convert(), WAIT_MS);
  }

  private take(file: File | undefined): void {
    this.picker.value = "";
    if (!file) return;
    this.file = file;
    this.render();
    this.convert();
  }

  private clear(): void {
    this.file = null;
    this.area.value = "";
    this.render();
    this.events.cleared();
    this.area.focus();
  }

  /** Five places around the middle of the city, one of them broken. */
  private example(): void {
    const { lon, lat } = this.config?.city.home ?? { lon: 114.022, lat: 32.98 };
    const at = (dx: number, dy: number): string => `${(lon + dx).toFixed(6)},${(lat + dy).toFixed(6)}`;
    this.file = null;
    this.area.value = ["点号,经度,纬度", `P1,${at(0, 0)}`, `P2,${at(0.004, 0.002)}`, `P3,${at(-0.003, 0.004)}`, `P4,${lon.toFixed(3)},—`, `P5,${at(0.002, -0.003)}`, ""].join("\n");
    this.use({ from: "EPSG:4490", to: this.config?.city.metric_frame ?? "EPSG:4547", order: "auto", angles: "auto" });
  }

  private acceptDrops(): void {
    let depth = 0;
    const mark = (change: number): void => {
      depth = Math.max(0, depth + change);
      this.element.classList.toggle("dropping", depth > 0);
    };
    // On the whole page: a file dropped beside the form would replace the page.
    addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
    addEventListener("dragleave", () => mark(-1));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      mark(-depth);
      const file = event.dataTransfer?.files[0];
      if (file) return this.take(file);
      const text = event.dataTransfer?.getData("text/plain");
      if (text) {
        this.file = null;
        this.area.value = text;
        this.render();
        this.convert();
      }
    });
  }
}

function named(choice: Choice): string {
  const accuracy = choice.accuracy_m ? ` ± ${number(choice.accuracy_m, 3)} m` : "";
  return `${choice.name} · ${say(choice.title)}${accuracy}`;
}
