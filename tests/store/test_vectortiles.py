"""Vector tiles, decoded by somebody else's reader."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from store_trials import day, make_layer

from gis.errors import TileError
from gis.layers.model import Layer
from gis.store import Instant, LayerQuery, Store, rows, tile, tile_bounds
from gis.store.tables import ensure_layer


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
