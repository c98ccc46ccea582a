"""What differs between two moments of a layer: features new, changed and closed.

Applying the difference of A and B to the state at A gives the state at B: what was altered and
altered back in between is no difference, and an undone delivery leaves none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TextIO

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from gis.errors import LayerError
from gis.store.filters_sql import answerable
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.query import LayerQuery, conditions
from gis.store.times import Interval

Change = Literal["new", "changed", "closed"]
BEFORE_ALL_KEYS = -1
BATCH = 1_000  # rows a cursor fetches at once
OURS = ("_change", "_at", "_moved", "_before")  # no field of a layer begins with _


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One feature that differs. `at`: since when it is new, as it is now, or gone; within a
    sequence of changes the last. `before`, `after`: the layer's fields and `extra` then and
    later, None where it was not there. Geometries: GeoJSON, EPSG:4490, longitude first."""

    key: int
    change: Change
    at: datetime
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    old_geometry: dict[str, Any] | None
    new_geometry: dict[str, Any] | None
    moved: bool

    @property
    def altered(self) -> dict[str, Any]:
        """Old values of the fields that changed, by name; empty for new and closed features."""
        if self.before is None or self.after is None:
            return {}
        return {n: old for n, old in self.before.items() if old != self.after.get(n)}

    def to_json(self) -> dict[str, Any]:
        """A GeoJSON Feature: as it is later (as it was, where closed), and beside its fields
        `_change`, `_at`, `_moved`, `_before` (old values of the fields that changed). A member
        `geometry_before` holds the old geometry of a feature that moved."""
        state = self.before if self.after is None else self.after
        ours = (
            self.change,
            self.at.isoformat(),
            self.change == "changed" and self.moved,
            self.altered,
        )
        feature = {
            "type": "Feature",
            "id": self.key,
            "geometry": self.old_geometry if self.after is None else self.new_geometry,
            "properties": {**(state or {}), **dict(zip(OURS, ours, strict=True))},
        }
        if self.change == "changed" and self.moved:
            feature["geometry_before"] = self.old_geometry
        return feature


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffPage:
    """A page of differences by key; `after`: the last key, where more follow."""

    differences: list[Difference]
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffCounts:
    """How many features are new, changed, closed between two moments."""

    new: int
    changed: int
    closed: int


def diff(store: Store, q: LayerQuery, after: int | None = None) -> DiffPage:
    """The first `q.limit` features that differ between the ends of `q.when` and lie behind the
    key `after`; all where there is no limit.

    `q.when` is an Interval closed at both ends. A feature counts where any of its versions meets
    `q`'s other conditions, so one that left the bbox is shown as what it is: changed. Raises
    LayerError for another `when`."""
    wanted = q.limit if q.limit is None else q.limit + 1
    statement, params = _statement("diff", replace(q, limit=wanted), after)
    with answerable(q.filter), store.reading(*_doing(q)) as conn, _rows(conn) as cur:
        found = [_difference(row) for row in cur.execute(statement, params)]
    page = found[: q.limit]
    return DiffPage(
        differences=page, after=page[-1].key if page and len(found) > len(page) else None
    )


def stream_diff(store: Store, q: LayerQuery) -> Iterator[Difference]:
    """As `diff`, all of one moment, a batch in memory at a time. Holds a connection until it is
    exhausted or closed."""
    statement, params = _statement("diff", q, None)
    with (
        answerable(q.filter),
        store.connection(*_doing(q)) as conn,
        conn.cursor("differences", row_factory=dict_row) as cur,
    ):
        cur.itersize = BATCH
        cur.execute(statement, params)
        for row in cur:
            yield _difference(row)


def count_diff(store: Store, q: LayerQuery) -> DiffCounts:
    """How many `stream_diff` would give, by kind. Raises as `diff`."""
    statement, params = _statement("diff_count", replace(q, limit=None), None)
    with answerable(q.filter), store.reading(*_doing(q)) as conn, _rows(conn) as cur:
        row = cur.execute(statement, params).fetchone()
    assert row is not None  # counts are one row
    return DiffCounts(**row)


def write_diff(store: Store, q: LayerQuery, out: TextIO) -> DiffCounts:
    """All differences as one GeoJSON document, a feature a line. Raises as `diff`."""
    seen = dict.fromkeys(("new", "changed", "closed"), 0)
    assert isinstance(q.when, Interval)
    head = {"type": "FeatureCollection", "layer": q.layer.id}
    for name, end in (("since", q.when.start), ("until", q.when.end)):
        head[name] = end.isoformat() if end is not None else ".."
    out.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
    for i, found in enumerate(stream_diff(store, q)):
        out.write((",\n" if i else "\n") + json.dumps(found.to_json(), ensure_ascii=False))
        seen[found.change] += 1
    out.write("\n]}\n")
    return DiffCounts(**seen)


def _statement(name: str, q: LayerQuery, after: int | None) -> tuple[Composed, dict[str, Any]]:
    when = q.when
    if not isinstance(when, Interval) or when.start is None or when.end is None:
        raise LayerError(
            zh="两个日期之间的差异需要起止时间，例如 2023-06-01/2024-06-01",
            en="a difference is between two moments: give both, such as 2023-06-01/2024-06-01",
            parameter="datetime",
        )
    where, params = conditions(q)
    names = (*q.layer.field_names, "extra")
    columns = SQL(", ").join([Identifier("t", n) for n in names])
    parts: dict[str, Any] = {"table": layer_table(q.layer.id), "where": where}
    if name == "diff":
        parts["properties"] = columns
        params["after"] = BEFORE_ALL_KEYS if after is None else after
        params |= {"limit": q.limit, "digits": q.digits}
    return query(name, **parts), params


def _rows(conn: psycopg.Connection) -> psycopg.Cursor[dict[str, Any]]:
    return conn.cursor(row_factory=dict_row)


def _difference(row: dict[str, Any]) -> Difference:
    before, after = row["before"], row["after"]
    change: Change = "new" if before is None else "closed" if after is None else "changed"
    return Difference(
        key=row["key"],
        change=change,
        at=row["ended"] if after is None else row["began"],
        before=before,
        after=after,
        old_geometry=row["old_geometry"],
        new_geometry=row["new_geometry"],
        moved=row["moved"],
    )


def _doing(q: LayerQuery) -> tuple[str, str]:
    return f"比较图层 {q.layer.id}", f"compare layer {q.layer.id}"
