"""The order of rows, and going on after the last one seen.

A page after a row stays right while rows come and go before it; an offset does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from gis.errors import LayerError
from gis.layers.model import Layer
from gis.store.literals import literal
from gis.store.times import Interval, When

Direction = Literal["asc", "desc"]
Mark = tuple[Any, ...]  # what a row is sorted by, its key last (then valid_from and version)
HEAD = '{"type":"Feature","id":'
WORDS = {"asc": SQL("{} ASC NULLS LAST"), "desc": SQL("{} DESC NULLS LAST")}
KEY, STARTS, VERSION = SQL("t.key"), SQL("lower(t.valid)"), SQL("t.version_id")


class Ordered(Protocol):
    """What a query says of its order."""

    @property
    def layer(self) -> Layer: ...
    @property
    def when(self) -> When: ...
    @property
    def sortby(self) -> tuple[tuple[str, Direction], ...]: ...
    @property
    def after(self) -> Mark | None: ...
    @property
    def version_ids(self) -> bool: ...


def order(q: Ordered) -> Composed:
    """ORDER BY of a query: what was asked for, then the key, so that it is always one order."""
    parts: list[Composable] = [WORDS[way].format(_column(q, name)) for name, way in q.sortby]
    parts.append(KEY)
    if isinstance(q.when, Interval):
        parts += [STARTS, VERSION]
    return SQL(", ").join(parts)


def beyond(q: Ordered, params: dict[str, Any]) -> Composable | None:
    """The condition for rows after `q.after`; adds its values to `params`. None = from the start.

    Raises LayerError for a mark of another order."""
    if q.after is None:
        return None
    ways: list[tuple[Composable, Direction]] = [(_column(q, name), way) for name, way in q.sortby]
    ways.append((KEY, "asc"))
    if isinstance(q.when, Interval):
        ways += [(STARTS, "asc"), (VERSION, "asc")]
    names = []
    for i, value in enumerate(_typed(q, len(ways))):
        names.append(None if value is None else f"after{i}")
        params[f"after{i}"] = value
    found: Composable | None = None
    for i, ((column, way), name) in reversed(list(enumerate(zip(ways, names, strict=True)))):
        later, same = _compared(column, way, name, never_empty=i >= len(q.sortby))
        found = later if found is None else SQL("({} OR ({} AND {}))").format(later, same, found)
    return found


def mark_column(q: Ordered) -> Composable:
    """One more column, the row's mark as JSON text, where the feature's own text does not say."""
    if not q.sortby and not isinstance(q.when, Interval) and not q.version_ids:
        return SQL("")
    parts = [*(_column(q, name) for name, _ in q.sortby), KEY, STARTS, VERSION]
    return SQL(", json_build_array({})").format(SQL(", ").join(parts))


def mark_of(q: Ordered, row: tuple[Any, ...]) -> Mark:
    """The mark of a row of `items`."""
    if len(row) == 1:
        text = row[0]
        return (int(text[len(HEAD) : text.index(",", len(HEAD))]),)
    values = row[1]
    return tuple(values if isinstance(q.when, Interval) else values[:-2])


def _column(q: Ordered, name: str) -> Identifier:
    return Identifier("t", "key" if name == "key" else q.layer.field(name).name)


def _compared(
    column: Composable, way: Direction, name: str | None, *, never_empty: bool
) -> tuple[Composable, Composable]:
    """(later, the same) of a column against a value; what is empty comes last either way."""
    if name is None:
        return SQL("false"), SQL("{} IS NULL").format(column)
    sign = SQL(">") if way == "asc" else SQL("<")
    later = SQL("{} {} {}").format(column, sign, Placeholder(name))
    if not never_empty:
        later = SQL("({} OR {} IS NULL)").format(later, column)
    return later, SQL("{} = {}").format(column, Placeholder(name))


def _typed(q: Ordered, count: int) -> Mark:
    mark = q.after or ()
    if len(mark) != count:
        raise _other(q)
    values: list[Any] = []
    for (name, _), value in zip(q.sortby, mark, strict=False):
        typed = name != "key" and value is not None
        values.append(literal(q.layer.field(name), value) if typed else value)
    try:
        key, *rest = mark[len(q.sortby) :]
        values.append(int(key))
        if rest:
            values += [datetime.fromisoformat(rest[0]), int(rest[1])]
    except (TypeError, ValueError) as exc:
        raise _other(q) from exc
    if any(isinstance(v, int) and abs(v) >= 2**63 for v in values):
        raise _other(q)
    return tuple(values)


def _other(q: Ordered) -> LayerError:
    return LayerError(
        zh=f"图层 {q.layer.id} 的翻页标记与排序或时间不符。请从第一页重新开始",
        en=f"the page mark is not one of this order of layer {q.layer.id}. Start from the first "
        f"page",
        parameter="after",
    )
