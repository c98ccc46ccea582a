"""Differences between two dates over HTTP."""

from __future__ import annotations

import httpx
import pytest

DIFF = "/collections/buildings/diff"
DATES = {"datetime": "2023-06-01/2024-06-01"}


def test_what_changed_between_the_deliveries(client: httpx.Client) -> None:
    answer = client.get(DIFF, params=DATES)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    assert found["counts"] == {"new": 1, "changed": 1, "closed": 1}
    told = {f["properties"]["building_id"]: f["properties"] for f in found["features"]}
    assert {n: p["_change"] for n, p in told.items()} == {
        "B00007": "closed", "B00008": "changed", "B00060": "new",
    }  # fmt: skip
    assert told["B00008"]["_before"] == {"height_m": 27.4}
    assert told["B00008"]["height_m"] == 99.5


def test_pages_lead_through_all(client: httpx.Client) -> None:
    seen, address = [], f"{DIFF}?datetime=2023-06-01/..&limit=1"
    while address:
        found = client.get(address).json()
        assert ("counts" in found) == (not seen)
        seen += [f["id"] for f in found["features"]]
        address = next((link["href"] for link in found["links"] if link["rel"] == "next"), "")
    assert len(seen) == len(set(seen)) == 3


def test_only_what_was_asked_for(client: httpx.Client) -> None:
    found = client.get(DIFF, params=DATES | {"building_id": "B00060"}).json()
    assert [f["properties"]["_change"] for f in found["features"]] == ["new"]
    found = client.get(DIFF, params=DATES | {"filter": "height_m > 90"}).json()
    assert [f["properties"]["building_id"] for f in found["features"]] == ["B00008"]
    assert client.get(DIFF, params=DATES | {"bbox": "113,31,113.1,31.1"}).json()["features"] == []


@pytest.mark.parametrize(
    "params",
    [{}, {"datetime": "2024-06-01"}, {"datetime": "../2024-06-01"}, DATES | {"offset": "3"},
     DATES | {"after": "x"}, DATES | {"f": "csv"}, DATES | {"nope": "1"}],
)  # fmt: skip
def test_what_cannot_be_answered_is_named(client: httpx.Client, params: dict[str, str]) -> None:
    assert client.get(DIFF, params=params).status_code == 400


# --- the life of a place --------------------------------------------------------------------


def test_a_place_tells_its_life(client: httpx.Client) -> None:
    found = client.get("/places/114.0001,32.9801/timeline.json").json()
    events = [(e["at"], e["phase"], e["layer"]) for e in found["events"]]
    assert ("2023-05-01", "permit", "planning_permits") in events
    assert ("1990", "completion", "buildings") in events
    assert events == sorted(events, key=lambda e: e[0] if len(e[0]) > 4 else e[0] + "-01-01")
    code = found["place_code"]
    assert client.get(f"/places/{code}/timeline.json").json()["place_code"] == code


@pytest.mark.parametrize(
    "place", ["114", "114,33,1", "x,33", "nan,33", "114.0,95", "114.0,33?reach_m=far",
              "114.0,33?nope=1"]
)  # fmt: skip
def test_no_place(client: httpx.Client, place: str) -> None:
    path, _, query = place.partition("?")
    answer = client.get(f"/places/{path}/timeline.json?{query}")
    assert answer.status_code == 400, answer.text
