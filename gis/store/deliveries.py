"""Deliveries: COPY, one set-based diff, the ledger and the quarantine, in one transaction.

    with begin(store, head) as loading:
        loading.add(good)
        loading.reject(rejects)
        counts = loading.apply()

Whatever happens inside, a kill included, the database holds all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import shapely
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg.types.json import Jsonb

from gis.errors import Conflict, StoreError, UnknownLayer
from gis.layers.batch import GoodRows, Reject, Remark
from gis.layers.checklist import CHECKS, severity_of
from gis.layers.model import FieldType, Layer
from gis.store.copying import refuse_wrong, rejected_rows, remarked_rows
from gis.store.head import Counts, DeliveryHead
from gis.store.incoming import Incoming
from gis.store.likeness import alike, tolerance_m
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.sending import Sender
from gis.store.tables import column_type, ensure_indexes, key_sequence, never_filled
from gis.store.topology import Inspection, key_pairs
from gis.store.translate import pg_errors

__all__ = ["Counts", "DeliveryHead", "Loading", "begin", "lock_layer"]

NEAR_AT_ONCE = 20_000
WORTH_ANALYZING, SHARE_WORTH_ANALYZING = 500, 0.05
FEW_CLOSED = 20  # features a full delivery may end whatever share of the layer they are
LONGEST_WAIT = "120s"  # for another delivery of the same layer


@dataclass(slots=True)
class Loading:
    """A delivery being loaded. What is added is stored while the caller prepares the next rows."""

    head: DeliveryHead
    delivery: int
    as_of: datetime
    features: int  # current features of the layer before it
    counts: Counts | None
    _connection: psycopg.Connection
    _sender: Sender
    _incoming: Incoming
    _remarked: set[int] = field(default_factory=set)
    _refused: int = 0  # rows whose business key could be read

    @property
    def connection(self) -> psycopg.Connection:
        """The delivery's transaction, for what belongs to it; all that was added is in it."""
        self._sender.finish()
        return self._connection

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
            refuse_wrong(good)
            self._sender.send(self._incoming.take(good))

    def reject(self, rejects: Sequence[Reject], keys: Sequence[tuple[Any, ...]] = ()) -> None:
        """Put refused rows on record. `keys`: the business keys of those where it could be read;
        their features stay as they were."""
        if rejects:
            self._copy(query("quarantine_copy"), rejected_rows(self.delivery, rejects))
        if keys:
            self._refused += len(keys)
            names = self.head.layer.key
            values = SQL(", ").join([Placeholder()] * len(names))
            with self.connection.cursor() as cur:
                cur.executemany(query("kept_add", key=_names(names), values=values), keys)

    def remark(self, remarks: Sequence[Remark]) -> None:
        """Put warnings about rows on record, for those that are accepted in the end."""
        if remarks:
            self._remarked.update(r.row for r in remarks)
            self._copy(query("remark_copy"), remarked_rows(remarks))

    def apply(self) -> Counts:
        """Compare with what is stored, carry out the mode, write the ledger's line.

        Raises Conflict where a full delivery without one good row would end the whole layer, or
        one would end more of it than the layer lets go unasked.
        """
        self.connection.execute(query("delivery_whole"))
        refused = self._inspect()
        accepted = self._incoming.lines - sum(refused.values())
        if self.head.mode == "full" and accepted == 0 and self.features:
            layer = self.head.layer
            raise Conflict(
                zh=f"全量交付里没有一行合格，会清空图层 {layer.id} 的 {self.features} 个要素。"
                f"请修正文件，或改用 --mode upsert",
                en=f"not one row of this full delivery is good; it would end all {self.features} "
                f"features of layer {layer.id}. Mend the file, or use --mode upsert",
                layer=layer.id,
            )
        doubted = self._refused or refused  # rows whose features are to stay as they are
        # before anything changes: the planner's figures of the table still hold
        kept = self._kept() if self.head.mode == "full" and doubted else 0
        if self._incoming.straight:
            done = {"new": accepted, "changed": 0, "closed": 0}
        else:
            done = self._carry_out(accepted)
        figures = {
            "accepted": accepted,
            **done,
            "unchanged": accepted - done["new"] - done["changed"],
            "kept": kept,
        }
        self._keep_books(figures, refused)
        assert self.counts is not None  # just made
        return self.counts

    # --- steps -----------------------------------------------------------------------------

    def _copy(self, statement: Composed, data: bytes) -> None:
        with self.connection.cursor() as cur, cur.copy(statement) as copy:
            copy.write(data)

    def _row(self, statement: Composed, params: Mapping[str, Any] | None = None) -> Any:
        return self.connection.execute(statement, params).fetchone()

    def _carry_out(self, accepted: int) -> dict[str, int]:
        """The mode, step by step: how many features are new, changed and closed."""
        if self.head.mode == "delete":
            closed = self._step("close_named")
            return {"new": 0, "changed": closed, "closed": closed}
        self._recognise_same_geometry()
        absent, changed = self._row(query("batch_count"))
        if absent:
            keys, table = _keys(self.head.layer), layer_table(self.head.layer.id)
            revive = query("batch_revive", table=table, batch_key=keys["b"], old_key=keys["old"])
            self.connection.execute(revive)
        if changed:
            self._step("close_changed")
        closed = 0
        if self.head.mode == "full" and accepted - absent != self.features:
            closed = self._step("close_missing")
            self._refuse_closing(closed)
        if absent or changed:
            self._step("open_new")
        return {"new": absent, "changed": changed, "closed": closed}

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

    def _kept(self) -> int:
        if self._incoming.straight:
            return 0  # nothing was there
        keys, table = _keys(self.head.layer), layer_table(self.head.layer.id)
        parts = {"kept_key": keys["kept"], "old_key": keys["old"], "batch_key": keys["b"]}
        return int(self._row(query("kept_count", table=table, **parts))[0])

    def _step(self, name: str) -> int:
        layer = self.head.layer
        keys, table = _keys(layer), layer_table(layer.id)
        parts: dict[str, Composable] = {"table": table}
        params: dict[str, Any] = {"as_of": self.as_of, "delivery": self.delivery}
        if name in ("close_missing", "close_named"):
            parts |= {"batch_key": keys["b"], "old_key": keys["old"]}
        if name == "close_missing":
            parts["kept_key"] = keys["kept"]
        if name == "open_new":
            parts["columns"] = _names(layer.field_names)
            parts["batch_columns"] = _names(layer.field_names, "b")
            params["sequence"] = key_sequence(layer.id)
        return self.connection.execute(query(name, **parts), params).rowcount

    def _inspect(self) -> dict[str, int]:
        """Look at the rows together. Returns how many were refused, by reason."""
        layer, repeated = self.head.layer, self._incoming.repeated()
        if self._incoming.straight and (len(repeated) or self._remarked):
            self._incoming.call_back(repeated, sorted(self._remarked))
        twice = self._refuse_duplicates() if len(repeated) else 0
        refused = Inspection(
            connection=self.connection, layer=layer, delivery=self.delivery, mode=self.head.mode
        ).make()
        if twice:
            refused = {"duplicate_key": twice, **refused}
        if refused:
            self._incoming.drop_refused()
        if self._remarked:
            statement = query("remark_keep", key_pairs=key_pairs(layer.key, "b"))
            self.connection.execute(statement, {"delivery": self.delivery})
        return refused

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

    def _keep_books(self, figures: Mapping[str, int], refused: Mapping[str, int]) -> None:
        layer = self.head.layer
        table = layer_table(layer.id)
        touched = figures["new"] + figures["changed"] + figures["closed"]
        first = ensure_indexes(self.connection, layer)
        if first or touched > max(WORTH_ANALYZING, self.features * SHARE_WORTH_ANALYZING):
            self.connection.execute(query("layer_analyze", table=table))
        params = {**figures, "delivery": self.delivery}
        meets = touched and not self._incoming.straight  # what is first meets nothing
        if meets and self._row(query("overlapping", table=table), params) is not None:
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
def begin(
    store: Store,
    head: DeliveryHead,
    *,
    dry_run: bool = False,
    waiting: Callable[[], None] = lambda: None,
    longest_wait: str = LONGEST_WAIT,
) -> Iterator[Loading]:
    """One delivery, in one transaction. It is kept if `apply` was called and nothing was
    raised; with `dry_run` it is never kept, but its counts are those it would have.
    `waiting` is called where another delivery of the layer is under way and this one queues up.

    Raises Conflict for an `as_of` in the future or before the layer's newest delivery, Busy
    where another delivery of the layer takes too long, UnknownLayer where it has no table.
    """
    doing = pg_errors(f"装载图层 {head.layer.id}", f"load layer {head.layer.id}")
    with doing, store.pool.connection() as conn, conn.transaction() as transaction:
        conn.execute(query("transaction_writes"))
        newest = lock_layer(conn, head.layer.id, waiting=waiting, longest_wait=longest_wait)
        as_of, features = _place_in_time(head, *newest)
        delivery = _opened(conn, head, as_of)
        incoming = Incoming(
            connection=conn,
            layer=head.layer,
            delivery=delivery,
            as_of=as_of,
            matching=head.mode != "delete",
            straight=_straight(conn, head, dry_run=dry_run),
        )
        with closing(Sender()) as sender:
            loading = Loading(head, delivery, as_of, features, None, conn, sender, incoming)
            yield loading
            sender.finish()
        if dry_run or loading.counts is None:
            raise psycopg.Rollback(transaction)


