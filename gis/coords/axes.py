"""Which of two columns is north: decided by where the numbers can lie, never assumed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gis.coords.frames import Frame, bounds_of, outside
from gis.errors import OutsideFrame

Floats = NDArray[np.float64]
Order = Literal["east_first", "north_first", "either", "neither"]

ENOUGH = 0.9  # share of rows that must be possible: a delivery may hold some broken ones


def axis_order(pairs: Floats, frame: Frame) -> Order:
    """The order in which pairs (shape (n, 2), units of `frame`) can lie in `frame`.

    "either" where both readings are possible (a local frame with a cut-off origin)."""
    if len(pairs) == 0:
        return "either"
    as_read = float(np.mean(~outside(pairs, frame))) >= ENOUGH
    swapped = float(np.mean(~outside(pairs[:, ::-1], frame))) >= ENOUGH
    if as_read and swapped:
        return "either"
    if as_read:
        return "east_first"
    return "north_first" if swapped else "neither"


def east_first(pairs: Floats, frame: Frame, what: str) -> tuple[Floats, bool]:
    """The pairs east or longitude first, and whether they had to be swapped. Where both readings
    are possible they are left as they are.

    Raises OutsideFrame naming the first row of `what` that can't be in `frame`."""
    order = axis_order(pairs, frame)
    if order == "north_first":
        return np.ascontiguousarray(pairs[:, ::-1]), True
    if order == "neither":
        row = int(np.flatnonzero(outside(pairs, frame))[0])
        raise outside_error(pairs[row], frame, f"{what} 第 {row + 1} 行", f"{what} row {row + 1}")
    return pairs, False


def outside_error(pair: Floats, frame: Frame, where_zh: str, where_en: str) -> OutsideFrame:
    """The error for one pair (east first) that can't be in `frame`, with what it looks like."""
    zh, en = _looks_like(float(pair[0]), float(pair[1]), frame)
    x0, y0, x1, y1 = bounds_of(frame)
    text = f"({pair[0]:.10g}, {pair[1]:.10g})"
    return OutsideFrame(
        zh=f"{where_zh} {text} 不可能在 {frame} 中"
        f"（东 {x0:.6g}–{x1:.6g}，北 {y0:.6g}–{y1:.6g}）。{zh}",
        en=f"{where_en} {text} can't be in {frame} (east {x0:.6g} to {x1:.6g}, north {y0:.6g} to "
        f"{y1:.6g}). {en}",
        frame=frame.name,
        x=float(pair[0]),
        y=float(pair[1]),
    )


def _looks_like(x: float, y: float, frame: Frame) -> tuple[str, str]:
    pair = np.array([[x, y]])
    if not outside(pair[:, ::-1], frame)[0]:
        return "看来北坐标在前，请对调", "North seems to come first: swap the two"
    if frame.kind == "projected" and abs(x) <= 180 and abs(y) <= 180:
        return "看来是经纬度而不是米", "These look like degrees, not metres"
    if frame.kind == "geographic" and abs(x) > 1000:
        return "看来是平面坐标（米）而不是度", "These look like metres in a plane, not degrees"
    prefix = int(x // 1e6)
    if frame.kind == "projected" and frame.zone_prefix is None and 13 <= prefix <= 45:
        return (
            f"东坐标带有带号 {prefix}，请用带号坐标系",
            f"The easting carries zone prefix {prefix}: use the frame with the prefix",
        )
    if frame.kind == "projected" and frame.zone_prefix is not None and 0 < x < 1e6:
        return (
            "东坐标没有带号，请用不带带号的坐标系",
            "The easting has no zone prefix: use the frame without",
        )
    return "请核对坐标或坐标系", "Check the numbers or the frame"
