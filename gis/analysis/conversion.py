"""A table of coordinates moved to another frame: every row with its result, or with the reason
why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gis.coords import (
    STORAGE,
    Candidate,
    Frame,
    Transformation,
    axis_order,
    find_transformation,
    outside,
    outside_error,
)
from gis.errors import NoAccurateTransform
from gis.layers import Label
from gis.sources.pairs import PairTable

Floats = NDArray[np.float64]
Order = Literal["auto", "east", "north"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """n rows, east or longitude first; NaN where a row has a fault.

    pairs: in the source frame; moved: in the target; places: CGCS2000 degrees, NaN too where
    nothing with a stated accuracy leads there. turned: whether rows that did not say their order
    were taken north first. beyond: rows outside a local frame's control points, whose accuracy is
    extrapolated."""

    source: Frame
    target: Frame
    accuracy_m: float
    steps: tuple[str, ...]
    pairs: Floats
    moved: Floats
    places: Floats
    turned: bool
    beyond: int
    faults: Mapping[int, Label]


def convert(table: PairTable, way: Transformation, order: Order = "auto") -> Converted:
    """Every row by `way`. order: what comes first in rows that do not say; "auto" = the numbers
    decide, and where they can't, a local frame's own control file, else east."""
    pairs, turned = _east_first(table, way.source, order)
    wrong = outside(pairs, way.source)
    moved = np.full(pairs.shape, np.nan)
    moved[~wrong] = way.apply(pairs[~wrong])
    tie = way.source.local
    beyond = int(tie.beyond_control(pairs[~wrong]).sum()) if tie is not None else 0
    return Converted(
        source=way.source,
        target=way.target,
        accuracy_m=way.accuracy_m,
        steps=way.steps,
        pairs=pairs,
        moved=moved,
        places=_places(pairs, wrong, way.source),
        turned=turned,
        beyond=beyond,
        faults=_faults(table, pairs, moved, way.source),
    )


def convert_read(table: PairTable, found: Candidate, target: Frame) -> Converted:
    """Every row as a diagnosis has found it is to be read: its order, unit and cut-off origin."""
    reading = found.reading
    way = find_transformation(STORAGE, target)
    places = reading.lonlat(table.pairs)
    pairs = reading.pairs(table.pairs)
    return Converted(
        source=reading.frame,
        target=target,
        accuracy_m=found.accuracy_m + way.accuracy_m,
        steps=(*find_transformation(reading.frame, STORAGE).steps, *way.steps),
        pairs=pairs,
        moved=way.apply(places),
        places=places,
        turned=reading.north_first,
        beyond=0,
        faults=_faults(table, pairs, places, reading.frame),
    )


def _east_first(table: PairTable, frame: Frame, order: Order) -> tuple[Floats, bool]:
    """The pairs, and whether those that do not say their order had to be turned."""
    open_rows = np.isfinite(table.pairs).all(axis=1) & ~table.stated
    if not open_rows.any():
        return table.pairs, False
    turn = order == "north" or (order == "auto" and _north_first(table.pairs[open_rows], frame))
    if not turn:
        return table.pairs, False
    pairs = table.pairs.copy()
    pairs[open_rows] = pairs[open_rows][:, ::-1]
    return pairs, True


def _north_first(pairs: Floats, frame: Frame) -> bool:
    found = axis_order(pairs, frame)
    if found == "either" and frame.local is not None:
        # numbers can't tell; the columns mean what they meant in the frame's own control file
        return frame.local.first_is_north
    return found == "north_first"


def _places(pairs: Floats, wrong: NDArray[np.bool_], frame: Frame) -> Floats:
    places = np.full(pairs.shape, np.nan)
    try:
        places[~wrong] = find_transformation(frame, STORAGE).apply(pairs[~wrong])
    except NoAccurateTransform:  # an old datum's degrees to its own plane: no place on our map
        return places
    return places


def _faults(table: PairTable, pairs: Floats, moved: Floats, frame: Frame) -> dict[int, Label]:
    faults = dict(table.faults)
    for row in np.flatnonzero(~np.isfinite(moved).all(axis=1)).tolist():
        if row not in faults:
            line = table.lines[row]
            error = outside_error(pairs[row], frame, f"第 {line} 行", f"line {line}")
            faults[row] = Label(zh=error.zh, en=error.en)
    return faults
