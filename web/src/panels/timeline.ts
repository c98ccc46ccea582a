/** The time slider: one date for 2D, 3D, lists and counts; ticks where deliveries were made. */

import type { Config } from "../contract";
import { h, icon, ICONS } from "../dom";
import { day } from "../format";
import { say, words } from "../i18n";
import type { Store } from "../state";

const DAY_MS = 86_400_000;
const PLAY_MS = 1800;
const MARGIN = 0.06;  // of the span, left of the first delivery

interface Tick {
  date: string;
  titles: string[];
}

export class Timeline {
  readonly element = h("footer", { class: "timeline" });
  private readonly ticks: Tick[];
  private readonly start: number;
  private readonly today: string;
  private playing: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
  ) {
    this.today = day(new Date(), config.city.timezone);
    this.ticks = ticksOf(config);
    const first = Date.parse(this.ticks[0]?.date ?? this.today);
    const span = Math.max(Date.parse(this.today) - first, 30 * DAY_MS);
    this.start = first - Math.ceil((span * MARGIN) / DAY_MS) * DAY_MS;
    store.on(["date", "lang"], () => this.render());
    this.render();
  }

  private days(date: string): number {
    return Math.round((Date.parse(date) - this.start) / DAY_MS);
  }

  private dateAt(days: number): string {
    return new Date(this.start + days * DAY_MS).toISOString().slice(0, 10);
  }

  private go(date: string | null): void {
    this.store.set({ date: date === null || date >= this.today ? null : date });
  }

  private render(): void {
    const focus = document.activeElement?.id;
    const { date } = this.store.state;
    const end = this.days(this.today);
    const at = date ? Math.max(0, this.days(date)) : end;
    const slider = h("input", {
      type: "range",
      id: "time",
      min: 0,
      max: end,
      value: at,
      "aria-label": words("time"),
      "aria-valuetext": date ?? words("today"),
      oninput: () => {
        shown.value = this.dateAt(Number(slider.value));
        track.style.setProperty("--at", `${(Number(slider.value) / end) * 100}%`);
      },
      onchange: () => this.go(this.dateAt(Number(slider.value))),
    });
    const shown = h("input", {
      type: "text",
      id: "date",
      inputmode: "numeric",
      pattern: "\\d{4}-\\d{2}-\\d{2}",
      maxlength: 10,
      autocomplete: "off",
      "aria-label": words("choose_date"),
      title: words("choose_date"),
      value: date ?? this.today,
      onchange: () => this.typed(shown.value),
    });
    const track = h(
      "div",
      { class: "track", style: `--at:${(at / end) * 100}%` },
      slider,
      ...this.ticks.map((tick) => this.tick(tick, end)),
      ...this.years(end),
    );
    this.element.replaceChildren(
      this.button("play", this.playing ? ICONS.pause : ICONS.play, words(this.playing ? "pause" : "play"), () => this.play()),
      this.button("earlier", ICONS.left, words("earlier"), () => this.step(-1)),
      this.ticks.length ? track : h("p", { class: "empty" }, words("no_deliveries")),
      this.button("later", ICONS.chevron, words("later"), () => this.step(1)),
      this.dateField(shown, date ?? this.today),
      h("button", { class: "action", id: "today", disabled: date === null, onclick: () => this.go(null) }, words("today")),
    );
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  /** The date as ISO text, whatever the browser's own habit, with the browser's calendar beside it. */
  private dateField(shown: HTMLInputElement, date: string): HTMLElement {
    const picker = h("input", {
      type: "date",
      class: "picker",
      tabindex: -1,
      "aria-hidden": "true",
      value: date,
      max: this.today,
      onchange: () => this.typed(picker.value),
    });
    const open = this.button("calendar", ICONS.calendar, words("choose_date"), () => picker.showPicker());
    return h("span", { class: "date" }, shown, open, picker);
  }

  /** A date that was typed; what is no date changes nothing. */
  private typed(text: string): void {
    const date = new Date(`${text.trim()}T00:00:00Z`);
    const real = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.trim());
    if (real && text.trim().length === 10) this.go(text.trim());
    else this.render();
  }

  private button(id: string, path: string, title: string, act: () => void): HTMLElement {
    return h("button", { class: "icon-button", id: `time-${id}`, "aria-label": title, title, onclick: act }, icon(path));
  }

  private tick({ date, titles }: Tick, end: number): HTMLElement {
    const title = `${date} · ${titles.length} ${words("deliveries_on")}: ${this.names(titles)}`;
    return h("button", {
      class: "tick",
      style: `--x:${(this.days(date) / end) * 100}%`,
      title,
      "aria-label": title,
      "data-date": date,
      onclick: () => this.go(date),
    });
  }

  private names(ids: string[]): string {
    const layers = this.config.layers.filter((layer) => ids.includes(layer.id));
    return layers.map((layer) => say(layer.title)).join(words("product") === "One Map" ? ", " : "、");
  }

  private years(end: number): HTMLElement[] {
    const first = new Date(this.start).getUTCFullYear() + 1;
    const last = Number(this.today.slice(0, 4));
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => `${first + i}-01-01`)
      .filter((date) => this.days(date) / end < 0.97)
      .map((date) => h("span", { class: "year", style: `--x:${(this.days(date) / end) * 100}%` }, date.slice(0, 4)));
  }

  /** To the delivery before or after; after the last comes today. */
  private step(by: 1 | -1): void {
    const now = this.store.state.date ?? this.today;
    const dates = [...this.ticks.map((tick) => tick.date), this.today];
    const next = by > 0 ? dates.find((date) => date > now) : dates.findLast((date) => date < now);
    if (next) this.go(next);
  }

  private play(): void {
    if (this.playing) return this.stop();
    if (this.store.state.date === null) this.go(this.ticks[0]?.date ?? null);
    this.playing = setInterval(() => {
      this.step(1);
      if (this.store.state.date === null) this.stop();
    }, PLAY_MS);
    this.render();
  }

  private stop(): void {
    clearInterval(this.playing);
    this.playing = undefined;
    this.render();
  }
}

function ticksOf(config: Config): Tick[] {
  const byDate = new Map<string, Set<string>>();
  for (const delivery of config.deliveries) {
    const date = day(delivery.as_of, config.city.timezone);
    byDate.set(date, (byDate.get(date) ?? new Set()).add(delivery.layer));
  }
  return [...byDate].sort().map(([date, layers]) => ({ date, titles: [...layers] }));
}
