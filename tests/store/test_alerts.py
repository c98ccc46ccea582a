"""Alerts in the store: the steps of a case, the work list, which place is which alert."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import ChangeError, Conflict
from gis.layers import Registry
from gis.store import (
    Finding,
    Instant,
    LayerQuery,
    RunHead,
    Store,
    StoredRun,
    alert_shapes,
    chip,
    history,
    list_alerts,
    list_deliveries,
    rows,
    show_alert,
    status,
    store_run,
    update_alert,
)
from gis.store.alerts import FIRST, TRANSITIONS

DAY = date(2024, 6, 10)


def finding(lon: float = 114.0, size: float = 0.0002, **given_: Any) -> Finding:
    shape = shapely.box(lon, 33.0, lon + size, 33.0 + size)
    properties = {
        "kind": "construction", "reasons": "no_permit", "score": 0.9, "area_m2": 400.0,
        "area_band_m2": 40.0, "delta_h_m": 6.0, "delta_h_band_m": 0.6, "engine": "dsm 1",
        "before_image": "a", "after_image": "b", "image_date": DAY, "county_code": "411702",
    }  # fmt: skip
    return Finding(
        geometry=shapely.MultiPolygon([shape]),
        properties=properties | given_,
        record={"reasons": [{"code": "no_permit", "figures": {}}]},
        chips={"after": b"\x89PNG after", "before": b"\x89PNG before"},
    )


def head(day: date = DAY, **given_: Any) -> RunHead:
    values: dict[str, Any] = {
        "engine": "dsm", "engine_version": "1", "rules_version": "t", "before_image": "a",
        "after_image": "b", "before_date": date(2023, 4, 15), "image_date": day,
        "at": datetime(day.year, day.month, day.day, tzinfo=UTC),
        "digest": hashlib.sha256(str(day).encode()).hexdigest(), "alert_prefix": "T",
        "accuracy_m": 0.5, "candidates": 3, "inputs": {}, "parameters": {}, "rules": {},
    }  # fmt: skip
    return RunHead(**(values | given_))


def run(
    store: Store, registry: Registry, *found: Finding, again: bool = False, **given_: Any
) -> StoredRun:
    layer = registry.get("alerts")
    return store_run(store, layer, head(**given_), found, changed_again=lambda *_: again)


@pytest.fixture
def one(store: Store, registry: Registry) -> int:
    """Key of the one alert there is."""
    run(store, registry, finding())
    return int(list_alerts(store)[0]["key"])


def steps(store: Store, key: int, *states: str) -> dict[str, Any]:
    for state in states:
        case = update_alert(store, key, state, f"到{state}", "李工")
    return case


def test_a_case_goes_its_way_and_leaves_a_trail(store: Store, registry: Registry, one: int) -> None:
    way = ("to_check", "field_check", "confirmed", "filed", "rectifying", "review", "rectifying",
           "review", "closed")  # fmt: skip
    case = steps(store, one, *way)
    assert case["properties"]["state"] == "closed"
    assert case["next_states"] == []
    trail = case["trail"]
    assert [step["to_state"] for step in trail] == [FIRST, *way]
    assert [step["from_state"] for step in trail] == [None, FIRST, *way[:-1]]
    assert {step["who"] for step in trail} == {"gis detect", "李工"}
    assert [step["at"] for step in trail] == sorted(step["at"] for step in trail)
    # each state is a version of the alert, and a delivery in the ledger
    versions = history(store, registry.get("alerts"), one)
    assert [v["properties"]["state"] for v in versions] == [*reversed(way), FIRST]
    ledger = list_deliveries(store, "alerts")
    assert len(ledger) == 1 + len(way)
    assert ledger[0]["person"] == "李工"
    assert "closed" not in {a["state"] for a in list_alerts(store, states=["suspected"])}


def test_a_past_state_stays_visible(store: Store, registry: Registry, one: int) -> None:
    before = datetime.now(UTC)
    steps(store, one, "to_check")
    then = rows(store, LayerQuery(layer=registry.get("alerts"), when=Instant(before)))
    assert then.columns["state"] == [FIRST]


@given(data=st.data())
def test_no_verdict_without_a_field_check(data: st.DataObject) -> None:
    """On any walk through the states, field_check comes before confirmed and dismissed."""
    state, walked = FIRST, [FIRST]
    for _ in range(12):
        if not TRANSITIONS[state]:
            break
        state = data.draw(st.sampled_from(TRANSITIONS[state]))
        walked.append(state)
    for verdict in ("confirmed", "dismissed"):
        if verdict in walked:
            assert "field_check" in walked[: walked.index(verdict)]


def test_states_are_those_of_the_code_list(registry: Registry) -> None:
    codes = set(registry.codelists["alert_state"].codes)
    assert set(TRANSITIONS) == codes
    assert {state for ways in TRANSITIONS.values() for state in ways} | {FIRST} == codes


@pytest.mark.parametrize("state", ["confirmed", "dismissed", "closed", "suspected", "nonsense"])
def test_a_step_that_is_not_allowed_changes_nothing(store: Store, one: int, state: str) -> None:
    before = (show_alert(store, one), list_deliveries(store))
    with pytest.raises(ChangeError) as refused:
        update_alert(store, one, state, "说明", "李工")
    assert refused.value.allowed == ("to_check",)
    assert (show_alert(store, one), list_deliveries(store)) == before


@pytest.mark.parametrize(("note", "by", "missing"), [(" ", "李工", "note"), ("查", "", "by")])
def test_a_step_needs_a_note_and_a_name(
    store: Store, one: int, note: str, by: str, missing: str
) -> None:
    with pytest.raises(ChangeError) as refused:
        update_alert(store, one, "to_check", note, by)
    assert refused.value.missing == missing


def test_an_alert_is_found_by_key_and_by_number(store: Store, one: int) -> None:
    assert show_alert(store, "T-2024-000001") == show_alert(store, one)
    assert show_alert(store, str(one))["key"] == one
    for unknown in (999, "T-2024-000099", "' OR 1=1 --"):
        with pytest.raises(ChangeError):
            show_alert(store, unknown)


def test_the_work_list_is_sorted_and_filtered(store: Store, registry: Registry) -> None:
    run(
        store, registry,
        finding(114.0, score=0.5),
        finding(114.1, score=0.9, reasons="no_permit,farmland", county_code="411721"),
        finding(114.2, score=0.7, area_m2=900.0),
        finding(114.3, score=0.7, area_m2=100.0),
    )  # fmt: skip
    listed = list_alerts(store)
    assert [(a["score"], a["area_m2"]) for a in listed] == [
        (0.9, 400.0), (0.7, 900.0), (0.7, 100.0), (0.5, 400.0),
    ]  # fmt: skip
    assert listed[0]["reasons"] == ["no_permit", "farmland"]
    assert listed[0]["lon"] == pytest.approx(114.1001, abs=1e-4)
    assert list_alerts(store, reason="farmland") == listed[:1]
    assert list_alerts(store, reason="farm") == []  # a code, not a piece of one
    assert list_alerts(store, county="411721") == listed[:1]
    assert list_alerts(store, limit=2, offset=1) == listed[1:3]
    steps(store, listed[3]["key"], "to_check")
    assert [a["key"] for a in list_alerts(store, states=["to_check"])] == [listed[3]["key"]]
    assert len(list_alerts(store, states=["to_check", "suspected"])) == 4
    assert status(store, registry)["alerts"] == {"suspected": 3, "to_check": 1}


@pytest.mark.parametrize(
    ("lon", "size", "same"),
    [
        (114.0, 0.0002, True),
        (114.00005, 0.0002, True),  # moved by a quarter
        (113.9999, 0.0006, True),  # grown all around it
        (114.00017, 0.0002, False),  # a seventh in common
        (114.001, 0.0002, False),
    ],
)
def test_which_place_is_the_same(
    store: Store, registry: Registry, one: int, lon: float, size: float, same: bool
) -> None:
    second = run(store, registry, finding(lon, size))
    assert (second.again == ("T-2024-000001",)) is same
    assert (second.new == ("T-2024-000002",)) is not same
    assert len(list_alerts(store)) == (1 if same else 2)


def test_of_two_findings_on_one_alert_the_larger_part_keeps_the_number(
    store: Store, registry: Registry, one: int
) -> None:
    split = run(store, registry, finding(114.00012, 0.0002), finding(114.00001, 0.0001))
    assert split.again == ("T-2024-000001",)
    assert split.new == ("T-2024-000002",)
    case = show_alert(store, one)
    assert shapely.geometry.shape(case["geometry"]).bounds[0] == pytest.approx(114.00001)


def test_numbers_run_on_by_year(store: Store, registry: Registry) -> None:
    run(store, registry, finding(114.0), finding(114.1), day=date(2023, 12, 30))
    later = run(store, registry, finding(114.2), day=date(2024, 1, 2))
    assert later.new == ("T-2024-000001",)
    assert run(store, registry, finding(114.3), day=date(2024, 1, 3)).new == ("T-2024-000002",)


def test_settled_is_suppressed_or_reopened(store: Store, registry: Registry, one: int) -> None:
    steps(store, one, "to_check", "field_check", "dismissed")
    assert alert_shapes(store) == []
    quiet = run(store, registry, finding())
    assert quiet.suppressed == ("T-2024-000001",)
    assert (quiet.new, quiet.again) == ((), ())
    case = show_alert(store, one)
    assert case["properties"]["state"] == "dismissed"
    assert len(case["evidence"]) == 1  # nothing was raised, nothing is added
    assert case["trail"][-1]["event"] == "suppressed"
    loud = run(store, registry, finding(delta_h_m=12.0), again=True)
    assert loud.reopened == loud.again == ("T-2024-000001",)
    assert show_alert(store, one)["properties"]["state"] == FIRST
    assert len(alert_shapes(store)) == 1


def test_pictures_of_each_run(store: Store, registry: Registry, one: int) -> None:
    first = show_alert(store, one)["evidence"][0]["run"]
    run(store, registry, replace(finding(), chips={"after": b"\x89PNG newer"}))
    assert chip(store, one, "after") == b"\x89PNG newer"
    assert chip(store, one, "after", run=first) == b"\x89PNG after"
    assert chip(store, one, "before", run=first) == b"\x89PNG before"
    assert chip(store, 4711, "after") is None


def test_a_failing_run_leaves_nothing(store: Store, registry: Registry) -> None:
    with pytest.raises(Conflict):
        run(store, registry, finding(), day=date(2999, 1, 1))
    bad = replace(finding(), record={"reasons": object()})  # fails when all rows are in
    with pytest.raises(TypeError):
        run(store, registry, finding(114.1), bad)
    assert list_alerts(store) == []
    assert list_deliveries(store) == []
    assert run(store, registry, finding()).new == ("T-2024-000001",)
