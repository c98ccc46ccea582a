"""Geometries from any frame into the storage frame, whole arrays at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords.frames import STORAGE, Area, Frame, datum_code, from_epsg, outside
from gis.coords.local import LocalFrame
from gis.coords.readings import Reading
from gis.coords.spelling import norm_frame
from gis.coords.transform import (
    CGCS2000_CODE,
    NO_LOCAL,
    WGS84_CODE,
    Transformation,
    find_transformation,
)

Floats = NDArray[np.float64]
CGCS2000_FLATTENING = 1.0 / 298.257222101
PAD_DEG = 0.05  # around the data, when they choose among published operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """Geometries in the target frame, x = east or longitude; z as it came.

    failed: rows with a coordinate that is not finite or can't be in the source frame; their
            geometry is None. Rows that came without a geometry are None and not failed."""

    geometry: NDArray[np.object_]
    accuracy_m: float
    steps: tuple[str, ...]
    failed: NDArray[np.bool_]


def normalise(
    geometry: NDArray[np.object_],
    source: Frame | int | str,
    *,
    target: Frame | int | str = STORAGE,
    area: Area | None = None,
    local: Mapping[str, LocalFrame] = NO_LOCAL,
    reading: Reading | None = None,
) -> Normalised:
    """`geometry` (shapely, None allowed; east or longitude first) from `source` into `target`.

    `area` (degrees) defaults to where the data lie. Heights keep their datum: z is untouched.
    `reading`: how the numbers are to be read (order, unit, cut origin), where a diagnosis found
    that they are not the frame's own as they stand.
    Raises UnknownFrame, NoAccurateTransform."""
    source, target = norm_frame(source, local), norm_frame(target, local)
    geometry = np.asarray(geometry, dtype=object)
    xy, row = shapely.get_coordinates(geometry, return_index=True)
    if reading is not None:
        xy = reading.pairs(xy)
    bad = outside(xy, source)
    if area is None and source.has_crs:
        area = _area_of(xy[~bad], source)
    transformation = find_transformation(source, target, area=area)
    moved = _apply(transformation, xy, bad)
    bad |= ~np.isfinite(moved).all(axis=1)
    failed = np.zeros(len(geometry), dtype=bool)
    failed[row[bad]] = True
    return Normalised(
        geometry=_with_coordinates(geometry, moved[~failed[row]], failed),
        accuracy_m=transformation.accuracy_m,
        steps=transformation.steps,
        failed=failed,
    )


def to_metric(xy: Floats, epsg: int) -> Floats:
    """Metres in the plane EPSG:`epsg` (east first) from CGCS2000 longitude and latitude, degrees;
    both shape (n, 2). NaN where the plane can't hold the point."""
    return find_transformation(STORAGE, from_epsg(epsg)).apply(xy)


def from_metric(xy: Floats, epsg: int) -> Floats:
    """CGCS2000 longitude and latitude, degrees, from metres in EPSG:`epsg` (east first); both
    shape (n, 2). NaN where a point can't lie in the plane."""
    frame = from_epsg(epsg)
    xy = np.array(xy, dtype=np.float64, ndmin=2)
    return _apply(find_transformation(frame, STORAGE), xy, outside(xy, frame))


def ecef_from_lonlat(
    lon_deg: Floats, lat_deg: Floats, h_m: Floats, *, flattening: float = CGCS2000_FLATTENING
) -> Floats:
    """Earth-centred X, Y, Z in metres, shape (n, 3), from CGCS2000 longitude, latitude (degrees)
    and ELLIPSOIDAL height (metres), closed formula (EPSG method 9602) on the CGCS2000 ellipsoid
    (GB 22021) or one of the same size and another `flattening`, such as that of WGS 84."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    semi_major = 6378137.0
    e2 = flattening * (2.0 - flattening)
    sin_lat, cos_lat = np.sin(lat), np.cos(lat)
    normal = semi_major / np.sqrt(1.0 - e2 * sin_lat * sin_lat)
    out = (normal + h_m) * cos_lat
    return np.stack(
        [out * np.cos(lon), out * np.sin(lon), (normal * (1.0 - e2) + h_m) * sin_lat], axis=-1
    )


def _area_of(xy: Floats, source: Frame) -> Area | None:
    """Where the rows lie, outwards to a tenth of a degree: enough to choose a published operation,
    and coarse, so that the batches of one file share it. None where nothing is to be chosen."""
    base = datum_code(source) if source.has_crs else None
    known = base in (None, CGCS2000_CODE, WGS84_CODE) or source.epoch is not None
    if known or base is None or len(xy) == 0:
        return None
    (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
    box = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    box = find_transformation(source, from_epsg(base)).apply(box)
    low = np.floor((np.nanmin(box, axis=0) - PAD_DEG) * 10) / 10
    high = np.ceil((np.nanmax(box, axis=0) + PAD_DEG) * 10) / 10
    box_of_data = Area(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    # data at a country's border must not ask for more than the frame itself covers
    return box_of_data.intersection(source.area) or box_of_data


def _apply(transformation: Transformation, xy: Floats, bad: NDArray[np.bool_]) -> Floats:
    """Transform the good rows; the bad ones become NaN."""
    if not bad.any():
        return transformation.apply(xy)
    moved = np.full(xy.shape, np.nan)
    if not bad.all():
        moved[~bad] = transformation.apply(xy[~bad])
    return moved


def _with_coordinates(
    geometry: NDArray[np.object_], xy: Floats, failed: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Copies of the geometries with new x and y (rows of `xy` in their order); failed ones None."""
    out = np.full(geometry.shape, None, dtype=object)
    keep = np.flatnonzero(~failed)
    kept = geometry[keep]
    row = shapely.get_coordinates(kept, return_index=True)[1]
    has_z = np.asarray(shapely.has_z(kept))
    for solid in (False, True):
        chosen = has_z == solid
        if not chosen.any():
            continue
        part, numbers = kept[chosen], xy[chosen[row]]
        if solid:
            z = shapely.get_coordinates(part, include_z=True)[:, 2]
            numbers = np.column_stack([numbers, z])
        out[keep[chosen]] = shapely.set_coordinates(part.copy(), numbers)
    return out
