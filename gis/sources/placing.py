"""Columns of numbers to geometry: east or longitude first, whatever order the file has."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, parse_angle
from gis.coords.axes import axis_order
from gis.errors import CoordError, SourceError
from gis.layers.batch import RawBatch, Reject
from gis.sources.columns import objects
from gis.sources.wellknown import shape_of, srid_of

Columns = Mapping[str, NDArray[np.object_]]
Floats = NDArray[np.float64]
Wrong = dict[int, Reject]


def number(text: object) -> float | None:
    """The finite number a text holds; None where it holds none."""
    try:
        value = float(str(text).strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(column: NDArray[np.object_], *, angles: bool = False) -> tuple[Floats, list[int]]:
    """The column as floats, NaN where empty; and the indices that are neither. `angles` reads
    degrees, minutes and seconds too."""
    listed = column.tolist()
    if set(map(type, listed)) <= {str, float, int}:
        with contextlib.suppress(ValueError):  # then it shows value by value what is wrong
            at_once = np.array(list(map(float, listed)), dtype=np.float64)
            if np.isfinite(at_once).all():
                return at_once, []
    out = np.full(len(column), np.nan)
    wrong = []
    for i, text in enumerate(column):
        if text is None:
            continue
        value = number(text)
        if value is None and angles:
            value = _angle(str(text))
        if value is None:
            wrong.append(i)
        else:
            out[i] = value
    return out, wrong


def _angle(text: str) -> float | None:
    try:
        return parse_angle(text)
    except CoordError:
        return None


def place_points(
    columns: Columns, x: str, y: str, z: str | None, frame: Frame | None, source: str,
    *, sure: bool, angles: bool = False,
) -> tuple[NDArray[np.object_], Wrong]:  # fmt: skip
    """Points of the columns x, y (and z), None where empty; and the rows whose numbers are none,
    by index. `sure`: the names say that x is east; else the numbers decide, and SourceError asks
    where they can't."""
    read = {name: numbers(columns[name], angles=angles) for name in (x, y, *([z] if z else []))}
    wrong: Wrong = {}
    for name, (_, bad) in read.items():
        for i in bad:
            wrong.setdefault(i, _not_a_number(columns, name, i))
    pairs = np.column_stack([read[x][0], read[y][0]])
    if not sure:
        pairs = east_first_of(pairs, frame, source, f"{x}, {y}")
    heights = read[z][0] if z else None
    return points(pairs, heights), wrong


def points(pairs: Floats, heights: Floats | None) -> NDArray[np.object_]:
    """Points of pairs (n, 2), 3D where a height is there; None where a number is missing."""
    out = np.full(len(pairs), None, dtype=object)
    there = np.isfinite(pairs).all(axis=1)
    if heights is None:
        out[there] = shapely.points(pairs[there])
        return out
    solid = there & np.isfinite(heights)
    out[there & ~solid] = shapely.points(pairs[there & ~solid])
    out[solid] = shapely.points(np.column_stack([pairs[solid], heights[solid]]))
    return out


def lines(starts: NDArray[np.object_], ends: NDArray[np.object_]) -> NDArray[np.object_]:
    """Lines from point to point; None where either is missing, 3D where both are."""
    out = np.full(len(starts), None, dtype=object)
    there = np.flatnonzero(~(shapely.is_missing(starts) | shapely.is_missing(ends)))
    solid = shapely.has_z(starts[there]) & shapely.has_z(ends[there])
    for deep in (False, True):
        rows = there[solid == deep]
        both = [shapely.get_coordinates(part[rows], include_z=deep) for part in (starts, ends)]
        if len(rows):
            out[rows] = shapely.linestrings(np.stack(both, axis=1))
    return out


