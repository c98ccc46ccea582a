/** Opens the page: configuration, state, panels, the 2D map; 3D when it is asked for. */

import "./styles.css";

import { config as fetchConfig, counts, item, watchAlerts } from "./api";
import type { Config, LiveStep, SearchResult } from "./contract";
import { h } from "./dom";
import { say, setLang, text } from "./i18n";
import { homeView, knownLayers, usualLayers, viewOfBox } from "./layersets";
import { Imagery } from "./map2d/imagery";
import { FlatMap } from "./map2d/map";
import { AlertsPanel } from "./panels/alerts";
import { CardPanel, extent } from "./panels/card";
import { Header } from "./panels/header";
import { LayersPanel } from "./panels/layers";
import { MapFace } from "./panels/mapface";
import { failedLine, Notices } from "./panels/notices";
import { SearchBox } from "./panels/search";
import { SidePanel } from "./panels/sidepanel";
import { SitePanel } from "./panels/sitecheck";
import { Timeline } from "./panels/timeline";
import { SolidSwitch } from "./solidswitch";
import { fromHash, Store, type State } from "./state";

const NEAR_ZOOM = 17;
const TOGETHER_MS = 250;
const ALERT_ZOOM = 17.5;
const NEAREST = 18.5;

/** For tests and for the console: documented in docs/map.md. */
export interface Hook {
  state: () => State;
  /** Resolves when the view that is on (2D or 3D) has drawn everything. */
  idle: () => Promise<void>;
  flat: FlatMap;
  solid: SolidSwitch;
}

declare global {
  interface Window {
    onemap?: Hook;
  }
}

async function open(): Promise<void> {
  const app = document.getElementById("app");
  if (!app) throw new Error("the page has no #app");
  if (!document.createElement("canvas").getContext("webgl2")) {
    app.replaceChildren(h("p", { class: "starting", role: "alert" }, say(text("no_webgl"))));
    return;
  }
  try {
    start(app, await fetchConfig());
  } catch (error) {
    if (!(error instanceof Error && "label" in error)) console.error(error);
    app.replaceChildren(h("div", { class: "starting" }, failedLine(error, () => location.reload())));
  }
}

