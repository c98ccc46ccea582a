"""Items as files: read back by GDAL, each holds what SQL says, where SQL says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyogrio.raw
import pytest
import shapely
from pyarrow import parquet
from pyproj import CRS as CRS_OF
from small_city import SECOND, browse, building, deliver, fill

from gis.api import downloads
from gis.layers import Registry
from gis.settings import Settings
from gis.sources import open_delivery
from gis.store import Store

ITEMS = "/collections/buildings/items"
PIPES = "/collections/pipe_segments/items"
CRS = "http://www.opengis.net/def/crs/EPSG/0/"
NOW = (
    "SELECT key, building_id, storeys, height_m, name, {} FROM gis.buildings WHERE upper_inf(valid)"
)


def fetch(client: httpx.Client, path: Path, url: str = ITEMS, **params: Any) -> Path:
    answer = client.get(url, params=params)
    assert answer.status_code == 200, answer.text
    format_ = downloads.FORMATS[params["f"]]
    assert answer.headers["content-type"] == format_.media
    name = re.search(r'filename="([\w.]+)"', answer.headers["content-disposition"])
    assert name is not None
    assert name[1] == f"{url.split('/')[2]}.{format_.suffix}"
    path = path / name[1]
    path.write_bytes(answer.content)
    return path


def in_sql(store: Store, epsg: int) -> dict[int, tuple[Any, ...]]:
    shape = "geom" if epsg in (4490, 4326) else f"ST_Transform(geom, {epsg})"
    with psycopg.connect(store.url) as conn:
        rows = conn.execute(NOW.format(f"ST_AsBinary({shape})").encode()).fetchall()
    return {key: (number, storeys, height, name, shapely.from_wkb(wkb))
            for key, number, storeys, height, name, wkb in rows}  # fmt: skip


def read(path: Path | str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """(GDAL's metadata, columns with `geometry`)."""
    meta, _, wkb, data = pyogrio.raw.read(path)
    columns = {n: list(c) for n, c in zip(meta["fields"], data, strict=True)}
    return meta, columns | {"geometry": list(shapely.from_wkb(wkb))}


@pytest.mark.parametrize(
    ("format_", "epsg"),
    [("gpkg", 4490), ("gpkg", 4547), ("gpkg", 4526), ("gpkg", 3857), ("fgb", 4490), ("fgb", 4547),
     ("shp", 4490), ("shp", 4526)],
)  # fmt: skip
def test_a_file_holds_what_sql_says(
    client: httpx.Client, city: Store, tmp_path: Path, format_: str, epsg: int
) -> None:
    path = fetch(client, tmp_path, f=format_, crs=f"{CRS}{epsg}")
    meta, columns = read(f"/vsizip/{path}" if format_ == "shp" else path)
    expected = in_sql(city, epsg)
    assert meta["crs"] == f"EPSG:{epsg}" or "CGCS2000" in meta["crs"]
    assert sorted(columns["id"]) == sorted(expected)
    number, height = ("building_i", "height_m") if format_ == "shp" else ("building_id", "height_m")
    for key, *found in zip(columns["id"], columns[number], columns["storeys"], columns[height],
                           columns["name"], columns["geometry"], strict=True):  # fmt: skip
        *values, shape = expected[key]
        assert found[:-1] == values
        # x is east, in every system; a shapefile turns its rings round
        assert shapely.equals_exact(*shapely.normalize([found[-1], shape]), 1e-6)
    if format_ != "shp":
        began = datetime(2023, 5, 31, 16, tzinfo=UTC)
        assert str(columns["valid_from"][0])[:19] == began.isoformat()[:19]


@pytest.mark.parametrize("epsg", [4490, 4326, 4547, 4526, 3857])
def test_geoparquet(client: httpx.Client, city: Store, tmp_path: Path, epsg: int) -> None:
    """Read by Arrow: metadata of GeoParquet 1.1, x east in every system, types, times in UTC."""
    path = fetch(client, tmp_path, f="parquet", crs=f"{CRS}{epsg}")
    table = parquet.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], geo["primary_column"], column["encoding"]) == (
        "1.1.0",
        "geometry",
        "WKB",
    )
    assert CRS_OF(column["crs"]) == CRS_OF(f"EPSG:{epsg}")
    expected = in_sql(city, epsg)
    rows = {row["id"]: row for row in table.to_pylist()}
    assert rows.keys() == expected.keys()
    shapes = shapely.from_wkb([row["geometry"] for row in rows.values()])
    assert column["bbox"] == pytest.approx(shapely.total_bounds(shapes).tolist())
    assert {shape.geom_type for shape in shapes} == set(column["geometry_types"])
    for row, shape in zip(rows.values(), shapes, strict=True):
        *values, there = expected[row["id"]]
        assert [row[n] for n in ("building_id", "storeys", "height_m", "name")] == values
        assert shapely.equals_exact(*shapely.normalize([shape, there]), 1e-6)
    began = {row["valid_from"] for row in rows.values()}
    assert datetime(2023, 5, 31, 16, tzinfo=UTC) in began


