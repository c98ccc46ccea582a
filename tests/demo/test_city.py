"""The generated city hangs together, whatever the seed, and is the same city every time."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.demo import write_city
from gis.demo.city import City, design
from gis.demo.deliveries import to_degrees, to_zone_38
from gis.demo.site import Site

pytestmark = pytest.mark.xdist_group("city")
UNIT_CODE = re.compile(r"\d{12}[A-Z]{2}\d{5}[FWLQ]\d{8}")
POLYGONS = ("land_use", "control", "permits", "lines", "plots", "standing", "registered")


@pytest.fixture(scope="module", params=[1, 2, 7])
def city(request: pytest.FixtureRequest) -> City:
    return design(Site.of(request.param, "small"))


def test_shapes_stay_valid_in_the_frames_they_are_sent_in(city: City) -> None:
    for name in POLYGONS:
        geometry = getattr(city, name).geometry
        for frame in (to_zone_38, to_degrees):
            wrong = np.flatnonzero(~shapely.is_valid(frame(geometry)))
            assert wrong.tolist() == [], name


def test_the_plan_covers_no_ground_twice(city: City) -> None:
    plan = city.land_use.geometry
    assert shapely.area(plan).sum() == pytest.approx(shapely.union_all(plan).area, rel=1e-4)


def test_buildings_stand_apart_and_off_the_roads(city: City) -> None:
    footprints = city.standing.geometry
    one, other = shapely.STRtree(footprints).query(footprints, predicate="intersects")
    pairs = one < other
    common = shapely.area(shapely.intersection(footprints[one[pairs]], footprints[other[pairs]]))
    assert common.sum() < 1.0
    assert city.standing["height_m"].min() > 2.0
    low = city.standing["height_m"] / city.standing["storeys"]
    assert 2.5 < low.min() <= low.max() < 12.0


def test_unit_codes_are_28_digits_and_unique(city: City) -> None:
    codes = [*city.plots["unit_code"], *city.units["unit_code"]]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not UNIT_CODE.fullmatch(code)] == []


def test_pipes_join_points_that_exist_and_lie_below_the_ground(city: City) -> None:
    points, pipes = city.network.points, city.network.segments
    known = set(points["point_id"])
    assert set(pipes["from_point"]) | set(pipes["to_point"]) <= known
    assert points["depth_m"].min() >= 0
    assert {"JS", "WS", "YS"} <= set(pipes["kind"])


def test_what_happened_is_permitted_or_not_as_the_truth_says(city: City) -> None:
    made = city.changes.made
    assert set(made["kind"]) == {"construction", "demolition", "added_storey"}
    assert {True, False} == set(made["illegal"].astype(bool).tolist())
    for kind, reasons, illegal in zip(made["kind"], made["reasons"], made["illegal"], strict=True):
        assert bool(illegal) == bool(reasons)
        assert kind != "demolition" or not illegal
    farmland = shapely.union_all(city.lines.geometry[city.lines["kind"] == "farmland"])
    on_it = shapely.area(shapely.intersection(made.geometry, farmland)) > 10.0
    said = np.array(["farmland" in reasons for reasons in made["reasons"]])
    built = made["kind"] == "construction"
    assert (on_it & built).tolist() == said.tolist()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        write_city(folder, seed=3, size="small")
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".gpkg"  # SQLite pages hold a change counter
        }

    first = digests(tmp_path / "a")
    assert len(first) > 25
    assert digests(tmp_path / "b") == first