function start(app: HTMLElement, config: Config): void {
  const usual = usualLayers(config);
  const store = new Store(firstState(config, usual), usual);
  setLang(store.state.lang);
  // First of all listeners: the others render in the language that is on.
  store.on(["lang"], ({ lang }) => setLang(lang));

  const notices = new Notices();
  const face = new MapFace(config, store);
  const place = h("div", { class: "flat", id: "flat" });
  const solidPlace = h("div", { class: "solid", id: "solid", hidden: true });
  const main = h("main", { class: "stage" }, place, solidPlace, face.bar, face.banner, notices.element, face.position);
  app.replaceChildren(main);
  const flat = new FlatMap(place, config, store, {
    clicked: (hits, lon, lat) => card.show({ hits, lon, lat }),
    pointer: (lon, lat) => face.pointer(lon, lat),
    busy: (busy) => face.busy(busy),
    failed: (message) => tilesFailed(notices, message),
  });
  const imagery = new Imagery(flat, store, (error) => notices.failed("imagery", error));
  main.append(imagery.element);
  const card = new CardPanel(config, store, notices, {
    mark: (geometry) => flat.show(geometry),
    zoomTo: (_, found) => go(extent(found.geometry)),
    check: (geometry) => site.check(geometry),
  });
  const alerts = new AlertsPanel(config, store, notices, {
    mark: (geometry) => flat.show(geometry),
    goTo: ({ lon, lat }) => goTo(lon, lat, ALERT_ZOOM),
  });
  const site = new SitePanel(store, {
    mark: (geometry) => flat.show(geometry),
    zoomTo: (geometry) => go(extent(geometry)),
    capture: (take, finish) => flat.capture(take, finish),
  });
  const side = new SidePanel(store, card.element, alerts.element, site.element);
  const left = h("nav", { class: "left" });
  const toggleLayers = (): void => void app.classList.toggle("layers-folded");
  const layers = new LayersPanel(config, store, usual, toggleLayers);
  left.append(layers.element);
  const header = new Header(config, store, new SearchBox(config, store, found).element, {
    layers: toggleLayers,
    home: () => {
      const { lon, lat, zoom } = homeView(config);
      goTo(lon, lat, zoom, true);
    },
  });
  if (innerWidth <= 900) app.classList.add("layers-folded");
  const timeline = new Timeline(config, store);
  app.replaceChildren(header.element, left, main, side.element, timeline.element);

  const solid = new SolidSwitch(config, store, flat, {
    place,
    solidPlace,
    face,
    notices,
    clicked: (found) => card.show(found),
    failed: (message) => tilesFailed(notices, message),
  });

  function goTo(lon: number, lat: number, zoom: number, exactly = false): void {
    if (store.state.mode === "3d") solid.flyTo(lon, lat, exactly ? zoom : Math.max(zoom, store.state.view.zoom));
    else if (exactly) flat.map.easeTo({ center: [lon, lat], zoom, bearing: 0, pitch: 0 });
    else flat.flyTo(lon, lat, zoom);
  }

  function go(box: [number, number, number, number]): void {
    if (store.state.mode === "2d") return flat.fit(box);
    const { lon, lat, zoom } = viewOfBox(box);
    solid.flyTo(lon, lat, Math.min(zoom, NEAREST));
  }

  function found(result: SearchResult): void {
    if (result.bbox && result.bbox[2] - result.bbox[0] > 0) go(result.bbox);
    else goTo(result.lon, result.lat, NEAR_ZOOM);
    const { layer, id } = result;
    if (layer === "alerts" && id !== null) store.set({ selected: { layer, id }, panel: "alerts" });
    else if (layer && id !== null) {
      const shown = new Set(store.state.layers).add(layer);
      store.set({ layers: shown, selected: { layer, id }, panel: "card" });
    } else flat.show({ type: "Point", coordinates: [result.lon, result.lat] });
  }

  // Who may not see alerts has no such layer.
  if (config.layers.some((layer) => layer.id === "alerts")) {
    let steps: LiveStep[] = [];
    const show = (): void => {
      alerts.told(new Set(steps.map(({ key }) => key)));
      flat.reload("alerts");
      if (steps.some(({ event }) => event === "raised" || event === "reopened")) {
        notices.brief(text("new_alert"));
        void recount(store.state.date);
      }
      steps = [];
    };
    watchAlerts((step) => {
      if (steps.length === 0) setTimeout(show, TOGETHER_MS); // a detection tells of hundreds
      steps.push(step);
    });
  }

  store.on(["date"], ({ date }) => void recount(date));
  async function recount(date: string | null): Promise<void> {
    try {
      const now = await counts(date);
      if (store.state.date !== date) return;
      layers.setCounts(now);
      header.setAlerts(now["alerts"] ?? 0);
      notices.clear("counts");
    } catch (error) {
      notices.failed("counts", error, () => void recount(date));
    }
  }
  if (store.state.date) void recount(store.state.date);

  // A deep link to a feature and no view of its own: take the map there.
  const { selected } = store.state;
  if (selected && !/[#&]v=/.test(location.hash)) {
    void item(selected.layer, selected.id, store.state.date)
      .then(({ geometry }) => go(extent(geometry)))
      .catch((error: unknown) => notices.failed("link", error));
  }
  store.on(["selected", "panel"], ({ selected: one, panel }) => {
    if (!one || panel === "none") flat.show(null);
  });

  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLElement && event.target.matches("input, select, textarea")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") store.set({ panel: "none", selected: null });
    else if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search")?.focus();
    } else if (store.state.panel === "alerts" && (event.key === "j" || event.key === "J")) alerts.step(1);
    else if (store.state.panel === "alerts" && (event.key === "k" || event.key === "K")) alerts.step(-1);
  });
  addEventListener("hashchange", () => location.reload());

  window.onemap = {
    state: () => store.state,
    idle: () => (store.state.mode === "3d" ? solid.idle() : flat.idle()),
    flat,
    solid,
  };
  if (!config.layers.some((layer) => layer.features > 0)) notices.show("empty", text("no_deliveries"), "info");
}

/** A layer did not come: say whether the server is gone or the layer is at fault. */
function tilesFailed(notices: Notices, message: string): void {
  console.warn(message);
  const gone = /failed to fetch|networkerror|load failed/i.test(message);
  // The address holds all that is shown, so opening the page again loses nothing.
  notices.show("tiles", text(gone ? "unreachable" : "tiles_failed"), "error", () => location.reload());
}

function firstState(config: Config, usual: ReadonlySet<string>): State {
  const { lon, lat, zoom } = homeView(config);
  const usualState: State = {
    lang: "zh",
    mode: "2d",
    view: { lon, lat, zoom, bearing: 0, pitch: 0 },
    date: null,
    layers: usual,
    opacity: {},
    selected: null,
    panel: "none",
    ground: 100,
  };
  return { ...usualState, ...fromHash(location.hash, knownLayers(config)) };
}

void open();