def _opened(conn: psycopg.Connection, head: DeliveryHead, as_of: datetime) -> int:
    """The places for a delivery's rows, and its line of the ledger."""
    layer = head.layer
    columns = [_declared(f.name, f.type) for f in layer.fields]
    key = [_declared(name, layer.field(name).type) for name in layer.key]
    conn.execute(query("delivery_memory"))
    conn.execute(query("batch_create", columns=SQL(", ").join(columns)))
    conn.execute(query("matched_create"))
    conn.execute(query("kept_create", columns=SQL(", ").join(key)))
    conn.execute(query("remark_create"))
    row = conn.execute(
        query("delivery_open"),
        {
            "layer": layer.id,
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
    return int(row[0])


def _straight(conn: psycopg.Connection, head: DeliveryHead, *, dry_run: bool) -> bool:
    """Whether the rows may go straight into the layer's table: nothing is there to be compared
    with, no check looks at them together first, and they are to stay."""
    layer = head.layer
    together = [c.name for c in layer.checks if CHECKS[c.name].stage == "set"]
    looked_at = any(severity_of(layer, name) != "off" for name in together)
    if dry_run or head.mode == "delete" or looked_at:
        return False
    return never_filled(conn, layer)


def lock_layer(
    conn: psycopg.Connection,
    layer_id: str,
    *,
    waiting: Callable[[], None] = lambda: None,
    longest_wait: str = LONGEST_WAIT,
) -> tuple[int | None, Any, datetime, int]:
    """Hold the layer's deliveries until the transaction ends; `waiting` is called where they are
    held by another. Returns the newest delivery's id and as_of (None where there is none), the
    database's clock, and the current features."""
    conn.execute(query("delivery_lock_timeout"), {"longest": longest_wait})
    if conn.execute(query("delivery_lock_now"), {"layer": layer_id}).fetchone() != (True,):
        waiting()
        conn.execute(query("delivery_lock"), {"layer": layer_id})
    row = conn.execute(query("delivery_newest"), {"layer": layer_id}).fetchone()
    if row is None:
        raise UnknownLayer(
            zh=f"图层 {layer_id} 还没有数据表。请运行：gis init",
            en=f"layer {layer_id} has no table yet. Run: gis init",
            layer=layer_id,
        )
    return row[0], row[1], row[2], row[3]


def _place_in_time(
    head: DeliveryHead, newest: int | None, newest_as_of: Any, now: datetime, features: int
) -> tuple[datetime, int]:
    as_of = head.as_of or now
    if as_of > now:
        raise Conflict(
            zh=f"as-of {as_of} 在将来。请改成数据真正的日期",
            en=f"as-of {as_of} lies in the future. Give the date the data is of",
            as_of=as_of,
        )
    if head.or_now and newest_as_of is not None and as_of <= newest_as_of:
        return now, features
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


def _declared(name: str, kind: FieldType) -> Composed:
    return SQL(" ").join((Identifier(name), column_type(kind)))


def _names(names: Sequence[str], table: str | None = None) -> Composed:
    parts = [Identifier(table, name) if table else Identifier(name) for name in names]
    return SQL(", ").join(parts)


def _keys(layer: Layer) -> dict[str, Composed]:
    """The business key, bare and under each name a query gives its table."""
    aliases = {"batch": "b", "old": "old", "b": "b", "t": "t", "kept": "k"}
    return {"plain": _names(layer.key)} | {k: _names(layer.key, a) for k, a in aliases.items()}


def _shapes(wkb: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.object_]]:
    return np.asarray(shapely.from_wkb(np.array(wkb, dtype=object)), dtype=object)