def test_geoparquet_comes_back_in(client: httpx.Client, registry: Registry, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, PIPES, f="parquet", crs=CRS + "4547")
    delivery = open_delivery(path, layer=registry.get("pipe_segments"))
    [batch] = delivery.batches()
    assert delivery.declared is not None
    assert (delivery.format, delivery.declared.name) == ("GeoParquet", "EPSG:4547")
    assert shapely.get_coordinates(batch.geometry, include_z=True)[:, 2].tolist() == [80.5, 80.25]


@pytest.mark.parametrize("epsg", [4490, 4526, 4547])
@pytest.mark.parametrize("format_", ["gpkg", "fgb", "shp", "csv", "dxf"])
def test_the_gdal_of_the_system_reads_it(
    client: httpx.Client, city: Store, tmp_path: Path, format_: str, epsg: int
) -> None:
    """Not the GDAL that wrote it: coordinates east first, names, texts."""
    path = fetch(client, tmp_path, f=format_, crs=f"{CRS}{epsg}")
    source = f"/vsizip/{path}" if format_ == "shp" else str(path)
    if format_ == "csv":
        path = path.rename(tmp_path / "a.csv")
        source = str(path)
    words = ["ogr2ogr", "-f", "GeoJSON", "-lco", "RFC7946=NO", "-lco", "COORDINATE_PRECISION=9",
             *(["-oo", "GEOM_POSSIBLE_NAMES=geometry"] if format_ == "csv" else []),
             "-t_srs", f"EPSG:{epsg}", "-s_srs", f"EPSG:{epsg}", "/vsistdout/", source]  # fmt: skip
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["features"]
    shapes = [shapely.geometry.shape(f["geometry"]) for f in told]
    expected = in_sql(city, epsg)
    assert len(told) == len(expected)
    theirs = shapely.total_bounds([shape for *_, shape in expected.values()])
    assert shapely.total_bounds(shapes) == pytest.approx(theirs, abs=1e-3 if epsg > 4500 else 1e-8)
    if format_ == "dxf":
        return
    named = "building_i" if format_ == "shp" else "building_id"
    numbers = {int(f["properties"]["id"]): f["properties"][named] for f in told}
    assert numbers == {key: row[0] for key, row in expected.items()}


def test_a_drawn_polygon(client: httpx.Client, city: Store, tmp_path: Path) -> None:
    """The same area in the address and, as CQL2 JSON, in the body."""
    ring = [(114.0, 32.98), (114.01, 32.98), (114.005, 32.985), (114.0, 32.98)]
    drawn = shapely.Polygon(ring)
    inside = {key for key, row in in_sql(city, 4490).items() if shapely.intersects(row[-1], drawn)}
    asked = f"S_INTERSECTS(geometry, {drawn.wkt})"
    table = parquet.read_table(fetch(client, tmp_path, f="parquet", filter=asked))
    assert set(table["id"].to_pylist()) == inside
    assert 0 < len(inside) < 60
    area = {"type": "Polygon", "coordinates": [ring]}
    body = {"op": "s_intersects", "args": [{"property": "geometry"}, area]}
    answer = client.post(ITEMS, params={"f": "gpkg", "crs": CRS + "4547"}, json=body)
    assert answer.headers["content-type"] == downloads.FORMATS["gpkg"].media
    (tmp_path / "drawn.gpkg").write_bytes(answer.content)
    meta, columns = read(tmp_path / "drawn.gpkg")
    assert (set(columns["id"]), meta["crs"]) == (inside, "EPSG:4547")


