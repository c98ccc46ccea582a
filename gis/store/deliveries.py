"""Deliveries: COPY, one set-based diff, the ledger and the quarantine, in one transaction.

    with begin(store, head) as loading:
        loading.add(good)
        loading.reject(rejects)
        counts = loading.apply()

Whatever happens inside, a kill included, the database holds all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import psycopg
import shapely
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg.types.json import Jsonb

from gis.errors import Conflict, StoreError, UnknownFrame, UnknownLayer
from gis.layers.batch import GoodRows, Reject, Remark
from gis.layers.model import Layer
from gis.store.copying import good_rows, rejected_rows, remarked_rows
from gis.store.likeness import alike, tolerance_m
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.tables import column_type, ensure_indexes, key_sequence
from gis.store.topology import Inspection, key_pairs
from gis.store.translate import pg_errors

Mode = Literal["full", "upsert", "delete"]
# A mode is the list of queries that carry it out.
STEPS: Mapping[Mode, tuple[str, ...]] = {
    "full": ("close_changed", "close_missing", "open_new"),
    "upsert": ("close_changed", "open_new"),
    "delete": ("close_named",),
}
NEAR_AT_ONCE = 20_000
WORTH_ANALYZING = 500
FEW_CLOSED = 20  # features a full delivery may end whatever share of the layer they are
LONGEST_WAIT = "120s"  # for another delivery of the same layer


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHead:
    """What is known of a delivery before its rows.

    `as_of` is the valid time of its state (aware); None = now. `frame` has at least `name`
    and `accuracy_m`, else UnknownFrame: no coordinate enters without them. `allow_closing`: the
    sender means it that a full delivery ends more than the layer's `max_closed_share`.
    """

    layer: Layer
    source: str
    digest: str
    mode: Mode
    frame: Mapping[str, Any]
    department: str | None = None
    person: str | None = None
    as_of: datetime | None = None
    allow_closing: bool = False

    def __post_init__(self) -> None:
        if not self.frame.get("name") or self.frame.get("accuracy_m") is None:
            raise UnknownFrame(
                zh=f"{self.source} 没有写明坐标系和精度，不能入库。请用 --crs 指定",
                en=f"{self.source} states no frame and accuracy and can't be stored. Pass --crs",
                source=self.source,
            )
        if self.mode not in STEPS:
            raise StoreError(
                zh=f"没有 {self.mode} 这种更新方式；可用：{', '.join(STEPS)}",
                en=f"there is no mode {self.mode}; there are: {', '.join(STEPS)}",
                mode=self.mode,
            )
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise StoreError(
                zh=f"as_of {self.as_of} 没有时区",
                en=f"as_of {self.as_of} has no time zone",
                as_of=self.as_of,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What came of a delivery. accepted = new + changed + unchanged, always.

    `closed` are features the delivery ended: in `full` those it no longer holds, in `delete`
    those it names (which are its `changed`; a name that is not there is `unchanged`). `kept` are
    features that a full delivery would have ended, had it not held a refused row of theirs.
    `refused`: rows the store itself refused, by reason; `warnings`: what was found about accepted
    ones, by code.
    """

    delivery: int
    as_of: datetime
    new: int
    changed: int
    unchanged: int
    closed: int
    quarantined: int
    accepted: int
    kept: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.accepted != self.new + self.changed + self.unchanged:
            raise StoreError(
                zh=f"第 {self.delivery} 次交付的行数对不上：{self}",
                en=f"the rows of delivery {self.delivery} do not add up: {self}",
                delivery=self.delivery,
            )


