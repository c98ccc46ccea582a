"""What an officer does about one alert: the next state, a day, somebody to do it, a photo.

    take_step(store, key, Step(by="李工", state="to_check", note="派单至东风街道"))

A new state is a version of the alert and so a delivery of one row; all else is on its trail only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from psycopg import Connection

from gis.errors import ChangeError, Conflict
from gis.layers.model import Layer
from gis.store.alerts import (
    FRAME,
    TABLE,
    TRANSITIONS,
    add_trail,
    load_rows,
    one,
    show_alert,
    stored_layer,
)
from gis.store.deliveries import DeliveryHead, begin
from gis.store.pool import Store
from gis.store.queries import query

LONGEST_WAIT = "10s"  # for a detection that stores its alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """by: who; state: None = it stays; due_on: the day by which the next step is due, None = as
    the rules say; versions: those of the alert that the officer may have seen, None = whichever.
    """

    by: str
    note: str = ""
    state: str | None = None
    assignee: str | None = None
    due_on: date | None = None
    versions: frozenset[int] | None = None

    def __post_init__(self) -> None:
        _refuse_empty("by", "经办人", "who did it", self.by)
        if self.state is not None:
            _refuse_empty("note", "核查说明", "a note", self.note)
        if self.assignee is not None:
            _refuse_empty("assignee", "受派人", "who is to do it", self.assignee)
        if self.state is None and self.assignee is None and self.due_on is None:
            raise ChangeError(
                zh="没有要做的事：请给出状态、受派人或期限，线索未改动",
                en="nothing to do: give a state, an assignee or a due date; the alert is unchanged",
                missing="state",
            )


class AlertMoved(Conflict):
    """Somebody else has taken the alert on meanwhile."""

    http_status = 412


def update_alert(store: Store, key: int | str, state: str, note: str, by: str) -> dict[str, Any]:
    """Take an alert one step on, with a note and who did it; return `show_alert` of it.

    key: its number as a feature, or its alert_id. Raises ChangeError where there is no such
    alert or state, the step is not allowed (the allowed ones are named), note or `by` is empty.
    """
    return take_step(store, key, Step(state=state, note=note, by=by))


def take_step(
    store: Store, key: int | str, step: Step, due_days: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Do what the step says, all of it or nothing; return `show_alert`. Raises as `update_alert`,
    and AlertMoved where the alert is in none of the step's versions."""
    if step.due_on is not None and step.due_on < date.today():
        raise ChangeError(
            zh=f"期限 {step.due_on} 已过，线索未改动。请给出今天或以后的日期",
            en=f"the due date {step.due_on} has passed; the alert is unchanged. Give a day to come",
            due_on=step.due_on,
        )
    if step.state is None:
        with store.connection("办理线索", "work on an alert") as conn:
            conn.execute(query("transaction_writes"))
            old = _seen(conn, stored_layer(conn), key, step)
            _leave_trail(conn, old, step, None)
    else:
        _change_state(store, key, step)
    return show_alert(store, key, due_days)


def add_photo(store: Store, key: int, document: int, by: str, note: str | None = None) -> None:
    """Put a document, linked to the alert already, on its trail; once. Raises ChangeError."""
    with store.connection("登记现场照片", "record a photo") as conn:
        conn.execute(query("transaction_writes"))
        old = one(conn, stored_layer(conn), key)
        params = {"alert_id": old["alert_id"], "state": old["state"]}
        conn.execute(
            query("alert_photo_add"), params | {"note": note, "who": by, "document": document}
        )


# --- steps -----------------------------------------------------------------------------------


def _change_state(store: Store, key: int | str, step: Step) -> None:
    with store.reading() as conn:
        layer = stored_layer(conn)
        old = _seen(conn, layer, key, step)
    said = f"{old['alert_id']}: {old['state']} → {step.state}: {step.note} ({step.by})"
    head = DeliveryHead(
        layer=layer,
        source=f"gis alerts update {old['alert_id']}",
        digest=hashlib.sha256(said.encode()).hexdigest(),
        mode="upsert",
        frame={"name": FRAME, "accuracy_m": old["accuracy_m"], "how": "declared"},
        person=step.by,
    )
    with begin(store, head, longest_wait=LONGEST_WAIT) as loading:
        old = _seen(loading.connection, layer, key, step)  # again, now that the layer is ours
        assert step.state is not None  # asked for
        _check_step(old, step.state)
        row = {name: old[name] for name in layer.field_names}
        row |= {"state": step.state, "note": step.note}
        load_rows(loading, layer, [(shapely.from_wkb(old["wkb"]), row)], old["accuracy_m"])
        loading.apply()
        _leave_trail(loading.connection, old, step, loading.delivery)


def _leave_trail(
    conn: Connection, old: Mapping[str, Any], step: Step, delivery: int | None
) -> None:
    """A line for each thing that was done; the day stands with the first of them."""
    line = {
        "alert_id": old["alert_id"], "from_state": old["state"], "note": step.note or None,
        "who": step.by, "run": None, "due_on": step.due_on,
    }  # fmt: skip
    if step.state is not None:
        add_trail(conn, line | {"event": "state", "to_state": step.state, "delivery": delivery})
    if step.assignee is not None:
        params = {
            "alerts": [old["alert_id"]], "assignee": step.assignee, "who": step.by,
            "note": None if step.state else line["note"],
            "due_on": None if step.state else step.due_on,
        }  # fmt: skip
        conn.execute(query("alert_assign", table=TABLE), params)
    if step.state is None and step.assignee is None:
        add_trail(conn, line | {"event": "due", "to_state": old["state"], "delivery": None})


def _seen(conn: Connection, layer: Layer, key: int | str, step: Step) -> dict[str, Any]:
    old = one(conn, layer, key)
    if step.versions is not None and old["version_id"] not in step.versions:
        raise AlertMoved(
            zh=f"线索 {old['alert_id']} 已被他人办理（现为 {old['state']}），未改动。请刷新后再办",
            en=f"somebody else has taken alert {old['alert_id']} on (it is {old['state']} now); "
            f"nothing was changed. Read it again, then go on",
            alert=old["alert_id"],
            state=old["state"],
        )
    return old


def _check_step(old: Mapping[str, Any], state: str) -> None:
    allowed = TRANSITIONS.get(old["state"], ())
    if state in allowed:
        return
    ways = "、".join(allowed)
    raise ChangeError(
        zh=f"线索 {old['alert_id']} 现为 {old['state']}，不能改为 {state}；"
        + (f"可改为：{ways}" if allowed else "已结案，再次变化时由检测重新打开"),
        en=f"alert {old['alert_id']} is {old['state']} and can't become {state}; "
        + (f"it can become: {', '.join(allowed)}" if allowed else "only a new change reopens it"),
        alert=old["alert_id"],
        state=old["state"],
        allowed=allowed,
    )


def _refuse_empty(name: str, zh: str, en: str, text: str) -> None:
    if not text.strip():
        raise ChangeError(
            zh=f"缺少{zh}（{name}），线索未改动",
            en=f"{en} ({name}) is required; the alert is unchanged",
            missing=name,
        )
