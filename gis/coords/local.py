"""Local city frames: a plane tied to an EPSG plane by control points.

The tie is a similarity (4 parameters: two shifts, a scale, a rotation), which over one city
leaves less than a centimetre of model error between an old datum's plane and CGCS2000's; the
rest is noise of the control points. Its stated accuracy is the leave-one-out error: each point
predicted by a fit that has not seen it. Pairs are (x, y) = east first after `first_is_north`
has been resolved; which of a file's two columns is north is found, not assumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import CoordError

Floats = NDArray[np.float64]

SIGMA_FLOOR_M = 0.01  # below a centimetre every control point is as good as another
REJECT_SIGMAS = 5.0
LIMIT_M = 0.05  # sigma per axis above which a fit is refused
SCALE_PPM = 100.0  # a plane's scale differs from another's by less; more is a wrong unit or file
ROTATION_DEG = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPoint:
    """A point known in both planes, metres. `x`, `y` as its file gives the local pair (order not
    yet known); `east`, `north` in the known plane; `error_m` its leave-one-out error, if fitted."""

    name: str
    x: float
    y: float
    east: float
    north: float
    error_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFrame:
    """A fitted frame: everything needed to use it, and to judge it years later.

    target:          EPSG code of the known plane
    first_is_north:  the control file's first local column is north (as survey sheets write X)
    origin, target_origin: centre of the points in both planes, (east, north), metres
    a, b:            scale*cos and scale*sin of the rotation (counter-clockwise, east to north)
    accuracy_m:      leave-one-out error, RMS of the horizontal distances, metres
    sigma_m:         residual per axis of the fit, metres
    points, dropped: control points used, and those refused with their errors
    made:            date of the fit as the caller states it
    """

    name: str
    target: int
    first_is_north: bool
    origin: tuple[float, float]
    target_origin: tuple[float, float]
    a: float
    b: float
    accuracy_m: float
    sigma_m: float
    points: tuple[ControlPoint, ...]
    dropped: tuple[ControlPoint, ...] = ()
    warnings: tuple[str, ...] = ()
    made: str | None = None

    @property
    def scale(self) -> float:
        """Metres of the known plane per metre of the local one."""
        return math.hypot(self.a, self.b)

    @property
    def rotation_deg(self) -> float:
        """Turn from local to known, degrees counter-clockwise."""
        return math.degrees(math.atan2(self.b, self.a))

    def to_target(self, xy: Floats) -> Floats:
        """Known plane from local, both shape (n, 2), metres, east first."""
        dx, dy = xy[:, 0] - self.origin[0], xy[:, 1] - self.origin[1]
        east = self.target_origin[0] + self.a * dx - self.b * dy
        return np.column_stack([east, self.target_origin[1] + self.b * dx + self.a * dy])

    def from_target(self, xy: Floats) -> Floats:
        """Local plane from known, both shape (n, 2), metres, east first."""
        size = self.a * self.a + self.b * self.b
        de, dn = xy[:, 0] - self.target_origin[0], xy[:, 1] - self.target_origin[1]
        x = self.origin[0] + (self.a * de + self.b * dn) / size
        return np.column_stack([x, self.origin[1] + (self.a * dn - self.b * de) / size])

    def bounds(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 within which the frame may be used: the control points' box and its
        diagonal (at least 20 km) on each side. Beyond, a similarity is a guess."""
        local = _local_pairs(self.points, self.first_is_north)
        low, high = local.min(axis=0), local.max(axis=0)
        margin = max(float(np.hypot(*(high - low))), 20_000.0)
        return (
            float(low[0] - margin),
            float(low[1] - margin),
            float(high[0] + margin),
            float(high[1] + margin),
        )

    def beyond_control(self, xy: Floats) -> NDArray[np.bool_]:
        """Which local pairs (shape (n, 2), east first) lie outside the hull of the control points,
        where no point vouches for the stated accuracy."""
        local = _local_pairs(self.points, self.first_is_north)
        hull = shapely.convex_hull(shapely.multipoints(local))
        return np.asarray(~shapely.intersects_xy(hull, xy[:, 0], xy[:, 1]))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for `frames/NAME.yml`."""
        record = asdict(self)
        for key in ("origin", "target_origin", "warnings", "points", "dropped"):
            record[key] = list(record[key])
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> LocalFrame:
        """The frame that `to_json` wrote. Raises CoordError naming the entry that is wrong."""
        values = dict(record)
        try:
            for key in ("points", "dropped"):
                values[key] = tuple(ControlPoint(**point) for point in values.get(key) or ())
            for key in ("origin", "target_origin"):
                east, north = values[key]
                values[key] = (float(east), float(north))
            values["warnings"] = tuple(values.get("warnings") or ())
            for key in ("a", "b", "accuracy_m", "sigma_m"):
                values[key] = float(values[key])
            if not values["points"] or values["a"] == values["b"] == 0.0:
                raise ValueError("points, a, b")
            if values.get("made") is not None:
                values["made"] = str(values["made"])
            return cls(**values)
        except (TypeError, ValueError, KeyError) as exc:
            raise CoordError(
                zh=f"地方坐标系记录不完整或有误：{exc}。请用 gis coords fit 重新生成",
                en=f"the record of a local frame is incomplete or wrong: {exc}. "
                "Make it again with gis coords fit",
                frame=str(values.get("name")),
            ) from exc


def fit_local(
    points: Sequence[ControlPoint],
    name: str,
    *,
    target: int,
    limit_m: float = LIMIT_M,
    unusual: bool = False,
    made: str | None = None,
) -> LocalFrame:
    """The frame `name` fitted to control points, whose known pair lies in EPSG:`target`.

    Gross errors are dropped one at a time: the worst leave-one-out error, while it exceeds five
    sigma of the rest and more than six points stay (with fewer, a good point may look bad: it is
    reported and a person decides). The file's axis order is the one that fits.
    Raises CoordError: fewer than three points, an order nobody can tell, a fit that is too bad
    or a scale or rotation survey planes do not have, unless `unusual` says that a person knows."""
    points = _distinct(points, name)
    if len(points) < 3:
        raise _refused(
            name,
            f"只有 {len(points)} 个控制点：残差恒为零，轴序和精度都无从判断。请至少提供 4 个",
            f"{len(points)} control points: residuals are zero by construction, so neither the "
            "axis order nor an accuracy can be told. Give at least 4",
            points=len(points),
        )
    fits = [_drop_gross(points, north) for north in (False, True)]
    fits.sort(key=lambda fit: fit.loo_m)
    best, other = fits
    if not other.loo_m > max(3.0 * best.loo_m, 10.0 * SIGMA_FLOOR_M):
        raise _refused(
            name,
            "两种轴序拟合得一样好，无法判断哪一列是北。请补充分布在两个方向上的控制点",
            "both axis orders fit equally well; which column is north can't be told. "
            "Add control points spread in both directions",
            points=len(points),
        )
    frame = _as_frame(best, name, target, made)
    _refuse_bad(frame, best, limit_m)
    if not unusual:
        _refuse_unusual(frame)
    return frame


def similarity_frame(
    local: Floats,
    known: Floats,
    name: str,
    *,
    target: int,
    points: tuple[ControlPoint, ...],
    made: str | None = None,
) -> tuple[LocalFrame, float]:
    """The similarity that follows a mesh of computed places best (both shape (n, 2), metres, east
    first), and its largest residual in metres. `points` vouch for it; accuracy is the caller's."""
    fit = _similarity(local, known)
    residuals = _residuals(fit, local, known)
    frame = LocalFrame(
        name=name,
        target=target,
        first_is_north=False,
        origin=(float(fit[0][0]), float(fit[0][1])),
        target_origin=(float(fit[1][0]), float(fit[1][1])),
        a=fit[2],
        b=fit[3],
        accuracy_m=SIGMA_FLOOR_M,
        sigma_m=_sigma(residuals),
        points=points,
        made=made,
    )
    return frame, float(np.hypot(*residuals.T).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    first_is_north: bool
    points: tuple[ControlPoint, ...]  # with their leave-one-out errors
    dropped: tuple[ControlPoint, ...]
    suspects: tuple[ControlPoint, ...]
    origin: Floats
    target_origin: Floats
    a: float
    b: float
    sigma_m: float
    loo_m: float


def _distinct(points: Sequence[ControlPoint], name: str) -> tuple[ControlPoint, ...]:
    """Each place once: the same point written twice would vouch for itself."""
    seen: dict[tuple[float, ...], ControlPoint] = {}
    for point in points:
        numbers = (point.x, point.y, point.east, point.north)
        if not all(math.isfinite(v) for v in numbers):
            raise _refused(
                name,
                f"控制点 {point.name} 的坐标不是有限数值。请改正后重试",
                f"control point {point.name} has a coordinate that is not finite. Correct it",
                point=point.name,
            )
        x, y, east, north = (float(v) for v in numbers)
        seen.setdefault(
            numbers, ControlPoint(name=str(point.name), x=x, y=y, east=east, north=north)
        )
    return tuple(seen.values())


def _local_pairs(points: Sequence[ControlPoint], first_is_north: bool) -> Floats:
    pairs = np.array([(p.x, p.y) for p in points], dtype=np.float64).reshape(-1, 2)
    return np.asarray(pairs[:, ::-1] if first_is_north else pairs)


def _similarity(local: Floats, known: Floats) -> tuple[Floats, Floats, float, float]:
    """Least squares of the 4 parameters, about the centres (both shape (n, 2), east first)."""
    origin, target_origin = local.mean(axis=0), known.mean(axis=0)
    dx, dy = (local - origin).T
    de, dn = (known - target_origin).T
    size = float(np.sum(dx * dx + dy * dy))
    if size == 0.0:
        return origin, target_origin, 1.0, 0.0
    a = float(np.sum(dx * de + dy * dn)) / size
    b = float(np.sum(dx * dn - dy * de)) / size
    return origin, target_origin, a, b


def _residuals(fit: tuple[Floats, Floats, float, float], local: Floats, known: Floats) -> Floats:
    origin, target_origin, a, b = fit
    dx, dy = (local - origin).T
    east = target_origin[0] + a * dx - b * dy
    north = target_origin[1] + b * dx + a * dy
    return np.asarray(known - np.column_stack([east, north]))


def _leave_one_out(local: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Per point: its distance from what the others predict, and the others' sigma per axis."""
    n = len(local)
    errors, sigmas = np.empty(n), np.empty(n)
    for i in range(n):
        rest = np.arange(n) != i
        fit = _similarity(local[rest], known[rest])
        errors[i] = float(np.hypot(*_residuals(fit, local[i : i + 1], known[i : i + 1])[0]))
        sigmas[i] = _sigma(_residuals(fit, local[rest], known[rest]))
    return errors, np.maximum(sigmas, SIGMA_FLOOR_M)


def _sigma(residuals: Floats) -> float:
    freedom = 2 * len(residuals) - 4
    return math.sqrt(float(np.sum(residuals**2)) / freedom) if freedom > 0 else 0.0


def _drop_gross(points: tuple[ControlPoint, ...], first_is_north: bool) -> _Fit:
    kept, dropped = list(points), list[ControlPoint]()
    while True:
        local = _local_pairs(kept, first_is_north)
        known = np.array([(p.east, p.north) for p in kept])
        errors, sigmas = _leave_one_out(local, known)
        worst = int(np.argmax(errors / sigmas))
        gross = len(kept) > 4 and errors[worst] > REJECT_SIGMAS * sigmas[worst]
        if not gross or len(kept) <= 6:
            break
        dropped.append(replace(kept.pop(worst), error_m=float(errors[worst])))
    measured = tuple(replace(p, error_m=float(e)) for p, e in zip(kept, errors, strict=True))
    fit = _similarity(local, known)
    return _Fit(
        first_is_north=first_is_north,
        points=measured,
        dropped=tuple(dropped),
        suspects=(measured[worst],) if gross else (),
        origin=fit[0],
        target_origin=fit[1],
        a=fit[2],
        b=fit[3],
        sigma_m=_sigma(_residuals(fit, local, known)),
        loo_m=math.sqrt(float(np.mean(errors**2))),
    )


def _as_frame(fit: _Fit, name: str, target: int, made: str | None) -> LocalFrame:
    return LocalFrame(
        name=name,
        target=target,
        first_is_north=fit.first_is_north,
        origin=(float(fit.origin[0]), float(fit.origin[1])),
        target_origin=(float(fit.target_origin[0]), float(fit.target_origin[1])),
        a=fit.a,
        b=fit.b,
        accuracy_m=max(fit.loo_m, SIGMA_FLOOR_M),
        sigma_m=fit.sigma_m,
        points=fit.points,
        dropped=fit.dropped,
        warnings=_warnings(fit),
        made=made,
    )


def _warnings(fit: _Fit) -> tuple[str, ...]:
    found = []
    if len(fit.points) < 4:
        found.append("仅 3 个控制点，检核很弱 / weak: 3 control points hardly check each other")
    local = _local_pairs(fit.points, fit.first_is_north)
    spread = np.linalg.svd(local - local.mean(axis=0), compute_uv=False)
    if spread[1] < 0.1 * spread[0]:
        found.append(
            "控制点近于一条直线，线外误差会放大 / points nearly in a line: errors grow off it"
        )
    found += [
        f"{p.name} 与其余点相差 {p.error_m:.3f} m，点数太少不自动剔除，请人工核对"
        f" / {p.name} is off by {p.error_m:.3f} m; too few points to drop it unasked, check it"
        for p in fit.suspects
    ]
    found += [
        f"已剔除 {p.name}，误差 {p.error_m:.3f} m / dropped {p.name}, off by {p.error_m:.3f} m"
        for p in fit.dropped
    ]
    return tuple(found)


def _refuse_bad(frame: LocalFrame, fit: _Fit, limit_m: float) -> None:
    """Raise where the numbers fit no survey plane, or too badly for one."""
    table = "; ".join(f"{p.name} {p.error_m:.3f} m" for p in frame.points)
    # the fit's sigma, or with too few points to have one, what they say of each other
    sigma = frame.sigma_m if len(frame.points) > 3 else fit.loo_m
    if sigma > limit_m:
        raise _refused(
            frame.name,
            f"控制点互不相符：单轴中误差 {sigma:.3f} m，超过 {limit_m:g} m（{table}）。"
            "请核对误差最大的点",
            f"the control points disagree: sigma {sigma:.3f} m per axis, the limit is "
            f"{limit_m:g} m ({table}). Check the worst",
            sigma_m=sigma,
            worst=max(frame.points, key=lambda p: p.error_m or 0.0).name,
        )


def _refuse_unusual(frame: LocalFrame) -> None:
    ppm = (frame.scale - 1.0) * 1e6
    if abs(ppm) > SCALE_PPM or abs(frame.rotation_deg) > ROTATION_DEG:
        raise _refused(
            frame.name,
            f"尺度 {ppm:+.0f} ppm、旋转 {frame.rotation_deg:+.3f}° 不同于一般测量平面。"
            "请核对单位与带号；确属如此则加 --unusual",
            f"scale {ppm:+.0f} ppm and rotation {frame.rotation_deg:+.3f} deg are unusual for "
            "a survey plane. Check units and zone; if it is so, add --unusual",
            scale_ppm=ppm,
            rotation_deg=frame.rotation_deg,
        )


def _refused(name: str, zh: str, en: str, **facts: object) -> CoordError:
    return CoordError(
        zh=f"地方坐标系 {name} 未建立：{zh}",
        en=f"local frame {name} not made: {en}",
        frame=name,
        **facts,
    )