@dataclass(slots=True)
class Loading:
    """A delivery being loaded. `connection` is its transaction, for what belongs to it."""

    connection: psycopg.Connection
    head: DeliveryHead
    delivery: int
    as_of: datetime
    features: int  # current features of the layer before it
    counts: Counts | None = field(default=None)

    def add(self, good: GoodRows) -> None:
        """Take rows that passed. Raises LayerError or StoreError where they are not what
        GoodRows promises."""
        if good.layer.id != self.head.layer.id:
            raise UnknownLayer(
                zh=f"交付属于图层 {self.head.layer.id}，行属于 {good.layer.id}",
                en=f"the delivery is of layer {self.head.layer.id}, the rows of {good.layer.id}",
                layer=good.layer.id,
            )
        if len(good):
            statement = query("batch_copy", columns=_names(self.head.layer.field_names))
            self._copy(statement, good_rows(good))

    def reject(self, rejects: Sequence[Reject], keys: Sequence[tuple[Any, ...]] = ()) -> None:
        """Put refused rows on record. `keys`: the business keys of those where it could be read;
        their features stay as they were."""
        if rejects:
            self._copy(query("quarantine_copy"), rejected_rows(self.delivery, rejects))
        if keys:
            names = self.head.layer.key
            values = SQL(", ").join([Placeholder()] * len(names))
            with self.connection.cursor() as cur:
                cur.executemany(query("kept_add", key=_names(names), values=values), keys)

    def remark(self, remarks: Sequence[Remark]) -> None:
        """Put warnings about rows on record, for those that are accepted in the end."""
        if remarks:
            self._copy(query("remark_copy"), remarked_rows(remarks))

    def apply(self) -> Counts:
        """Compare with what is stored, carry out the mode, write the ledger's line.

        Raises Conflict where a full delivery without one good row would end the whole layer, or
        one would end more of it than the layer lets go unasked.
        """
        layer, run = self.head.layer, self.connection.execute
        table, keys = layer_table(layer.id), _keys(layer)
        refused = self._inspect()
        run(query("batch_match", table=table, batch_key=keys["batch"], old_key=keys["old"]))
        self._recognise_same_geometry()
        run(query("batch_revive", table=table, batch_key=keys["batch"], old_key=keys["old"]))
        accepted, absent, changed = self._row(query("batch_count"))
        if self.head.mode == "full" and accepted == 0 and self.features:
            raise Conflict(
                zh=f"全量交付里没有一行合格，会清空图层 {layer.id} 的 {self.features} 个要素。"
                f"请修正文件，或改用 --mode upsert",
                en=f"not one row of this full delivery is good; it would end all {self.features} "
                f"features of layer {layer.id}. Mend the file, or use --mode upsert",
                layer=layer.id,
            )
        done = {step: self._step(step) for step in STEPS[self.head.mode]}
        if self.head.mode == "delete":
            new, changed, closed = 0, done["close_named"], done["close_named"]
        else:
            new, closed = absent, done.get("close_missing", 0)
            self._refuse_closing(closed)
        figures = {
            "accepted": accepted,
            "new": new,
            "changed": changed,
            "unchanged": accepted - new - changed,
            "closed": closed,
            "kept": self._kept(table, keys) if self.head.mode == "full" else 0,
        }
        self._keep_books(figures, refused, touched=sum(done.values()))
        return self.counts  # type: ignore[return-value]  # just set

    # --- steps -----------------------------------------------------------------------------

    def _copy(self, statement: Composed, data: bytes) -> None:
        with self.connection.cursor() as cur, cur.copy(statement) as copy:
            copy.write(data)

    def _row(self, statement: Composed, params: Mapping[str, Any] | None = None) -> Any:
        return self.connection.execute(statement, params).fetchone()

    def _refuse_closing(self, closed: int) -> None:
        """A part sent as the whole would end what it leaves out; the transaction takes it back."""
        layer, before = self.head.layer, self.features
        few = closed < FEW_CLOSED or closed <= layer.max_closed_share * before
        if few or self.head.allow_closing:
            return
        share, most = f"{closed / before:.0%}", f"{layer.max_closed_share:.0%}"
        raise Conflict(
            zh=f"这次全量交付会注销图层 {layer.id} 现有 {before} 个要素中的 {closed} 个（{share}，"
            f"上限 {most}），未入库。若文件只是一部分，请用 --mode upsert；确要注销，请加 "
            f"--allow-closing",
            en=f"this full delivery would end {closed} of the {before} features of layer "
            f"{layer.id} ({share}; the most is {most}): nothing was stored. If the file holds a "
            f"part only, use --mode upsert; if the others are gone, add --allow-closing",
            layer=layer.id,
            closed=closed,
            features=before,
            max_closed_share=layer.max_closed_share,
        )

    def _kept(self, table: Composable, keys: Mapping[str, Composed]) -> int:
        statement = query("kept_count", table=table, kept_key=keys["kept"], old_key=keys["old"])
        return int(self._row(statement)[0])

    def _step(self, name: str) -> int:
        layer = self.head.layer
        parts: dict[str, Any] = {"table": layer_table(layer.id)}
        params: dict[str, Any] = {"as_of": self.as_of, "delivery": self.delivery}
        if name == "close_missing":
            parts |= {"kept_key": _keys(layer)["kept"], "old_key": _keys(layer)["old"]}
        if name == "open_new":
            parts["columns"] = _names(layer.field_names)
            parts["batch_columns"] = _names(layer.field_names, "b")
            params["sequence"] = key_sequence(layer.id)
        return self.connection.execute(query(name, **parts), params).rowcount

    def _inspect(self) -> dict[str, int]:
        """Look at the rows together. Returns how many were refused, by reason."""
        layer = self.head.layer
        twice = self._refuse_duplicates()
        refused = Inspection(
            connection=self.connection, layer=layer, delivery=self.delivery, mode=self.head.mode
        ).make()
        self.connection.execute(
            query("remark_keep", key_pairs=key_pairs(layer.key, "b")), {"delivery": self.delivery}
        )
        return {"duplicate_key": twice, **refused} if twice else refused

    def _refuse_duplicates(self) -> int:
        layer = self.head.layer
        keys, named = _keys(layer), ",".join(layer.key)
        done = self.connection.execute(
            query("batch_duplicates", key=keys["plain"], batch_key=keys["b"], twice_key=keys["t"]),
            {
                "delivery": self.delivery,
                "field": named,
                "zh": f"主键 {named} 与第 %s 行重复，保留第一行。请去掉一行或改正编号",
                "en": f"key {named} repeats that of row %s, which was kept. Remove one of the "
                f"rows or correct its number",
                "frame": "EPSG:4490",
            },
        )
        return done.rowcount

    def _recognise_same_geometry(self) -> None:
        table = layer_table(self.head.layer.id)
        tolerance = tolerance_m(self.head.layer.accuracy_m)
        lines: list[int] = []
        with self.connection.cursor(name="near", binary=True) as near:
            near.itersize = NEAR_AT_ONCE
            near.execute(query("batch_near", table=table))
            while rows := near.fetchmany(NEAR_AT_ONCE):
                line, old, new = zip(*rows, strict=True)
                same = alike(_shapes(old), _shapes(new), tolerance)
                lines += np.array(line, dtype=np.int64)[same].tolist()
        if lines:
            self.connection.execute(query("batch_same"), {"lines": lines})

    def _keep_books(
        self, figures: Mapping[str, int], refused: Mapping[str, int], *, touched: int
    ) -> None:
        layer = self.head.layer
        table = layer_table(layer.id)
        if ensure_indexes(self.connection, layer) or touched > WORTH_ANALYZING:
            self.connection.execute(query("layer_analyze", table=table))
        params = {**figures, "delivery": self.delivery}
        if touched and self._row(query("overlapping", table=table), params) is not None:
            raise StoreError(
                zh=f"图层 {layer.id} 有要素在同一时刻存在两个版本，交付已撤回。请报告此错误",
                en=f"a feature of layer {layer.id} would have two versions at one time; the "
                f"delivery was taken back. Please report this",
                layer=layer.id,
            )
        more = figures["new"] - figures["closed"]
        self.connection.execute(query("layer_features"), {"more": more, "layer": layer.id})
        (quarantined,) = self._row(query("delivery_counts"), params)
        warnings = self.connection.execute(query("warning_counts"), params).fetchall()
        self.counts = Counts(
            delivery=self.delivery,
            as_of=self.as_of,
            quarantined=quarantined,
            refused=refused,
            warnings=dict(warnings),
            **figures,
        )


