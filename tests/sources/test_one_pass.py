"""A GeoJSON is read through once; what comes is what the plain reading gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from source_files import opened

from gis.layers import RawBatch, Registry
from gis.sources import vector

ROWS = 250


def feature(i: int, **more: object) -> dict[str, object]:
    place = None if i % 50 == 7 else {"type": "Point", "coordinates": [114 + i / 1000, 33, i]}
    return {
        "type": "Feature",
        "properties": {
            "名称": f"路灯{i}" if i % 3 else None,
            "n": i if i % 4 else None,
            "whole": i,
            "x": i / 7,
            "空": "",
            **more,
        },
        "geometry": place,
    }


def write(path: Path, features: list[dict[str, object]]) -> Path:
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8"
    )
    return path


def both(path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[list[RawBatch]]:
    """The batches in one pass, and as they come without."""
    monkeypatch.setattr(vector, "BATCH", 100)
    found = [list(opened(path, registry).batches())]
    monkeypatch.setattr(vector, "SEQUENTIAL", ())
    return [*found, list(opened(path, registry).batches())]


@pytest.mark.parametrize(
    "more", [{}, {"tags": ["a", "b"], "since": "2024-06-01"}, {"deep": {"a": [1, {"b": "c"}]}}]
)
def test_the_same_rows(
    more: dict[str, object], tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.geojson", [feature(i, **more) for i in range(ROWS)])
    streamed, plain = both(path, registry, monkeypatch)
    assert [len(b) for b in streamed] == [len(b) for b in plain] == [100, 100, 50]
    for mine, theirs in zip(streamed, plain, strict=True):
        assert mine.rows.tolist() == theirs.rows.tolist()
        assert list(mine.columns) == list(theirs.columns)
        for name, column in mine.columns.items():
            assert column.tolist() == theirs.columns[name].tolist(), name
        assert shapely.to_wkt(mine.geometry).tolist() == shapely.to_wkt(theirs.geometry).tolist()
    names = [name for b in streamed for name in b.columns["名称"]]
    assert names == [f"路灯{i}" if i % 3 else None for i in range(ROWS)]


def test_readings_that_were_left_off(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reader stops after a batch, the next begins anew and misses nothing."""
    monkeypatch.setattr(vector, "BATCH", 100)
    path = write(tmp_path / "a.geojson", [feature(i) for i in range(ROWS)])
    delivery = opened(path, registry)
    first = next(delivery.batches())
    again = list(delivery.batches())
    assert first.rows.tolist() == again[0].rows.tolist()
    assert [n for b in again for n in b.rows.tolist()] == list(range(1, ROWS + 1))


def test_two_readers_in_turn(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector, "BATCH", 100)
    path = write(tmp_path / "a.geojson", [feature(i) for i in range(ROWS)])
    delivery = opened(path, registry)
    pairs = list(zip(delivery.batches(), delivery.batches(), strict=True))
    for one, other in pairs:
        assert one.columns["whole"].tolist() == other.columns["whole"].tolist()
    assert [v for b, _ in pairs for v in b.columns["whole"]] == list(range(ROWS))
