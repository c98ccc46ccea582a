/** Between 2D and 3D: loads the 3D half when it is first asked for, hands the view over. */

import type { Config } from "./contract";
import { h } from "./dom";
import { text, words } from "./i18n";
import type { FlatMap } from "./map2d/map";
import type { SolidMap } from "./map3d/solidmap";
import type { Place } from "./panels/card";
import type { MapFace } from "./panels/mapface";
import type { Notices } from "./panels/notices";
import type { Store } from "./state";

export interface SolidParts {
  place: HTMLElement;
  solidPlace: HTMLElement;
  notices: Notices;
  face: MapFace;
  clicked: (place: Place) => void;
  failed: (message: string) => void;
}

export class SolidSwitch {
  private opening: Promise<SolidMap> | null = null;
  /** The 3D map once it has been opened. */
  solid: SolidMap | null = null;

  constructor(
    private readonly config: Config,
    private readonly store: Store,
    private readonly flat: FlatMap,
    private readonly parts: SolidParts,
  ) {
    store.on(["mode"], () => void this.turn());
    if (store.state.mode === "3d") void this.turn();
  }

  async idle(): Promise<void> {
    if (this.opening) await (await this.opening).idle();
  }

  flyTo(lon: number, lat: number, zoom: number): void {
    this.solid?.flyTo(lon, lat, zoom);
  }

  private async turn(): Promise<void> {
    const { place, solidPlace, notices } = this.parts;
    const solid = this.store.state.mode === "3d";
    place.hidden = solid;
    solidPlace.hidden = !solid;
    if (!solid) {
      this.solid?.pause();
      this.flat.map.resize();
      this.flat.moveTo(this.store.state.view);
      return;
    }
    try {
      if (this.solid) this.solid.resume(this.store.state.view);
      else this.solid = await this.load();
      // Somebody may have gone back to 2D while Cesium was loading.
      if (this.store.state.mode !== "3d") this.solid.pause();
    } catch (error) {
      console.warn(error);
      this.opening = null;
      notices.show("solid", text("no_3d"), "error");
      this.store.set({ mode: "2d" });
    }
  }

  private async load(): Promise<SolidMap> {
    const { solidPlace, face, clicked, failed } = this.parts;
    const waiting = h("p", { class: "starting" }, words("opening_3d"));
    solidPlace.append(waiting);
    this.opening ??= import("./map3d/solidmap").then(({ openSolid }) =>
      openSolid(solidPlace, this.config, this.store, {
        clicked: (hits, lon, lat) => clicked({ hits, lon, lat }),
        pointer: (lon, lat) => face.pointer(lon, lat),
        busy: (busy) => face.busy(busy),
        failed,
      }),
    );
    try {
      return await this.opening;
    } finally {
      waiting.remove();
    }
  }
}
