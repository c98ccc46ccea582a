/** The left panel: layers by theme, each with its switch, count, legend and opacity. */

import { colorCodes, isPublicCode, layerColor } from "../colors";
import type { Config, Layer } from "../contract";
import { h, icon, ICONS } from "../dom";
import { number } from "../format";
import { say, words } from "../i18n";
import { HEIGHT_CLASSES } from "../map2d/palette";
import { BOUNDARIES, zoomFrom } from "../map2d/drawing";
import { BACKDROP, tintLayer } from "../map2d/style";
import type { State, Store } from "../state";

const LONG_LEGEND = 8;
// Kinds that 3D shows without a body of their own: painted on the ground, or as marks.
const IN_SOLID = new Set<Layer["style"]["kind"]>(["road", "alert"]);

export class LayersPanel {
  readonly element = h("section", { class: "layers", id: "layers" });
  private open = new Set<string>();
  private counts: Record<string, number>;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly usual: ReadonlySet<string>,
    private readonly fold: () => void,
  ) {
    this.counts = Object.fromEntries(config.layers.map((layer) => [layer.id, layer.features]));
    store.on(["layers", "lang", "mode"], () => this.render());
    store.on(["view"], (now, before) => {
      if (Math.floor(now.view.zoom * 2) !== Math.floor(before.view.zoom * 2)) this.render();
    });
    this.render();
  }

  /** Numbers of features on the date that is shown. */
  setCounts(counts: Record<string, number>): void {
    this.counts = counts;
    this.render();
  }

  private render(): void {
    const focus = document.activeElement?.id;
    const scroll = this.element.scrollTop;
    const { state } = this.store;
    this.element.replaceChildren(
      h(
        "header",
        { class: "panel-head" },
        h("h2", {}, words("layers")),
        this.textButton(words("usual_layers"), () => this.store.set({ layers: this.usual })),
        this.textButton(words("all_off"), () => this.store.set({ layers: new Set() })),
        h(
          "button",
          { class: "icon-button", "aria-label": words("fold"), title: words("fold"), onclick: this.fold },
          icon(ICONS.left),
        ),
      ),
      ...this.config.themes.flatMap((theme) => this.theme(theme.id, say(theme.title), state)),
    );
    this.element.scrollTop = scroll;
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  private textButton(text: string, act: () => void): HTMLElement {
    return h("button", { class: "text-button", onclick: act }, text);
  }

  private theme(id: string, title: string, state: State): HTMLElement[] {
    const layers = this.config.layers
      .filter((layer) => layer.theme === id)
      .sort((a, b) => b.order - a.order);
    if (layers.length === 0) return [];
    const section = h(
      "section",
      { class: "theme", "aria-label": title },
      h("h3", {}, title),
      ...layers.map((layer) => this.row(layer, state)),
      id === "base" && tintLayer(this.config) ? this.backdropRow(state) : null,
    );
    return [section];
  }

  private row(layer: Layer, state: State): HTMLElement {
    const on = state.layers.has(layer.id);
    const count = this.counts[layer.id] ?? 0;
    const open = this.open.has(layer.id);
    const note = this.note(layer, state, count);
    return h(
      "div",
      { class: `layer${on ? " on" : ""}`, "data-layer": layer.id },
      h(
        "div",
        { class: "layer-line" },
        this.box(layer.id, say(layer.title), on, swatch(layer)),
        h("span", { class: "count", title: words("features") }, number(count)),
        h(
          "button",
          {
            class: `icon-button turn${open ? " open" : ""}`,
            id: `legend-${layer.id}`,
            "aria-expanded": open ? "true" : "false",
            "aria-label": `${say(layer.title)}: ${words("legend_of")}`,
            title: words("legend_of"),
            onclick: () => this.toggleLegend(layer.id),
          },
          icon(ICONS.chevron, 14),
        ),
      ),
      note ? h("p", { class: "layer-note" }, note) : null,
      open ? this.details(layer, state) : null,
    );
  }

  private backdropRow(state: State): HTMLElement {
    const on = state.layers.has(BACKDROP);
    return h(
      "div",
      { class: `layer${on ? " on" : ""}`, "data-layer": BACKDROP },
      h("div", { class: "layer-line" }, this.box(BACKDROP, words("backdrop"), on, h("i", { class: "swatch tint" }))),
    );
  }

  private box(id: string, title: string, on: boolean, mark: HTMLElement): HTMLElement {
    return h(
      "label",
      { class: "layer-name" },
      h("input", { type: "checkbox", id: `show-${id}`, checked: on, onchange: () => this.toggle(id) }),
      mark,
      h("span", {}, title),
    );
  }

  private note(layer: Layer, state: State, count: number): string | null {
    if (!state.layers.has(layer.id)) return null;
    if (count === 0) return words(state.date ? "empty_then" : "empty_layer");
    if (state.mode === "3d") return layer.solid || IN_SOLID.has(layer.style.kind) ? null : words("only_2d");
    return state.view.zoom < zoomFrom(layer) ? words("zoom_in") : null;
  }

  private details(layer: Layer, state: State): HTMLElement {
    const percent = state.opacity[layer.id] ?? 100;
    const shown = h("output", {}, `${percent}%`);
    return h(
      "div",
      { class: "layer-details" },
      ...this.legend(layer, state),
      h(
        "label",
        { class: "slider-line" },
        h("span", {}, words("opacity")),
        h("input", {
          type: "range",
          min: 0,
          max: 100,
          step: 5,
          value: percent,
          oninput: (event: Event) => {
            const value = Number((event.target as HTMLInputElement).value);
            shown.textContent = `${value}%`;
            this.store.set({ opacity: { ...this.store.state.opacity, [layer.id]: value } });
          },
        }),
        shown,
      ),
      h(
        "p",
        { class: "fine" },
        `${words("owner")}: ${say(layer.owner)} · ${words("accuracy")}: ±${number(layer.accuracy_m, 2)} m`,
        layer.classification === "public" ? null : h("span", { class: "tag" }, words(layer.classification)),
      ),
    );
  }

  private legend(layer: Layer, state: State): HTMLElement[] {
    if (layer.style.kind === "building" && state.mode === "3d") {
      return [h("ul", { class: "legend" }, ...heightLegend())];
    }
    const codes = colorCodes(layer);
    const list = codes.map(([code, entry]) =>
      h("li", {}, colored(layer, entry.color, code), h("span", {}, say(entry)), isPublicCode(code) ? h("span", { class: "fine" }, code) : null),
    );
    const long = list.length > LONG_LEGEND;
    return list.length ? [h("ul", { class: `legend${long ? " long" : ""}`, tabindex: long ? 0 : null }, ...list)] : [];
  }

  private toggle(id: string): void {
    const layers = new Set(this.store.state.layers);
    if (!layers.delete(id)) layers.add(id);
    this.store.set({ layers });
  }

  private toggleLegend(id: string): void {
    if (!this.open.delete(id)) this.open.add(id);
    this.render();
  }
}

/** Entries of the building height classes, for a legend. */
export function heightLegend(): HTMLElement[] {
  return HEIGHT_CLASSES.map(({ below, color }, i) => {
    const from = HEIGHT_CLASSES[i - 1]?.below ?? 0;
    const range = below === Infinity ? `≥ ${from} m` : `${from}–${below} m`;
    return h("li", {}, h("i", { class: "swatch", style: `--c:${color}` }), h("span", {}, range));
  });
}

/** The small picture beside a layer's name. */
export function swatch(layer: Layer): HTMLElement {
  return colored(layer, layerColor(layer));
}

function colored(layer: Layer, color: string, code = ""): HTMLElement {
  const shape = BOUNDARIES.has(code) ? "outlined" : SHAPES[layer.style.kind];
  return h("i", { class: `swatch ${shape}`, style: `--c:${color}` });
}

const SHAPES: Record<Layer["style"]["kind"], string> = {
  fill: "",
  building: "",
  hatch: "hatched",
  red_line: "hatched",
  outline: "outlined",
  line: "lined",
  road: "lined road",
  point: "dotted",
  label: "lettered",
  alert: "alerting",
};
