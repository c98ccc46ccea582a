/** What lies over the map: the date's banner, the loading bar, where the pointer is. */

import type { Config } from "../contract";
import { h, icon, ICONS } from "../dom";
import { degrees, sexagesimal } from "../format";
import { words } from "../i18n";
import type { Store } from "../state";

export class MapFace {
  readonly banner = h("div", { class: "banner", role: "status", hidden: true });
  readonly bar = h("div", { class: "busy", "aria-hidden": "true" });
  readonly position = h("button", { class: "position mono" });
  private where: [number, number] | null = null;
  private asDms = false;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
  ) {
    store.on(["date", "lang"], () => this.render());
    store.on(["lang", "view"], () => this.say());
    this.position.addEventListener("click", () => {
      this.asDms = !this.asDms;
      this.say();
    });
    this.render();
    this.say();
  }

  pointer(lon: number, lat: number): void {
    this.where = [lon, lat];
    this.say();
  }

  busy(busy: boolean): void {
    this.bar.classList.toggle("on", busy);
  }

  private say(): void {
    const { view } = this.store.state;
    const [lon, lat] = this.where ?? [view.lon, view.lat];
    const text = this.asDms ? sexagesimal(lon, lat) : degrees(lon, lat);
    this.position.textContent = `CGCS2000 ${text}`;
    this.position.title = `${words("position")} · ${this.config.city.metric_frame}`;
  }

  private render(): void {
    const { date } = this.store.state;
    this.banner.hidden = date === null;
    if (date === null) return;
    this.banner.replaceChildren(
      icon(ICONS.clock, 16),
      h("span", {}, words("past_banner"), h("b", {}, date)),
      h("button", { class: "text-button", onclick: () => this.store.set({ date: null }) }, words("back_to_today")),
    );
  }
}
