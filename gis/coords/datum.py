"""Seven parameters between two datums: what a surveying office hands out for an old frame.

The sign of the rotations depends on a convention that is seldom written beside them, and a wrong
one puts everything 58 m off for an arcsecond. So they are never taken on faith: check points known
in both frames decide the convention and give the accuracy. What comes out is a `LocalFrame` like
any other: over one city a similarity of the two planes follows the seven parameters to millimetres.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.enums import TransformDirection

from gis.coords.axes import axis_order
from gis.coords.frames import Frame, crs_of, datum_code, from_epsg
from gis.coords.local import LIMIT_M, SIGMA_FLOOR_M, ControlPoint, LocalFrame, similarity_frame
from gis.coords.transform import find_transformation
from gis.errors import CoordError

Floats = NDArray[np.float64]
Convention = Literal["position_vector", "coordinate_frame"]

PAD_M = 20_000.0  # around the check points, where the similarity must follow the parameters
CLEARLY = 3.0  # how many times worse the other convention must be


@dataclass(frozen=True, slots=True, kw_only=True)
class SevenParameters:
    """Shifts in metres, rotations in arcseconds, scale in ppm, between earth-centred frames.

    convention: of the rotations' sign (EPSG methods 1033 and 1032).
    pivot: about which it turns, earth-centred metres (0, 0, 0 = Helmert; the centre of the points
    = Molodensky-Badekas, EPSG 1061 and 1034)."""

    shift: tuple[float, float, float]
    rotation: tuple[float, float, float]
    scale_ppm: float
    convention: Convention
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = (*self.shift, *self.rotation, self.scale_ppm, *self.pivot)
        if not np.isfinite(numbers).all() or np.abs(self.shift).max() > 5000.0:
            raise _wrong(self.shift, "平移应在 5 km 之内", "shifts are within 5 km")
        if np.abs(self.rotation).max() > 60.0 or abs(self.scale_ppm) > 100.0:
            raise _wrong(
                (*self.rotation, self.scale_ppm),
                "旋转以角秒计，在 60″ 之内；尺度以 ppm 计，在 100 之内",
                "rotations are in arcseconds, within 60; the scale in ppm, within 100",
            )

    def matrix(self) -> Floats:
        """What turns and scales, (3, 3); rotations as small angles, as the methods define them."""
        sign = 1.0 if self.convention == "position_vector" else -1.0
        x, y, z = sign * np.radians(np.array(self.rotation) / 3600.0)
        turn = np.array([[1.0, -z, y], [z, 1.0, -x], [-y, x, 1.0]])
        return np.asarray((1.0 + self.scale_ppm * 1e-6) * turn)

    def apply(self, xyz: Floats) -> Floats:
        """Earth-centred metres, shape (n, 3), in the other frame."""
        pivot = np.array(self.pivot)
        return np.asarray((xyz - pivot) @ self.matrix().T + pivot + np.array(self.shift))

    def invert(self, xyz: Floats) -> Floats:
        """The way back, exactly."""
        pivot = np.array(self.pivot)
        back = np.linalg.inv(self.matrix())
        return np.asarray((xyz - pivot - np.array(self.shift)) @ back.T + pivot)


def fit_seven(old: Floats, new: Floats) -> tuple[SevenParameters, float]:
    """The parameters from points known in both frames (earth-centred metres, shape (n, 3)), about
    their centre, and their leave-one-out error (RMS, metres).

    About the earth's centre shifts and rotations of one city can hardly be told apart.
    Raises CoordError with fewer than four points."""
    if len(old) < 4 or old.shape != new.shape or not np.isfinite([old, new]).all():
        raise CoordError(
            zh=f"七参数拟合至少需要 4 个两套三维坐标的点，只有 {len(old)} 个",
            en=f"fitting seven parameters takes 4 points with height in both frames or more, "
            f"there are {len(old)}",
            points=len(old),
        )
    errors = []
    for i in range(len(old)):
        rest = np.arange(len(old)) != i
        without = _least_squares(old[rest], new[rest])
        errors.append(float(np.linalg.norm(without.apply(old[i : i + 1]) - new[i])))
    return _least_squares(old, new), math.sqrt(float(np.mean(np.square(errors))))


def _least_squares(old: Floats, new: Floats) -> SevenParameters:
    pivot = old.mean(axis=0)
    x, y, z = (old - pivot).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = [
        np.stack([one, zero, zero, zero, z, -y, x], axis=1),
        np.stack([zero, one, zero, -z, zero, x, y], axis=1),
        np.stack([zero, zero, one, y, -x, zero, z], axis=1),
    ]
    design = np.concatenate(rows)
    reach = max(float(np.abs(old - pivot).max()), 1.0)
    weights = np.array([1.0, 1.0, 1.0, reach, reach, reach, reach])  # one unit for all seven
    found = np.linalg.lstsq(design / weights, (new - old).T.ravel(), rcond=None)[0] / weights
    scale = float(found[6])
    angles = np.degrees(found[3:6] / (1.0 + scale)) * 3600.0
    return SevenParameters(
        shift=(float(found[0]), float(found[1]), float(found[2])),
        rotation=(float(angles[0]), float(angles[1]), float(angles[2])),
        scale_ppm=scale * 1e6,
        convention="position_vector",
        pivot=(float(pivot[0]), float(pivot[1]), float(pivot[2])),
    )


def through_seven(lonlat: Floats, parameters: SevenParameters, old: Frame, new: Frame) -> Floats:
    """Longitude and latitude on `new`'s ellipsoid from those on `old`'s (geographic frames,
    degrees, shape (n, 2)), by way of earth-centred coordinates. Heights are taken as 0: 200 m of
    height change a place by a millimetre or two."""
    x, y, z = _cart(old).transform(lonlat[:, 0], lonlat[:, 1], np.zeros(len(lonlat)))
    moved = parameters.apply(np.column_stack([x, y, z]))
    x, y, z = moved.T
    lon, lat, _ = _cart(new).transform(x, y, z, direction=TransformDirection.INVERSE)
    return np.column_stack([lon, lat])


@functools.lru_cache(maxsize=64)
def _cart(frame: Frame) -> Transformer:
    shape = crs_of(frame).ellipsoid
    assert shape is not None  # geographic frames stand on one
    return Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart "
        f"+a={shape.semi_major_metre!r} +rf={shape.inverse_flattening!r}"
    )


def frame_from_seven(
    parameters: SevenParameters,
    name: str,
    *,
    source: Frame,
    points: Sequence[ControlPoint],
    target: int,
    limit_m: float = LIMIT_M,
    made: str | None = None,
) -> LocalFrame:
    """The frame `name` whose numbers are those of the old plane `source` (such as EPSG:2362),
    tied to the plane EPSG:`target` by seven parameters that the check points confirm.

    The convention in `parameters` is only tried first: the points decide. Raises CoordError where
    neither convention brings the points together, or both do although they differ."""
    plane = from_epsg(target)
    if source.kind != "projected" or len(points) < 2:
        raise CoordError(
            zh="七参数要用旧坐标系的平面（如 EPSG:2362）和至少 2 个检核点",
            en="seven parameters take a plane of the old frame (such as EPSG:2362) and 2 check "
            "points or more",
            frame=source.name,
            points=len(points),
        )
    pairs = np.array([(p.x, p.y) for p in points])
    north_first = axis_order(pairs, source) == "north_first"
    local = pairs[:, ::-1] if north_first else pairs
    known = np.array([(p.east, p.north) for p in points])
    tried = []
    for convention in _both(parameters.convention):
        seven = replace(parameters, convention=convention)
        there = _planes(local, seven, source, plane)
        errors = np.hypot(*(there - known).T)
        tried.append((math.sqrt(float(np.mean(errors**2))), seven, errors, there))
    tried.sort(key=lambda one: one[0])
    (rms, seven, errors, there), (other_rms, _, _, other) = tried
    differ = float(np.hypot(*(there - other).T).max())
    if not rms / math.sqrt(2.0) <= limit_m or (
        differ > SIGMA_FLOOR_M and other_rms < CLEARLY * max(rms, SIGMA_FLOOR_M)
    ):
        raise _unconfirmed(name, tried[0][0], other_rms, limit_m)
    low, high = local.min(axis=0) - PAD_M, local.max(axis=0) + PAD_M
    mesh = np.stack(np.meshgrid(*np.linspace(low, high, 6).T), axis=-1).reshape(-1, 2)
    checked = tuple(
        replace(p, error_m=float(e)) for p, e in zip(points, errors.tolist(), strict=True)
    )
    frame, model_m = similarity_frame(
        mesh, _planes(mesh, seven, source, plane), name, target=target, points=checked, made=made
    )
    return replace(
        frame,
        first_is_north=north_first,
        accuracy_m=math.hypot(max(rms, SIGMA_FLOOR_M), model_m),
        sigma_m=rms / math.sqrt(2.0),
        warnings=(
            f"由七参数而来，旋转约定 {seven.convention}，检核点中误差 {rms:.3f} m，另一约定 "
            f"{other_rms:.3f} m / from seven parameters, rotations as {seven.convention}: the "
            f"check points are off by {rms:.3f} m, with the other sign by {other_rms:.3f} m",
        ),
    )


def _both(first: Convention) -> tuple[Convention, Convention]:
    return (
        ("position_vector", "coordinate_frame")
        if first == "position_vector"
        else ("coordinate_frame", "position_vector")
    )


def _planes(xy: Floats, seven: SevenParameters, source: Frame, plane: Frame) -> Floats:
    old, new = (from_epsg(datum_code(frame) or 0) for frame in (source, plane))
    lonlat = find_transformation(source, old).apply(xy)
    return find_transformation(new, plane).apply(through_seven(lonlat, seven, old, new))


def _unconfirmed(name: str, rms: float, other_rms: float, limit_m: float) -> CoordError:
    return CoordError(
        zh=f"地方坐标系 {name} 未建立：七参数与检核点不符或无法判断旋转约定（两种约定的误差 "
        f"{rms:.3f} m 和 {other_rms:.3f} m，限差 {limit_m:g} m）。请核对参数、单位和点，"
        "或增加检核点",
        en=f"local frame {name} not made: the check points do not confirm the seven parameters, or "
        f"can't tell the sign of the rotations (off by {rms:.3f} m and {other_rms:.3f} m under the "
        f"two conventions, the limit is {limit_m:g} m). Check parameters, units and points, or add "
        "points",
        frame=name,
        error_m=rms,
        other_m=other_rms,
    )


def _wrong(values: Sequence[float], zh: str, en: str) -> CoordError:
    return CoordError(
        zh=f"七参数 {', '.join(f'{v:g}' for v in values)} 不合理：{zh}",
        en=f"seven parameters {', '.join(f'{v:g}' for v in values)} are wrong: {en}",
        values=str(tuple(values)),
    )
