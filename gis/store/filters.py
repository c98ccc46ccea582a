"""A filter as a tree: what CQL2 text and CQL2 JSON both become, before it meets a layer.

Nothing here knows SQL. A tree is bounded when it is made (`bounded`), so that whoever walks it
may do so by recursion. `at` is where a part stood: a character of the text (from 1), or a path
in JSON; it counts for no comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import LayerError

MOST_DEPTH, MOST_PARTS = 40, 2_000
MOST_LETTERS = 100_000  # of a filter as it comes, text or JSON
OPEN = ".."  # an interval's end that is not there
COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC = ("+", "-", "*", "/", "%", "div", "^")
SPATIAL = ("s_intersects", "s_disjoint", "s_contains", "s_within", "s_touches", "s_crosses",
           "s_overlaps", "s_equals")  # fmt: skip
TEMPORAL = ("t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals",
            "t_finishedby", "t_finishes", "t_intersects", "t_meets", "t_metby", "t_overlappedby",
            "t_overlaps", "t_startedby", "t_starts")  # fmt: skip
ARRAY = ("a_equals", "a_contains", "a_containedby", "a_overlaps")
FOLDING = ("casei", "accenti")
GEOMETRIES = (
    *("point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
    "geometrycollection",
)
Place = int | str


@dataclass(frozen=True, slots=True)
class Property:
    """A queryable, by name."""

    name: str
    at: Place = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value, date or moment (aware)."""

    value: str | bool | int | float | date | datetime
    at: Place = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """A geometry, x = east first, in the system the filter is written in. Heights are dropped."""

    geometry: BaseGeometry
    at: Place = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Span:
    """An interval; an end is a date, a moment, a property, or None where open."""

    start: Property | Literal | None
    end: Property | Literal | None
    at: Place = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Values:
    """A list of values: of IN, or an array."""

    items: tuple[Node, ...]
    at: Place = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function (`op` in small letters) and what it works on."""

    op: str
    args: tuple[Node, ...]
    at: Place = field(default=0, compare=False)


Node = Property | Literal | Shape | Span | Values | Call


def wrong(zh: str, en: str, at: Place) -> LayerError:
    """The error of a filter that can't be, with where in it."""
    where_zh, where_en = (
        (f"第 {at} 个字符处", f"at character {at}")
        if isinstance(at, int)
        else (f"{at} 处", f"at {at}")
    )
    return LayerError(
        zh=f"filter {where_zh}：{zh}", en=f"filter, {where_en}: {en}", parameter="filter", at=at
    )


def short_enough(text: str) -> str:
    """`text`, where a filter may be so long. Raises LayerError."""
    if len(text) > MOST_LETTERS:
        raise wrong(
            f"过滤条件过长，最多 {MOST_LETTERS} 个字符",
            f"too long, {MOST_LETTERS} characters at most",
            MOST_LETTERS,
        )
    return text


def bounded(tree: Node) -> Node:
    """`tree`, where it is neither too deep nor too big. Raises LayerError."""
    level: list[Node] = [tree]
    parts = 0
    for _ in range(MOST_DEPTH + 1):
        parts += len(level)
        if parts > MOST_PARTS:
            raise wrong(
                f"条件过多，最多 {MOST_PARTS} 项", f"more than {MOST_PARTS} parts", level[-1].at
            )
        level = [part for node in level for part in parts_of(node)]
        if not level:
            return tree
    raise too_deep(level[0].at)


def too_deep(at: Place) -> LayerError:
    """The error of a filter nested beyond MOST_DEPTH."""
    return wrong(f"嵌套超过 {MOST_DEPTH} 层", f"nested deeper than {MOST_DEPTH} levels", at)


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    if isinstance(node, Call):
        return node.args
    if isinstance(node, Values):
        return node.items
    if isinstance(node, Span):
        return tuple(end for end in (node.start, node.end) if end is not None)
    return ()


def shapes_of(tree: Node) -> Iterator[Shape]:
    """Every geometry of the filter."""
    if isinstance(tree, Shape):
        yield tree
    for part in parts_of(tree):
        yield from shapes_of(part)


def moved(tree: Node, move: Callable[[BaseGeometry], BaseGeometry]) -> Node:
    """The same filter with every geometry moved, say to EPSG:4490."""
    if isinstance(tree, Shape):
        return replace(tree, geometry=move(tree.geometry))
    if isinstance(tree, Call):
        return replace(tree, args=tuple(moved(arg, move) for arg in tree.args))
    return tree


def flat(geometry: BaseGeometry, at: Place) -> Shape:
    """The geometry as a node. Raises LayerError where a coordinate is no number."""
    flat_one: BaseGeometry = shapely.force_2d(geometry)
    if not np.isfinite(shapely.get_coordinates(flat_one)).all():
        raise wrong("坐标不是有限的数", "a coordinate is no finite number", at)
    return Shape(flat_one, at)


def box(numbers: list[float], at: Place) -> Shape:
    """BBOX of four numbers, or six with heights; west > east crosses 180°."""
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not np.isfinite(numbers).all() or numbers[1] > numbers[3]:
        raise wrong(
            "BBOX 应为 西,南,东,北 四个数（或含高程的六个数），南不大于北",
            "BBOX is west,south,east,north (or six numbers with heights), south <= north",
            at,
        )
    west, south, east, north = numbers
    if west > east:
        halves = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        return Shape(shapely.MultiPolygon(halves), at)
    return Shape(shapely.box(west, south, east, north), at)


def moment(text: str, at: Place) -> Literal:
    """A date (`2024-05-20`) or a moment (`2024-05-20T08:00:00Z`) as it stands in a filter."""
    try:
        if len(text) == 10:
            return Literal(date.fromisoformat(text), at)
        found = datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1 < found.year < 9999:
        raise wrong(
            f"“{text[:60]}”不是日期（2024-05-20）或带时区的时刻（2024-05-20T08:00:00Z）",
            f"{text[:60]!r} is neither a date (2024-05-20) nor a moment with its zone "
            f"(2024-05-20T08:00:00Z)",
            at,
        )
    return Literal(found, at)


def interval_end(text: str, at: Place) -> Literal | None:
    """An end of an interval from its text; None where it is open."""
    return None if text in (OPEN, "") else moment(text, at)
