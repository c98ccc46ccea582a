"""Vector tiles, decoded by somebody else's reader."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import floats, integers
from store_trials import day, make_layer

from gis.coords.matrixsets import CGCS2000, MATRIX_SETS, WEB_MERCATOR, MatrixSet
from gis.errors import LayerError, TileError
from gis.layers.model import Layer
from gis.store import Instant, LayerQuery, Store, rows, tile, tile_bounds, undo
from gis.store.tables import ensure_layer
from gis.store.vectortiles import TileQuery, make_tile, touched_since, versions_at


def tile_of(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    n = 2**z
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * n), int(y * n)


def features(data: bytes, layer: Layer) -> list[dict[str, Any]]:
    decoded = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
    return decoded[layer.id]["features"] if data else []


def scattered(n: int, spread: float = 0.05) -> list[dict[str, Any]]:
    random = np.random.default_rng(3)
    at = random.uniform(-spread, spread, (n, 2)) + np.array([114.02, 32.98])
    return [{"tree_id": f"t{i}", "kind": "oak", "rings": i, "at": xy} for i, xy in enumerate(at)]


def test_bounds_agree_with_postgis(store: Store) -> None:
    z, x, y = tile_of(114.02, 32.98, 14)
    with store.reading() as conn:
        row = conn.execute(
            "SELECT ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b) FROM "
            "(SELECT ST_Transform(ST_TileEnvelope(%s, %s, %s), 4326) AS b) AS one",
            [z, x, y],
        ).fetchone()
    assert tile_bounds(z, x, y) == pytest.approx(row, abs=1e-9)


def test_a_tile_has_the_ids_of_items_in_its_box(store: Store, trees: Layer, deliver) -> None:
    deliver(scattered(3000))
    z, x, y = tile_of(114.02, 32.98, 16)
    found = rows(store, LayerQuery(layer=trees, bbox=tile_bounds(z, x, y)))
    decoded = features(tile(store, trees, z, x, y), trees)
    inside = {
        feature["id"]: feature["properties"]
        for feature in decoded
        if all(0 <= c <= 4096 for c in feature["geometry"]["coordinates"])
    }
    assert set(inside) == set(found.key.tolist()) != set()
    assert {p["tree_id"] for p in inside.values()} == set(found.columns["tree_id"])


def test_a_feature_lies_where_it_is(store: Store, trees: Layer, deliver) -> None:
    z, x, y = tile_of(114.02, 32.98, 15)
    west, south, east, north = tile_bounds(z, x, y)
    deliver([{"tree_id": "a", "at": ((west * 3 + east) / 4, (south + north) / 2)}])
    (feature,) = features(tile(store, trees, z, x, y), trees)
    assert feature["geometry"]["coordinates"] == pytest.approx([1024, 2048], abs=1)


def test_every_type_of_value(store: Store, trees: Layer, deliver) -> None:
    tree = {"tree_id": "柳", "height_m": 1.5, "rings": 7, "protected": True,
            "planted_on": date(2020, 2, 3), "seen_at": datetime(2024, 1, 1, tzinfo=UTC),
            "at": (114.02, 32.98)}  # fmt: skip
    deliver([tree])
    (feature,) = features(tile(store, trees, *tile_of(114.02, 32.98, 17)), trees)
    assert feature["properties"] == {
        "tree_id": "柳", "height_m": 1.5, "rings": 7, "protected": True,
        "planted_on": "2020-02-03", "seen_at": "2024-01-01 08:00:00+08",
    }  # fmt: skip


def test_a_tile_of_the_past(store: Store, trees: Layer, deliver) -> None:
    at = (114.02, 32.98)
    deliver([{"tree_id": "a", "rings": 1, "at": at}], as_of=day(1))
    deliver([{"tree_id": "a", "rings": 2, "at": at}], as_of=day(3))
    place = tile_of(*at, 17)

    def rings(when: Instant | None) -> list[int]:
        return [f["properties"]["rings"] for f in features(tile(store, trees, *place, when), trees)]

    assert (rings(None), rings(Instant(day(2)))) == ([2], [1])
    assert tile(store, trees, *place, Instant(datetime(2020, 1, 1, tzinfo=UTC))) == b""


def test_a_small_scale_tile_of_a_city_stays_small(store: Store, deliver) -> None:
    layer = make_layer(
        id="houses", geometry="Polygon", style={"kind": "building", "color_by": "kind"}
    )
    with store.connection() as conn:
        ensure_layer(conn, layer)
    houses = [
        tree
        | {"at": shapely.box(tree["at"][0], tree["at"][1], *(tree["at"] + np.array([2e-4, 1e-4])))}
        for tree in scattered(20_000, 0.06)
    ]
    landmark = {"tree_id": "station", "kind": "hall", "at": shapely.box(114.0, 32.96, 114.04, 33.0)}
    deliver([*houses, landmark], layer)
    z, x, y = tile_of(114.02, 32.98, 10)
    data = tile(store, layer, z, x, y)
    shown = features(data, layer)
    assert len(data) < 150_000
    assert 100 < len(shown) < 5000
    assert "hall" in {feature["properties"]["kind"] for feature in shown}
    assert {name for f in shown for name in f["properties"]} == {"kind"}
    west = min(min(p[0] for p in f["geometry"]["coordinates"][0]) for f in shown)
    full = shapely.total_bounds(np.array([house["at"] for house in houses], dtype=object))[0]
    edges = tile_bounds(z, x, y)
    assert west == pytest.approx(4096 * (full - edges[0]) / (edges[2] - edges[0]), abs=40)
    z, x, y = tile_of(114.02, 32.98, 15)
    found = rows(store, LayerQuery(layer=layer, bbox=tile_bounds(z, x, y)))
    assert set(found.key.tolist()) <= {
        f["id"] for f in features(tile(store, layer, z, x, y), layer)
    }


@pytest.mark.parametrize("place", [(-1, 0, 0), (23, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_a_tile_outside_the_grid_is_refused(store: Store, trees: Layer, place: tuple) -> None:
    with pytest.raises(TileError):
        tile(store, trees, *place)


def test_latest_values_are_in_tiles(store: Store, deliver) -> None:
    layer = make_layer(id="sensors", latest_of="tree_id")
    with store.connection() as conn:
        ensure_layer(conn, layer)
        conn.execute("INSERT INTO onemap.observation_latest VALUES ('a', '2024-01-04Z', 2.5)")
    deliver([{"tree_id": "a", "at": (114.02, 32.98)}], layer)
    for z in (10, 17):
        (feature,) = features(tile(store, layer, *tile_of(114.02, 32.98, z)), layer)
        assert feature["properties"]["latest_value"] == 2.5


def placed_in(grid: MatrixSet, z: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of the tile that holds a point, by the formulas of the standard."""
    x = int((lon + 180) / 360 * 2**z)
    return (
        (x, tile_of(lon, lat, z)[2]) if grid.unit == "metre" else (x, int((90 - lat) * 2**z / 360))
    )


