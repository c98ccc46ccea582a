"""Do the numbers of a file contradict the frame it is said to be in? A quick look, before the
whole diagnosis.

Most files are right about themselves, and a look at some hundred coordinates shows it. Only where
another reading explains what the stated frame leaves unexplained is the diagnosis worth its time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gis.coords.frames import Area, Frame
from gis.coords.local import LocalFrame
from gis.coords.matching import NEAR_M, Reference, sampled
from gis.coords.mixture import BEYOND_LUCK, EXPLAINED, LEAST_ROWS, LEAST_SHARE, NEXT_SHARE
from gis.coords.readings import Reading, possible_readings, transformable, within

Floats = NDArray[np.float64]
Verdict = Literal["agrees", "silent", "alone", "unheard", "elsewhere", "doubted"]

LOOKED_AT = 500
_ELSEWHERE = "不在本市，无从比对 / not in the city, nothing to compare with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """agrees:    the places lie on the reference
    silent:    they do not, but under no other reading either
    alone:     by size, no other frame is possible
    unheard:   others are possible, and there is no reference to ask
    elsewhere: they do not lie in the area, so its reference says nothing
    doubted:   another reading explains what this one does not: diagnose it
    why: the same for a person (Chinese / English)."""

    verdict: Verdict
    why: str


def screen(
    columns: Floats,
    frame: Frame,
    *,
    area: Area,
    reference: Callable[[], Reference | None],
    local: Mapping[str, LocalFrame] | None = None,
) -> Screening:
    """Look at `columns` (shape (n, 2), east or longitude first, units of `frame`) whether they
    can be in `frame`. `reference` is called only where it is needed; None = there is none."""
    if frame.has_crs and not transformable(frame):  # only where the data lie, not all over
        return Screening(verdict="elsewhere", why=_ELSEWHERE)
    finite = columns[np.isfinite(columns).all(axis=1)]
    sample = sampled(finite, LOOKED_AT)
    stated = Reading(frame=frame)
    places = stated.lonlat(sample)
    inside = within(places, area)
    few = max(LEAST_SHARE, LEAST_ROWS / max(len(finite), 1))
    strays = float(np.mean(~inside)) if len(sample) else 0.0
    if strays >= few and possible_readings(sample[~inside], area, local=local, at_least=NEXT_SHARE):
        return _doubted(f"{strays:.0%} 的坐标不在本市 / of the places are not in the city")
    if not inside.any():
        return Screening(verdict="elsewhere", why=_ELSEWHERE)
    possible = possible_readings(sample[inside], area, declared=frame, local=local)
    others = [reading for reading in possible if replace(reading, share=1.0) != stated]
    if not others:
        return Screening(
            verdict="alone",
            why="数值大小上没有别的坐标系可选，旧基准除外"
            " / by size no other frame is possible, old datums aside",
        )
    known = reference()
    if known is None or len(known) == 0:
        return Screening(
            verdict="unheard",
            why="没有参考数据，未比对 / not compared: there is no reference",
        )
    return _compared(sample[inside], places[inside], others, known, few)


def _compared(
    sample: Floats, places: Floats, others: list[Reading], known: Reference, few: float
) -> Screening:
    distance = known.distances(known.metric(places))
    share, median = float(np.mean(distance < NEAR_M)), float(np.median(distance))
    seen = f"{share:.0%} 在参考数据 10 m 内，中位距离 {median:.1f} m"
    seen += f" / {share:.0%} within 10 m of the reference, median distance {median:.1f} m"
    left = distance >= 3.0 * NEAR_M
    if float(np.mean(left)) >= few:
        for other in others:
            there = other.lonlat(sample[left])
            there = there[np.isfinite(there).all(axis=1)]
            if len(there) == 0:
                continue
            fits = float(np.mean(known.distances(known.metric(there)) < NEAR_M))
            if fits * len(there) < NEXT_SHARE * left.sum():
                continue
            if fits - known.luckiest_share(there) >= BEYOND_LUCK:
                return _doubted(seen)
    return Screening(verdict="agrees" if share > EXPLAINED else "silent", why=seen)


def _doubted(why: str) -> Screening:
    return Screening(verdict="doubted", why=why)
