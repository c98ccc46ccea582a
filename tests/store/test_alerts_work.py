"""Who has which alert, what is overdue, and how far the work has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from test_alerts import finding, run, steps

from gis.errors import ChangeError
from gis.layers import Registry
from gis.store import Store, alert_stats, assign_alerts, list_alerts, show_alert, undo
from gis.store.alerts import FIRST

FIELD_CHECKED = ("to_check", "field_check")
CLOSED = (*FIELD_CHECKED, "confirmed", "rectify", "rectifying", "review", "closed")


@pytest.fixture
def three(store: Store, registry: Registry) -> list[int]:
    """Keys of three alerts, one of them in another county."""
    run(
        store, registry, finding(114.0), finding(114.1, reasons="no_permit,farmland"),
        finding(114.2, county_code="411722"),
    )  # fmt: skip
    return sorted(alert["key"] for alert in list_alerts(store))


def test_an_assignment_is_a_step_of_the_trail_and_no_version(
    store: Store, three: list[int]
) -> None:
    before = show_alert(store, three[0])
    done = assign_alerts(store, three[:2], "王工", by="李工", note="东风街道")
    assert done == [show_alert(store, key)["alert_id"] for key in three[:2]]
    case = show_alert(store, three[0])
    assert case["assignee"] == "王工"
    assert case["valid_from"] == before["valid_from"]
    assert case["properties"] == before["properties"]
    step = case["trail"][-1]
    assert (step["event"], step["assignee"], step["who"]) == ("assigned", "王工", "李工")
    assert (step["note"], step["from_state"], step["to_state"]) == ("东风街道", FIRST, FIRST)
    assert [a["key"] for a in list_alerts(store, assignee="王工")] == three[:2]
    assert assign_alerts(store, three, "王工", by="李工") == [
        show_alert(store, three[2])["alert_id"]  # the others are theirs already
    ]
    assign_alerts(store, [case["alert_id"]], "赵工", by="李工")
    assert show_alert(store, three[0])["assignee"] == "赵工"
    assert {a["key"]: a["assignee"] for a in list_alerts(store)}[three[0]] == "赵工"


def test_all_or_none_are_assigned(store: Store, three: list[int]) -> None:
    for alerts, assignee, by in ((["1", "no"], "王工", "李工"), (["1"], " ", "李工"),
                                 (["1"], "王工", "")):  # fmt: skip
        with pytest.raises(ChangeError):
            assign_alerts(store, alerts, assignee, by=by)
    assert {a["assignee"] for a in list_alerts(store)} == {None}


def test_a_day_is_set_by_the_state(store: Store, three: list[int]) -> None:
    steps(store, three[0], "to_check")
    today = datetime.now(UTC).date()
    due = {a["key"]: a["due_on"] for a in list_alerts(store, due_days={"to_check": 7})}
    assert due[three[0]] - today in (timedelta(days=6), timedelta(days=7), timedelta(days=8))
    assert due[three[1]] is None  # no day for that state
    for days, late in ((-2, three[:1]), (2, [])):  # a day that has passed, one to come
        found = list_alerts(store, due_days={"to_check": days}, overdue=True)
        assert [a["key"] for a in found] == late
    assert list_alerts(store, overdue=True) == []
    assert alert_stats(store, due_days={"to_check": -2})["total"]["overdue"] == 1
    # a new state, a new day
    steps(store, three[0], "field_check")
    assert list_alerts(store, due_days={"to_check": -2}, overdue=True) == []


def test_the_counts(store: Store, three: list[int]) -> None:
    steps(store, three[0], *CLOSED)
    steps(store, three[1], *FIELD_CHECKED, "dismissed")
    found = alert_stats(store, due_days={})
    total = found["total"]
    assert total.pop("days_to_close") == pytest.approx(0, abs=0.1)
    assert total == {
        "found": 3, "checked": 2, "confirmed": 1, "dismissed": 1, "closed": 1, "open": 1,
        "overdue": 0, "confirmed_share": 0.5,
    }  # fmt: skip
    assert {name: row["found"] for name, row in found["by_county"].items()} == {
        "411702": 2, "411722": 1,
    }  # fmt: skip
    assert {name: row["found"] for name, row in found["by_reason"].items()} == {
        "no_permit": 3, "farmland": 1,
    }  # fmt: skip
    assert found["by_reason"]["farmland"]["dismissed"] == 1
    assert sum(row["found"] for row in found["by_month"].values()) == 3
    assert found["by_county"]["411722"]["days_to_close"] is None
    assert found["by_county"]["411722"]["confirmed_share"] is None


def test_no_alerts_no_counts(store: Store) -> None:
    found = alert_stats(store, due_days={})
    assert found["total"]["found"] == 0
    assert found["by_county"] == {}


def test_an_undone_step_does_not_count(store: Store, three: list[int]) -> None:
    steps(store, three[0], *FIELD_CHECKED)
    undo(store, show_alert(store, three[0])["trail"][-1]["delivery"])
    assert alert_stats(store, due_days={})["total"]["checked"] == 0


def test_a_reopened_case_begins_anew(store: Store, registry: Registry, three: list[int]) -> None:
    steps(store, three[0], *CLOSED)
    run(store, registry, finding(114.0), again=True)
    assert show_alert(store, three[0])["properties"]["state"] == FIRST
    total = alert_stats(store, due_days={})["total"]
    assert (total["closed"], total["confirmed"], total["days_to_close"]) == (0, 0, None)


def test_the_database_keeps_the_trail_straight(store: Store, three: list[int]) -> None:
    add = (
        "INSERT INTO onemap.alert_trail (alert_id, event, who, assignee) VALUES ('A', %s, 'x', %s)"
    )
    for event, assignee in (("assigned", None), ("assigned", " "), ("state", "王工")):
        with psycopg.connect(store.url) as conn, pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(add, (event, assignee))
