/** The bar on top: product and city, search, alerts, 2D or 3D, language. */

import type { Config } from "../contract";
import { h, icon, ICONS } from "../dom";
import { say, words, type Lang } from "../i18n";
import type { State, Store } from "../state";

export class Header {
  readonly element = h("header", { class: "top" });
  private alerts: number;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly search: HTMLElement,
    private readonly actions: { layers: () => void; home: () => void },
  ) {
    this.alerts = config.layers.find((layer) => layer.id === "alerts")?.features ?? 0;
    store.on(["lang", "mode", "panel"], () => this.render());
    this.render();
  }

  setAlerts(count: number): void {
    this.alerts = count;
    this.render();
  }

  private render(): void {
    const focus = document.activeElement?.id;
    const { state } = this.store;
    const { city } = this.config;
    const name = state.lang === "zh" ? `${words("product")} · ${say(city.name)}` : `${words("product")} · ${say(city.name)}`;
    document.title = name;
    this.element.replaceChildren(
      h(
        "button",
        { class: "icon-button", id: "layers-button", "aria-label": words("layers"), title: words("layers"), onclick: this.actions.layers },
        icon(ICONS.layers),
      ),
      h("h1", {}, name),
      this.search,
      h("button", { class: "icon-button", id: "home", "aria-label": words("home"), title: words("home"), onclick: this.actions.home }, icon(ICONS.home)),
      h(
        "button",
        {
          class: "action alerts-button",
          id: "alerts-button",
          "aria-pressed": state.panel === "alerts" ? "true" : "false",
          onclick: () => this.store.set(state.panel === "alerts" ? { panel: "none" } : { panel: "alerts", selected: null }),
        },
        icon(ICONS.alert, 16),
        h("span", { class: "wide" }, words("alerts")),
        h("b", { class: "badge" }, String(this.alerts)),
      ),
      this.choice("mode", words("view_mode"), [["2d", words("flat")], ["3d", words("solid")]], state.mode, (mode) =>
        this.store.set({ mode: mode as State["mode"] }),
      ),
      this.choice("lang", words("language"), [["zh", "中"], ["en", "EN"]], state.lang, (lang) =>
        this.store.set({ lang: lang as Lang }),
      ),
    );
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  private choice(
    name: string,
    title: string,
    options: [value: string, label: string][],
    now: string,
    choose: (value: string) => void,
  ): HTMLElement {
    const buttons = options.map(([value, label]) =>
      h(
        "button",
        { id: `${name}-${value}`, "aria-pressed": value === now ? "true" : "false", onclick: () => choose(value) },
        label,
      ),
    );
    return h("div", { class: "segmented", role: "group", "aria-label": title }, ...buttons);
  }
}
