"""A filter's tree as a condition on `{table} AS t`: names are looked up, values are parameters.

Every part is typed while it is written, so that what PostgreSQL would refuse is refused here,
with where it stands and what would do. What has no value (an empty field, a division by zero)
is neither true nor false, as in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import shapely
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from gis.errors import LayerError, StoreError
from gis.layers.model import FieldType, Layer
from gis.store.filters import (
    ARITHMETIC,
    ARRAY,
    COMPARISONS,
    FOLDING,
    SPATIAL,
    TEMPORAL,
    Call,
    Node,
    Place,
    Property,
    Shape,
    Span,
    Values,
    moment,
    wrong,
)
from gis.store.filters import Literal as Value
from gis.store.latest import FIGURES, latest_figure
from gis.store.times import When

Kind = Literal["text", "number", "boolean", "date", "datetime", "geometry"]
KINDS: dict[FieldType, Kind] = {
    "text": "text",
    "code": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
NO_ANSWER = ("22", "XX000")  # SQLSTATEs: data exceptions, and PostGIS's own
GEOMETRY, KEY = ("geometry", "geom"), "id"
TIMES = {"valid_from": SQL("lower(t.valid)"), "valid_to": SQL("upper(t.valid)")}
FUNCTIONS = {
    "s_intersects": SQL("ST_Intersects"),
    "s_disjoint": SQL("ST_Disjoint"),
    "s_contains": SQL("ST_Contains"),
    "s_within": SQL("ST_Within"),
    "s_touches": SQL("ST_Touches"),
    "s_crosses": SQL("ST_Crosses"),
    "s_overlaps": SQL("ST_Overlaps"),
    "s_equals": SQL("ST_Equals"),
}
COLLECTIONS_TOO = ("s_intersects", "s_disjoint")  # the others have no answer for mixed parts
# {0} to {1} is the first interval, {2} to {3} the second; an instant is one that starts and ends
# at once (Allen's algebra, as in OGC 21-065r2, table 9)
RELATIONS = {
    "t_after": SQL("{0} > {3}"),
    "t_before": SQL("{1} < {2}"),
    "t_contains": SQL("({0} < {2} AND {1} > {3})"),
    "t_disjoint": SQL("({1} < {2} OR {0} > {3})"),
    "t_during": SQL("({0} > {2} AND {1} < {3})"),
    "t_equals": SQL("({0} = {2} AND {1} = {3})"),
    "t_finishedby": SQL("({0} < {2} AND {1} = {3})"),
    "t_finishes": SQL("({0} > {2} AND {1} = {3})"),
    "t_intersects": SQL("({0} <= {3} AND {1} >= {2})"),
    "t_meets": SQL("{1} = {2}"),
    "t_metby": SQL("{0} = {3}"),
    "t_overlappedby": SQL("({0} > {2} AND {0} < {3} AND {1} > {3})"),
    "t_overlaps": SQL("({0} < {2} AND {1} > {2} AND {1} < {3})"),
    "t_startedby": SQL("({0} = {2} AND {1} > {3})"),
    "t_starts": SQL("({0} = {2} AND {1} < {3})"),
}
# Nothing divided by zero; no overflow of whole numbers: all is reckoned as floating point.
RECKONING = {
    "+": SQL("({0}::float8 + {1}::float8)"),
    "-": SQL("({0}::float8 - {1}::float8)"),
    "*": SQL("({0}::float8 * {1}::float8)"),
    "/": SQL("({0}::float8 / nullif({1}::float8, 0))"),
    "^": SQL("power({0}::float8, {1}::float8)"),
    "%": SQL("mod({0}::numeric, nullif({1}::numeric, 0))"),
    "div": SQL("div({0}::numeric, nullif({1}::numeric, 0))"),
}
# lower(upper()) is nearly Unicode's case folding: ß and SS, σ and ς are the same
FOLDED = {
    "casei": SQL('lower(upper({} COLLATE "und-x-icu"))'),
    "accenti": SQL("regexp_replace(normalize({}, NFD), '[\u0300-\u036f]', '', 'g')"),
}
WRITTEN = {
    "=": SQL("="), "<>": SQL("<>"), "<": SQL("<"), ">": SQL(">"), "<=": SQL("<="), ">=": SQL(">="),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """SQL of a value, and what it is."""

    kind: Kind
    sql: Composable


def condition(tree: Node, layer: Layer, when: When, params: dict[str, Any]) -> Composable:
    """The filter as a condition; its values are added to `params`. Geometries are in EPSG:4490.
    when: of which moment latest_value and latest_time are, as in the query around it.

    Raises LayerError for what the layer has not and for what can't be compared."""
    return _Writer(layer, when, params).truth(tree)


