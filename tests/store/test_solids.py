"""Extents for the quadtree of 3D: the same rows as items."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from store_trials import day, make_layer

from gis.errors import LayerError
from gis.layers.model import Layer
from gis.store import Instant, LayerQuery, Store, rows
from gis.store.solids import extents
from gis.store.tables import ensure_layer


def test_extents_are_of_the_rows_items_give(store: Store, trees: Layer, deliver) -> None:
    random = np.random.default_rng(1)
    first = [
        {"tree_id": f"t{i}", "rings": i, "at": xy}
        for i, xy in enumerate(random.uniform([113.9, 32.9], [114.1, 33.1], (50, 2)))
    ]
    deliver(first, as_of=day(1))
    deliver([*first[:40], {"tree_id": "new", "rings": 99, "at": (114.0, 33.0)}], as_of=day(3))
    for when in (None, Instant(day(2)), Instant(day(3))):
        found = extents(store, trees, when, ("rings",))
        expected = rows(store, LayerQuery(layer=trees, when=when))
        assert found.key.tolist() == expected.key.tolist()
        assert list(found.columns["rings"]) == expected.columns["rings"]
        sides = np.stack([found.west, found.south, found.east, found.north], axis=1)
        assert np.array_equal(sides, shapely.bounds(expected.geometry))
        assert np.isnan(found.zmin).all()


def test_heights_are_of_the_geometry(store: Store, deliver) -> None:
    layer = make_layer(id="wires", geometry="LineStringZ")
    with store.connection() as conn:
        ensure_layer(conn, layer)
    line = shapely.LineString([(114, 33, 81.5), (114.001, 33.002, 79.25)])
    deliver([{"tree_id": "a", "at": line}], layer)
    found = extents(store, layer, None, ())
    assert (found.zmin.tolist(), found.zmax.tolist()) == ([79.25], [81.5])
    assert (found.east.tolist(), found.north.tolist()) == ([114.001], [33.002])
    assert found.columns == {}


def test_an_empty_layer_has_no_extents(store: Store, trees: Layer) -> None:
    found = extents(store, trees, None, ("rings", "kind"))
    assert len(found) == 0
    assert found.west.dtype == np.float64


def test_a_field_the_layer_has_not_is_refused(store: Store, trees: Layer) -> None:
    with pytest.raises(LayerError):
        extents(store, trees, None, ("nothing",))
