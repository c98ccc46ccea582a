/** Images under the vectors: a day to pick, and a second day drawn over it to compare by a bar. */

import { Map as MapLibre, type StyleSpecification } from "maplibre-gl";

import { alertFile, Failure, imageDays, imageTiles } from "../api";
import type { ImageDay } from "../contract";
import { h } from "../dom";
import { say, words } from "../i18n";
import type { Store } from "../state";
import type { FlatMap } from "./map";
import { BACKDROP } from "./style";
import "./imagery.css";

export const PHOTO = "photo";
const TILE = 256;
const TEXTS = {
  images: { zh: "影像", en: "Images" },
  none: { zh: "不显示", en: "None" },
  shaded: { zh: "山体阴影", en: "shaded" },
  compare: { zh: "对比", en: "Compare" },
  no_compare: { zh: "不对比", en: "No comparison" },
  bar: { zh: "左右拖动：前后影像", en: "Draw: before and after" },
  of_alert: { zh: "该线索的前后影像", en: "Before | after of this alert" },
};

/** What a layer of images shows: a day, photos or shaded surface. */
interface Shown {
  date: string;
  style: "image" | "hillshade";
}

export class Imagery {
  readonly element = h("div", { class: "imagery", id: "imagery", hidden: true });
  private readonly curtain = h("div", { class: "imagery-curtain", id: "imagery-curtain", hidden: true });
  private days: ImageDay[] = [];
  private under: Shown | null = null;
  private over: Shown | null = null;
  private second: MapLibre | null = null;
  private drawn: string | null = null;
  private at = 50;

