"""What the catalogue knows of a layer: its lineage, and whether a delivery is due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from store_trials import day

from gis.errors import ConfigError
from gis.layers import Registry
from gis.layers.model import Layer
from gis.store import Store, undo
from gis.store.records import LayerRecord, layer_records, load_cycles


class Known:
    def __init__(self, layer: Layer) -> None:
        self.layers = {layer.id: layer}


def record(store: Store, layer: Layer, cycle: int | None = None) -> LayerRecord:
    cycles = {} if cycle is None else {layer.id: cycle}
    (found,) = layer_records(store, Known(layer), cycles)
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
    found = record(store, trees, cycle=10)
    assert found.overdue_days(day(11)) is None
    assert found.overdue_days(day(11) + timedelta(hours=23)) is None
    assert found.overdue_days(day(12)) == 1
    assert found.overdue_days(day(31)) == 20
    assert record(store, trees).overdue_days(day(31)) is None  # nobody said how often


def test_a_layer_without_delivery_is_not_overdue(store: Store, trees: Layer) -> None:
    assert record(store, trees, cycle=1).overdue_days(day(31)) is None


def test_cycles_are_read(tmp_path: Path, registry: Registry) -> None:
    assert load_cycles(tmp_path, registry) == {}
    (tmp_path / "updates.yml").write_text("buildings: 365\nroads: 30\n", "utf-8")
    assert load_cycles(tmp_path, registry) == {"buildings": 365, "roads": 30}


@pytest.mark.parametrize(
    "text", ["nope: 30", "buildings: soon", "buildings: 0", "buildings: -3", "buildings: true",
             "buildings: 1000000", "- buildings", "buildings: [1", "buildings"]
)  # fmt: skip
def test_wrong_cycles_are_named(tmp_path: Path, registry: Registry, text: str) -> None:
    (tmp_path / "updates.yml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_cycles(tmp_path, registry)
    assert "updates.yml" in caught.value.en
