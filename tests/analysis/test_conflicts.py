"""`plan-conflicts`: each rule finds what was planted for it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import yaml
from planned_city import block, box, degrees, plan, red_line
from postgis import PROJECT
from small_city import FIRST, deliver

from gis.analysis.conflictrules import ConflictRules, load_conflict_rules
from gis.analysis.conflicts import plan_conflicts
from gis.analysis.plane import Plane
from gis.coords import to_metric
from gis.demo.city import City, design
from gis.demo.deliveries import _control_2024, to_degrees
from gis.demo.features import Features
from gis.demo.site import Site
from gis.errors import ConfigError
from gis.layers import Layer, Registry
from gis.store import Instant, Store

SHIPPED = PROJECT / "config" / "conflicts.yml"


@pytest.fixture(scope="module")
def rules(registry: Registry) -> ConflictRules:
    return load_conflict_rules(SHIPPED, registry)


def permit(number: str, shape: Any, **values: Any) -> dict[str, Any]:
    usual = {"project": number, "kind": "construction", "issued_on": date(2023, 1, 1)}
    return {"permit_no": number, **usual, **values, "at": shape}


def planted() -> dict[str, list[dict[str, Any]]]:
    """A kilometre for each rule: what contradicts, and beside it what only looks so."""
    blocks = [
        block("U1", "0701", box(0, 0, 100, 100)),
        block("U2", "0901", box(300, 0, 400, 100)),  # the plan agrees
        block("F1", "0901", box(1000, 0, 1100, 100)),
        block("F2", "0101", box(1000, 300, 1100, 400)),  # a field on farmland
        block("F3", "0901", box(1000, 500, 1100, 600)),  # 0.6 m of it: below the accuracy
        block("E1", "1401", box(2000, 0, 2100, 100)),
        block("E2", "1701", box(2000, 300, 2100, 400)),  # the river itself
        block("O1", "0701", box(0, 1950, 100, 2050)),
        block("O2", "0101", box(500, 1950, 600, 2050)),  # fields may lie outside
        block("H1", "0701", box(5000, 0, 5200, 200), height_max_m=24.0),
        block("D1", "0701", box(6000, 0, 6200, 200), far_max=1.0),
    ]
    plans = [
        plan("GU1", "16", box(0, 0, 100, 100)),
        plan("GU2", "0901", box(300, 0, 400, 100)),
        plan("GU3", "1206", box(398.5, 0, 500, 100)),  # a strip of 1.5 m: one line drawn twice
        plan("GF", "0703", box(3000, 0, 3100, 100)),
        plan("GE", "1001", box(4000, 0, 4100, 100)),
        plan("GN", "0301", box(4000, 300, 4100, 400)),  # a wood in the ecological line
    ]
    lines = [
        red_line("N1", "farmland", box(1050, 0, 1150, 100)),
        red_line("N2", "farmland", box(1000, 300, 1150, 400)),
        red_line("N3", "farmland", box(1099.4, 500, 1150, 600)),
        red_line("N4", "farmland", box(3000, 0, 3100, 100)),
        red_line("N5", "farmland", box(7000, 0, 7050, 100)),
        red_line("S1", "ecological", box(2060, 0, 2100, 400)),
        red_line("S2", "ecological", box(4000, 0, 4100, 400)),
        red_line("S3", "ecological", box(8000, 0, 8100, 100)),
        red_line("T1", "town_boundary", box(-500, -500, 9000, 2000)),
    ]
    permits = [
        permit("PH1", box(5000, 0, 5100, 100), height_max_m=30.0),
        permit("PH2", box(5100, 0, 5200, 100), height_max_m=24.0),  # as high as allowed
        permit("PH3", box(5100, 100, 5200, 200)),  # states no height
        permit("PD1", box(6000, 0, 6100, 100), floor_area_m2=20_000.0),
        permit("PD2", box(6100, 0, 6200, 100), floor_area_m2=14_000.0),  # within the margin
        permit("PR1", box(7000, 0, 7100, 100)),
    ]
    projects = [
        {"project_id": name, "name": name, "stage": "planned", "at": degrees(shapely.Point(x, 50))}
        for name, x in (("X1", 8050.0), ("X2", 8500.0))
    ]
    return {
        "control_plan_blocks": blocks, "land_use_plan": plans, "red_lines": lines,
        "planning_permits": permits, "plan_projects": projects,
    }  # fmt: skip


FOUND = {
    ("use_differs", "U1", "GU1", 10_000),
    ("block_on_farmland", "F1", "N1", 5_000),
    ("block_in_ecological", "E1", "S1", 4_000),
    ("block_outside_town", "O1", None, 5_000),
    ("plan_on_farmland", "GF", "N4", 10_000),
    ("plan_in_ecological", "GE", "S2", 10_000),
    ("permit_too_high", "PH1", "H1", 10_000),
    ("permit_too_dense", "PD1", "D1", 10_000),
    ("permit_in_red_line", "PR1", "N5", 5_000),
    ("project_in_red_line", "X1", "S3", None),
}


@pytest.fixture(scope="module")
def world(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        for layer, found in planted().items():
            deliver(store, registry.layers[layer], found)
        yield store


def told(answer: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {
        (p["rule"], p["a"]["number"], p["b"] and p["b"]["number"],
         None if p["area_m2"] is None else round(p["area_m2"]))
        for p in (f["properties"] for f in answer["features"])
    }  # fmt: skip


def test_every_rule_finds_its_own(world: Store, registry: Registry, rules: ConflictRules) -> None:
    answer = json.loads(json.dumps(plan_conflicts(world, registry, rules).to_json(), default=str))
    assert told(answer) == FOUND
    assert {row["rule"]: row["conflicts"] for row in answer["rules"]} == {
        rule.code: 1 for rule in rules.rules
    }
    dense = next(f for f in answer["features"] if f["properties"]["rule"] == "permit_too_dense")
    figures = dense["properties"]["figures"]
    assert figures == {
        "a": pytest.approx(2.0, abs=1e-3),
        "b": 1.0,
        "excess": pytest.approx(1.0, abs=1e-3),
    }


def test_geometry_is_where_and_as_large_as_it_says(
    world: Store, registry: Registry, rules: ConflictRules
) -> None:
    answer = plan_conflicts(world, registry, rules, chosen=["block_in_ecological"]).to_json()
    [feature] = answer["features"]
    assert [row["rule"] for row in answer["rules"]] == ["block_in_ecological"]
    shape = shapely.geometry.shape(feature["geometry"])
    flat = shapely.transform(shape, lambda xy: to_metric(xy, 4547))
    assert flat.area == pytest.approx(feature["properties"]["area_m2"], abs=0.05)
    assert shapely.hausdorff_distance(shape, box(2060, 0, 2100, 100)) < 1e-7


def test_only_near_a_place(world: Store, registry: Registry, rules: ConflictRules) -> None:
    plane = Plane.of(registry.city)
    near = plane.metric(np.array([box(1900, -50, 3200, 150)], dtype=object))[0]
    answer = plan_conflicts(world, registry, rules, near=near).to_json()
    assert {row[0] for row in told(answer)} == {"block_in_ecological", "plan_on_farmland"}


def test_as_of_a_date_and_without_a_layer(
    world: Store, registry: Registry, rules: ConflictRules
) -> None:
    before = Instant(FIRST.replace(year=2020))
    answer = plan_conflicts(world, registry, rules, when=before).to_json()
    assert answer["features"] == []
    assert {row["rule"] for row in answer["skipped"]} == {rule.code for rule in rules.rules}
    some: dict[str, Layer] = {k: v for k, v in registry.layers.items() if k != "red_lines"}
    answer = plan_conflicts(world, replace(registry, layers=some), rules).to_json()
    assert {row["layer"] for row in answer["skipped"]} == {"red_lines"}
    assert {row[0] for row in told(answer)} == {
        "use_differs", "permit_too_high", "permit_too_dense",
    }  # fmt: skip


# --- the demo city -------------------------------------------------------------------------


def sent(features: Features, names: tuple[str, ...]) -> list[dict[str, Any]]:
    shapes = to_degrees(features.geometry)
    return [
        {name: features[name][i] for name in names} | {"at": shapes[i]}
        for i in range(len(features))
    ]


def meeting(control: Features, shape: Any, more_than_m2: float) -> set[str]:
    common = shapely.area(shapely.intersection(control.geometry, shape))
    return set(control["block_id"][common > more_than_m2])


@pytest.fixture(scope="module")
def demo_city() -> City:
    return design(Site.of(1, "full"))


def test_the_demo_citys_own_contradictions_are_found(
    server: Any, registry: Registry, rules: ConflictRules, demo_city: City
) -> None:
    """The second control plan turned every other reserved block into housing, which the land use
    plan does not know; and it drew its park over the lake, which is an ecological red line."""
    control = _control_2024(demo_city)
    land = demo_city.land
    turned = set(control["block_id"][np.flatnonzero(control["manner"] == "reserved")[::2]])
    lake = set(
        control["block_id"][shapely.area(shapely.intersection(control.geometry, land.lake)) > 100]
    )
    line = land.lake.buffer(12).union(land.corridor.buffer(-10.0))
    shore = set(
        control["block_id"][shapely.area(shapely.intersection(control.geometry, line)) > 50]
    )
    assert turned
    assert lake
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        figures = ("block_id", "land_use", "far_max", "height_max_m")
        deliver(store, registry.layers["control_plan_blocks"], sent(control, figures))
        deliver(store, registry.layers["land_use_plan"],
                sent(demo_city.land_use, ("plan_id", "land_use")))  # fmt: skip
        deliver(store, registry.layers["red_lines"],
                sent(demo_city.lines, ("red_line_id", "kind", "name")))  # fmt: skip
        answer = plan_conflicts(store, registry, rules).to_json()
    by_rule: dict[str, set[str]] = {}
    for rule, a, *_ in told(answer):
        by_rule.setdefault(rule, set()).add(a)
    assert by_rule == {"use_differs": turned | lake, "block_in_ecological": shore}


# --- the table -----------------------------------------------------------------------------


def spoilt(change: Callable[[dict[str, Any]], object]) -> str:
    doc = yaml.safe_load(SHIPPED.read_text("utf-8"))
    change(doc)
    return yaml.safe_dump(doc, allow_unicode=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("version"),
        lambda d: d["rules"][0].pop("code"),
        lambda d: d["rules"][0].pop("title"),
        lambda d: d["rules"][0].update(unknown=1),
        lambda d: d["rules"][0].update(relation="beside"),
        lambda d: d["rules"][0].update(min_area_m2=-1),
        lambda d: d["rules"][0].update(min_width_m="2"),
        lambda d: d["rules"][0].update(compare={"differs": {"a": "land_use", "b": "land_use"}}),
        lambda d: d["rules"][0].update(compare={"like": {}}),
        lambda d: d["rules"][0]["compare"]["differs"].update(a="no_such_field"),
        lambda d: d["rules"][1]["a"].update({"not": {"land_use": "01"}}),
        lambda d: d["rules"][1]["b"]["where"].update(colour=["red"]),
        lambda d: d["rules"][3].update(compare={"exceeds": {"a": "far_max", "b": "name", "by": 0}}),
        lambda d: d["rules"].append(d["rules"][0]),
        lambda d: d.update(rules="none"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_is_refused(
    registry: Registry, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    path = tmp_path / "conflicts.yml"
    path.write_text(spoilt(change), "utf-8")
    with pytest.raises(ConfigError) as error:
        load_conflict_rules(path, registry)
    assert "conflicts.yml" in error.value.en


def test_a_table_that_is_not_there(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_conflict_rules(tmp_path / "conflicts.yml", registry)
