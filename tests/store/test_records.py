"""What the catalogue knows of a layer: its lineage, and whether a delivery is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from store_trials import day

from gis.layers.model import Layer
from gis.store import Store, undo
from gis.store.records import LayerRecord, layer_records


class Known:
    def __init__(self, layer: Layer) -> None:
        self.layers = {layer.id: layer}


def record(store: Store, layer: Layer, days: int | None = None) -> LayerRecord:
    (found,) = layer_records(store, Known(replace(layer, update_days=days)))
    return found


def test_lineage_is_what_is_in_force(store: Store, trees: Layer, deliver) -> None:
    assert record(store, trees).updated is None
    first = deliver([{"tree_id": "a"}], as_of=day(1))
    second = deliver([{"tree_id": "a"}, {"tree_id": "b"}], as_of=day(5))
    found = record(store, trees)
    assert [line["id"] for line in found.deliveries] == [second.delivery, first.delivery]
    assert (found.updated, found.features, found.accuracy_m) == (day(5), 2, 0.1)
    undo(store, second.delivery)
    found = record(store, trees)
    assert (found.updated, found.features) == (day(1), 1)


def test_a_delivery_is_due(store: Store, trees: Layer, deliver) -> None:
    deliver([{"tree_id": "a"}], as_of=day(1))
    found = record(store, trees, days=10)
    assert found.overdue_days(day(11)) is None
    assert found.overdue_days(day(11) + timedelta(hours=23)) is None
    assert found.overdue_days(day(12)) == 1
    assert found.overdue_days(day(31)) == 20
    assert record(store, trees).overdue_days(day(31)) is None  # nobody said how often


def test_a_layer_without_delivery_is_not_overdue(store: Store, trees: Layer) -> None:
    assert record(store, trees, days=1).overdue_days(day(31)) is None