@contextmanager
def answerable(tree: Node | None) -> Iterator[None]:
    """What a filter asks of numbers and shapes that has no answer becomes the filter's error."""
    try:
        yield
    except StoreError as exc:
        state = str(exc.facts.get("sqlstate"))
        if tree is None or not state.startswith(NO_ANSWER):
            raise
        raise LayerError(
            zh="filter 中的计算没有结果（溢出、模式不完整或几何不适用）。请检查数值、LIKE 和几何",
            en="the filter asks for what has no answer (an overflow, an unfinished pattern, shapes "
            "that do not go together). Check its numbers, LIKE patterns and geometries",
            parameter="filter",
            sqlstate=state,
        ) from exc


class _Writer:
    """One walk of a tree. `params` collects the values."""

    def __init__(self, layer: Layer, when: When, params: dict[str, Any]) -> None:
        self.layer, self.when, self.params = layer, when, params
        self.calls: dict[str, Callable[[Call], Typed]] = {
            **dict.fromkeys(("and", "or"), self._joined),
            **dict.fromkeys(COMPARISONS, self._compared),
            **dict.fromkeys(ARITHMETIC, self._reckoned),
            **dict.fromkeys(SPATIAL, self._spatial),
            **dict.fromkeys(TEMPORAL, self._temporal),
            **dict.fromkeys(ARRAY, self._array),
            **dict.fromkeys(FOLDING, self._folded),
            "not": self._not,
            "like": self._like,
            "between": self._between,
            "in": self._in,
            "isnull": self._is_null,
        }

    def truth(self, node: Node) -> Composable:
        """`node` where only true or false will do."""
        return self._of("boolean", node)

    def value(self, node: Node) -> Typed:
        """Any node as SQL with its kind."""
        if isinstance(node, Property):
            return self._property(node)
        if isinstance(node, Value):
            return self._literal(node)
        if isinstance(node, Shape):
            return self._shape(node)
        if isinstance(node, Call):
            write = self.calls.get(node.op)
            if write is None:
                known = ", ".join(sorted(word for word in self.calls if word.isidentifier()))
                raise wrong(
                    f"没有函数“{node.op[:60]}”。可用：{known}",
                    f"there is no function {node.op[:60]!r}. There are: {known}",
                    node.at,
                )
            return write(node)
        if isinstance(node, Span):
            raise wrong("区间只能用于 T_ 函数", "an interval is for T_ functions", node.at)
        raise wrong("列表只能用于 IN", "a list is for IN", node.at)

    def _of(self, kind: Kind, node: Node) -> Composable:
        found = self.value(node)
        if found.kind != kind:
            raise wrong(
                f"这里应为 {kind}，不是 {found.kind}", f"expected {kind}, not {found.kind}", node.at
            )
        return found.sql

    def _property(self, node: Property) -> Typed:
        fields = {f.name: f for f in self.layer.fields}
        if node.name in fields:
            return Typed(KINDS[fields[node.name].type], Identifier("t", node.name))
        if node.name in GEOMETRY:
            return Typed("geometry", SQL("t.geom"))
        if node.name in TIMES:
            return Typed("datetime", TIMES[node.name])
        if node.name == KEY:
            return Typed("number", SQL("t.key"))
        latest = latest_figure(node.name, self.layer, self.when, self.params)
        if latest is not None:
            return Typed("number" if node.name == "latest_value" else "datetime", latest)
        more = FIGURES if self.layer.latest_of else ()
        known = ", ".join((*fields, *TIMES, *more, GEOMETRY[0], KEY))
        raise wrong(
            f"图层 {self.layer.id} 没有“{node.name[:60]}”。可用：{known}",
            f"layer {self.layer.id} has no {node.name[:60]!r}. It has: {known}",
            node.at,
        )

    def _literal(self, node: Value) -> Typed:
        value = node.value
        if isinstance(value, bool):
            return self._given("boolean", value, SQL("{}::boolean"))
        if isinstance(value, int):
            return self._given("number", value, SQL("{}::bigint"))
        if isinstance(value, float):
            return self._given("number", value, SQL("{}::float8"))
        if isinstance(value, datetime):
            return self._given("datetime", value, SQL("{}::timestamptz"))
        if isinstance(value, date):
            return self._given("date", value, SQL("{}::date"))
        if not _storable(value):
            raise wrong("文字中有无效字符", "the text holds a character that can't be", node.at)
        return self._given("text", value, SQL("{}::text"))

    def _given(self, kind: Kind, value: Any, cast: SQL) -> Typed:
        name = f"filter{len(self.params)}"
        self.params[name] = value
        return Typed(kind, cast.format(Placeholder(name)))

    def _shape(self, node: Shape) -> Typed:
        if node.geometry.is_empty:
            raise wrong("几何是空的", "the geometry is empty", node.at)
        if not node.geometry.is_valid:
            reason = shapely.is_valid_reason(node.geometry)
            raise wrong(f"几何无效：{reason}", f"the geometry is invalid: {reason}", node.at)
        wkb = shapely.to_wkb(node.geometry)
        return self._given("geometry", wkb, SQL("ST_GeomFromWKB({}, 4490)"))

    def _joined(self, node: Call) -> Typed:
        words = SQL(" AND ") if node.op == "and" else SQL(" OR ")
        if len(node.args) < 2:
            raise _count(node, 2)
        parts = words.join(self.truth(arg) for arg in node.args)
        return Typed("boolean", SQL("({})").format(parts))

    def _not(self, node: Call) -> Typed:
        (arg,) = _args(node, 1)
        return Typed("boolean", SQL("(NOT {})").format(self.truth(arg)))

    def _compared(self, node: Call) -> Typed:
        a, b = _args(node, 2)
        left, right = self._alike(a, b, node.at)
        if left.kind == "geometry" or (left.kind == "boolean" and node.op not in ("=", "<>")):
            raise wrong(
                f"{left.kind} 不能用 {node.op} 比较",
                f"{left.kind} can't be compared by {node.op}",
                node.at,
            )
        sql = SQL("({} {} {})").format(left.sql, WRITTEN[node.op], right.sql)
        return Typed("boolean", sql)

    def _alike(self, a: Node, b: Node, at: Place) -> tuple[Typed, Typed]:
        """Both as values of one kind. A text beside a date or moment is read as one."""
        left, right = self.value(a), self.value(b)
        for node, other, is_left in ((a, right, True), (b, left, False)):
            text = node.value if isinstance(node, Value) else None
            if isinstance(text, str) and other.kind in ("date", "datetime"):
                # GDAL writes a date as 2024-05-20T
                read = self._literal(moment(text.removesuffix("T"), node.at))
                left, right = (read, right) if is_left else (left, read)
        if {left.kind, right.kind} == {"date", "datetime"}:
            return _moments(left), _moments(right)
        if left.kind != right.kind:
            raise wrong(
                f"{left.kind} 与 {right.kind} 不能比较",
                f"{left.kind} and {right.kind} can't be compared",
                at,
            )
        return left, right

    def _between(self, node: Call) -> Typed:
        value, low, high = _args(node, 3)
        parts = [
            self._compared(Call(op, (value, bound), node.at)).sql
            for op, bound in ((">=", low), ("<=", high))
        ]
        return Typed("boolean", SQL("({})").format(SQL(" AND ").join(parts)))

    def _in(self, node: Call) -> Typed:
        value, choice = _args(node, 2)
        if not isinstance(choice, Values) or not choice.items:
            raise wrong("IN 后应为非空列表", "IN is followed by a list, not empty", choice.at)
        parts = [self._compared(Call("=", (value, item), item.at)).sql for item in choice.items]
        return Typed("boolean", SQL("({})").format(SQL(" OR ").join(parts)))

    def _like(self, node: Call) -> Typed:
        value, pattern = (self._of("text", arg) for arg in _args(node, 2))
        return Typed("boolean", SQL("({} LIKE {})").format(value, pattern))

    def _is_null(self, node: Call) -> Typed:
        (arg,) = _args(node, 1)
        return Typed("boolean", SQL("({} IS NULL)").format(self.value(arg).sql))

    def _folded(self, node: Call) -> Typed:
        (arg,) = _args(node, 1)
        return Typed("text", FOLDED[node.op].format(self._of("text", arg)))

    def _reckoned(self, node: Call) -> Typed:
        left, right = (self._of("number", arg) for arg in _args(node, 2))
        return Typed("number", RECKONING[node.op].format(left, right))

    def _spatial(self, node: Call) -> Typed:
        args = _args(node, 2)
        for arg in args:
            if (
                isinstance(arg, Shape)
                and arg.geometry.geom_type == "GeometryCollection"
                and node.op not in COLLECTIONS_TOO
            ):
                raise wrong(
                    "GEOMETRYCOLLECTION 只能用于 S_INTERSECTS 和 S_DISJOINT",
                    "a GEOMETRYCOLLECTION is for S_INTERSECTS and S_DISJOINT",
                    arg.at,
                )
        left, right = (self._of("geometry", arg) for arg in args)
        return Typed("boolean", SQL("{}({}, {})").format(FUNCTIONS[node.op], left, right))

    def _temporal(self, node: Call) -> Typed:
        ends = [end for arg in _args(node, 2) for end in self._ends(arg)]
        if any(end is not None and end.kind == "datetime" for end in ends):
            ends = [None if end is None else _moments(end) for end in ends]
            never, always = SQL("'-infinity'::timestamptz"), SQL("'infinity'::timestamptz")
        else:
            never, always = SQL("'-infinity'::date"), SQL("'infinity'::date")
        written = [
            ((never, always)[i % 2] if end is None else end.sql) for i, end in enumerate(ends)
        ]
        return Typed("boolean", RELATIONS[node.op].format(*written))

    def _ends(self, arg: Node) -> tuple[Typed | None, Typed | None]:
        if isinstance(arg, Span):
            return self._end(arg.start), self._end(arg.end)
        if isinstance(arg, Value) and isinstance(arg.value, str):
            arg = moment(arg.value, arg.at)
        found = self._end(arg)
        return found, found

    def _end(self, node: Node | None) -> Typed | None:
        if node is None:
            return None
        found = self.value(node)
        if found.kind not in ("date", "datetime"):
            raise wrong(
                f"这里应为日期或时刻，不是 {found.kind}",
                f"expected a date or a moment, not {found.kind}",
                node.at,
            )
        if isinstance(node, Property) and node.name == "valid_to":  # current: it never ends
            return Typed("datetime", SQL("coalesce({}, 'infinity')").format(found.sql))
        return found

    def _array(self, node: Call) -> Typed:
        raise wrong(
            f"图层 {self.layer.id} 没有数组字段，不能用 A_ 函数",
            f"layer {self.layer.id} has no fields that are arrays, which A_ functions are for",
            node.at,
        )


def _storable(text: str) -> bool:
    """Whether PostgreSQL holds it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _moments(value: Typed) -> Typed:
    """A date as its first moment in the store's time zone."""
    if value.kind == "datetime":
        return value
    return Typed("datetime", SQL("{}::timestamptz").format(value.sql))


def _args(node: Call, count: int) -> tuple[Node, ...]:
    if len(node.args) != count:
        raise _count(node, count)
    return node.args


def _count(node: Call, count: int) -> LayerError:
    return wrong(
        f"{node.op.upper()} 需要 {count} 个参数，给了 {len(node.args)} 个",
        f"{node.op.upper()} takes {count} arguments, not {len(node.args)}",
        node.at,
    )
