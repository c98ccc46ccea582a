/** Between the 2D map's view (centre, zoom, bearing, pitch) and a camera that looks at the ground. */

import {
  Cartesian2,
  Cartesian3,
  Cartographic,
  Ellipsoid,
  HeadingPitchRange,
  IntersectionTests,
  Math as Angle,
  Matrix4,
  PerspectiveFrustum,
  Ray,
  type Scene,
} from "cesium";

import type { View } from "../state";
import type { Ground } from "./ground";

const EQUATOR_M = 40_075_016.7;
const TILE_PX = 512;
const REFINED = 3;  // times the height is looked up again where the ray meets the ground
const STEEPEST = 88;  // straight down has no heading

/** Put the camera where the view says. */
export function look(scene: Scene, ground: Ground, view: View): void {
  const target = Cartesian3.fromDegrees(view.lon, view.lat, ground.heightDegrees(view.lon, view.lat));
  const range = rangeOf(scene, view);
  const pitch = -Math.max(90 - STEEPEST, 90 - view.pitch);
  scene.camera.lookAt(target, new HeadingPitchRange(Angle.toRadians(view.bearing), Angle.toRadians(pitch), range));
  // lookAt ties the camera to the target; set it free.
  scene.camera.lookAtTransform(Matrix4.IDENTITY);
}

/** The view a 2D map would have where the camera looks; null = it looks at the sky. */
export function viewOf(scene: Scene, ground: Ground): View | null {
  const { camera, canvas } = scene;
  const middle = new Cartesian2(canvas.clientWidth / 2, canvas.clientHeight / 2);
  const target = groundAt(scene, ground, middle);
  if (!target) return null;
  const { longitude, latitude } = target;
  const range = Cartesian3.distance(camera.positionWC, Cartographic.toCartesian(target));
  const metres = (2 * range * Math.tan(fov(scene) / 2)) / canvas.clientHeight;
  const bearing = Angle.toDegrees(camera.heading);
  return {
    lon: Angle.toDegrees(longitude),
    lat: Angle.toDegrees(latitude),
    zoom: Math.log2((EQUATOR_M * Math.cos(latitude)) / (TILE_PX * metres)),
    bearing: bearing > 180 ? bearing - 360 : bearing,
    pitch: Math.min(85, Math.max(0, 90 + Angle.toDegrees(camera.pitch))),
  };
}

/** The ground under a point of the canvas; null = sky.
 *
 * Of the fitted ground itself: what the globe has loaded so far would give other answers while it
 * is loading, and a view read then would lead elsewhere. */
export function groundAt(scene: Scene, ground: Ground, position: Cartesian2): Cartographic | null {
  const ray = scene.camera.getPickRay(position);
  if (!ray) return null;
  let found: Cartographic | null = null;
  for (let height = ground.usual, turn = 0; turn < REFINED; turn++) {
    const { x, y, z } = Ellipsoid.WGS84.radii;
    const raised = new Ellipsoid(x + height, y + height, z + height);
    const hit = IntersectionTests.rayEllipsoid(ray, raised);
    if (!hit || hit.stop < 0) return null;
    const along = hit.start > 0 ? hit.start : hit.stop;
    found = Cartographic.fromCartesian(Ray.getPoint(ray, along)) ?? null;
    if (!found) return null;
    height = ground.height(found.longitude, found.latitude);
  }
  return found;
}

function rangeOf(scene: Scene, { lat, zoom }: View): number {
  const metres = (EQUATOR_M * Math.cos(Angle.toRadians(lat))) / (TILE_PX * 2 ** zoom);
  return (metres * scene.canvas.clientHeight) / (2 * Math.tan(fov(scene) / 2));
}

function fov(scene: Scene): number {
  const { frustum } = scene.camera;
  return frustum instanceof PerspectiveFrustum ? (frustum.fovy ?? 1) : 1;
}
