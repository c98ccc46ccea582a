"""Refused rows come out as a file that can be mended and sent again, and hurts nobody."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pyogrio.raw
import pytest
import shapely
from store_trials import day, make_head, make_rows

from gis.errors import SourceError, StoreError
from gis.ingest import export_refused
from gis.layers.batch import Reject
from gis.layers.model import Layer
from gis.layers.refused import own_text, safe_text
from gis.store import Store, begin

BAD = Reject(
    row=3, code="out_of_range", zh="高度太大", en="too high", field="height_m",
    raw={"编号": "t3", "高度": "-12.5", "备注": "=HYPERLINK(\"http://x\")", "东坐标": "38500000"},
    wkt="POINT (38500000 3650000)",
)  # fmt: skip
WORSE = Reject(row=9, code="null_geometry", zh="没有几何", en="no geometry", raw={"编号": "@t9"})


@pytest.fixture
def refuse(store: Store, trees: Layer):
    def run(rejects: Sequence[Reject], source: str, twice: bool = False) -> int:
        frame = {"name": "EPSG:4526", "how": "given", "accuracy_m": 0.1}
        with begin(store, make_head(trees, source=source, frame=frame, as_of=day(1))) as loading:
            loading.reject(rejects)
            same = [{"tree_id": "a", "at": (114, 33)}] * (2 if twice else 1)
            loading.add(make_rows(trees, same))
            return loading.apply().delivery

    return run


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_goes_back_as_it_came(store: Store, refuse, tmp_path: Path) -> None:
    delivery = refuse([BAD, WORSE], "部件.csv")
    out = tmp_path / "out.csv"
    told = export_refused(store, delivery, out)
    assert (told["delivery"], told["file"], told["rows"]) == (delivery, str(out), 2)
    assert (told["frame"], told["format"], told["came_as"]) == ("EPSG:4526", "CSV", None)
    first, second = read(out)
    assert "WKT" not in first
    assert first["高度"] == "-12.5"
    assert first["东坐标"] == "38500000"
    assert first["备注"] == '\'=HYPERLINK("http://x")'
    assert (first["_refused_row"], first["_refused_code"]) == ("3", "out_of_range")
    assert (second["编号"], second["高度"]) == ("'@t9", "")


def test_other_sources_carry_their_geometry(store: Store, refuse, tmp_path: Path) -> None:
    delivery = refuse([BAD, WORSE], "planning.shp")
    export_refused(store, delivery, tmp_path / "out.csv")
    assert [row["WKT"] for row in read(tmp_path / "out.csv")] == ["POINT (38500000 3650000)", ""]
    export_refused(store, delivery, tmp_path / "out.geojson")
    found = json.loads((tmp_path / "out.geojson").read_text("utf-8"))
    assert found["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::4526"
    assert found["features"][0]["geometry"]["coordinates"] == [38500000, 3650000]
    assert found["features"][0]["properties"]["备注"] == BAD.raw["备注"]
    assert found["features"][1]["geometry"] is None


def test_all_rows_are_in_the_frame_that_is_said(store: Store, refuse, tmp_path: Path) -> None:
    """A duplicate is found in the store, after normalising: it goes back to where it came from."""
    delivery = refuse([BAD], "部件.csv", twice=True)
    export_refused(store, delivery, tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert {row["_refused_code"] for row in rows} == {"out_of_range", "duplicate_key"}
    shapes = [shapely.from_wkt(row["WKT"]) for row in rows]
    assert all(38_400_000 < shape.x < 38_600_000 for shape in shapes)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"), ("+86 396", "'+86 396"), ("-", "'-"), ("@a", "'@a"), ("\tx", "'\tx"),
        ("-12.5", "-12.5"), ("+3", "+3"), ("正常", "正常"), ("", ""), ("'=x", "''=x"),
        ("'正常", "'正常"), ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
    ],
)  # fmt: skip
def test_no_cell_runs(value: str, shown: str) -> None:
    assert safe_text(value) == shown
    assert own_text(shown) == value


def test_what_can_not_be_written_is_said(store: Store, refuse, tmp_path: Path) -> None:
    delivery = refuse([BAD], "a.csv")
    with pytest.raises(SourceError):
        export_refused(store, delivery, tmp_path / "out.dwg")
    with pytest.raises(SourceError):
        export_refused(store, delivery, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(StoreError):
        export_refused(store, delivery + 1, tmp_path / "out.csv")


def test_an_old_delivery_of_unknown_form_goes_back_as_a_geopackage(
    store: Store, refuse, tmp_path: Path
) -> None:
    delivery = refuse([BAD, WORSE], "planning.shp")
    told = export_refused(store, delivery, tmp_path)
    assert (told["format"], told["came_as"]) == ("GeoPackage", None)
    assert "格式" in told["instead"]["zh"]
    meta, _, shapes, columns = pyogrio.raw.read(told["file"])
    assert meta["crs"] == "EPSG:4526"
    assert list(columns[list(meta["fields"]).index("_refused_row")]) == [3, 9]
    assert [None if s is None else shapely.from_wkb(s).wkt for s in shapes] == [
        "POINT (38500000 3650000)", None,
    ]  # fmt: skip
