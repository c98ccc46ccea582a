"""`plan-statistics`: sums that come out even, held against PostGIS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_city import box, fill_plans, plan
from small_city import FIRST, SECOND, deliver

from gis.analysis.statistics import NOWHERE, _Districts, plan_statistics
from gis.errors import LayerError, UnknownLayer
from gis.layers import Registry
from gis.store import Instant, Store

BETWEEN = datetime(2023, 9, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
boxes = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2, st.floats(0, 90)).map(
    lambda b: shapely.affinity.rotate(shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3]), b[4])
)


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    """The plans' city in two counties that overlap by 20 m and leave a strip out; at the second
    date the park has become housing, and a code is only known by its first digits."""
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        fill_plans(store, registry)
        counties = [
            {"code": code, "name": code, "level": "county", "at": shapely.MultiPolygon([shape])}
            for code, shape in (
                ("411702", box(-100, -100, 150, 500)), ("411721", box(130, -100, 380, 500)),
            )
        ]  # fmt: skip
        deliver(store, registry.layers["admin_areas"], counties)
        later = [
            plan("G0", "0701", box(0, 0, 200, 200)), plan("G1", "0901", box(200, 0, 400, 200)),
            plan("G2", "0703", box(0, 200, 200, 400)), plan("G3", "16", box(200, 200, 400, 400)),
        ]  # fmt: skip
        deliver(store, registry.layers["land_use_plan"], later, SECOND)
        yield store


@settings(max_examples=150, deadline=None)
@given(shapes=st.lists(boxes, min_size=1, max_size=6), counties=st.lists(boxes, max_size=5))
def test_parts_of_every_polygon_are_its_area(shapes: list[Any], counties: list[Any]) -> None:
    districts = _Districts(
        codes=[str(i) for i in range(len(counties))],
        names={},
        shapes=np.array(counties, dtype=object),
    )
    parts = list(districts.split(np.array(shapes, dtype=object)))
    assert all(area >= 0 for _, _, area in parts)
    for i, shape in enumerate(shapes):
        assert sum(a for row, _, a in parts if row == i) == pytest.approx(shape.area, abs=1e-6)
        # what is in no county is what no county covers
        rest = (
            shapely.difference(shape, shapely.union_all(counties)).area if counties else shape.area
        )
        nowhere = sum(a for row, code, a in parts if row == i and code == NOWHERE)
        assert nowhere == pytest.approx(rest, abs=1e-6)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("when", [None, Instant(BETWEEN)])
def test_sums_come_out_even(
    city: Store, registry: Registry, level: int, when: Instant | None
) -> None:
    found = plan_statistics(city, registry, level=level, when=when, since=Instant(BETWEEN))
    answer = found.to_json()
    table = list(found.table())
    whole = round(answer["total_m2"] * 100)
    assert whole == 16_000_000
    for parts in (answer["by_class"], answer["by_district"], table):
        assert sum(round(part["area_m2"] * 100) for part in parts) == whole
        assert sum(round(part["change_m2"] * 100) for part in parts) == 0
    for district in answer["by_district"]:
        inner = sum(round(part["area_m2"] * 100) for part in district["classes"])
        assert inner == round(district["area_m2"] * 100)
    assert sum(part["share"] for part in answer["by_class"]) == pytest.approx(1, abs=1e-5)


def test_classes_agree_with_postgis(city: Store, registry: Registry) -> None:
    answer = plan_statistics(city, registry, when=Instant(BETWEEN)).to_json()
    with city.reading() as conn:
        sums = dict(
            conn.execute(
                "SELECT land_use, sum(ST_Area(ST_Transform(geom, 4547))) FROM gis.land_use_plan "
                "WHERE valid @> %s GROUP BY 1", (BETWEEN,),
            ).fetchall()
        )  # fmt: skip
    mine = {row["code"]: row["area_m2"] for row in answer["by_class"]}
    assert mine == pytest.approx(sums, abs=0.01)


def test_districts(city: Store, registry: Registry) -> None:
    answer = plan_statistics(city, registry).to_json()
    areas = {row["code"]: row["area_m2"] for row in answer["by_district"]}
    # what two counties hold counts to the first; 20 m of the plan lie in none
    assert areas == pytest.approx({"411702": 60_000, "411721": 92_000, None: 8_000}, abs=0.2)


def test_levels(city: Store, registry: Registry) -> None:
    codes = {
        level: [
            row["code"]
            for row in plan_statistics(city, registry, level=level).to_json()["by_class"]
        ]
        for level in (1, 2, 3)
    }
    assert codes == {1: ["07", "09", "16"], 2: ["0701", "0703", "0901", "16"],
                     3: ["0701", "0703", "0901", "16"]}  # fmt: skip
    first = plan_statistics(city, registry, level=1).to_json()["by_class"][0]
    assert first["title"] == {"zh": "居住用地", "en": "Residential"}
    assert first["polygons"] == 2


def test_between_two_dates(city: Store, registry: Registry) -> None:
    answer = plan_statistics(city, registry, since=Instant(BETWEEN), when=Instant(SECOND)).to_json()
    moved = {(row["from"], row["to"]): row["area_m2"] for row in answer["moved"]}
    assert moved == pytest.approx({("1401", "0703"): 40_000, ("0101", "16"): 40_000}, abs=0.1)
    changes = {row["code"]: row["change_m2"] for row in answer["by_class"]}
    assert changes == pytest.approx(
        {"0101": -40_000, "0701": 0, "0703": 40_000, "0901": 0, "1401": -40_000, "16": 40_000},
        abs=0.1,
    )


def test_plan_and_reality(city: Store, registry: Registry) -> None:
    real = plan_statistics(city, registry).to_json()["reality"]
    registered = {(r["plan"], r["registered"]): r["area_m2"] for r in real["registered"]}
    assert registered == pytest.approx(
        {("0701", "0701"): 20_000, ("0701", "0901"): 20_000}, abs=0.1
    )
    assert real["agreement"] == pytest.approx(0.5, abs=1e-5)
    coarse = plan_statistics(city, registry, level=1).to_json()["reality"]
    assert coarse["agreement"] == pytest.approx(0.5, abs=1e-5)


def test_buildings_on_the_plan(server: Any, registry: Registry) -> None:
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        house = {"storeys": 3, "height_m": 9.0, "base_m": 80.0}
        houses = [
            house | {"building_id": "A", "at": box(10, 10, 30, 20)},
            house | {"building_id": "B", "at": box(190, 10, 230, 20)},  # over two plan polygons
            house | {"building_id": "C", "at": box(900, 10, 930, 20)},  # in no plan
        ]
        deliver(store, registry.layers["buildings"], houses)
        squares = [
            plan("G0", "0701", box(0, 0, 200, 200)),
            plan("G1", "0901", box(200, 0, 400, 200)),
        ]
        deliver(store, registry.layers["land_use_plan"], squares)
        real = plan_statistics(store, registry).to_json()["reality"]
    stands = {r["code"]: (r["buildings"], r["footprint_m2"], r["floor_area_m2"])
              for r in real["buildings"]}  # fmt: skip
    assert stands["0701"] == pytest.approx((1, 300, 900), abs=0.1)
    assert stands["0901"] == pytest.approx((1, 300, 900), abs=0.1)
    assert real["agreement"] is None


def test_what_is_refused(city: Store, registry: Registry) -> None:
    with pytest.raises(UnknownLayer):
        plan_statistics(city, registry, plan="nothing")
    with pytest.raises(LayerError):
        plan_statistics(city, registry, plan="roads")
    with pytest.raises(LayerError):
        plan_statistics(city, registry, level=4)
    empty = plan_statistics(city, registry, when=Instant(FIRST.replace(year=2020))).to_json()
    assert (empty["total_m2"], empty["by_class"]) == (0, [])
