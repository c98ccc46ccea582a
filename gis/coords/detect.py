"""In which frame are these numbers? A ranked answer with its reasons, or an honest "unknown".

Size and order of the numbers leave a few readings; the city's own roads and boundaries decide
among them. An answer is given only when the places lie on the reference, every other reading lies
clearly worse, and the same places moved anywhere else lie clearly worse too. An unlisted shift
(an old datum, a local frame) must end in "unknown", never in the nearest candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gis.coords.diagnosis import Candidate, Diagnosis, Group
from gis.coords.frames import STORAGE, Area, Frame, from_epsg
from gis.coords.local import LocalFrame
from gis.coords.matching import Match, Reference, sampled
from gis.coords.mixture import mixed_by_place, mixed_by_size
from gis.coords.readings import Reading, possible_readings, transformable
from gis.coords.transform import find_transformation

Floats = NDArray[np.float64]

MAX_MEDIAN_M, MIN_SHARE = 10.0, 0.6
CLEARLY = 3.0  # how many times worse the runner-up and the luckiest decoy must be
MIN_ROWS, MIN_SPREAD_M = 30, 2000.0
LEAST_SHIFT_M = 8.0  # below, a displacement is how the data lie beside the reference, not a datum

_NO_ROWS = "没有可用的坐标 / there are no finite coordinates"
_NO_READING = "任何常见坐标系都不落在本市 / no usual frame puts these numbers in the city"
_CONTROL = (
    "提供控制点并运行 gis coords fit，或询问提供单位"
    " / give control points (gis coords fit), or ask who delivered it"
)
_REFERENCE = "入库道路、界线或宗地后再检测 / load roads, boundaries or parcels, then detect again"
_DATUM = "请提供单位说明基准或坐标系 / ask who delivered it for the datum or frame"
_SPLIT = "按坐标系拆分文件后分别入库 / split the file by frame and ingest each part"
_MORE = (
    f"至少 {MIN_ROWS} 个、分布超过 {MIN_SPREAD_M / 1000:g} km 的坐标"
    f" / at least {MIN_ROWS} coordinates over more than {MIN_SPREAD_M / 1000:g} km"
)


def diagnose(
    columns: Floats,
    *,
    area: Area,
    declared: Frame | None = None,
    reference: NDArray[np.object_] | Reference | None = None,
    metric_epsg: int = 4547,
    local: Mapping[str, LocalFrame] | None = None,
) -> Diagnosis:
    """Diagnose two columns of numbers, shape (n, 2), as they stand in a file.

    area: where the data must lie (the city), degrees. declared: the frame the file claims.
    reference: shapely geometries of the city in CGCS2000 degrees (roads, boundaries, parcels), or
    a Reference made of them; without it datums can't be told apart, and only a declared frame can
    be confirmed."""
    finite = np.flatnonzero(np.isfinite(columns).all(axis=1))
    readings = possible_readings(columns[finite], area, declared=declared, local=local)
    by_size = mixed_by_size(columns, finite, area, readings, local)
    if by_size:
        return _undecided((), declared, mixed=by_size, needs=(_SPLIT,))
    if not readings:
        needs = (_NO_ROWS,) if len(finite) == 0 else (_NO_READING, _CONTROL)
        wrong = declared is not None and len(finite) > 0 and transformable(declared)
        return _undecided((), declared, mismatch=wrong, needs=needs)
    if reference is None or len(reference) == 0:
        return _without_reference(readings, declared)
    known = (
        reference if isinstance(reference, Reference) else Reference(reference, metric_epsg, area)
    )
    candidates = _ranked(readings, columns[finite], known)
    if candidates[0].match is None:
        return _without_reference(readings, declared)
    mixed = mixed_by_place(columns, finite, candidates, known)
    if mixed:
        return _undecided(candidates, declared, mixed=mixed, needs=(_SPLIT,))
    return _decided(candidates, columns[finite], known, declared)


def _undecided(
    candidates: Sequence[Candidate],
    declared: Frame | None,
    *,
    mismatch: bool = False,
    mixed: tuple[Group, ...] = (),
    needs: tuple[str, ...],
) -> Diagnosis:
    return Diagnosis(
        decision=None,
        candidates=tuple(candidates),
        declared=declared,
        mismatch=mismatch,
        mixed=mixed,
        needs=needs,
    )


def _without_reference(readings: Sequence[Reading], declared: Frame | None) -> Diagnosis:
    candidates = tuple(_candidate(reading, None) for reading in readings)
    first = candidates[0]
    if declared is not None and first.reading.frame == declared and first.reading.plain:
        why = "声明如此，数值范围相符；未与参考数据比对 / as declared, sizes agree; not compared"
        chosen = _with(first, why)
        return Diagnosis(
            decision=chosen,
            candidates=(chosen, *candidates[1:]),
            declared=declared,
            mismatch=False,
            mixed=(),
            needs=(_REFERENCE,),
        )
    wrong = declared is not None and transformable(declared)
    return _undecided(candidates, declared, mismatch=wrong, needs=(_REFERENCE, _DATUM))


def _candidate(reading: Reading, match: Match | None) -> Candidate:
    accuracy = find_transformation(reading.frame, STORAGE).accuracy_m
    why = [
        f"{reading.share:.0%} 的坐标按此读法落在本市"
        f" / {reading.share:.0%} of the places lie in the city, read so"
    ]
    if match is not None:
        why.append(
            f"到参考数据中位距离 {match.median_m:.1f} m，10 m 内 {match.share:.0%}"
            f" / median distance to the reference {match.median_m:.1f} m, "
            f"{match.share:.0%} within 10 m"
        )
        seen = match.offset_m + 2.0 * match.shift_error_m
        accuracy = max(accuracy, seen) if np.isfinite(seen) else max(accuracy, match.median_m)
    return Candidate(reading=reading, match=match, accuracy_m=accuracy, why=tuple(why))


def _ranked(
    readings: Sequence[Reading], columns: Floats, known: Reference
) -> tuple[Candidate, ...]:
    """Candidates, nearest to the reference first. Many readings (cut origins) are first compared
    on a few rows."""
    few = sampled(columns, 300)
    if len(readings) > 24:
        quick = [(known.match(reading.lonlat(few)), reading) for reading in readings]
        quick.sort(key=lambda pair: pair[0].median_m if pair[0] else np.inf)
        readings = [reading for _, reading in quick[:12]]
    some = sampled(columns, 3000)
    found = [_candidate(reading, known.match(reading.lonlat(some))) for reading in readings]
    found.sort(key=lambda c: c.match.median_m if c.match else np.inf)
    return tuple(found)


def _decided(
    candidates: tuple[Candidate, ...], columns: Floats, known: Reference, declared: Frame | None
) -> Diagnosis:
    best = candidates[0]
    places = best.reading.lonlat(sampled(columns, 3000))
    decoy_m = known.smallest_decoy_m(places)
    doubts = (*_doubts(best, candidates[1:], decoy_m), *_old_datum(best, declared))
    if not doubts and best.match is not None:
        doubts = _repeats(best, known.rival_m(places, best.match.share))
    if not doubts:
        same = declared is None or (best.reading.frame == declared and best.reading.plain)
        return Diagnosis(
            decision=best,
            candidates=candidates,
            declared=declared,
            mismatch=not same and not _same_plane(best.reading, declared),
            mixed=(),
            needs=(),
        )
    candidates = (_with(best, *doubts), *candidates[1:])
    shifted = _shifted(candidates, columns, known)
    if shifted is not None:
        candidates = (shifted, *(c for c in candidates if c.reading != shifted.reading))
    more = (_MORE,) if _too_few(best.match) else ()
    return _undecided(candidates, declared, needs=(_CONTROL, *more, _DATUM))


def _too_few(match: Match | None) -> bool:
    return match is None or match.rows < MIN_ROWS or match.spread_m < MIN_SPREAD_M


def _same_plane(reading: Reading, declared: Frame | None) -> bool:
    """Whether the declared frame gives the same places: EPSG:4326 for 4490, one zone twice."""
    if declared is None or not reading.plain or not transformable(declared):
        return False
    if not reading.frame.has_crs or not declared.has_crs:
        return False
    there = find_transformation(reading.frame, declared)
    if declared.kind == "projected" or reading.frame.kind == "projected":
        return declared.kind == reading.frame.kind and _moves_nothing(reading.frame, declared)
    return there.accuracy_m <= 1.0


def _moves_nothing(one: Frame, other: Frame) -> bool:
    corner = np.array([[500_000.0 + 1e6 * (one.zone_prefix or 0), 3_650_000.0]])
    moved = find_transformation(one, other).apply(corner)
    return bool(np.abs(moved - corner).max() < 0.5)


def _doubts(best: Candidate, others: Sequence[Candidate], decoy_m: float) -> tuple[str, ...]:
    match = best.match
    assert match is not None  # ranked against a reference
    doubts = []
    if _too_few(match):
        doubts.append(
            f"只有 {match.rows} 个坐标，分布 {match.spread_m / 1000:.1f} km"
            f" / {match.rows} coordinates over {match.spread_m / 1000:.1f} km are too few"
        )
    if match.median_m >= MAX_MEDIAN_M or match.share <= MIN_SHARE:
        doubts.append("没有落在参考数据上 / they do not lie on the reference")
    runner = next((o.match.median_m for o in others if o.match is not None), np.inf)
    floor = max(match.median_m, 0.05)
    if runner < CLEARLY * floor:
        doubts.append(f"另一读法几乎同样好：{runner:.1f} m / another reading is nearly as good")
    if decoy_m < CLEARLY * floor:
        doubts.append(
            f"随意平移也能到 {decoy_m:.1f} m / moved at random the places reach {decoy_m:.1f} m"
        )
    return tuple(doubts)


def _repeats(best: Candidate, rival_m: float) -> tuple[str, ...]:
    assert best.match is not None  # ranked against a reference
    if rival_m >= CLEARLY * max(best.match.median_m, 0.05):
        return ()
    return (
        f"参考数据自身重复，平移一个街区也能到 {rival_m:.1f} m"
        f" / the reference repeats itself: moved by a block the places reach {rival_m:.1f} m",
    )


def _old_datum(best: Candidate, declared: Frame | None) -> tuple[str, ...]:
    """A declared datum without parameters, and a displacement that is small but certain: the file
    may well be right about itself."""
    match = best.match
    if declared is None or transformable(declared) or match is None:
        return ()
    if match.offset_m <= max(CLEARLY * match.shift_error_m, 0.5):
        return ()
    return (
        f"声明 {declared}，且整体偏移 {match.offset_m:.1f} m"
        f" / it declares {declared}, and all is displaced by {match.offset_m:.1f} m",
    )


def _with(candidate: Candidate, *why: str) -> Candidate:
    return replace(candidate, why=(*candidate.why, *why))


def _shifted(
    candidates: Sequence[Candidate], columns: Floats, known: Reference
) -> Candidate | None:
    """A candidate that fits but for a constant shift of up to 180 m: an old datum or a local
    frame. It is evidence, never a decision: the shift differs over the city."""
    plain = next((c for c in candidates if c.reading.plain and c.reading.frame.has_crs), None)
    if plain is None or plain.match is None or plain.match.rows < MIN_ROWS:
        return None
    places = plain.reading.lonlat(sampled(columns, 1000))
    places = places[np.isfinite(places).all(axis=1)]
    plane = find_transformation(STORAGE, from_epsg(known.metric_epsg))
    back = find_transformation(from_epsg(known.metric_epsg), STORAGE)
    moved = back.apply(plane.apply(places) + np.array(known.best_shift(places)))
    match = known.match(moved)
    if match is None or match.median_m >= MAX_MEDIAN_M or match.share <= MIN_SHARE:
        return None
    if known.smallest_decoy_m(moved) < CLEARLY * max(match.median_m, 0.05):
        return None
    shift = plane.apply(places).mean(axis=0) - plane.apply(moved).mean(axis=0) + match.shift_m
    if np.hypot(*shift) < LEAST_SHIFT_M:
        return None
    way = f"E {shift[0]:+.0f} m, N {shift[1]:+.0f} m"
    return _with(
        plain,
        f"整体偏移约 {way}：可能是西安80、北京54 或地方坐标系，需控制点"
        f" / all is displaced by about {way}: Xian 1980, Beijing 1954 or a local frame; "
        "control points are needed",
    )
