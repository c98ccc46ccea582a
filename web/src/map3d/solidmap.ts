/** The 3D map: Cesium over our own tiles, ground and paint. Nothing comes from any other server. */

import "cesium/Build/Cesium/Widgets/CesiumWidget/CesiumWidget.css";

import {
  Cartesian2,
  Cartesian3,
  CesiumWidget,
  Color,
  DirectionalLight,
  type ImageryLayer,
  Ion,
  Math as Angle,
  Matrix4,
  type Scene,
  ScreenSpaceEventHandler,
  ScreenSpaceEventType,
  Transforms,
} from "cesium";

import { tilesetAddress } from "../api";
import type { Config } from "../contract";
import type { MapEvents } from "../map2d/map";
import { onScheme, palette } from "../map2d/palette";
import type { Store, View } from "../state";
import { groundAt, look, viewOf } from "./camera";
import { Ground } from "./ground";
import { groundPaint } from "./groundpaint";
import { Marks } from "./marks";
import { Solids } from "./solids";
import { SolidTools } from "./tools";

const NEAREST_ZOOM = 15.3;  // on opening: near enough that a building is a building
const OBLIQUE = 58;
const BELOW_ZOOM = 18.2;  // pipes have true diameters: near enough to see them
const BELOW_GROUND = 25;
const STEADY_FRAMES = 3;
const HITS = 6;

export class SolidMap {
  private readonly scene: Scene;
  private readonly solids: Solids;
  private readonly marks: Marks;
  private paint: ImageryLayer | null = null;

  constructor(
    private readonly widget: CesiumWidget,
    private readonly config: Config,
    private readonly store: Store,
    private readonly events: MapEvents,
    private readonly ground: Ground,
  ) {
    this.scene = widget.scene;
    const layers = config.layers.filter((layer) => layer.solid);
    this.solids = new Solids(this.scene, layers, {
      failed: events.failed,
      changed: () => events.busy(false),
    });
    this.marks = new Marks(this.scene, ground, config);
    dress(this.scene, config);
    this.repaint();
    this.fade();
    this.listen();
    this.follow();
    look(this.scene, ground, openingView(store.state.view));
  }

  /** Resolves when ground and bodies in view are drawn. */
  idle(): Promise<void> {
    let steady = 0;
    return new Promise((resolve) => {
      const stop = this.scene.postRender.addEventListener(() => {
        steady = this.solids.ready && this.scene.globe.tilesLoaded ? steady + 1 : 0;
        if (steady < STEADY_FRAMES) return this.scene.requestRender();
        stop();
        this.events.busy(false);
        resolve();
      });
      this.scene.requestRender();
    });
  }

  pause(): void {
    this.widget.useDefaultRenderLoop = false;
  }

  resume(view: View): void {
    this.widget.useDefaultRenderLoop = true;
    this.widget.resize();
    look(this.scene, this.ground, openingView(view));
    this.follow();
    void this.idle();
  }

  flyTo(lon: number, lat: number, zoom: number): void {
    const { view } = this.store.state;
    look(this.scene, this.ground, { ...view, lon, lat, zoom, pitch: view.pitch || OBLIQUE });
    this.remember();
    this.scene.requestRender();
  }

  /** Where a place on the ground is on the screen, pixels of the canvas; for tests. */
  screen(lon: number, lat: number, above = 0): [number, number] | null {
    const place = Cartesian3.fromDegrees(lon, lat, this.ground.heightDegrees(lon, lat) + above);
    const found = this.scene.cartesianToCanvasCoordinates(place);
    return found ? [found.x, found.y] : null;
  }

  /** Tools of the view, to be put beside the canvas. */
  tools(): HTMLElement {
    return new SolidTools(this.config, this.store, {
      underground: () => this.underground(),
      tilt: () => this.turn({ pitch: this.store.state.view.pitch > 20 ? 0 : OBLIQUE }),
      north: () => this.turn({ bearing: 0 }),
    }).element;
  }

  private underground(): void {
    const { state } = this.store;
    if (state.ground < 100) return this.store.set({ ground: 100 });
    const below = this.config.layers.filter((layer) => layer.solid && layer.solid !== "extrude");
    this.store.set({
      ground: BELOW_GROUND,
      layers: new Set([...state.layers, ...below.map((layer) => layer.id)]),
    });
    this.turn({ zoom: Math.max(state.view.zoom, BELOW_ZOOM) });
  }

  private turn(change: Partial<View>): void {
    look(this.scene, this.ground, { ...this.store.state.view, ...change });
    this.remember();
    this.scene.requestRender();
  }

  private remember(): void {
    const view = viewOf(this.scene, this.ground);
    if (view && this.store.state.mode === "3d") this.store.set({ view });
  }