  constructor(
    private readonly flat: FlatMap,
    private readonly store: Store,
    private readonly failed: (error: unknown) => void,
  ) {
    this.flat.map.getContainer().after(this.curtain);
    // A change of colours makes the style anew, without what was added to it.
    this.flat.map.on("styledata", () => this.draw());
    this.flat.map.on("move", () => this.follow());
    store.on(["lang", "selected", "panel", "mode"], () => this.render());
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      this.days = await imageDays();
    } catch (error) {
      if (!(error instanceof Failure && error.status === 404)) this.failed(error);
    }
    this.render();
  }

  /** Under the vectors `under`, and `over` left of the bar; null = nothing. */
  show(under: Shown | null, over: Shown | null): void {
    this.under = under;
    this.over = under ? over : null;
    this.draw();
    this.compare();
    this.render();
  }

  private choices(): Shown[] {
    return this.days.flatMap(({ date, kinds }) => [
      ...(kinds.includes("ortho") ? [{ date, style: "image" as const }] : []),
      ...(kinds.includes("dsm") ? [{ date, style: "hillshade" as const }] : []),
    ]);
  }

  private render(): void {
    const { mode, panel, selected } = this.store.state;
    this.element.hidden = this.days.length === 0 || mode !== "2d";
    this.curtain.hidden = !this.over || mode !== "2d";
    const focus = document.activeElement?.id;
    const chosen = panel === "alerts" && selected?.layer === "alerts" ? selected.id : null;
    this.element.replaceChildren(
      this.select("imagery-under", say(TEXTS.images), say(TEXTS.none), this.under, (one) => this.show(one, this.over)),
      ...(this.under
        ? [this.select("imagery-over", say(TEXTS.compare), say(TEXTS.no_compare), this.over, (one) => this.show(this.under, one))]
        : []),
      ...(chosen === null
        ? []
        : [h("button", { class: "text-button", id: "imagery-alert", onclick: () => void this.ofAlert(chosen) }, say(TEXTS.of_alert))]),
    );
    if (focus?.startsWith("imagery-")) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  private select(id: string, label: string, nothing: string, now: Shown | null, take: (one: Shown | null) => void): HTMLElement {
    const all = this.choices();
    const list = h(
      "select",
      { id, onchange: () => take(all[Number(list.value)] ?? null) },
      h("option", { value: "-1" }, nothing),
      ...all.map((one, i) =>
        h(
          "option",
          { value: i, selected: one.date === now?.date && one.style === now.style },
          one.style === "image" ? one.date : `${one.date} ${say(TEXTS.shaded)}`,
        ),
      ),
    );
    return h("label", { for: id }, label, list);
  }

  /** The images that an alert was found on: of its day, and the newest before it. */
  private async ofAlert(key: number): Promise<void> {
    try {
      const day = (await alertFile(key)).properties.image_date;
      const photos = this.choices().filter(({ style }) => style === "image");
      const all = photos.length > 1 ? photos : this.choices();
      const after = all.find(({ date }) => !day || date <= day) ?? null;
      this.show(after, all.find(({ date }) => after !== null && date < after.date) ?? null);
    } catch (error) {
      this.failed(error);
    }
  }

  private draw(): void {
    const { map } = this.flat;
    if (!map.getLayer("background")) return; // the style is still on its way
    const wanted = this.under ? imageTiles(this.under.date, this.under.style) : null;
    // What it was made for is kept here: the source itself does not know until it has loaded.
    if (this.drawn === wanted && Boolean(map.getLayer(PHOTO)) === Boolean(wanted)) return;
    this.drawn = wanted;
    if (map.getLayer(PHOTO)) map.removeLayer(PHOTO);
    if (map.getSource(PHOTO)) map.removeSource(PHOTO);
    if (!wanted) return;
    map.addSource(PHOTO, { type: "raster", tiles: [wanted], tileSize: TILE, maxzoom: 20 });
    const above = map.getLayersOrder().find((id) => id !== "background" && !id.startsWith(`${BACKDROP}/`));
    map.addLayer({ id: PHOTO, type: "raster", source: PHOTO, paint: { "raster-fade-duration": 0 } }, above);
  }

  private compare(): void {
    this.second?.remove();
    this.second = null;
    this.curtain.replaceChildren();
    if (!this.over || !this.under) return;
    const place = h("div", { class: "imagery-second" });
    const slider = h("input", {
      type: "range", id: "imagery-bar", min: 0, max: 100, value: this.at,
      "aria-label": say(TEXTS.bar), title: say(TEXTS.bar),
      oninput: () => this.moveBar(Number(slider.value)),
    });
    this.curtain.append(
      place,
      h("span", { class: "swipe-label" }, this.over.date),
      h("span", { class: "swipe-label right" }, this.under.date),
      h("i", { class: "swipe-bar", "aria-hidden": "true" }),
      slider,
    );
    this.curtain.hidden = false;
    this.moveBar(this.at);
    const { map } = this.flat;
    this.second = new MapLibre({
      container: place,
      style: onlyImages(this.over),
      center: map.getCenter(),
      zoom: map.getZoom(),
      bearing: map.getBearing(),
      pitch: map.getPitch(),
      maxZoom: 22,
      interactive: false,
      attributionControl: false,
      locale: { "Map.Title": words("map") },
    });
    this.second.on("error", ({ error }) => this.failed(error));
  }

  private moveBar(percent: number): void {
    this.at = percent;
    this.curtain.style.setProperty("--at", `${percent}%`);
  }

  private follow(): void {
    const { map } = this.flat;
    this.second?.jumpTo({ center: map.getCenter(), zoom: map.getZoom(), bearing: map.getBearing(), pitch: map.getPitch() });
  }
}

function onlyImages({ date, style }: Shown): StyleSpecification {
  return {
    version: 8,
    sources: { [PHOTO]: { type: "raster", tiles: [imageTiles(date, style)], tileSize: TILE, maxzoom: 20 } },
    layers: [
      { id: "background", type: "background", paint: { "background-color": "#e8e8e4" } },
      { id: PHOTO, type: "raster", source: PHOTO, paint: { "raster-fade-duration": 0 } },
    ],
  };
}