def test_ogrinfo_reads_axes_as_they_are(client: httpx.Client, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="gpkg", crs=CRS + "4547", building_id="B00000")
    program = shutil.which("ogrinfo")
    assert program is not None
    told = subprocess.run([program, "-ro", "-al", "-so", str(path)], capture_output=True, text=True)
    assert "Feature Count: 1" in told.stdout
    assert 'ID["EPSG",4547]' in told.stdout
    found = re.search(r"Extent: \(([\d.]+), ([\d.]+)\)", told.stdout)
    assert found is not None
    east, north = map(float, found.groups())
    assert 499_000 < east < 501_000
    assert 3_649_000 < north < 3_652_000


def test_a_shapefile_is_whole(client: httpx.Client, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="shp")
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        assert {Path(n).suffix for n in names} == {".shp", ".shx", ".dbf", ".prj", ".cpg"}
        assert packed.read("buildings.cpg").strip() == b"UTF-8"
        assert b"China" in packed.read("buildings.prj")


def test_csv_is_for_excel(client: httpx.Client, city: Store, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="csv", filter="building_id = 'B00004'")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
    assert row["building_id"] == "B00004"
    assert row["name"] == ""
    assert row["valid_from"] == "2023-06-01T00:00:00+08:00"
    assert shapely.from_wkt(row["geometry"]).bounds == pytest.approx(
        (114.004, 32.98, 114.0042, 32.98015), abs=1e-8
    )
    bare = fetch(client, tmp_path, f="csv", properties="use,valid_to", skipGeometry="true")
    assert bare.read_text("utf-8-sig").splitlines()[:2] == ["id,use,valid_to", "1,industrial,"]


def test_no_cell_is_a_formula(store: Store, registry: Registry, settings: Settings) -> None:
    from gis.api.app import create_app

    evil = ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\tx", "plain"]
    houses = [building(i, name=name) for i, name in enumerate(evil)]
    deliver(store, registry.get("buildings"), houses)
    text = browse(create_app(store, registry, settings)).get(ITEMS, params={"f": "csv"}).text
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert [row["name"] for row in rows] == [*(f"'{name}" for name in evil[:-1]), "plain"]


def test_geojson_sequence(client: httpx.Client, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="geojsonseq", sortby="-building_id")
    records = path.read_bytes().split(b"\x1e")
    assert records[0] == b""
    found = [json.loads(record) for record in records[1:]]
    page = client.get(ITEMS, params={"sortby": "-building_id", "limit": 1000}).json()
    assert found == page["features"]


def test_dxf_draws_in_metres(client: httpx.Client, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="dxf")
    _, columns = read(path)
    assert len(columns["geometry"]) == 60
    assert {g.geom_type for g in columns["geometry"]} == {"LineString"}
    west, south, east, north = shapely.total_bounds(columns["geometry"])
    assert 499_000 < west < east < 502_000
    assert 3_649_000 < south < north < 3_652_000
    assert {name.split("_")[0] for name in columns["Layer"]} == {"buildings"}


def test_kml_is_in_degrees(client: httpx.Client, tmp_path: Path) -> None:
    path = fetch(client, tmp_path, f="kml")
    _, columns = read(path)
    assert len(columns["geometry"]) == 60
    west, south, *_ = shapely.total_bounds(columns["geometry"])
    assert (west, south) == pytest.approx((114.0, 32.98), abs=1e-6)
    assert client.get(ITEMS, params={"f": "kml", "crs": CRS + "4547"}).status_code == 400


@pytest.mark.parametrize("format_", ["gpkg", "fgb", "shp"])
def test_heights_are_kept(client: httpx.Client, tmp_path: Path, format_: str) -> None:
    path = fetch(client, tmp_path, PIPES, f=format_)
    _, columns = read(f"/vsizip/{path}" if format_ == "shp" else path)
    [line] = columns["geometry"]
    assert shapely.get_coordinates(line, include_z=True)[:, 2].tolist() == [80.5, 80.25]


