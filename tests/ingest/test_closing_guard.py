"""A part sent as the whole does not end the rest of the layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gis.errors import Conflict, LayerError
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry
from gis.layers.registry import parse_layer
from gis.store import LayerQuery, Store, count, list_deliveries

HEADER = "标识码,部件分类,状态,经度,纬度"


@pytest.fixture
def deliver(store: Store, registry: Registry, tmp_path: Path):
    def run(numbers: range, month: int, share: float | None = None, **more: object) -> LoadReport:
        path = tmp_path / "components.csv"
        lines = [f"41170201210{n:05d},0121,完好,{114 + n / 1e4},33.0" for n in numbers]
        path.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
        known = registry
        if share is not None:
            layer = replace(registry.get("components"), max_closed_share=share)
            known = replace(registry, layers={**registry.layers, "components": layer})
        request = IngestRequest(
            path=path, layer="components", crs="EPSG:4490", as_of=f"2024-{month:02d}-01", **more
        )
        return ingest(store, known, request, {})

    return run


def current(store: Store, registry: Registry) -> int:
    return count(store, LayerQuery(layer=registry.get("components")))


def test_most_of_a_layer_is_not_ended_unasked(deliver, store: Store, registry: Registry) -> None:
    deliver(range(60), 1)
    assert deliver(range(41), 2).closed == 19  # a third, but under twenty
    with pytest.raises(Conflict) as caught:
        deliver(range(20), 3)
    assert (caught.value.closed, caught.value.features) == (21, 41)
    assert "--allow-closing" in caught.value.en
    assert "--mode upsert" in caught.value.zh
    assert current(store, registry) == 41
    assert len(list_deliveries(store)) == 2
    with pytest.raises(Conflict):
        deliver(range(20), 3, dry_run=True)


def test_what_is_meant_or_allowed_goes_through(deliver, store: Store, registry: Registry) -> None:
    deliver(range(100), 1)
    assert deliver(range(70), 2).closed == 30  # just the share
    assert deliver(range(10), 3, mode="upsert").closed == 0
    assert deliver(range(40), 4, allow_closing=True).closed == 30
    assert deliver(range(10), 5, share=1.0).closed == 30
    assert current(store, registry) == 10


@pytest.mark.parametrize("share", ["half", True, -0.1, 1.5])
def test_the_share_is_a_share(share: object) -> None:
    document = {
        "id": "trees", "title": "树", "theme": "component", "geometry": "Point", "key": "n",
        "accuracy_m": 1, "classification": "public", "fields": [{"name": "n", "type": "integer"}],
    }  # fmt: skip
    assert parse_layer("trees.yml", document, set()).max_closed_share == 0.3
    assert (
        parse_layer("trees.yml", {**document, "max_closed_share": 1}, set()).max_closed_share == 1
    )
    with pytest.raises(LayerError):
        parse_layer("trees.yml", {**document, "max_closed_share": share}, set())
