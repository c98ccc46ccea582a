"""What a layer's file may say, and that what it may not is named."""

from __future__ import annotations

from typing import Any

import pytest

from gis.errors import LayerError
from gis.layers import Registry
from gis.layers.model import Layer
from gis.layers.registry import parse_layer


def parsed(**changed: Any) -> Layer:
    document = {
        "id": "street_trees", "title": "行道树", "theme": "component", "geometry": "Point",
        "key": "tree_id", "accuracy_m": 1, "classification": "public",
        "fields": [{"name": "tree_id", "type": "text"}],
    }  # fmt: skip
    return parse_layer("street_trees.yml", document | changed, set())


def test_days_until_a_delivery_is_due() -> None:
    assert parsed().update_days is None
    assert parsed(update_days=None).update_days is None
    assert parsed(update_days=30).update_days == 30


def test_the_layers_that_ship_state_days(registry: Registry) -> None:
    assert registry.layers["planning_permits"].update_days == 90
    assert registry.layers["alerts"].update_days is None  # comes of detection, nobody delivers it


@pytest.mark.parametrize("days", [0, -3, True, False, 1_000_000, 1.5, "soon", "30", [30]])
def test_days_that_are_none_are_named(days: object) -> None:
    with pytest.raises(LayerError) as caught:
        parsed(update_days=days)
    assert caught.value.facts == {"file": "street_trees.yml", "field": "update_days"}
    assert str(days) in caught.value.en
    assert str(days) in caught.value.zh


def test_the_catalogue_is_no_layer() -> None:
    with pytest.raises(LayerError) as caught:
        parsed(id="catalogue")
    assert caught.value.facts["field"] == "id"
    assert "catalogue of all layers" in caught.value.en
    assert "数据目录" in caught.value.zh
