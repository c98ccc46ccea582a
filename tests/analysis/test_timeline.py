"""The life of a place: what each record says, in the order it happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shapely
from store_trials import make_head, make_rows

from gis.analysis.timeline import Timeline, timeline, timeline_of_code
from gis.coords import place_code
from gis.errors import CoordError, OutsideFrame
from gis.layers import Registry
from gis.store import Store, begin

CHINA = ZoneInfo("Asia/Shanghai")
PLOT = shapely.box(114.0, 33.0, 114.001, 33.001)
HOUSE = shapely.box(114.0004, 33.0004, 114.0006, 33.0006)
HERE = (114.0005, 33.0005)


def day(year: int, month: int = 1, day_: int = 1) -> datetime:
    return datetime(year, month, day_, tzinfo=CHINA)


@pytest.fixture(scope="module")
def town(server: Any, registry: Registry) -> Iterator[Store]:
    """One plot: planned, permitted, suspected while it is built, built, registered, raised."""
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:

        def deliver(layer_id: str, as_of: datetime, mode: str = "upsert", **row: Any) -> None:
            layer = registry.layers[layer_id]
            with begin(store, make_head(layer, as_of=as_of, mode=mode)) as loading:
                loading.add(make_rows(layer, [row]))
                loading.apply()

        project = {"project_id": "P1", "name": "学校", "at": shapely.Point(114.0009, 33.0001)}
        deliver("plan_projects", day(2020, 3), stage="planned", **project)
        deliver("plan_projects", day(2021, 3), stage="building", **project)
        deliver("planning_permits", day(2021), permit_no="建字1", project="学校", kind="building",
                issued_on=date(2020, 11, 5), at=PLOT)  # fmt: skip
        house = {"building_id": "F1", "base_m": 80.0, "at": HOUSE, "built_year": 2022}
        deliver("buildings", day(2023, 6), height_m=12.0, **house)
        deliver("buildings", day(2024, 6), height_m=15.5, **house)
        deliver("buildings", day(2025, 2), mode="delete", height_m=15.5, **house)
        deliver("buildings", day(2025, 3), building_id="F2", base_m=80.0, height_m=9.0,
                at=shapely.box(114.002, 33.0, 114.0022, 33.0002))  # fmt: skip
        deliver("parcels", day(2023), unit_code="411702001001GB00001W00000000", at=PLOT)
        deliver("property_units", day(2023), unit_code="411702001001GB00001F00010001",
                building_id="F1", at=shapely.Point(HERE))  # fmt: skip
        yield store


def told(found: Timeline) -> list[tuple[str, str, str]]:
    return [(e.to_json()["at"], e.phase, e.layer) for e in found.events]


def test_one_line_from_plan_to_its_end(town: Store, registry: Registry) -> None:
    found = timeline(town, registry, *HERE)
    assert told(found) == [
        ("2020-03-01", "plan", "plan_projects"),
        ("2020-11-05", "permit", "planning_permits"),
        ("2021-01-01", "permit", "planning_permits"),
        ("2021-03-01", "construction", "plan_projects"),
        ("2022", "completion", "buildings"),
        ("2023-01-01", "registration", "parcels"),
        ("2023-06-01", "registration", "buildings"),
        ("2024-06-01", "registration", "buildings"),
        ("2025-02-01", "registration", "buildings"),
    ]
    assert not found.more
    issued, taller, ended = found.events[1], found.events[7], found.events[8]
    assert issued.to_json()["basis"] == {"field": "issued_on"}
    assert dict(taller.changes) == {"height_m": (12.0, 15.5)}
    assert taller.what.zh == "变化：高度 12.0 m → 15.5 m"
    assert taller.what.en == "changed: Height 12.0 m → 15.5 m"
    assert found.events[3].what.zh == "变化：阶段 规划 → 在建"
    assert ended.what.zh == "注销"
    assert isinstance(taller.basis, int)


def test_first_of_each_phase(town: Store, registry: Registry) -> None:
    firsts = timeline(town, registry, *HERE).to_json()["phases"]
    assert [p["first"] for p in firsts] == [
        "2020-03-01", "2020-11-05", "2021-03-01", "2022", "2023-01-01",
    ]  # fmt: skip


def test_only_what_is_there(town: Store, registry: Registry) -> None:
    """Beside the house, on its plot: plan, permit and parcel, no building. Elsewhere: nothing."""
    layers = {e.layer for e in timeline(town, registry, 114.0002, 33.0002).events}
    assert layers == {"plan_projects", "planning_permits", "parcels"}
    assert timeline(town, registry, 115.0, 33.5).events == ()
    assert timeline(town, registry, 75.0, 40.0).events == ()
    wide = {e.layer for e in timeline(town, registry, 114.0002, 33.0002, 40.0).events}
    assert "buildings" in wide


def test_by_place_code(town: Store, registry: Registry) -> None:
    code = place_code(*HERE)
    found = timeline_of_code(town, registry, code)
    assert found.place_code == code
    assert {"buildings", "parcels"} <= {e.layer for e in found.events}
    with pytest.raises(CoordError):
        timeline_of_code(town, registry, "nowhere")


def test_sensitive_layers_stay_out(town: Store, registry: Registry) -> None:
    assert all(e.layer != "property_units" for e in timeline(town, registry, *HERE).events)
    hidden = replace(registry.layers["buildings"], classification="sensitive")
    closed = replace(registry, layers={**registry.layers, "buildings": hidden})
    assert all(e.layer != "buildings" for e in timeline(town, closed, *HERE).events)


@pytest.mark.parametrize(
    "pair", [(float("nan"), 33.0), (114.0, 133.0), (1e9, 33.0), (-70.0, -10.0)]
)
def test_no_place_of_the_country(
    town: Store, registry: Registry, pair: tuple[float, float]
) -> None:
    with pytest.raises(OutsideFrame):
        timeline(town, registry, *pair)
