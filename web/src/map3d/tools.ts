/** The small panel of the 3D view: how solid the ground is, and what the colours mean. */

import { colorCodes } from "../colors";
import type { Config } from "../contract";
import { h } from "../dom";
import { say, words } from "../i18n";
import { heightLegend } from "../panels/layers";
import type { Store } from "../state";

export interface ToolActions {
  underground: () => void;
  tilt: () => void;
  north: () => void;
}

export class SolidTools {
  readonly element = h("section", { class: "solid-tools" });

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly actions: ToolActions,
  ) {
    store.on(["lang", "ground"], () => this.render());
    this.render();
  }

  private render(): void {
    const { ground } = this.store.state;
    const focus = document.activeElement?.id;
    const shown = h("output", {}, `${ground}%`);
    const undulation = this.config.city.geoid_undulation_m;
    this.element.setAttribute("aria-label", words("solid"));
    this.element.replaceChildren(
      h(
        "label",
        { class: "slider-line" },
        h("span", {}, words("ground")),
        h("input", {
          type: "range",
          id: "ground",
          min: 0,
          max: 100,
          step: 5,
          value: ground,
          "aria-valuetext": `${ground}%`,
          oninput: (event: Event) => this.store.set({ ground: Number((event.target as HTMLInputElement).value) }),
        }),
        shown,
      ),
      h(
        "div",
        { class: "actions" },
        h("button", { class: "action", id: "underground", "aria-pressed": ground < 100 ? "true" : "false", onclick: this.actions.underground }, words("underground")),
        h("button", { class: "action", onclick: this.actions.tilt }, words("tilt")),
        h("button", { class: "action", onclick: this.actions.north, "aria-label": words("north_up"), title: words("north_up") }, "N"),
      ),
      this.legend(ground < 100),
      h(
        "p",
        { class: "fine" },
        words("heights_note") + (undulation === null ? "" : ` (${words("undulation")} ${undulation} m)`),
      ),
    );
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  /** Of what one looks for: pipes while the ground is faded, else buildings. */
  private legend(below: boolean): HTMLElement {
    const pipes = this.config.layers.find((layer) => layer.solid === "tube");
    if (!below || !pipes) return folded(words("height_classes"), heightLegend());
    const kinds = colorCodes(pipes).map(([code, entry]) =>
      h(
        "li",
        {},
        h("i", { class: "swatch lined", style: `--c:${entry.color}` }),
        h("span", {}, say(entry)),
        h("span", { class: "fine" }, code),
      ),
    );
    return folded(`${say(pipes.title)} · CJJ 61`, kinds);
  }
}

function folded(title: string, rows: HTMLElement[]): HTMLElement {
  return h("details", { open: true }, h("summary", {}, title), h("ul", { class: "legend" }, ...rows));
}
