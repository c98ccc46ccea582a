"""The score itself, and the detection's score on a generated city of another seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from city import run

from gis.change import score_alerts, score_candidates
from gis.change.score import DAY, MATCH, Place, interval, score
from gis.demo import write_city
from gis.errors import SourceError
from gis.ingest import IngestRequest, ingest
from gis.layers import Registry
from gis.store import Store, list_alerts, update_alert

CITY = "EPSG:4547"
NEEDED = ("land_use_plan", "admin_areas", "planning_permits", "red_lines", "buildings")


def place(name: str, lon: float, width: float = 0.001, *reasons: str, kind: str = "c") -> Place:
    shape = shapely.box(lon, 33.0, lon + width, 33.001)
    return Place(id=name, geometry=shape, kind=kind, reasons=frozenset(reasons))


def test_counts_pairs_once() -> None:
    true = [place("A", 114.0), place("B", 114.1, 0.001, "no_permit"), place("C", 114.2)]
    found = [
        place("1", 114.0),
        place("2", 114.0, 0.0008),  # the same again: false, however well it fits
        place("3", 114.1, 0.001, "no_permit", "farmland"),
        place("4", 114.3),
    ]
    result = score(found, true, CITY)
    assert (result.found, result.true, result.matched) == (4, 3, 2)
    assert (result.precision, result.recall) == (0.5, pytest.approx(2 / 3))
    assert (result.kinds, result.reasons) == (2, 1)
    assert result.missed == ("C",)


@pytest.mark.parametrize(("width", "matched"), [(MATCH + 0.02, 1), (MATCH - 0.02, 0)])
def test_a_match_is_half_in_common(width: float, matched: int) -> None:
    true, found = place("A", 114.0), place("1", 114.0, 0.001 * width)
    assert score([found], [true], CITY).matched == matched


def test_the_most_certain_ones_are_counted_apart() -> None:
    true = [place(f"T{i}", 114.0 + i / 100) for i in range(DAY)]
    sure = [replace(place(f"F{i}", 114.0 + i / 100), certain=0.9) for i in range(DAY)]
    wrong = [replace(place(f"X{i}", 116.0 + i / 100), certain=0.1) for i in range(DAY)]
    result = score([*wrong, *sure], true, CITY)
    assert (result.precision, result.best, result.best_of) == (0.5, DAY, DAY)
    wrong[0] = replace(wrong[0], certain=1.0)
    assert score([*wrong, *sure], true, CITY).best == DAY - 1


def test_large_places_on_red_lines_are_counted_apart() -> None:
    small = 0.0001 * 1.5  # 14 m by 111 m
    true = [
        place("A", 114.0, small, "farmland"),
        place("B", 114.1, small, "no_permit", "ecological"),
        place("C", 114.2, 0.000005, "farmland"),  # 52 m²
        place("D", 114.3, small, "no_permit"),  # on no red line
    ]
    result = score([true[0], true[2]], true, CITY)
    assert (result.large_found, result.large) == (1, 2)
    assert result.to_json()["shares"]["recall from 200 m2 on red lines"]["share"] == 0.5


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 0, None, None), (5, 5, 0.566, 1.0), (0, 5, 0.0, 0.434), (45, 50, 0.786, 0.957)],
)
def test_an_interval_of_a_share(part: int, whole: int, low: Any, high: Any) -> None:
    found = interval(part, whole)
    assert found == (None if low is None else pytest.approx((low, high), abs=0.001))


def test_f1_of_nothing_right() -> None:
    assert score([place("1", 114.0)], [place("A", 115.0)], CITY).f1 == 0.0
    assert score([place("1", 114.0)], [place("A", 114.0)], CITY).f1 == 1.0


def test_nothing_found_and_nothing_true() -> None:
    assert score([], [], CITY).precision == score([], [], CITY).recall == 1.0
    assert score([], [place("A", 114.0)], CITY).recall == 0.0
    assert score([place("1", 114.0)], [], CITY).precision == 0.0


@pytest.mark.parametrize("text", ["", "{}", '{"features": [{"properties": {}}]}', "[1]"])
def test_a_file_that_is_no_truth(
    store: Store, registry: Registry, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "changes.geojson"
    path.write_text(text)
    with pytest.raises(SourceError):
        score_alerts(store, registry, path)
    with pytest.raises(SourceError):
        score_alerts(store, registry, tmp_path / "absent.geojson")


def test_a_generated_city_scores_nine_in_ten(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    """The whole way, on a seed that nobody has looked at while writing the rules."""
    manifest = write_city(tmp_path / "city", seed=11, size="small")
    for delivery in manifest.deliveries:
        if delivery.layer in NEEDED:
            request = IngestRequest(
                path=delivery.path, layer=delivery.layer, crs=delivery.crs or "auto",
                as_of=str(delivery.as_of), mode=delivery.mode,
            )  # fmt: skip
            ingest(store, registry, request, {})
    files: dict[str, Any] = {
        name.replace("ortho_", ""): path for name, path in manifest.images.items()
    }
    truth = manifest.truth / "changes.geojson"
    report = run(store, registry, files)
    alerts = score_alerts(store, registry, truth)
    candidates = score_candidates(report.items, registry, truth)
    for result in (alerts, candidates):
        assert result.precision >= 0.9, result
        assert result.recall >= 0.9, result
        assert result.kinds == result.matched
    assert alerts.reasons >= 0.9 * alerts.matched
    illegal = [f for f in json.loads(truth.read_text())["features"] if f["properties"]["illegal"]]
    assert alerts.true == len(illegal) > 4
    # a dismissed alert counts no more
    key = list_alerts(store)[0]["key"]
    for state in ("to_check", "field_check", "dismissed"):
        update_alert(store, key, state, "说明", "李工")
    assert score_alerts(store, registry, truth).found == alerts.found - 1