def east_first_of(pairs: Floats, frame: Frame | None, source: str, names: str) -> Floats:
    """Pairs east first where their columns are called X and Y and either may be north.

    With a frame its area decides; without one, metres whose ranges tell. Raises SourceError
    where both readings are possible."""
    there = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(there):
        return pairs
    order: str
    if frame is not None:
        order = axis_order(there, frame)
    else:
        first, second = np.median(there, axis=0)
        order = "neither" if abs(first) < 360 or abs(second) < 360 else _by_size(first, second)
    if order == "north_first":
        return np.ascontiguousarray(pairs[:, ::-1])
    if order == "east_first":
        return pairs
    if order == "neither" and frame is not None:
        return pairs  # not in that frame either way: the rows will be refused with that reason
    raise SourceError(
        zh=f"{source} 的列 {names} 看不出哪一列是北坐标。请把列名改为“东坐标”“北坐标”再送",
        en=f"{source}: the columns {names} do not tell which is north. Rename them to 东坐标 "
        f"(east) and 北坐标 (north) and send again",
        source=source,
        columns=names,
    )


def _by_size(first: float, second: float) -> str:
    """In China a northing is 2 to 6 million, an easting below 1 million or with a zone's number
    above 13 million."""

    def northing(v: float) -> bool:
        return 1.9e6 < v < 6.1e6

    def easting(v: float) -> bool:
        return 1e5 < v < 1e6 or 13e6 < v < 46e6

    if easting(first) and northing(second):
        return "east_first"
    if northing(first) and easting(second):
        return "north_first"
    return "either"


def shapes_from_wkt(
    columns: Columns, name: str, frame: Frame | None = None
) -> tuple[NDArray[np.object_], Wrong]:
    """Geometries of a column of WKT, EWKT or WKB in hex digits; and the rows whose text is none,
    or states another frame than the one of `frame`'s code, by index."""
    texts = columns[name]
    shapes = objects(shape_of(text) if text else None for text in texts)
    bad = [i for i, text in enumerate(texts) if text and shapes[i] is None]
    wrong = {i: _not_wkt(columns, name, i) for i in bad}
    if frame is not None and frame.epsg is not None:
        for i, text in enumerate(texts):
            code = srid_of(text)
            if code is not None and code != frame.epsg and i not in wrong:
                wrong[i] = _other_frame(columns, name, i, code, frame)
    return shapes, wrong


def _not_wkt(columns: Columns, name: str, i: int) -> Reject:
    return Reject(
        row=0,
        code="bad_value",
        zh=f"{name} 不是合法的 WKT。请改正",
        en=f"{name} is not WKT. Correct it",
        field=name,
        raw={key: column[i] for key, column in columns.items()},
    )


def _other_frame(columns: Columns, name: str, i: int, code: int, frame: Frame) -> Reject:
    return Reject(
        row=0,
        code="bad_value",
        zh=f"{name} 写的是 SRID={code}，本次交付是 {frame}。请转换后再送",
        en=f"{name} states SRID={code}, the delivery is in {frame}. Transform it and send again",
        field=name,
        raw={key: column[i] for key, column in columns.items()},
    )


def _not_a_number(columns: Columns, name: str, i: int) -> Reject:
    return Reject(
        row=0,
        code="bad_value",
        zh=f"{name} 的“{columns[name][i]}”不是数。请改正",
        en=f'{name}: "{columns[name][i]}" is not a number. Correct it',
        field=name,
        raw={key: column[i] for key, column in columns.items()},
    )


def without(batch: RawBatch, wrong: Wrong, more: tuple[Reject, ...] = ()) -> RawBatch:
    """The batch less the rows in `wrong` (index -> reject), which join its rejects under their
    row numbers."""
    numbered = (
        Reject(row=int(batch.rows[i]), code=r.code, zh=r.zh, en=r.en, raw=r.raw, field=r.field,
               wkt=r.wkt)
        for i, r in wrong.items()
    )  # fmt: skip
    if not wrong:
        return replace(batch, rejects=(*batch.rejects, *more))
    keep = np.ones(len(batch), dtype=bool)
    keep[list(wrong)] = False
    return RawBatch(
        columns={name: column[keep] for name, column in batch.columns.items()},
        geometry=batch.geometry[keep],
        rows=batch.rows[keep],
        rejects=(*batch.rejects, *more, *numbered),
        placing=batch.placing,
    )
