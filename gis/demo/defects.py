"""Breaking rows in the ways deliveries are broken in life, and keeping record of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from gis.demo.sheets import Sheet
from gis.demo.site import Geometries

AWAY_M = 180_000.0  # east of the city, still inside the plane's zone
AWAY_DEG = 3.1
TEXTS = ("名称", "标准名称", "所在道路")  # columns where a damaged text may stand
UNDECODABLE = "\ue000"  # private-use mark that the writers turn into bytes no encoding has


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One row that must not be accepted: its number from 1 in the file, and the reason code."""

    row: int
    code: str


@dataclass(frozen=True, slots=True)
class BrokenSheet:
    sheet: Sheet
    broken: tuple[Broken, ...]


def break_rows(
    sheet: Sheet, recipe: Mapping[str, int], rng: np.random.Generator, spare: np.ndarray
) -> BrokenSheet:
    """`recipe`: reason code -> how many rows. Rows where `spare` is True stay whole.

    A duplicate key is a second copy of a row further down; everything else breaks a row that
    was good."""
    columns = {name: column.copy() for name, column in sheet.columns.items()}
    geometry = sheet.geometry.copy()
    free = rng.permutation(np.flatnonzero(~spare))
    wanted = [code for code, count in recipe.items() for _ in range(count)]
    wanted = wanted[: max(0, len(free) // 4)]
    broken: dict[int, str] = {}
    copies = []
    for code, row in zip(wanted, free, strict=False):
        if code == "duplicate_key":
            copies.append(int(row))
            continue
        DAMAGE[code](sheet, geometry, columns, int(row))
        broken[int(row)] = code
    return _with_copies(sheet.with_rows(geometry, columns), broken, copies, rng)


def _with_copies(
    sheet: Sheet, broken: Mapping[int, str], copies: list[int], rng: np.random.Generator
) -> BrokenSheet:
    """Copies go to random places after their originals; row numbers are counted afterwards."""
    position = np.arange(len(sheet), dtype=float)
    places = [rng.uniform(row + 0.25, len(sheet)) for row in copies]
    source = np.concatenate([np.arange(len(sheet)), np.array(copies, dtype=int)])
    is_copy = np.concatenate([np.zeros(len(sheet), bool), np.ones(len(copies), bool)])
    order = np.argsort(np.concatenate([position, np.array(places, dtype=float)]), kind="stable")
    taken = source[order]
    result = sheet.with_rows(
        sheet.geometry[taken], {name: column[taken] for name, column in sheet.columns.items()}
    )
    found = []
    for number, (row, copied) in enumerate(zip(taken, is_copy[order], strict=True), start=1):
        if copied:
            found.append(Broken(row=number, code="duplicate_key"))
        elif int(row) in broken:
            found.append(Broken(row=number, code=broken[int(row)]))
    return BrokenSheet(result, tuple(found))


Columns = dict[str, Any]


def _null(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    geometry[row] = None


def _crossed(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    """Two neighbouring corners written in the wrong order: the ring crosses itself. A line
    loses its length instead."""
    shape = geometry[row]
    if shape.geom_type == "LineString":
        first = shapely.get_coordinates(shape, include_z=shape.has_z)[0]
        geometry[row] = shapely.LineString([first, first])
        return
    envelope = shapely.get_coordinates(shape.envelope)[:4]
    geometry[row] = shapely.Polygon(envelope[[0, 2, 1, 3]])


def _away(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    step = AWAY_DEG if abs(shapely.get_coordinates(geometry[row])[0, 0]) < 360 else AWAY_M
    geometry[row] = _shifted(geometry[row], lambda xy: xy + np.array([step, 0.0]))


def _swapped(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    geometry[row] = _shifted(geometry[row], lambda xy: xy[:, ::-1])


def _shifted(shape: Any, move: Callable[[np.ndarray], np.ndarray]) -> Any:
    has_z = bool(shapely.has_z(shape))

    def both(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([move(xy[:, :2]), xy[:, 2:]]) if has_z else move(xy)

    return shapely.transform(shape, both, include_z=has_z)


def _unknown_code(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    column = columns[_named(sheet.code)]
    column[row] = "9Z" if len(str(column[row])) < 5 else "不详"


def _out_of_range(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    columns[_named(sheet.number)][row] = -99 if row % 2 else 99999


def _missing(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    columns[_named(sheet.required)][row] = None


def _bad_value(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    columns[_named(sheet.number)][row] = "约三米"


def _bad_pattern(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    columns[sheet.key][row] = str(columns[sheet.key][row])[:-2]


def _area_differs(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    columns["面积"][row] = round(float(columns["面积"][row]) * 1.5, 4)  # in mu, not hectares


def _undecodable(sheet: Sheet, geometry: Geometries, columns: Columns, row: int) -> None:
    name = next(n for n in TEXTS if n in columns)
    columns[name][row] = f"{(columns[name][row] or '')[:6]}{UNDECODABLE}"


def _named(column: str | None) -> str:
    if column is None:
        raise ValueError("this sheet has no column for that defect")
    return column


DAMAGE: dict[str, Callable[[Sheet, Geometries, Columns, int], None]] = {
    "null_geometry": _null,
    "invalid_geometry": _crossed,
    "outside_city": _away,
    "swapped_axes": _swapped,
    "unknown_code": _unknown_code,
    "out_of_range": _out_of_range,
    "missing_value": _missing,
    "bad_value": _bad_value,
    "bad_pattern": _bad_pattern,
    "area_differs": _area_differs,
    "not_decodable": _undecodable,
}
