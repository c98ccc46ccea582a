"""BeiDou grid location codes of GB/T 39409-2020, two-dimensional, levels 1 to 10.

A code is the hemisphere N or S, then the cell's digits level by level (level 1 is the sheet of
the 1:1,000,000 map: 6 by 4 degrees). From level 2 on, rows and columns count away from the
equator and the prime meridian, so the digits come from |longitude| and |latitude| in every
hemisphere. The equator counts as north, Greenwich as east; an edge belongs to the cell further
out. From 88 degrees of latitude the standard uses another scheme; such points are refused.

All arithmetic is in whole units of 1/2048 second, the size of a level-10 cell: in floating point
32.98 degrees (an edge of level 5) would fall one cell short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from gis.errors import CoordError, OutsideFrame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNITS = 7_372_800  # per degree
_DIGITS = "0123456789ABCDE"
_BANDS = "ABCDEFGHIJKLMNOPQRSTUV"
_LAT_LIMIT, _LON_LIMIT = 88, 180


@dataclass(frozen=True, slots=True)
class _Level:
    width: int  # of a cell, in units
    height: int
    columns: int  # in a cell of the level above
    rows: int
    z_order: bool  # one digit for both, instead of one each


_LEVELS = (
    _Level(6 * UNITS, 4 * UNITS, 0, 0, False),
    _Level(UNITS // 2, UNITS // 2, 12, 8, False),
    _Level(UNITS // 4, UNITS // 6, 2, 3, True),
    _Level(UNITS // 60, UNITS // 60, 15, 10, False),
    _Level(UNITS // 900, UNITS // 900, 15, 15, False),
    _Level(UNITS // 1800, UNITS // 1800, 2, 2, True),
    _Level(512, 512, 8, 8, False),
    _Level(64, 64, 8, 8, False),
    _Level(8, 8, 8, 8, False),
    _Level(1, 1, 8, 8, False),
)
CODE_LENGTHS = (4, 6, 7, 9, 11, 12, 14, 16, 18, 20)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its level, and its column and row counted from (0, 0), east and north positive."""

    level: int
    column: int
    row: int

    @classmethod
    def of(cls, lon: float, lat: float, level: int = 8) -> Cell:
        """The cell that holds a point (CGCS2000 degrees). Raises OutsideFrame."""
        columns, rows = _cells(np.array([lon]), np.array([lat]), level)
        return cls(level, int(columns[0]), int(rows[0]))

    @classmethod
    def from_code(cls, code: str) -> Cell:
        """The cell a code names. Raises CoordError saying what is wrong with it."""
        return _parse(code.strip().upper())

    @property
    def code(self) -> str:
        """Its code."""
        return str(_codes(np.array([self.column]), np.array([self.row]), self.level)[0])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """west, south, east, north in CGCS2000 degrees."""
        size = _LEVELS[self.level - 1]
        return (
            self.column * size.width / UNITS,
            self.row * size.height / UNITS,
            (self.column + 1) * size.width / UNITS,
            (self.row + 1) * size.height / UNITS,
        )

    @property
    def polygon(self) -> Polygon:
        """The same as a shape (CGCS2000 degrees), for maps and filters."""
        return shapely.box(*self.bounds)

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of its middle, degrees."""
        west, south, east, north = self.bounds
        return (west + east) / 2, (south + north) / 2

    def parent(self) -> Cell:
        """The cell one level up that holds it. Raises CoordError at level 1."""
        if self.level == 1:
            raise CoordError(
                zh="第 1 级网格没有上级", en="a level 1 cell has no parent", code=self.code
            )
        size, above = _LEVELS[self.level - 1], _LEVELS[self.level - 2]
        column = self.column // (above.width // size.width)
        return Cell(self.level - 1, column, self.row // (above.height // size.height))

    def children(self) -> tuple[Cell, ...]:
        """The cells one level down, row by row from the south-west. Raises CoordError at 10."""
        if self.level == 10:
            raise CoordError(
                zh="第 10 级网格没有下级", en="a level 10 cell has no children", code=self.code
            )
        below = _LEVELS[self.level]
        first_column, first_row = self.column * below.columns, self.row * below.rows
        return tuple(
            Cell(self.level + 1, first_column + i, first_row + j)
            for j in range(below.rows)
            for i in range(below.columns)
        )

    def neighbours(self) -> tuple[Cell, ...]:
        """The up to eight cells around it, from the south-west; across the 180th meridian too."""
        size = _LEVELS[self.level - 1]
        half = _LON_LIMIT * UNITS // size.width
        last_row = _LAT_LIMIT * UNITS // size.height
        return tuple(
            Cell(self.level, (self.column + i + half) % (2 * half) - half, self.row + j)
            for j in (-1, 0, 1)
            for i in (-1, 0, 1)
            if (i, j) != (0, 0) and -last_row <= self.row + j < last_row
        )


def place_code(lon: float, lat: float, level: int = 8) -> str:
    """The code of the cell that holds a point (CGCS2000 degrees). Raises OutsideFrame."""
    return str(place_codes(np.array([lon]), np.array([lat]), level)[0])


def place_codes(lon: Floats, lat: Floats, level: int = 8) -> NDArray[np.str_]:
    """Codes of points (CGCS2000 degrees, two arrays of one length), as fixed-length strings.

    Raises OutsideFrame naming the first row that has no code, CoordError for a wrong level."""
    return _codes(*_cells(np.asarray(lon, np.float64), np.asarray(lat, np.float64), level), level)


def decode_place_code(code: str) -> Cell:
    """The cell of a code. Raises CoordError saying what is wrong with it."""
    return Cell.from_code(code)


def cover(geometry: BaseGeometry, level: int, limit: int = 10_000) -> tuple[Cell, ...]:
    """Every cell of `level` that `geometry` (CGCS2000 degrees) meets, its edge included; row by
    row from the south-west. Raises CoordError where more than `limit` cells would be looked at."""
    _check_level(level)
    if geometry.is_empty:
        return ()
    west, south, east, north = geometry.bounds
    low = Cell.of(west, south, level)
    high = Cell.of(east, north, level)
    # a point on an edge touches the cell before as well: one more on the low side
    columns = np.arange(low.column - 1, high.column + 1)
    rows = np.arange(low.row - 1, high.row + 1)
    cells = len(columns) * len(rows)
    if cells > limit:
        raise CoordError(
            zh=f"第 {level} 级网格覆盖该范围需 {cells} 格，超过 {limit}。请用更粗的级别",
            en=f"covering this at level {level} takes {cells} cells, the limit is {limit}. "
            "Take a coarser level",
            level=level,
            cells=cells,
        )
    size = _LEVELS[level - 1]
    grid_columns, grid_rows = (a.ravel() for a in np.meshgrid(columns, rows))
    boxes = shapely.box(
        grid_columns * size.width / UNITS,
        grid_rows * size.height / UNITS,
        (grid_columns + 1) * size.width / UNITS,
        (grid_rows + 1) * size.height / UNITS,
    )
    shapely.prepare(geometry)
    met = shapely.intersects(geometry, boxes)
    return tuple(
        Cell(level, int(i), int(j)) for i, j in zip(grid_columns[met], grid_rows[met], strict=True)
    )


def cells_box(codes: Iterable[str]) -> tuple[float, float, float, float]:
    """west, south, east, north (CGCS2000 degrees) around the cells of some codes, as a filter
    needs it. Raises CoordError for a wrong code, and for none at all."""
    cells = [Cell.from_code(code) for code in codes]
    if not cells:
        raise CoordError(
            zh="没有给出网格码。请给 N50J47539B82 之类的码",
            en="no grid code is given. Give codes like N50J47539B82",
        )
    bounds = np.array([cell.bounds for cell in cells])
    west, south = bounds[:, :2].min(axis=0).tolist()
    east, north = bounds[:, 2:].max(axis=0).tolist()
    return (west, south, east, north)


def _check_level(level: int) -> None:
    if not 1 <= level <= 10:
        raise CoordError(
            zh=f"北斗网格级别应为 1–10，不是 {level}",
            en=f"BeiDou grid levels are 1 to 10, not {level}",
            level=level,
        )


def _cells(lon: Floats, lat: Floats, level: int) -> tuple[Ints, Ints]:
    """Signed columns and rows of points."""
    _check_level(level)
    wrong = ~((np.abs(lon) <= _LON_LIMIT) & (np.abs(lat) < _LAT_LIMIT))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise OutsideFrame(
            zh=f"第 {row + 1} 行（{lon[row]}, {lat[row]}）没有北斗网格码："
            "经度须在 ±180、纬度在 ±88 之内",
            en=f"row {row + 1} ({lon[row]}, {lat[row]}) has no BeiDou code: longitude must lie "
            "within 180, latitude within 88 degrees",
            row=row + 1,
        )
    size = _LEVELS[level - 1]
    columns = np.minimum(_units(lon), _LON_LIMIT * UNITS - 1) // size.width
    rows = _units(lat) // size.height
    return np.where(lon < 0, -1 - columns, columns), np.where(lat < 0, -1 - rows, rows)


def _units(degrees: Floats) -> Ints:
    exact = np.abs(degrees) * UNITS
    near = np.rint(exact)
    return np.where(np.abs(exact - near) < 1e-5, near, np.floor(exact)).astype(np.int64)


def _codes(columns: Ints, rows: Ints, level: int) -> NDArray[np.str_]:
    size = _LEVELS[level - 1]
    x = np.where(columns < 0, -1 - columns, columns) * size.width
    y = np.where(rows < 0, -1 - rows, rows) * size.height
    text = np.empty((len(columns), CODE_LENGTHS[level - 1]), dtype=np.uint8)
    sheet = x // _LEVELS[0].width
    zone = np.where(columns < 0, 30 - sheet, 31 + sheet)
    text[:, 0] = np.where(rows < 0, ord("S"), ord("N"))
    text[:, 1], text[:, 2] = ord("0") + zone // 10, ord("0") + zone % 10
    text[:, 3] = np.frombuffer(_BANDS.encode(), np.uint8)[y // _LEVELS[0].height]
    digits, at = np.frombuffer(_DIGITS.encode(), np.uint8), 4
    for step in _LEVELS[1:level]:
        column, row = x // step.width % step.columns, y // step.height % step.rows
        if step.z_order:
            text[:, at] = digits[2 * row + column]
            at += 1
        else:
            text[:, at], text[:, at + 1] = digits[column], digits[row]
            at += 2
    return np.array(text.view(f"S{text.shape[1]}")[:, 0].astype(str))


def _parse(code: str) -> Cell:
    if len(code) not in CODE_LENGTHS or code[0] not in "NS" or code[3] not in _BANDS:
        raise _bad_code(code, "N50J47539B82 之类 4–20 位", "4 to 20 characters like N50J47539B82")
    if not code[1:3].isdigit() or not 1 <= int(code[1:3]) <= 60:
        raise _bad_code(code, "第 2–3 位应为 01–60", "characters 2 and 3 must be 01 to 60")
    level = CODE_LENGTHS.index(len(code)) + 1
    zone, west = int(code[1:3]), int(code[1:3]) <= 30
    x = (30 - zone if west else zone - 31) * _LEVELS[0].width
    y = _BANDS.index(code[3]) * _LEVELS[0].height
    rest = iter(enumerate(code[4:], start=5))
    for step in _LEVELS[1:level]:
        if step.z_order:
            digit = _digit(code, rest, step.columns * step.rows)
            column, row = digit % 2, digit // 2
        else:
            column = _digit(code, rest, step.columns)
            row = _digit(code, rest, step.rows)
        x, y = x + column * step.width, y + row * step.height
    size = _LEVELS[level - 1]
    column, row = x // size.width, y // size.height
    return Cell(level, -1 - column if west else column, -1 - row if code[0] == "S" else row)


def _digit(code: str, rest: Iterator[tuple[int, str]], count: int) -> int:
    at, character = next(rest)
    value = _DIGITS.find(character)
    if not 0 <= value < count:
        allowed = f"0–{_DIGITS[count - 1]}"
        raise _bad_code(
            code,
            f"第 {at} 位“{character}”应为 {allowed}",
            f"character {at} '{character}' must be {allowed}",
        )
    return value


def _bad_code(code: str, zh: str, en: str) -> CoordError:
    return CoordError(
        zh=f"“{code}”不是 GB/T 39409 的北斗网格码：{zh}",
        en=f"'{code}' is no BeiDou grid code of GB/T 39409: {en}",
        code=code,
    )
