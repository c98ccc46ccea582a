"""Deliveries at the same time: of one layer one after the other, of two layers side by side."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import shapely
from commands import components, start

from gis.layers import Layer, Registry
from gis.layers.batch import GoodRows
from gis.store import DeliveryHead, LayerQuery, Store, begin, count, list_deliveries

FRAME = {"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1}
IN_THE_FILE, ELSEWHERE = "4117020121000003", "4117020121777777"


def head(layer: Layer) -> DeliveryHead:
    return DeliveryHead(layer=layer, source="held.csv", digest="0" * 64, mode="upsert", frame=FRAME)


def lamps(layer: Layer, *codes: str) -> GoodRows:
    def column(name: str) -> np.ndarray:
        values = [{"component_code": code, "class_code": "0121"}.get(name) for code in codes]
        return np.array(values, dtype=object)

    return GoodRows(
        layer=layer,
        columns={name: column(name) for name in layer.field_names},
        extra=np.array([None] * len(codes), dtype=object),
        geometry=np.array([shapely.Point(114, 33)] * len(codes), dtype=object),
        rows=np.arange(1, len(codes) + 1),
        accuracy_m=0.1,
    )


def test_a_second_delivery_of_a_layer_waits_says_so_and_sees_the_first(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    layer = registry.get("components")
    path = components(tmp_path / "second.csv", 20, "完好")
    with begin(store, head(layer)) as loading:
        loading.add(lamps(layer, IN_THE_FILE, ELSEWHERE))
        second = start(store.url, path)
        assert second.stderr is not None
        assert "waiting in the queue" in second.stderr.readline()
        loading.apply()
        assert second.poll() is None  # the first is applied, and not committed yet
    out, err = second.communicate()
    assert second.returncode == 0, err
    report = json.loads(out)
    assert (report["new"], report["changed"], report["closed"]) == (19, 1, 1)
    assert count(store, LayerQuery(layer=layer)) == 20
    newest, first = list_deliveries(store)
    assert first["id"] == loading.delivery
    assert newest["as_of"] > first["as_of"]


def test_two_deliveries_of_one_date_follow_each_other(store: Store, registry: Registry) -> None:
    """As two detection runs on images of one day: the second to come is dated now, though it was
    made ready before the first was there."""
    layer = registry.get("components")
    dated = replace(head(layer), as_of=datetime(2024, 6, 1, tzinfo=UTC), or_now=True)
    waits, seen = threading.Event(), []

    def follow() -> None:
        with begin(store, dated, waiting=waits.set) as second:
            seen.append(second.as_of)
            second.add(lamps(layer, ELSEWHERE))
            second.apply()

    thread = threading.Thread(target=follow)
    with begin(store, dated) as loading:
        loading.add(lamps(layer, ELSEWHERE))
        thread.start()
        assert waits.wait(30)
        loading.apply()
    thread.join(30)
    assert loading.as_of == dated.as_of
    assert seen[0] > datetime(2026, 1, 1, tzinfo=UTC)


def test_deliveries_of_two_layers_run_side_by_side(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    """One begins and ends while the other is under way, and neither minds."""
    layer = registry.get("components")
    other = registry.get("place_names")
    kind = next(iter(registry.codelists["place_kind"].codes))
    names = tmp_path / "names.csv"
    names.write_text(f"地名代码,名称,类别,经度,纬度\nP1,驿城,{kind},114.0,33.0\n", "utf-8")
    with begin(store, head(layer)) as loading:
        loading.add(lamps(layer, IN_THE_FILE))
        with start(store.url, names, layer="place_names") as beside:
            out, err = beside.communicate()
        assert beside.returncode == 0, err
        assert json.loads(out)["new"] == 1
        assert "waiting" not in err
        assert count(store, LayerQuery(layer=other)) == 1
        assert loading.apply().new == 1
    assert count(store, LayerQuery(layer=layer)) == 1