@contextmanager
def begin(store: Store, head: DeliveryHead, *, dry_run: bool = False) -> Iterator[Loading]:
    """One delivery, in one transaction. It is kept if `apply` was called and nothing was
    raised; with `dry_run` it is never kept, but its counts are those it would have.

    Raises Conflict for an `as_of` in the future or before the layer's newest delivery, Busy
    where another delivery of the layer takes too long, UnknownLayer where it has no table.
    """
    doing = pg_errors(f"装载图层 {head.layer.id}", f"load layer {head.layer.id}")
    with doing, store.pool.connection() as conn, conn.transaction() as transaction:
        as_of, features = _place_in_time(conn, head)
        columns = [
            SQL(" ").join((Identifier(f.name), column_type(f.type))) for f in head.layer.fields
        ]
        conn.execute(query("batch_create", columns=SQL(", ").join(columns)))
        key = [
            SQL(" ").join((Identifier(name), column_type(head.layer.field(name).type)))
            for name in head.layer.key
        ]
        conn.execute(query("kept_create", columns=SQL(", ").join(key)))
        conn.execute(query("remark_create"))
        row = conn.execute(
            query("delivery_open"),
            {
                "layer": head.layer.id,
                "source": head.source,
                "digest": head.digest,
                "department": head.department,
                "person": head.person,
                "mode": head.mode,
                "as_of": as_of,
                "frame": Jsonb(dict(head.frame)),
            },
        ).fetchone()
        assert row is not None
        loading = Loading(conn, head, row[0], as_of, features)
        yield loading
        if dry_run or loading.counts is None:
            raise psycopg.Rollback(transaction)