def degrees_of(grid: MatrixSet, z: int, x: int, y: int, at: list[float]) -> tuple[float, float]:
    """Where a tile's coordinate lies: the whole way back, by PROJ's sphere of Web Mercator."""
    west, south, east, north = grid.box(z, x, y)
    if grid.unit == "degree":
        return west + at[0] / 4096 * (east - west), north - at[1] / 4096 * (north - south)
    to_plane = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    (left, right), (bottom, top) = to_plane.transform((west, east), (south, north))
    return to_plane.transform(
        left + at[0] / 4096 * (right - left),
        top - at[1] / 4096 * (top - bottom),
        direction="INVERSE",
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lon=floats(113.9, 114.1), lat=floats(32.9, 33.06), z=integers(16, 21))
def test_both_grids_show_a_feature_where_its_item_says(
    store: Store, trees: Layer, scattered_once: dict[int, tuple[float, float]], lon: float,
    lat: float, z: int,
) -> None:  # fmt: skip
    key, (lon, lat) = min(
        scattered_once.items(), key=lambda one: math.hypot(one[1][0] - lon, one[1][1] - lat)
    )
    for grid in MATRIX_SETS.values():
        x, y = placed_in(grid, z, lon, lat)
        made = make_tile(store, TileQuery(layer=trees, grid=grid, z=z, x=x, y=y))
        at = {f["id"]: f["geometry"]["coordinates"] for f in features(made.data, trees)}
        unit = 360 / 2**z / 4096
        assert degrees_of(grid, z, x, y, at[key]) == pytest.approx((lon, lat), abs=unit)


@pytest.fixture
def scattered_once(store: Store, trees: Layer, deliver) -> dict[int, tuple[float, float]]:
    deliver(scattered(300, 0.08))
    found = rows(store, LayerQuery(layer=trees))
    return {int(k): (g.x, g.y) for k, g in zip(found.key, found.geometry, strict=True)}


def test_scales_are_those_of_the_standard() -> None:
    # 17-083r4 D.1 WebMercatorQuad, and WGS1984Quad, whose level 0 is our level 1
    assert WEB_MERCATOR.scale(0) == pytest.approx(559082264.028717, rel=1e-12)
    assert WEB_MERCATOR.cell(0) == pytest.approx(156543.033928041, rel=1e-12)
    assert WEB_MERCATOR.scale(17) == pytest.approx(4265.45916769957, rel=1e-12)
    assert CGCS2000.scale(1) == pytest.approx(279541132.014358, rel=1e-12)
    assert CGCS2000.cell(1) == 0.703125
    assert CGCS2000.scale(18) == pytest.approx(2132.72958384978, rel=1e-12)
    assert (CGCS2000.columns(1), CGCS2000.rows(1)) == (2, 1)
    assert CGCS2000.box(1, 1, 0) == (0, -90, 180, 90)


