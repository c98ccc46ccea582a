"""Transformations between frames, each with its accuracy in metres and its steps as text.

The one place that calls PROJ. Rules PROJ does not have by itself:

- no ballpark operation (PROJ's name for "I don't know, take it as equal"), ever;
- an operation must cover the data's own area;
- WGS 84 and CGCS2000 are the same to 1 m (plate motion since epoch 2000.0 included): identity;
- between old Chinese datums and CGCS2000 nothing is published: refused, with the way forward;
- other countries' frames go through WGS 84, accuracies added up;
- heights never take part: z stays as it is, in its own height datum.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from gis.coords import china
from gis.coords.epochs import tie
from gis.coords.frames import (
    SHIFTED_ACCURACY_M,
    STORAGE,
    WGS84,
    Area,
    Frame,
    crs_of,
    datum_code,
    false_easting,
    from_epsg,
)
from gis.coords.local import LocalFrame
from gis.coords.spelling import norm_frame
from gis.errors import NoAccurateTransform

Floats = NDArray[np.float64]
NO_LOCAL: Mapping[str, LocalFrame] = MappingProxyType({})

CGCS2000_CODE, WGS84_CODE = 4490, 4326
WGS84_CGCS2000_M = 1.0
# Old national datums without published parameters, by the EPSG code of their geographic frame.
OLD_CHINESE = {
    4610: "西安80 / Xian 1980",
    4214: "北京54 / Beijing 1954",
    4555: "新北京54 / New Beijing",
}


@dataclass(frozen=True, slots=True)
class _Step:
    text: str
    accuracy_m: float
    run: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """From one frame to another. `accuracy_m`: horizontal, metres, all steps added up."""

    source: Frame
    target: Frame
    accuracy_m: float
    steps: tuple[str, ...]
    chain: tuple[Callable[[Floats], Floats], ...]

    def apply(self, xy: Floats) -> Floats:
        """`xy` in the target frame, shape (n, 2), east or longitude first on both sides, in the
        frames' own units. A row that can't be transformed is NaN in both columns."""
        out = np.array(xy, dtype=np.float64, ndmin=2)
        for run in self.chain:
            out = run(out)
        bad = ~np.isfinite(out).all(axis=1)
        if bad.any():
            out[bad] = np.nan
        return out


def find_transformation(
    source: Frame | int | str,
    target: Frame | int | str,
    *,
    area: Area | None = None,
    local: Mapping[str, LocalFrame] = NO_LOCAL,
) -> Transformation:
    """The transformation from `source` to `target`; cached for the process.

    `area` is where the data lie (degrees); by default all of the frames' common area. It decides
    which published operation may be used, and so the accuracy.
    Raises UnknownFrame, and NoAccurateTransform that says what is missing."""
    return _find(norm_frame(source, local), norm_frame(target, local), area)


@functools.lru_cache(maxsize=512)
def _find(source: Frame, target: Frame, area: Area | None) -> Transformation:
    if source == target:
        steps: tuple[_Step, ...] = ()
    else:
        into, plain_source = _to_crs(source, target)
        out_of, plain_target = _from_crs(target, source)
        if plain_source is None or plain_target is None:  # GCJ-02 and its kin among themselves
            steps = _among_shifted(source, target)
        else:
            steps = (*into, *_between(plain_source, plain_target, area), *out_of)
    return Transformation(
        source=source,
        target=target,
        accuracy_m=float(sum(step.accuracy_m for step in steps)),
        steps=tuple(step.text for step in steps),
        chain=tuple(step.run for step in steps),
    )


def _to_crs(frame: Frame, other: Frame) -> tuple[tuple[_Step, ...], Frame | None]:
    """Steps from `frame` to a frame that PROJ knows, and that frame."""
    if frame.has_crs:
        return (), frame
    if frame.local is not None:
        tie = frame.local
        text = f"{tie.name} → EPSG:{tie.target}: 四参数相似变换 / 4-parameter similarity"
        return (_Step(_stated(text, tie), tie.accuracy_m, tie.to_target),), from_epsg(tie.target)
    if not other.has_crs and other.local is None:
        return (), None
    hub = _hub(other)
    run = _pairwise(*_SHIFTED_TO_WGS84[frame.kind])
    return (_Step(_shift_text(frame, hub), SHIFTED_ACCURACY_M, run),), hub


def _from_crs(frame: Frame, other: Frame) -> tuple[tuple[_Step, ...], Frame | None]:
    """Steps from a frame that PROJ knows to `frame`, and the frame they start from."""
    if frame.has_crs:
        return (), frame
    if frame.local is not None:
        tie = frame.local
        text = f"EPSG:{tie.target} → {tie.name}: 四参数相似反变换 / 4-parameter similarity, inverse"
        return (_Step(_stated(text, tie), tie.accuracy_m, tie.from_target),), from_epsg(tie.target)
    if not other.has_crs and other.local is None:
        return (), None
    hub = _hub(other)
    run = _pairwise(*_WGS84_TO_SHIFTED[frame.kind])
    return (_Step(_shift_text(hub, frame), SHIFTED_ACCURACY_M, run),), hub


def _hub(other: Frame) -> Frame:
    """WGS 84 or CGCS2000, whichever the other end stands on. Nobody has said from which of the
    two the services shift, and their stated 5 m covers the 1 m between them."""
    anchor = from_epsg(other.local.target) if other.local is not None else other
    return STORAGE if datum_code(anchor) == CGCS2000_CODE else WGS84


def _shift_text(source: Frame, target: Frame) -> str:
    return (
        f"{source.name} → {target.name}: 公开加密公式，精确求逆；地图服务实际偏移与公式差数米"
        f" / public formula, inverted exactly; services differ from it by metres"
        f" ({SHIFTED_ACCURACY_M:g} m)"
    )


def _stated(text: str, tie: LocalFrame) -> str:
    made = f", {tie.made}" if tie.made else ""
    return f"{text}, {len(tie.points)} 点 / points{made} ({tie.accuracy_m:.3f} m)"


def _pairwise(
    *functions: Callable[[Floats, Floats], tuple[Floats, Floats]],
) -> Callable[[Floats], Floats]:
    def run(xy: Floats) -> Floats:
        x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
        for function in functions:
            x, y = function(x, y)
        return np.column_stack([x, y])

    return run


_SHIFTED_TO_WGS84 = {
    "gcj02": (china.wgs84_from_gcj02,),
    "bd09": (china.wgs84_from_bd09,),
    "bd09mc": (china.bd09_from_bd09mc, china.wgs84_from_bd09),
}
_WGS84_TO_SHIFTED = {
    "gcj02": (china.gcj02_from_wgs84,),
    "bd09": (china.bd09_from_wgs84,),
    "bd09mc": (china.bd09_from_wgs84, china.bd09mc_from_bd09),
}
_SHIFTED = {
    ("gcj02", "bd09"): (china.bd09_from_gcj02,),
    ("bd09", "gcj02"): (china.gcj02_from_bd09,),
    ("bd09", "bd09mc"): (china.bd09mc_from_bd09,),
    ("bd09mc", "bd09"): (china.bd09_from_bd09mc,),
    ("gcj02", "bd09mc"): (china.bd09_from_gcj02, china.bd09mc_from_bd09),
    ("bd09mc", "gcj02"): (china.bd09_from_bd09mc, china.gcj02_from_bd09),
}


def _among_shifted(source: Frame, target: Frame) -> tuple[_Step, ...]:
    run = _pairwise(*_SHIFTED[source.kind, target.kind])
    return (_Step(_shift_text(source, target), SHIFTED_ACCURACY_M, run),)


def _between(source: Frame, target: Frame, area: Area | None) -> tuple[_Step, ...]:
    """Steps between two frames that PROJ knows."""
    if source == target:
        return ()
    if source.epoch is not None or target.epoch is not None:
        return (*_through_time(source), *_through_time(target, back=True))
    zone = _zone_shift(source, target)
    if zone is not None:
        return (zone,)
    codes = (datum_code(source), datum_code(target))
    if codes[0] is not None and codes[0] == codes[1]:
        return (_conversion(source, target),)
    if set(codes) == {CGCS2000_CODE, WGS84_CODE}:
        return _wgs84_cgcs2000(source, target)
    if OLD_CHINESE.keys() & set(codes) and CGCS2000_CODE in codes:
        raise _no_parameters(source, target, codes)
    direct = _published(source, target, area)
    if direct is not None:
        return (direct,)
    if CGCS2000_CODE in codes:
        return (*_between(source, WGS84, area), *_between(WGS84, target, area))
    if WGS84_CODE not in codes:
        return (*_between(source, STORAGE, area), *_between(STORAGE, target, area))
    raise _no_parameters(source, target, codes)


def _through_time(frame: Frame, *, back: bool = False) -> tuple[_Step, ...]:
    """Steps from `frame`, if it has an epoch, to CGCS2000 (`back`: the other way); those of the
    end without one lead to CGCS2000 as ever."""
    if frame.epoch is None:
        return _between(STORAGE, frame, None) if back else _between(frame, STORAGE, None)
    base = from_epsg(datum_code(frame) or 0)
    way = tie(base.epsg or 0, frame.epoch)
    run = way.from_cgcs2000 if back else way.to_cgcs2000
    step = _Step(way.text, way.accuracy_m, run)
    if frame.kind == "geographic":
        return (step,)
    return (step, _conversion(base, frame)) if back else (_conversion(frame, base), step)


def _wgs84_cgcs2000(source: Frame, target: Frame) -> tuple[_Step, ...]:
    source_base = from_epsg(datum_code(source) or 0)
    target_base = from_epsg(datum_code(target) or 0)
    same = _Step(
        f"{source_base.name} → {target_base.name}: WGS 84 与 CGCS2000 视为一致，含历元与板块运动"
        f" / WGS 84 = CGCS2000, epoch and plate motion included ({WGS84_CGCS2000_M:g} m)",
        WGS84_CGCS2000_M,
        lambda xy: xy,
    )
    before = () if source == source_base else (_conversion(source, source_base),)
    after = () if target == target_base else (_conversion(target_base, target),)
    return (*before, same, *after)


def _zone_shift(source: Frame, target: Frame) -> _Step | None:
    """4526 ↔ 4547 and their like differ in the false easting only: a subtraction."""
    if source.kind != "projected" or target.kind != "projected" or source.unit != target.unit:
        return None
    if source.unit != "metre" or _plane_key(source) != _plane_key(target):
        return None
    shift = false_easting(crs_of(target)) - false_easting(crs_of(source))
    text = f"{source.name} → {target.name}: 东坐标加常数 / easting {shift:+,.0f} m (0 m)"
    return _Step(text, 0.0, lambda xy: xy + np.array([shift, 0.0]))


@functools.lru_cache(maxsize=512)
def _plane_key(frame: Frame) -> tuple[object, ...]:
    operation = crs_of(frame).coordinate_operation
    assert operation is not None  # projected frames have one
    params = sorted(
        (p.name, float(p.value) * p.unit_conversion_factor)
        for p in operation.params
        if "easting" not in p.name.lower()
    )
    # without a datum code nothing says that two frames share a datum
    datum = datum_code(frame) or frame
    return (operation.method_name, datum, *params)


def _conversion(source: Frame, target: Frame) -> _Step:
    """Between frames on one datum: projection formulas only, exact."""
    transformer = Transformer.from_crs(crs_of(source), crs_of(target), always_xy=True)
    text = (
        f"{source.name} → {target.name}: 同一基准，仅投影换算 / same datum, projection only (0 m)"
    )
    return _Step(text, 0.0, _runner(transformer))


def _runner(transformer: Transformer) -> Callable[[Floats], Floats]:
    def run(xy: Floats) -> Floats:
        x, y = transformer.transform(np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]))
        return np.column_stack([x, y])

    return run


def _published(source: Frame, target: Frame, area: Area | None) -> _Step | None:
    """The best operation EPSG publishes whose accuracy is stated and that covers `area`."""
    wanted = area or source.area.intersection(target.area) or source.area
    # a frame's own area and its operation's are drawn by different hands; a stated area is exact
    slack = 0.02 if area is not None else 0.3
    best: tuple[float, Transformer] | None = None
    for transformer in _candidates(crs_of(source), crs_of(target), wanted):
        accuracy = _accuracy_m(transformer)
        covered = transformer.area_of_use
        if accuracy is None or covered is None:
            continue
        if not Area(*covered.bounds).contains(wanted, slack_deg=slack):
            continue
        if best is None or accuracy < best[0]:
            best = (accuracy, transformer)
    if best is None:
        return None
    accuracy, transformer = best
    text = f"{source.name} → {target.name}: {_readable(transformer)} ({accuracy:g} m)"
    return _Step(text, accuracy, _runner(transformer))


def _readable(transformer: Transformer) -> str:
    noise = " (with axis order normalized for visualization)"
    return transformer.description.replace(noise, "")


def _candidates(source: CRS, target: CRS, area: Area) -> list[Transformer]:
    interest = AreaOfInterest(area.west, area.south, area.east, area.north)
    try:
        with warnings.catch_warnings():
            # "best transformation is not available": a grid is missing; what is left states
            # its own, lower accuracy, and that is what we report
            warnings.simplefilter("ignore", UserWarning)
            group = TransformerGroup(
                source, target, always_xy=True, area_of_interest=interest, allow_ballpark=False
            )
    except ProjError:
        return []
    return list(group.transformers)


def _accuracy_m(transformer: Transformer) -> float | None:
    """Metres as EPSG states them; None = PROJ does not know. PROJ's own -1 means both "exact"
    (conversions only) and "unknown"."""
    if transformer.accuracy >= 0:
        return float(transformer.accuracy)
    operations = transformer.operations or ()
    exact = bool(operations) and all(op.type_name == "Conversion" for op in operations)
    return 0.0 if exact else None


def _no_parameters(
    source: Frame, target: Frame, codes: tuple[int | None, int | None]
) -> NoAccurateTransform:
    old = next((OLD_CHINESE[code] for code in codes if code in OLD_CHINESE), None)
    what_zh = f"{old} 的转换参数国家不公开" if old else "没有已公布精度且覆盖该区域的转换"
    what_en = (
        f"the parameters of {old} are not published"
        if old
        else "no published operation with a stated accuracy covers the area"
    )
    return NoAccurateTransform(
        zh=f"{source} → {target}：{what_zh}。请用同时有两套坐标的控制点（至少 4 个）拟合："
        "gis coords fit 控制点.csv --name 名称，然后以 --crs local:名称 使用",
        en=f"{source} → {target}: {what_en}. Fit them from control points known in both frames "
        "(4 or more): gis coords fit POINTS.csv --name NAME, then use --crs local:NAME",
        source=source.name,
        target=target.name,
        missing="control points" if old else "operation",
    )