def lock_layer(conn: psycopg.Connection, layer_id: str) -> tuple[int | None, Any, datetime, int]:
    """Hold the layer's deliveries until the transaction ends. Returns the newest delivery's id
    and as_of (None where there is none), the database's clock, and the current features."""
    conn.execute(query("delivery_lock_timeout"), {"longest": LONGEST_WAIT})
    conn.execute(query("delivery_lock"), {"layer": layer_id})
    row = conn.execute(query("delivery_newest"), {"layer": layer_id}).fetchone()
    if row is None:
        raise UnknownLayer(
            zh=f"图层 {layer_id} 还没有数据表。请运行：gis init",
            en=f"layer {layer_id} has no table yet. Run: gis init",
            layer=layer_id,
        )
    return row[0], row[1], row[2], row[3]


def _place_in_time(conn: psycopg.Connection, head: DeliveryHead) -> tuple[datetime, int]:
    newest, newest_as_of, now, features = lock_layer(conn, head.layer.id)
    as_of = head.as_of or now
    if as_of > now:
        raise Conflict(
            zh=f"as-of {as_of} 在将来。请改成数据真正的日期",
            en=f"as-of {as_of} lies in the future. Give the date the data is of",
            as_of=as_of,
        )
    if newest_as_of is not None and as_of < newest_as_of:
        raise Conflict(
            zh=f"图层 {head.layer.id} 已有 {newest_as_of} 的交付（第 {newest} 次），"
            f"不能再装更早的 {as_of}。请核对日期，或先 gis deliveries undo {newest}",
            en=f"layer {head.layer.id} already has delivery {newest} as of {newest_as_of}; an "
            f"earlier one ({as_of}) can't follow. Check the date, or first run: "
            f"gis deliveries undo {newest}",
            layer=head.layer.id,
            newest=newest,
            newest_as_of=newest_as_of,
            as_of=as_of,
        )
    return as_of, features


def _names(names: Sequence[str], table: str | None = None) -> Composed:
    parts = [Identifier(table, name) if table else Identifier(name) for name in names]
    return SQL(", ").join(parts)


def _keys(layer: Layer) -> dict[str, Composed]:
    """The business key, bare and under each name a query gives its table."""
    aliases = {"batch": "b", "old": "old", "b": "b", "t": "t", "kept": "k"}
    return {"plain": _names(layer.key)} | {k: _names(layer.key, a) for k, a in aliases.items()}


def _shapes(wkb: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.object_]]:
    return np.asarray(shapely.from_wkb(np.array(wkb, dtype=object)), dtype=object)
