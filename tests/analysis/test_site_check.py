"""`site-check`: every condition on a site, with areas held against other formulas."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_city import EAST, HOLDER, NORTH, box, degrees, fill_plans
from pyproj import Geod
from small_city import FIRST, SECOND, building

from gis.analysis.site import Site, shapes_of, site_of
from gis.analysis.site_check import site_check
from gis.coords import find_transformation
from gis.errors import CoordError, LayerError, OutsideFrame
from gis.layers import Registry
from gis.store import Instant, LayerQuery, Store, rows
from gis.store.documents import add_document, shape_place

GEOD = Geod(a=6378137.0, rf=298.257222101)  # CGCS2000


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        fill_plans(store, registry)
        yield store


def a_site(registry: Registry, *shapes: Any, frame: str = "EPSG:4490") -> Site:
    return site_of(shapes, frame, registry.city, {})


def checked(city: Store, registry: Registry, site: Site, **given: Any) -> dict[str, Any]:
    return json.loads(json.dumps(site_check(city, registry, site, **given).to_json()))


def of(answer: dict[str, Any], layer: str) -> list[dict[str, Any]]:
    return [c for c in answer["conditions"] if c["evidence"]["layer"] == layer]


def geodesic_m2(shape: Any) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0])


@settings(max_examples=60, deadline=None)
@given(
    lon=st.floats(113.2, 115.2), lat=st.floats(32.3, 33.5), wide=st.floats(5, 3_000),
    high=st.floats(5, 3_000), turn=st.floats(0, 90),
)  # fmt: skip
def test_areas_agree_with_the_ellipsoid(
    registry: Registry, lon: float, lat: float, wide: float, high: float, turn: float
) -> None:
    shape = shapely.affinity.rotate(
        shapely.box(lon, lat, lon + wide / 93_000, lat + high / 111_000), turn
    )
    assert a_site(registry, shape).area_m2 == pytest.approx(geodesic_m2(shape), rel=1e-3)


def test_overlaps_agree_with_the_ellipsoid(city: Store, registry: Registry) -> None:
    shape = degrees(shapely.Polygon([(50, 30), (350, 60), (320, 330), (90, 280)]))
    answer = checked(city, registry, a_site(registry, shape))
    for layer in ("land_use_plan", "control_plan_blocks", "parcels"):
        stored = rows(city, LayerQuery(layer=registry.layers[layer]))
        mine = {c["evidence"]["id"]: c["area_m2"] for c in of(answer, layer)}
        for key, other in zip(stored.key.tolist(), stored.geometry, strict=True):
            common = shapely.intersection(other, shape)
            if key in mine:
                assert mine[key] == pytest.approx(geodesic_m2(common), rel=1e-3)
            else:
                assert common.is_empty or geodesic_m2(common) < 0.1


def test_land_use_adds_up_to_the_site(city: Store, registry: Registry) -> None:
    answer = checked(city, registry, a_site(registry, box(-30, 150, 250, 260)))
    found = {row["code"]: row["area_m2"] for row in answer["land_use"]}
    assert found == pytest.approx(
        {"0701": 10_000, "0901": 2_500, "1401": 12_000, "0101": 3_000, None: 3_300}, abs=0.02
    )
    assert sum(found.values()) == pytest.approx(answer["site"]["area_m2"], abs=0.03)
    assert sum(row["share"] for row in answer["land_use"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_that_lies_there_is_missing(city: Store, registry: Registry, seed: int) -> None:
    """PostGIS in another plane (UTM 50 N) finds the same features."""
    rng = np.random.default_rng(seed)
    if seed < 3:
        x, y = rng.uniform(-100, 500, 2)
        shape = box(x, y, x + rng.uniform(20, 300), y + rng.uniform(20, 300))
    else:
        lon, lat = rng.uniform([114.0, 32.98], [114.008, 32.985])
        shape = shapely.box(lon, lat, lon + 0.0021, lat + 0.0017)
    answer = checked(city, registry, a_site(registry, shape), reach_m=25.0)
    wkb = shapely.to_wkb(shape, hex=True)
    for row in answer["consulted"]:
        layer = registry.layers[row["layer"]]
        reach = 0.0 if "Polygon" in layer.geometry else 25.0
        with city.reading() as conn:
            found = conn.execute(
                f"SELECT key, ST_Distance(a, b), ST_Area(ST_Intersection(a, b)), "  # noqa: S608
                f"ST_Dimension(a) FROM (SELECT key, ST_Force2D(ST_Transform(geom, 4509)) AS a, "
                f"ST_Transform(ST_SetSRID('{wkb}'::geometry, 4490), 4509) AS b "
                f"FROM gis.{layer.id} WHERE upper_inf(valid)) AS t"
            ).fetchall()
        wanted = {k for k, d, area, dim in found if (area > 0.02 if dim == 2 else d <= reach)}
        listed = {c["evidence"]["id"] for c in of(answer, layer.id)} - {None}
        certain = {
            k for k, d, area, dim in found
            if (area > 0.02 or area < 1e-6) if dim == 2 or abs(d - reach) > 0.01
        }  # fmt: skip
        touching = {
            c["evidence"]["id"] for c in of(answer, layer.id) if c["relation"] == "may_touch"
        }
        assert (listed - touching) & certain == wanted & certain


def test_limits_are_the_strictest_on_the_site(city: Store, registry: Registry) -> None:
    limits = checked(city, registry, a_site(registry, box(150, 50, 300, 150)))["limits"]
    assert limits["height_max_m"]["value"] == 24.0
    assert limits["far_max"]["value"] == 2.0
    assert limits["floor_area_max_m2"]["value"] == pytest.approx(5_000 * 2 + 10_000 * 3, abs=0.2)
    # a block that the data can't vouch for sets no limit
    alone = checked(city, registry, a_site(registry, box(50, 50, 200.3, 150)))["limits"]
    assert alone["height_max_m"]["value"] == 60.0


def test_a_red_line_forbids(city: Store, registry: Registry) -> None:
    answer = checked(city, registry, a_site(registry, box(350, 50, 450, 150)))
    [first] = [c for c in answer["conditions"] if c["weight"] == "forbids"]
    assert first["number"] == 1
    assert first["area_m2"] == pytest.approx(5_000, abs=0.1)
    assert first["area_band_m2"] == pytest.approx(100, abs=0.1)  # its edge of 100 m, 1 m off
    assert answer["summary"]["forbidden"]


def test_what_is_below_accuracy_says_so(city: Store, registry: Registry) -> None:
    inside = checked(city, registry, a_site(registry, box(300, 50, 400.5, 150)))
    [line] = [c for c in of(inside, "red_lines") if c["title"] == "farmland"]
    assert line["below_accuracy"]
    assert line["weight"] == "notice"
    assert "小于数据精度" in line["text"]["zh"]
    beside = checked(city, registry, a_site(registry, box(300, 50, 399.4, 150)))
    [line] = [c for c in of(beside, "red_lines") if c["title"] == "farmland"]
    assert (line["relation"], line["distance_m"]) == ("may_touch", 0.6)
    assert not beside["summary"]["forbidden"]
    away = checked(city, registry, a_site(registry, box(300, 50, 398, 150)))
    assert [c["title"] for c in of(away, "red_lines")] == ["town_boundary"]


def test_outside_the_town(city: Store, registry: Registry) -> None:
    answer = checked(city, registry, a_site(registry, box(450, 600, 550, 700)))
    [outside] = [c for c in answer["conditions"] if c["relation"] == "outside"]
    assert outside["weight"] == "forbids"
    assert outside["area_m2"] == pytest.approx(5_000, abs=0.1)
    assert outside["evidence"]["id"] is None
    assert outside["evidence"]["delivery"] is not None


def test_pipes_with_depth_and_distance(city: Store, registry: Registry) -> None:
    across = checked(city, registry, a_site(registry, box(50, 50, 150, 150)))
    [pipe] = of(across, "pipe_segments")
    assert (pipe["relation"], pipe["distance_m"]) == ("overlaps", 0.0)
    assert pipe["length_m"] == pytest.approx(100, abs=0.05)
    assert "1.20–1.50 m" in pipe["text"]["zh"]
    site = a_site(registry, box(107, 50, 150, 150))
    [beside] = of(checked(city, registry, site), "pipe_segments")
    assert (beside["relation"], beside["distance_m"]) == ("within_reach", 7.0)
    assert of(checked(city, registry, site, reach_m=6.9), "pipe_segments") == []
    assert [c["title"] for c in of(across, "pipe_points")] == ["J100"]


def test_as_of_a_date(city: Store, registry: Registry) -> None:
    site = a_site(registry, building(7)["at"])
    then = checked(city, registry, site, when=Instant(FIRST))
    [house] = of(then, "buildings")
    assert house["evidence"]["valid_from"] == FIRST.isoformat()
    assert house["evidence"]["href"].endswith("?datetime=2023-06-01T00:00:00%2B08:00")
    assert of(checked(city, registry, site, when=Instant(SECOND)), "buildings") == []
    before = checked(city, registry, site, when=Instant(FIRST.replace(year=2022)))
    assert before["conditions"] == []
    assert {row["delivery"] for row in before["consulted"]} == {None}


def test_the_frame_does_not_matter(city: Store, registry: Registry) -> None:
    plane = shapely.affinity.translate(shapely.box(50, 50, 350, 250), EAST, NORTH)
    by_plane = checked(city, registry, a_site(registry, plane, frame="EPSG:4547"))
    stored = box(50, 50, 350, 250)
    by_degrees = checked(city, registry, a_site(registry, stored))
    way = find_transformation(*map(_frame, ("EPSG:4490", "gcj02")))
    shifted = shapely.transform(stored, way.apply)
    by_phone = checked(city, registry, a_site(registry, shifted, frame="gcj02"))
    titles = {(c["evidence"]["layer"], c["title"]) for c in by_degrees["conditions"]}
    for other in (by_plane, by_phone):
        assert {(c["evidence"]["layer"], c["title"]) for c in other["conditions"]} == titles
    assert by_phone["site"]["accuracy_m"] > 0
    assert by_phone["land_use"][0]["area_band_m2"] > by_degrees["land_use"][0]["area_band_m2"]


def _frame(name: str) -> Any:
    from gis.coords import norm_frame

    return norm_frame(name)


def test_a_layer_that_may_not_be_seen_is_not_consulted(city: Store, registry: Registry) -> None:
    from dataclasses import replace

    some = {k: v for k, v in registry.layers.items() if k != "pipe_segments"}
    site = a_site(registry, box(50, 50, 150, 150))
    answer = checked(city, replace(registry, layers=some), site)
    consulted = {row["layer"] for row in answer["consulted"]}
    assert "parcels" in consulted
    assert not consulted & {"pipe_segments", "property_units"}  # sensitive is never handed out
    assert of(answer, "pipe_segments") == []
    assert HOLDER not in json.dumps(answer, ensure_ascii=False)


def test_documents_of_the_place(city: Store, registry: Registry, tmp_path: Path) -> None:
    photo = tmp_path / "现场.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0" + b"0" * 50)
    place = shape_place(shapely.to_wkt(box(120, 120, 130, 130).centroid))
    add_document(city, tmp_path / "kept", photo, place, person="李工")
    inside = checked(city, registry, a_site(registry, box(50, 50, 150, 150)))
    assert [(d["name"], d["feature"]) for d in inside["documents"]] == [("现场.jpg", None)]
    assert checked(city, registry, a_site(registry, box(0, 0, 50, 50)))["documents"] == []
    past = checked(city, registry, a_site(registry, box(50, 50, 150, 150)), when=Instant(SECOND))
    assert past["documents"] == []  # nobody had it then


@pytest.mark.parametrize(
    "given",
    [
        "POINT(114 33)", "POLYGON EMPTY", "POLYGON((0 0,", "{", "[]", "{}", '{"type":"Feature"}',
        '{"type":"FeatureCollection","features":[]}', "LINESTRING(114 33,114.1 33)",
        "POLYGON((114 33,114.001 33.001,114.001 33,114 33.001,114 33))",
        "POLYGON((114 33,114.0000001 33,114.0000001 33.0000001,114 33))",
        "POLYGON((113 32,115 32,115 34,113 34,113 32))", 7, None,
        '{"type":"Polygon","coordinates":[[[114,33],[114.001,33],["x",33.001],[114,33]]]}',
        '{"type":"Polygon","coordinates":[[[114,33],[1e999,33],[114,33.001],[114,33]]]}',
        '{"type":"FeatureCollection","features":[' * 40 + "{}" + "]}" * 40,
    ],
)  # fmt: skip
def test_what_is_no_site(registry: Registry, given: Any) -> None:
    with pytest.raises(LayerError) as error:
        a_site(registry, *shapes_of(given))
    assert error.value.facts["parameter"] == "site"


def test_a_site_elsewhere(registry: Registry) -> None:
    with pytest.raises(OutsideFrame):
        a_site(registry, shapely.box(2.0, 48.0, 2.001, 48.001))
    with pytest.raises(CoordError):
        a_site(registry, shapely.box(500_000, 3_650_000, 500_100, 3_650_100))  # metres as degrees
    with pytest.raises(CoordError):
        a_site(registry, shapely.box(114, 33, 114.001, 33.001), frame="EPSG:99999")


def test_quick(city: Store, registry: Registry) -> None:
    site = a_site(registry, box(150, 150, 250, 250))
    took = []
    for _ in range(5):
        started = time.perf_counter()
        site_check(city, registry, site)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.3  # the machine may be busy with other tests
