/** The right panel: what was clicked, the alerts, or a site; it comes when there is something to show. */

import { h, icon, ICONS } from "../dom";
import { words } from "../i18n";
import type { State, Store } from "../state";

const TITLES = { none: "feature", card: "feature", alerts: "alerts", site: "site_check" } as const;

export class SidePanel {
  readonly element = h("aside", { class: "side", hidden: true });
  private readonly head = h("header", { class: "panel-head" });
  private readonly body = h("div", { class: "side-body" });

  constructor(
    private readonly store: Store,
    private readonly card: HTMLElement,
    private readonly alerts: HTMLElement,
    private readonly site: HTMLElement,
  ) {
    this.element.append(this.head, this.body);
    store.on(["panel", "lang"], () => this.render());
    this.render();
  }

  private render(): void {
    const { panel } = this.store.state;
    this.element.hidden = panel === "none";
    this.element.setAttribute("aria-label", words(TITLES[panel]));
    this.head.replaceChildren(
      h("div", { class: "tabs", role: "tablist" }, this.tab("card", words("feature")), this.tab("alerts", words("alerts")), this.tab("site", words("site_check"))),
      h(
        "button",
        { class: "icon-button", id: "side-close", "aria-label": words("close"), title: words("close"), onclick: () => this.store.set({ panel: "none", selected: null }) },
        icon(ICONS.close),
      ),
    );
    this.body.replaceChildren(panel === "alerts" ? this.alerts : panel === "site" ? this.site : this.card);
  }

  private tab(panel: State["panel"], title: string): HTMLElement {
    const on = this.store.state.panel === panel;
    return h(
      "button",
      {
        role: "tab",
        id: `tab-${panel}`,
        "aria-selected": on ? "true" : "false",
        onclick: () => this.store.set(on ? {} : { panel, selected: null }),
      },
      title,
    );
  }
}