  private listen(): void {
    const { store, scene } = this;
    store.on(["layers", "opacity", "date", "selected"], () => this.follow());
    store.on(["date"], () => this.repaint());
    store.on(["ground"], () => this.fade());
    onScheme(() => {
      dress(scene, this.config);
      this.repaint();
      this.fade();
    });
    scene.camera.moveEnd.addEventListener(() => this.remember());
    scene.globe.tileLoadProgressEvent.addEventListener((left: number) => this.events.busy(left > 0));
    const pointer = new ScreenSpaceEventHandler(scene.canvas);
    pointer.setInputAction(({ position }: { position: Cartesian2 }) => this.click(position), ScreenSpaceEventType.LEFT_CLICK);
    pointer.setInputAction(({ endPosition }: { endPosition: Cartesian2 }) => {
      const place = this.place(endPosition);
      if (place) this.events.pointer(...place);
    }, ScreenSpaceEventType.MOUSE_MOVE);
  }

  private follow(): void {
    const { state } = this.store;
    if (state.mode !== "3d") return;
    void this.solids.follow(state);
    this.marks.follow(state).catch((error: unknown) => this.events.failed(String(error)));
  }

  private click(position: Cartesian2): void {
    const hits = this.scene
      .drillPick(position, HITS)
      .flatMap((picked: unknown) => this.solids.hit(picked) ?? this.marks.hit(picked) ?? []);
    const place = this.place(position);
    const [lon, lat] = place ?? [this.store.state.view.lon, this.store.state.view.lat];
    this.events.clicked(hits, lon, lat);
  }

  private place(position: Cartesian2): [lon: number, lat: number] | null {
    const found = groundAt(this.scene, this.ground, position);
    return found && [Angle.toDegrees(found.longitude), Angle.toDegrees(found.latitude)];
  }

  private repaint(): void {
    const { imageryLayers } = this.scene;
    if (this.paint) imageryLayers.remove(this.paint, true);
    this.paint = groundPaint(this.config, this.store.state.date);
    if (this.paint) imageryLayers.add(this.paint);
    this.scene.requestRender();
  }

  private fade(): void {
    const alpha = this.store.state.ground / 100;
    const { globe, screenSpaceCameraController } = this.scene;
    globe.translucency.enabled = alpha < 1;
    globe.translucency.frontFaceAlpha = alpha;
    globe.translucency.backFaceAlpha = alpha;
    const colors = palette();
    this.scene.backgroundColor = Color.fromCssColorString(alpha < 1 ? colors.soil : colors.sky);
    // What is below ground hides behind it only while the ground is solid.
    globe.depthTestAgainstTerrain = alpha === 1;
    screenSpaceCameraController.enableCollisionDetection = alpha === 1;
    this.scene.requestRender();
  }
}

/** Open the 3D map in `place`, showing what the state says. */
export async function openSolid(
  place: HTMLElement,
  config: Config,
  store: Store,
  events: MapEvents,
): Promise<SolidMap> {
  Ion.defaultAccessToken = "";
  const buildings = config.layers.find((layer) => layer.solid === "extrude");
  const tileset = buildings ? tilesetAddress(buildings.id, null) : null;
  const ground = await Ground.of(tileset, config.city.geoid_undulation_m ?? 0);
  const canvas = document.createElement("div");
  canvas.className = "solid-canvas";
  const credits = document.createElement("div");
  place.append(canvas);
  const widget = new CesiumWidget(canvas, {
    baseLayer: false,
    terrainProvider: ground.terrain(),
    skyBox: false,
    skyAtmosphere: false,
    shadows: false,
    requestRenderMode: true,
    scene3DOnly: true,
    creditContainer: credits,
    showRenderLoopErrors: false,
    msaaSamples: drawnBySoftware() ? 1 : 4,
  });
  const map = new SolidMap(widget, config, store, events, ground);
  place.append(map.tools());
  return map;
}

/** From straight above far away, 3D shows nothing: come near and tilt. */
function openingView(view: View): View {
  return {
    ...view,
    zoom: Math.max(view.zoom, NEAREST_ZOOM),
    pitch: view.pitch < 20 ? OBLIQUE : view.pitch,
  };
}

/** No graphics card: edges need not be smooth where every pixel costs. */
function drawnBySoftware(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl && info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(renderer);
}

function dress(scene: Scene, config: Config): void {
  const { globe } = scene;
  const colors = palette();
  globe.baseColor = Color.fromCssColorString(colors.background);
  globe.undergroundColor = Color.fromCssColorString(colors.soil);
  globe.showGroundAtmosphere = false;
  globe.enableLighting = false;
  scene.fog.enabled = false;
  if (scene.sun) scene.sun.show = false;
  if (scene.moon) scene.moon.show = false;
  const { lon, lat } = config.city.home;
  const frame = Transforms.eastNorthUpToFixedFrame(Cartesian3.fromDegrees(lon, lat));
  const direction = Matrix4.multiplyByPointAsVector(frame, new Cartesian3(0.55, -0.35, -0.85), new Cartesian3());
  scene.light = new DirectionalLight({ direction: Cartesian3.normalize(direction, direction), intensity: 1.7 });
}
