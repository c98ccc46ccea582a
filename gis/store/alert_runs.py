"""A detection run is a delivery of the layer `alerts`: all of it in one transaction, or nothing.

stored = store_run(store, layer, run, findings, changed_again=…)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from psycopg import Connection
from psycopg.types.json import Jsonb

from gis.layers.model import Layer
from gis.store.alerts import FIRST, FRAME, TABLE, add_trail, dicts, load_rows, names
from gis.store.deliveries import DeliveryHead, begin
from gis.store.pool import Store
from gis.store.queries import query

SYSTEM = "gis detect"
# In these nothing is under way: flagged again, the place is suppressed until it changes again.
SETTLED = ("dismissed", "closed")
SAME_PLACE = 0.2  # share of the smaller outline that must be common to both


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a run found at one place. geometry: MultiPolygon, EPSG:4490, longitude first.
    properties: fields of the layer but alert_id, state, note. record: the evidence, JSON-able.
    chips: name -> PNG."""

    geometry: shapely.MultiPolygon
    properties: Mapping[str, Any]
    record: Mapping[str, Any]
    chips: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What is known of a run beside its findings. `at` (aware): the image's date as a moment;
    `digest`: of all inputs."""

    engine: str
    engine_version: str
    rules_version: str
    before_image: str
    after_image: str
    before_date: date
    image_date: date
    at: datetime
    digest: str
    alert_prefix: str
    accuracy_m: float
    candidates: int
    inputs: Mapping[str, Any]
    parameters: Mapping[str, Any]
    rules: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlert:
    """A current alert, as a new finding is compared with it."""

    key: int
    geometry: shapely.MultiPolygon
    properties: Mapping[str, Any]

    @property
    def alert_id(self) -> str:
        return str(self.properties["alert_id"])

    @property
    def state(self) -> str:
        return str(self.properties["state"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """What became of a run's findings: numbers of new alerts, of those flagged again (of which
    `reopened` had been settled), and of settled ones that did not change again."""

    run: int
    delivery: int
    new: tuple[str, ...]
    again: tuple[str, ...]
    reopened: tuple[str, ...]
    suppressed: tuple[str, ...]


Again = Callable[[StoredAlert, Finding], bool]


@dataclass(slots=True)
class _Plan:
    """What to do with one finding."""

    finding: Finding
    old: StoredAlert | None
    event: str
    alert_id: str = ""


def store_run(
    store: Store, layer: Layer, head: RunHead, findings: Sequence[Finding], *, changed_again: Again
) -> StoredRun:
    """Store a run: all of it or nothing.

    A place that has an alert keeps its number and state; a settled one is suppressed unless
    `changed_again` says that something happened there since. Valid time begins at the image's
    date, or now where the layer has a newer delivery. Raises Conflict for an image date in the
    future, and what `begin` raises.
    """
    delivery = DeliveryHead(
        layer=layer,
        source=f"{head.before_image} → {head.after_image}",
        digest=head.digest,
        mode="upsert",
        frame={"name": FRAME, "accuracy_m": head.accuracy_m, "how": "declared"},
        department=None,
        person=SYSTEM,
        as_of=head.at,
        or_now=True,  # so that no version is closed at the moment it began
    )
    with begin(store, delivery) as loading:
        conn = loading.connection
        plans = _planned(_current(conn, layer, findings), findings, changed_again)
        _number(conn, head, plans)
        rows = [(p, row) for p in plans if (row := _row(p, head)) is not None]
        load_rows(loading, layer, [(p.finding.geometry, row) for p, row in rows], head.accuracy_m)
        loading.apply()
        run = _add_run(conn, head, loading.delivery, plans)
        for plan in plans:
            if plan.event != "suppressed":
                _add_evidence(conn, run, plan)
            add_trail(conn, _run_step(plan, run, loading.delivery))
    named = {event: tuple(p.alert_id for p in plans if p.event == event) for event in _EVENTS}
    return StoredRun(
        run=run,
        delivery=loading.delivery,
        new=named["raised"],
        again=named["again"] + named["reopened"],
        reopened=named["reopened"],
        suppressed=named["suppressed"],
    )


_EVENTS = ("raised", "again", "reopened", "suppressed")


# --- steps of a run ------------------------------------------------------------------------


def _current(conn: Connection, layer: Layer, findings: Sequence[Finding]) -> list[StoredAlert]:
    if not findings:
        return []
    box = shapely.total_bounds(np.array([f.geometry for f in findings], dtype=object))
    west, south, east, north = (float(v) for v in box)
    statement = query("alert_current", table=TABLE, columns=names(layer))
    params = {"west": west, "south": south, "east": east, "north": north}
    return [
        StoredAlert(
            key=row["key"],
            geometry=shapely.from_wkb(row["wkb"]),
            properties={name: row[name] for name in layer.field_names},
        )
        for row in dicts(conn, statement, params)
    ]


def _planned(
    current: Sequence[StoredAlert], findings: Sequence[Finding], changed_again: Again
) -> list[_Plan]:
    """Give each finding the alert it overlaps most, each alert to one finding."""
    pairs = []
    old = np.array([a.geometry for a in current], dtype=object)
    new = np.array([f.geometry for f in findings], dtype=object)
    if len(old) and len(new):
        i, j = shapely.STRtree(old).query(new, predicate="intersects")
        common = shapely.area(shapely.intersection(new[i], old[j]))
        share = common / np.minimum(shapely.area(new[i]), shapely.area(old[j]))
        pairs = sorted(zip(-share, i.tolist(), j.tolist(), strict=True))
    mine: dict[int, int] = {}
    for share_, i_, j_ in pairs:
        if -share_ >= SAME_PLACE and i_ not in mine and j_ not in mine.values():
            mine[i_] = j_
    plans = []
    for n, finding in enumerate(findings):
        known = current[mine[n]] if n in mine else None
        event = "raised"
        if known is not None:
            settled = known.state in SETTLED
            event = "again" if not settled else "suppressed"
            if settled and changed_again(known, finding):
                event = "reopened"
        plans.append(_Plan(finding, known, event, known.alert_id if known else ""))
    return plans


def _number(conn: Connection, head: RunHead, plans: Sequence[_Plan]) -> None:
    fresh = [plan for plan in plans if plan.old is None]
    if not fresh:
        return
    year = head.image_date.year
    params = {"prefix": head.alert_prefix, "year": year, "count": len(fresh)}
    row = conn.execute(query("alert_number"), params).fetchone()
    assert row is not None  # INSERT … RETURNING
    for n, plan in enumerate(fresh, start=row[0] - len(fresh) + 1):
        plan.alert_id = f"{head.alert_prefix}-{year}-{n:06d}"


def _row(plan: _Plan, head: RunHead) -> dict[str, Any] | None:
    """The alert's fields after this run; None where they stay (suppressed, or a newer image
    has already spoken)."""
    if plan.event == "suppressed":
        return None
    old = plan.old.properties if plan.old else {}
    if plan.event == "again" and old["image_date"] > head.image_date:
        return None
    state = old["state"] if plan.event == "again" else FIRST
    return {
        **plan.finding.properties,
        "alert_id": plan.alert_id,
        "state": state,
        "note": old.get("note"),
    }


def _add_run(conn: Connection, head: RunHead, delivery: int, plans: Sequence[_Plan]) -> int:
    plain = ("engine", "engine_version", "rules_version", "before_image", "after_image")
    more = ("before_date", "image_date", "candidates")
    params = {name: getattr(head, name) for name in (*plain, *more)}
    params |= {n: Jsonb(dict(getattr(head, n))) for n in ("inputs", "parameters", "rules")}
    params |= {"delivery": delivery, "suppressed": sum(p.event == "suppressed" for p in plans)}
    row = conn.execute(query("alert_run_add"), params).fetchone()
    assert row is not None  # INSERT … RETURNING
    return int(row[0])


def _add_evidence(conn: Connection, run: int, plan: _Plan) -> None:
    params = {"run": run, "alert_id": plan.alert_id, "record": Jsonb(dict(plan.finding.record))}
    row = conn.execute(query("alert_evidence_add"), params).fetchone()
    assert row is not None  # INSERT … RETURNING
    for name, png in plan.finding.chips.items():
        digest = hashlib.sha256(png).digest()
        conn.execute(
            query("alert_chip_add"),
            {"evidence": row[0], "name": name, "digest": digest, "png": png},
        )


def _run_step(plan: _Plan, run: int, delivery: int) -> dict[str, Any]:
    was = plan.old.state if plan.old else None
    now = {"suppressed": was, "again": was}.get(plan.event, FIRST)
    return {
        "alert_id": plan.alert_id,
        "event": plan.event,
        "from_state": was,
        "to_state": now,
        "note": None,
        "who": SYSTEM,
        "run": run,
        "delivery": delivery,
        "due_on": None,
    }
