"""The report of a delivery: its sums, its reasons, where the refused rows lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gis.errors import StoreError
from gis.ingest import IngestRequest, ingest
from gis.layers import Registry
from gis.store import Store, list_deliveries, quarantine_rows
from gis.store.quality import EXAMPLES, Quality, quality_of

HEAD = "标识码,部件分类,经度,纬度\n"


@pytest.fixture
def report(store: Store, registry: Registry, tmp_path: Path) -> Quality:
    """Ten good lamps, eight of an unknown class, one beyond the city, one place twice swapped."""
    good = [f"41170201210000{i:02},0121,{114 + i / 1000},33.0" for i in range(10)]
    strange = [f"41170201210001{i:02},9999,{114 + i / 1000},33.001" for i in range(8)]
    far = ["4117020121000201,0121,117.0,33.0", "4117020121000202,0121,,"]
    path = tmp_path / "部件.csv"
    path.write_text(HEAD + "\n".join(good + strange + far) + "\n", "utf-8")
    done = ingest(
        store, registry, IngestRequest(path=path, layer="components", crs="EPSG:4490"), {}
    )
    assert done.delivery is not None
    return quality_of(store, done.delivery)


def test_the_sums_are_those_of_the_ledger(store: Store, report: Quality) -> None:
    line = list_deliveries(store)[0]
    assert report.rows_in == 20
    assert report.to_json()["figures"]["accepted"] == line["accepted"] == 10
    assert sum(r.rows for r in report.reasons) == line["quarantined"] == 10


def test_reasons_with_examples(store: Store, report: Quality) -> None:
    first = report.reasons[0]
    assert (first.code, first.rows, first.fields) == ("unknown_code", 8, ("class_code",))
    assert len(first.examples) == EXAMPLES
    refused = {row["row"]: row for row in quarantine_rows(store, report.delivery["id"])}
    for example in first.examples:
        assert refused[example.row]["zh"] == example.zh
        assert refused[example.row]["raw"] == example.raw
    json.dumps(report.to_json(), default=str)


def test_shapes_lie_where_the_rows_do(report: Quality) -> None:
    placed = [(code, round(shape.x, 6)) for code, shape in report.shapes]
    assert ("outside_city", 117.0) in placed
    assert len(placed) == 9
    assert report.unplaced == 1  # the one without coordinates


def test_a_bare_report_says_nothing_of_a_row(report: Quality) -> None:
    bare = report.without_examples()
    assert [(r.code, r.rows) for r in bare.reasons] == [(r.code, r.rows) for r in report.reasons]
    assert bare.shapes == ()
    assert all(r.examples == () for r in bare.reasons)


def test_no_such_delivery(store: Store) -> None:
    with pytest.raises(StoreError):
        quality_of(store, 12345)
