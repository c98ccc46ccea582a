/** The search box: says how it read what was typed, and takes you there. */

import { Failure, search } from "../api";
import type { Config, SearchAnswer, SearchResult } from "../contract";
import { h, icon, ICONS } from "../dom";
import { say, words } from "../i18n";
import type { Store } from "../state";

const WAIT_MS = 220;

export class SearchBox {
  readonly element = h("div", { class: "search", role: "search" });
  private readonly input = h("input", {
    type: "search",
    id: "search",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-controls": "search-results",
    "aria-expanded": "false",
    "aria-autocomplete": "list",
  });
  private readonly list = h("div", { class: "search-results", id: "search-results", hidden: true });
  private asked = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private results: SearchResult[] = [];
  private active = -1;

  constructor(
    private readonly config: Config,
    store: Store,
    private readonly go: (result: SearchResult) => void,
  ) {
    this.element.append(icon(ICONS.search, 16), this.input, this.list);
    this.input.addEventListener("input", () => this.later());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("focus", () => this.open(this.list.childElementCount > 0));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.open(false);
    });
    store.on(["lang"], () => this.label());
    this.label();
  }

  private label(): void {
    this.input.placeholder = `${words("search")} · ${words("search_hint")}`;
    this.input.setAttribute("aria-label", words("search"));
  }

  private later(): void {
    clearTimeout(this.timer);
    this.asked.abort();
    if (!this.input.value.trim()) {
      this.list.replaceChildren();
      this.open(false);
      return;
    }
    this.timer = setTimeout(() => void this.ask(), WAIT_MS);
  }

  private async ask(): Promise<void> {
    this.asked = new AbortController();
    const { signal } = this.asked;
    this.say(words("searching"));
    try {
      this.render(await search(this.input.value.trim(), signal));
    } catch (error) {
      if (!signal.aborted) this.say(error instanceof Failure ? say(error.label) : words("failed"));
    }
  }

  private render(answer: SearchAnswer): void {
    this.results = answer.results;
    this.active = -1;
    const rows = answer.results.map((result, i) => this.row(result, i));
    const how = answer.read_as
      ? h("p", { class: "read-as" }, words("read_as"), h("b", {}, say(answer.read_as)))
      : null;
    const none = rows.length === 0 ? h("p", { class: "empty" }, words("search_empty")) : null;
    const list = h("ul", { role: "listbox", "aria-label": words("search") }, ...rows);
    this.list.replaceChildren(...[how, none, rows.length ? list : null].filter((one) => one !== null));
    this.open(true);
  }

  private row(result: SearchResult, i: number): HTMLElement {
    const layer = this.config.layers.find((one) => one.id === result.layer);
    return h(
      "li",
      {
        role: "option",
        id: `result-${i}`,
        "aria-selected": "false",
        tabindex: -1,
        onmousedown: (event: Event) => event.preventDefault(),
        onclick: () => this.choose(i),
      },
      h("span", { class: "result-title" }, result.title),
      h("span", { class: "fine" }, [layer ? say(layer.title) : "", say(result.subtitle)].filter(Boolean).join(" · ")),
    );
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined && this.results.length) {
      event.preventDefault();
      this.mark((this.active + step + this.results.length) % this.results.length);
    } else if (event.key === "Enter") {
      if (this.results.length && !this.list.hidden) this.choose(Math.max(0, this.active));
      else void this.ask().then(() => this.results.length === 1 && this.choose(0));
    } else if (event.key === "Escape") {
      this.open(false);
      this.input.blur();
    }
  }

  private mark(i: number): void {
    this.active = i;
    this.list.querySelectorAll("li").forEach((row, j) => {
      row.setAttribute("aria-selected", i === j ? "true" : "false");
      if (i === j) row.scrollIntoView({ block: "nearest" });
    });
    this.input.setAttribute("aria-activedescendant", `result-${i}`);
  }

  private choose(i: number): void {
    const result = this.results[i];
    if (!result) return;
    this.open(false);
    this.go(result);
  }

  private say(line: string): void {
    this.list.replaceChildren(h("p", { class: "empty" }, line));
    this.open(true);
  }

  private open(open: boolean): void {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", open ? "true" : "false");
  }
}
