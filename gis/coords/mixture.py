"""Several frames within one file: degrees beside metres, WGS 84 beside GCJ-02."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gis.coords.diagnosis import Candidate, Group
from gis.coords.frames import Area
from gis.coords.local import LocalFrame
from gis.coords.matching import NEAR_M, Reference
from gis.coords.readings import NEAR_DEG, POSSIBLE, Reading, possible_readings

Floats = NDArray[np.float64]

LEAST_SHARE, LEAST_ROWS = 0.05, 20  # below, the rows are broken ones, not a second frame
FIRST_SHARE, NEXT_SHARE, EXPLAINED = 0.3, 0.6, 0.85
BEYOND_LUCK = 0.3  # how much larger the share must be than that of the same places moved anywhere


def mixed_by_size(
    columns: Floats,
    finite: NDArray[np.int64],
    area: Area,
    readings: Sequence[Reading],
    local: Mapping[str, LocalFrame] | None,
) -> tuple[Group, ...]:
    """Frames that differ by size within one file: degrees beside metres, swapped rows."""
    left, groups = finite, list[Group]()
    first = readings[0] if readings else None
    while len(left) >= max(LEAST_ROWS, LEAST_SHARE * len(finite)):
        if first is None:
            options = possible_readings(columns[left], area, local=local, at_least=LEAST_SHARE * 2)
            first = max((r for r in options if r.plain), key=lambda r: r.share, default=None)
        if first is None:
            break
        explained = _near(first, columns[left], area)
        groups.append(Group(reading=first, rows=left[explained]))
        left, first = left[~explained], None
    explained_rows = sum(len(group.rows) for group in groups)
    if len(groups) < 2 or explained_rows < POSSIBLE * len(finite):
        return ()
    big = [g for g in groups if len(g.rows) >= max(LEAST_ROWS, LEAST_SHARE * len(finite))]
    return tuple(big) if len(big) > 1 else ()


def _near(reading: Reading, columns: Floats, area: Area) -> NDArray[np.bool_]:
    places = reading.lonlat(columns)
    box = area.padded(NEAR_DEG)
    inside = (places[:, 0] >= box.west) & (places[:, 0] <= box.east)
    return np.asarray(inside & (places[:, 1] >= box.south) & (places[:, 1] <= box.north))


def mixed_by_place(
    columns: Floats,
    finite: NDArray[np.int64],
    candidates: Sequence[Candidate],
    known: Reference,
) -> tuple[Group, ...]:
    """Frames of one size within one file (WGS 84 beside GCJ-02): rows that lie on the reference
    under one reading and far from it under the other."""
    rows = finite[np.linspace(0, len(finite) - 1, min(len(finite), 3000)).astype(np.int64)]
    ranked = sorted(candidates, key=lambda c: -(c.match.share if c.match else 0.0))
    left, groups = rows, list[Group]()
    for candidate in ranked[:6]:
        if len(left) < max(LEAST_ROWS, LEAST_SHARE * len(rows)):
            break
        places = candidate.reading.lonlat(columns[left])
        known_place = np.isfinite(places).all(axis=1)
        distance = np.full(len(left), np.inf)
        if known_place.any():
            distance[known_place] = known.distances(known.metric(places[known_place]))
        share = float(np.mean(distance < NEAR_M))
        if share < (NEXT_SHARE if groups else FIRST_SHARE):
            continue
        on_it = known_place & (distance < 3.0 * NEAR_M)
        if groups and share - known.luckiest_share(places[known_place]) < BEYOND_LUCK:
            continue
        groups.append(Group(reading=candidate.reading, rows=left[on_it]))
        left = left[~on_it]
    explained = 1.0 - len(left) / max(len(rows), 1)
    if len(groups) < 2 or explained <= EXPLAINED:
        return ()
    return _assigned(columns, finite, [group.reading for group in groups], known)


def _assigned(
    columns: Floats, rows: NDArray[np.int64], readings: Sequence[Reading], known: Reference
) -> tuple[Group, ...]:
    """Every row to the reading under which it lies nearest; rows far under all are left out."""
    distance = np.full((len(readings), len(rows)), np.inf)
    for k, reading in enumerate(readings):
        places = reading.lonlat(columns[rows])
        finite = np.isfinite(places).all(axis=1)
        if finite.any():
            distance[k, finite] = known.distances(known.metric(places[finite]))
    nearest = distance.argmin(axis=0)
    near = distance.min(axis=0) < 3.0 * NEAR_M
    return tuple(
        Group(reading=reading, rows=rows[near & (nearest == k)])
        for k, reading in enumerate(readings)
    )
