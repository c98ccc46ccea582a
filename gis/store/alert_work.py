"""The work on alerts as a whole: who has which, and how far they have come.

assign_alerts(store, ["ZMD-2024-000001"], "王工", by="李工")
alert_stats(store, due_days={"to_check": 7})["total"]["overdue"]
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from gis.errors import ChangeError
from gis.store.alerts import TABLE, dicts, one, stored_layer
from gis.store.pool import Store
from gis.store.queries import query

Life = Mapping[str, Any]


def assign_alerts(
    store: Store, alerts: Sequence[int | str], assignee: str, *, by: str, note: str | None = None,
    due_on: date | None = None,
) -> list[str]:  # fmt: skip
    """Give alerts to somebody, all or none; return the numbers of those that were not theirs yet,
    by that day.

    alerts: keys or numbers; due_on: the day by which they are to do it. The state stays, and so
    does the alert's version: it is a step of the trail. Raises ChangeError where an alert is not
    there, or `assignee` or `by` is empty."""
    for zh, en, text in (("受派人", "who is to do it", assignee), ("经办人", "who gave it", by)):
        if not text.strip():
            raise ChangeError(
                zh=f"缺少{zh}，线索未分派", en=f"{en} is missing; nothing was assigned"
            )
    with store.connection("分派线索", "assign alerts") as conn:
        conn.execute(query("transaction_writes"))
        layer = stored_layer(conn)
        numbers = [one(conn, layer, key)["alert_id"] for key in alerts]
        params = {
            "alerts": numbers,
            "assignee": assignee,
            "who": by,
            "note": note,
            "due_on": due_on,
        }
        return [row["alert_id"] for row in dicts(conn, query("alert_assign", table=TABLE), params)]


def run_known(store: Store, *, before: str, after: str) -> bool:
    """Whether a run that was not undone has compared these two surface models (SHA-256, hex)."""
    with store.reading() as conn:
        row = conn.execute(query("alert_run_known"), {"before": before, "after": after}).fetchone()
    return row == (True,)


def alert_verdicts(store: Store) -> list[dict[str, Any]]:
    """What officers confirmed and dismissed: alert_id, engine, kind (of change), score (as the
    engine gave it, in the newest evidence before the verdict), confirmed."""
    with store.reading() as conn:
        return dicts(conn, query("alert_verdicts"), {})


def alert_stats(store: Store, *, due_days: Mapping[str, int]) -> dict[str, Any]:
    """Counts of current alerts: `total`, and the same `by_county`, `by_reason`, `by_month` (when
    last raised); an alert with two reasons counts for each.

    found, checked (a field check began), confirmed, dismissed, closed, open, overdue (longer in
    its state than `due_days` has for it), days_to_close (median; None where none is closed),
    confirmed_share (of confirmed and dismissed; None before the first)."""
    with store.reading() as conn:
        params = {"due_days": Jsonb(dict(due_days))}
        lives = dicts(conn, query("alert_lives", table=TABLE), params)
    return {
        "total": _counted(lives),
        "by_county": _grouped(lives, lambda life: [life["county_code"] or ""]),
        "by_reason": _grouped(lives, lambda life: life["reasons"]),
        "by_month": _grouped(lives, lambda life: [life["month"] or ""]),
    }


def _grouped(lives: Iterable[Life], names: Any) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Life]] = {}
    for life in lives:
        for name in names(life):
            groups.setdefault(name, []).append(life)
    return {name: _counted(groups[name]) for name in sorted(groups)}


def _counted(lives: Sequence[Life]) -> dict[str, Any]:
    def count(state: str) -> int:
        return sum(life["state"] == state for life in lives)

    days = [life["days_to_close"] for life in lives if life["state"] == "closed"]
    confirmed = sum(life["confirmed"] for life in lives)
    verdicts = confirmed + count("dismissed")
    settled = count("dismissed") + count("closed")
    return {
        "found": len(lives),
        "checked": sum(life["checked"] for life in lives),
        "confirmed": confirmed,
        "dismissed": count("dismissed"),
        "closed": count("closed"),
        "open": len(lives) - settled,
        "overdue": sum(bool(life["overdue"]) for life in lives),
        "days_to_close": round(statistics.median(days), 2) if days else None,
        "confirmed_share": round(confirmed / verdicts, 3) if verdicts else None,
    }
