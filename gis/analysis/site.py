"""A site somebody asks about: polygons in any frame of the city, brought to the stored one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from gis.analysis.plane import Plane
from gis.coords import Frame, LocalFrame, norm_frame, normalise, outside_error
from gis.errors import LayerError, OutsideFrame
from gis.layers import City
from gis.layers.outside import shape_from_wkt

STORED = "EPSG:4490"
MOST_SITE_M2 = 50_000_000.0  # 50 km²: beyond it nobody reads the answer
LEAST_SITE_M2 = 0.1
MOST_VERTICES = 20_000
MOST_PIECES = 2_000
MOST_DEPTH = 3  # collection, feature, geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place asked about. stored: CGCS2000 degrees, longitude first; shape: in the city's
    plane, metres; accuracy_m: of the transformation from `frame`, in which it came."""

    stored: BaseGeometry
    shape: BaseGeometry
    accuracy_m: float
    frame: str

    @property
    def area_m2(self) -> float:
        return float(self.shape.area)

    @property
    def band_m2(self) -> float:
        """By how much the area may be wrong for the transformation's sake."""
        return float(self.shape.length * self.accuracy_m)


def site_of(
    shapes: Sequence[BaseGeometry],
    frame: Frame | int | str,
    city: City,
    local_frames: Mapping[str, LocalFrame],
) -> Site:
    """The union of polygons of `frame`, east or longitude first.

    Raises LayerError for what is no site (no polygon, one that crosses itself, too large),
    UnknownFrame, NoAccurateTransform, and OutsideFrame where it can't lie there."""
    given = np.array([shapely.force_2d(shape) for shape in shapes], dtype=object)
    _check_shapes(given)
    source = norm_frame(frame, local_frames)
    moved = normalise(given, source, local=local_frames)
    if moved.failed.any():
        first = shapely.get_coordinates(given[moved.failed][0])[0]
        raise outside_error(first, source, "地块", "the site")
    return site_from_stored(list(moved.geometry), moved.accuracy_m, source.name, city)


def site_from_stored(
    shapes: Sequence[BaseGeometry], accuracy_m: float, frame: str, city: City
) -> Site:
    """The union of polygons that are in CGCS2000 degrees already, with the accuracy they have
    there and the frame they came in. Raises as `site_of`."""
    given = np.array(shapes, dtype=object)
    _check_shapes(given)
    stored = shapely.union_all(given)
    plane = Plane.of(city)
    if not plane.holds(stored):
        raise OutsideFrame(
            zh=f"地块不在本市的平面坐标系 {plane.name} 的范围内。请核对坐标系（frame）与坐标次序",
            en=f"the site lies outside the city's plane {plane.name}. Check its frame and the "
            f"order of its coordinates",
            frame=frame,
        )
    shape = shapely.union_all(plane.metric(given))
    _check_size(float(shape.area))
    return Site(stored=stored, shape=shape, accuracy_m=accuracy_m, frame=frame)


def shapes_of(given: Any, depth: int = 0) -> list[BaseGeometry]:
    """Geometries of a site as people send it: GeoJSON (geometry, feature or collection, as an
    object or text) or WKT. Raises LayerError that says what is wrong."""
    if isinstance(given, str):
        text = given.strip()
        if not text.startswith("{"):
            return [_from_wkt(text)]
        try:
            given = json.loads(text)
        except ValueError as exc:
            raise _not_a_site(f"不是 JSON：{exc}", f"it is not JSON: {exc}") from exc
    if not isinstance(given, Mapping):
        raise _not_a_site("应为 GeoJSON 或 WKT", "it is GeoJSON or WKT")
    kind = given.get("type")
    if depth > MOST_DEPTH:
        raise _not_a_site("要素集合嵌套过深", "its collections are nested too deep")
    if kind == "FeatureCollection":
        features = given.get("features")
        if not isinstance(features, list) or not features:
            raise _not_a_site("要素集合是空的", "the collection is empty")
        return [shape for feature in features for shape in shapes_of(feature, depth + 1)]
    if kind == "Feature":
        return shapes_of(given.get("geometry"), depth + 1)
    try:
        return [shapely.from_geojson(json.dumps(given))]
    except (GEOSException, TypeError, ValueError) as exc:
        raise _not_a_site("GeoJSON 几何无法读取", "the GeoJSON geometry can't be read") from exc


def _from_wkt(text: str) -> BaseGeometry:
    shape = shape_from_wkt(text)
    if shape is None:
        raise _not_a_site("WKT 无法读取", "the WKT can't be read")
    found: BaseGeometry = shape
    return found


def _check_shapes(shapes: Any) -> None:
    if len(shapes) == 0:
        raise _not_a_site("没有面", "there is no polygon")
    if len(shapes) > MOST_PIECES:
        raise _not_a_site(f"多于 {MOST_PIECES} 个面", f"more than {MOST_PIECES} polygons")
    kinds = shapely.get_type_id(shapes)
    if not np.isin(kinds, (3, 6)).all():
        raise _not_a_site("只能是面（Polygon、MultiPolygon）", "only polygons can be a site")
    if shapely.is_empty(shapes).any():
        raise _not_a_site("面是空的", "a polygon is empty")
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise _not_a_site("坐标不是有限的数", "a coordinate is no finite number")
    if shapely.get_num_coordinates(shapes).sum() > MOST_VERTICES:
        raise _not_a_site(
            f"顶点超过 {MOST_VERTICES} 个，请简化", f"more than {MOST_VERTICES} vertices: simplify"
        )
    valid = shapely.is_valid(shapes)
    if not valid.all():
        why = shapely.is_valid_reason(shapes[~valid][0])
        raise _not_a_site(f"边界自相交（{why}）", f"the outline crosses itself ({why})")


def _check_size(area_m2: float) -> None:
    if area_m2 < LEAST_SITE_M2:
        raise _not_a_site(f"面积只有 {area_m2:g} m²", f"it has only {area_m2:g} m²")
    if area_m2 > MOST_SITE_M2:
        raise _not_a_site(
            f"面积 {area_m2 / 1e6:.1f} km² 超过上限 {MOST_SITE_M2 / 1e6:g} km²，请分块查询",
            f"its {area_m2 / 1e6:.1f} km² are more than {MOST_SITE_M2 / 1e6:g} km²: ask in parts",
        )


def _not_a_site(zh: str, en: str) -> LayerError:
    return LayerError(zh=f"地块无效：{zh}", en=f"not a site: {en}", parameter="site")