@pytest.mark.parametrize("format_", list(downloads.FORMATS))
def test_nothing_is_a_file_too(client: httpx.Client, tmp_path: Path, format_: str) -> None:
    path = fetch(client, tmp_path, f=format_, bbox="1,1,2,2")
    if format_ in ("gpkg", "fgb"):
        meta, columns = read(path)
        assert "height_m" in meta["fields"]
        assert columns["geometry"] == []


def test_a_part_at_a_date(client: httpx.Client, tmp_path: Path) -> None:
    params = {"datetime": "2023-07-01", "filter": "storeys < 10", "bbox": "114,32.98,114.01,32.982"}
    page = client.get(ITEMS, params={**params, "limit": 1000}).json()
    _, columns = read(fetch(client, tmp_path, f="gpkg", **params))
    assert sorted(columns["id"]) == sorted(f["id"] for f in page["features"]) != []
    _, some = read(fetch(client, tmp_path, f="gpkg", limit=5, **params))
    assert len(some["id"]) == 5


def test_versions_come_with_their_times(client: httpx.Client, tmp_path: Path) -> None:
    wanted = {"datetime": "2023-01-01/..", "building_id": "B00008"}
    _, columns = read(fetch(client, tmp_path, f="gpkg", **wanted))
    assert columns["height_m"] == [27.4, 99.5]
    assert str(columns["valid_to"][0])[:19] == SECOND.astimezone(UTC).isoformat()[:19]


@pytest.mark.parametrize(
    "params",
    [{"f": "gpkg", "resulttype": "hits"}, {"f": "gpkg", "skipGeometry": "true"},
     {"f": "gpkg", "crs": CRS + "2154"}, {"f": "gpkg", "filter": "nothing = 1"},
     {"f": "csv", "filter": "1e308 * storeys > 0"}, {"f": "xyz"},
     {"f": "parquet", "skipGeometry": "true"}],
)  # fmt: skip
def test_what_can_not_be_is_refused_and_leaves_nothing(
    client: httpx.Client, params: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = client.get(ITEMS, params=params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["en"]
    assert os.listdir(tmp_path) == []


def test_a_file_leaves_nothing_behind(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert client.get(ITEMS, params={"f": "shp"}).status_code == 200
    assert os.listdir(tmp_path) == []


def test_too_many_are_said_to_be(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    few = downloads.Format("gpkg", "application/geopackage+sqlite3", None, most=10)
    monkeypatch.setitem(downloads.FORMATS, "gpkg", few)
    answer = client.get(ITEMS, params={"f": "gpkg"})
    assert answer.status_code == 400
    assert "60" in answer.json()["en"]
    assert client.get(ITEMS, params={"f": "gpkg", "building_id": "B00001"}).status_code == 200


def test_json_fg(client: httpx.Client) -> None:
    answer = client.get(ITEMS, params={"f": "jsonfg", "limit": 2})
    assert answer.headers["content-type"] == "application/vnd.ogc.fg+json"
    page = answer.json()
    plain = client.get(ITEMS, params={"limit": 2}).json()
    assert [f["geometry"] for f in page["features"]] == [f["geometry"] for f in plain["features"]]
    assert page["features"][0]["time"] == {"interval": ["2023-05-31T16:00:00Z", ".."]}
    assert (page["featureType"], page["numberMatched"]) == ("buildings", 60)
    there = client.get(ITEMS, params={"f": "jsonfg", "limit": 2, "crs": CRS + "4547"}).json()
    assert there["coordRefSys"] == CRS + "4547"
    assert there["features"][0]["geometry"] is None
    north, east = there["features"][0]["place"]["coordinates"][0][0]
    assert 3_649_000 < north < 3_652_000
    assert 499_000 < east < 501_000
    follow = next(k["href"] for k in page["links"] if k["rel"] == "next")
    assert client.get(follow).json()["features"][0]["id"] > page["features"][1]["id"]


def test_big_answers_come_in_batches(
    store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gis.store import LayerQuery
    from gis.store.streams import stream_rows

    fill(store, registry)
    layer = registry.get("buildings")
    parts = list(stream_rows(store, LayerQuery(layer=layer), size=25))
    assert [len(part) for part in parts] == [25, 25, 10]
    keys = [int(key) for part in parts for key in part.key]
    assert keys == sorted(set(keys))