def test_only_the_properties_asked_for(store: Store, trees: Layer, deliver) -> None:
    deliver([{"tree_id": "a", "kind": "oak", "rings": 3, "at": (114.02, 32.98)}])
    for zoom in (10, 17):
        z, x, y = tile_of(114.02, 32.98, zoom)
        q = TileQuery(layer=trees, z=z, x=x, y=y, fields=("rings", "kind"))
        (feature,) = features(make_tile(store, q).data, trees)
        assert feature["properties"] == {"rings": 3, "kind": "oak"}
        bare = make_tile(store, replace(q, fields=()))
        assert [f["properties"] for f in features(bare.data, trees)] == [{}]
    with pytest.raises(LayerError):
        make_tile(store, replace(q, fields=("leaves",)))


def test_each_feature_has_one_label_inside_it(store: Store, deliver) -> None:
    layer = make_layer(id="plots", geometry="Polygon", style={"kind": "fill"})
    with store.connection() as conn:
        ensure_layer(conn, layer)
    # a ring around nothing: its centroid is not in it
    wide = shapely.box(114.0, 32.96, 114.04, 33.0)
    ring = wide - shapely.box(114.002, 32.962, 114.038, 32.998)
    small = [shapely.box(114.003 + i / 500, 32.97, 114.004 + i / 500, 32.971) for i in range(9)]
    shapes = [ring, *small]
    deliver([{"tree_id": f"p{i}", "at": s} for i, s in enumerate(shapes)], layer)
    found: list[tuple[str, float, float]] = []
    z = 15
    _, x0, y0 = tile_of(114.0, 33.0, z)
    _, x1, y1 = tile_of(114.04, 32.96, z)
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            data = make_tile(store, TileQuery(layer=layer, z=z, x=x, y=y, labels=True)).data
            decoded = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
            for label in decoded.get("plots.labels", {}).get("features", []):
                at = degrees_of(WEB_MERCATOR, z, x, y, label["geometry"]["coordinates"])
                found.append((label["properties"]["tree_id"], *at))
    assert sorted(name for name, *_ in found) == [f"p{i}" for i in range(10)]
    for name, lon, lat in found:
        assert shapes[int(name[1:])].buffer(1e-6).contains(shapely.Point(lon, lat))


def test_a_tile_says_whose_state_it_shows_and_whether_that_still_holds(
    store: Store, trees: Layer, deliver
) -> None:
    near, far = (114.02, 32.98), (114.09, 32.98)
    z, x, y = tile_of(*near, 16)
    q = TileQuery(layer=trees, z=z, x=x, y=y)
    assert make_tile(store, q).version == 0

    def delivered(*found: dict[str, Any], on: int) -> int:
        deliver(list(found), as_of=day(on))
        return versions_at(store, [trees])[trees.id]

    a, b = {"tree_id": "a", "at": near}, {"tree_id": "b", "at": far}
    first = delivered(a, b, on=1)
    assert make_tile(store, q).version == first > 0
    second = delivered(a, b | {"rings": 4}, on=2)
    elsewhere = replace(q, x=tile_of(*far, 16)[1])
    assert (touched_since(store, q, first), touched_since(store, elsewhere, first)) == (False, True)
    before = replace(q, when=Instant(day(1)))
    assert make_tile(store, q).data == make_tile(store, before).data
    assert make_tile(store, before).version == first
    undo(store, second)
    assert versions_at(store, [trees]) == {trees.id: first}
    third = delivered(b | {"rings": 4}, on=3)  # a is gone
    assert touched_since(store, q, first)
    assert touched_since(store, q, second)  # undone: nothing is known of what it was
    assert make_tile(store, q).version == third


def test_unseen_corners_are_left_out_of_small_scales(store: Store, deliver) -> None:
    layer = make_layer(id="coast", geometry="Polygon", style={"kind": "red_line"})
    with store.connection() as conn:
        ensure_layer(conn, layer)
    circle = shapely.Point(114.02, 32.98).buffer(0.05, quad_segs=1000)
    deliver([{"tree_id": "c", "at": circle}], layer)
    for zoom, fewest, most in ((9, 8, 80), (14, 150, 5000)):
        (feature,) = features(tile(store, layer, *tile_of(114.07, 32.98, zoom)), layer)
        corners = np.array(feature["geometry"]["coordinates"][0])
        assert fewest < len(corners) < most
