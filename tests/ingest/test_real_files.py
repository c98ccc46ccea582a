"""Real files from real departments, held against an independent reading of the same file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from postgis import PROJECT

from gis.coords import normalise
from gis.errors import FrameMismatch, NoAccurateTransform, UnknownFrame
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry, load_registry
from gis.sources import open_delivery
from gis.store import LayerQuery, Store, rows
from gis.store.pool import prepare


def test_parcel_txt_from_guizhou(store: Store, registry: Registry, shared_data: Path) -> None:
    """One parcel of 63 points, ring not closed, zone 35 from the prefix. It lies in Guizhou, so
    a layer without `inside_city` takes it, and `parcels` says why it does not."""
    path = shared_data / "d_planning" / "cn_parcel_txt" / "testfile"
    report = _ingest(store, registry, path, "parcels")
    assert (report.rows_in, report.quarantined) == (1, 1)
    assert (report.frame.name, report.frame.how) == ("EPSG:4523", "declared")
    anywhere = _elsewhere(registry)
    report = _ingest(store, anywhere, path, "parcels")
    assert report.accepted == 0
    assert report.reasons == {"bad_pattern": 1}  # 010031 is no 28-digit unit code


def _elsewhere(registry: Registry) -> Registry:
    """The same layers, for a city that lies anywhere."""
    return replace(registry, city=replace(registry.city, bbox=(-180.0, -90.0, 180.0, 90.0)))


def test_parcel_txt_lies_where_postgis_puts_it(
    store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "d_planning" / "cn_parcel_txt" / "testfile"
    delivery = open_delivery(path, layer=registry.get("parcels"))
    [batch] = delivery.batches()
    assert delivery.declared is not None
    mine = normalise(batch.geometry, delivery.declared).geometry[0]
    text = path.read_text("utf-8")
    pairs = re.findall(r"^J\d+,1,([\d.]+),([\d.]+)$", text, re.M)
    assert len(pairs) == 63
    ring = [(float(east), float(north)) for north, east in pairs]
    plane = shapely.Polygon(ring)
    with store.connection() as conn:
        [(theirs,)] = conn.execute(
            "SELECT ST_AsBinary(ST_Transform(ST_GeomFromText(%s, 4523), 4490))", [plane.wkt]
        ).fetchall()
    assert shapely.hausdorff_distance(mine, shapely.from_wkb(theirs)) < 1e-9
    assert mine.centroid.x == pytest.approx(105.22, abs=0.01)
    assert mine.centroid.y == pytest.approx(25.62, abs=0.01)


COUNTIES = "zmd_districts_cgcs2000"


@pytest.mark.parametrize(
    ("name", "crs"), [("zone38_gbk_nocpg", "auto"), ("cm114_gbk_noprj", "EPSG:4547")]
)
def test_counties_in_gauss_krueger(
    store: Store, registry: Registry, shared_data: Path, name: str, crs: str
) -> None:
    folder = shared_data / "h_messy" / "derived_cn_gk_dev"
    layered = _with_layer(registry, store)
    report = _ingest(store, layered, folder / f"{COUNTIES}_{name}.shp", "real_counties", crs=crs)
    assert (report.rows_in, report.accepted, report.encoding) == (10, 10, "gb18030")
    found = rows(store, LayerQuery(layer=layered.get("real_counties")))
    names = set(found.columns["name"])
    assert {"驿城区", "新蔡县", "泌阳县"} <= names
    truth = shared_data / "a_admin" / "tianditu_cgcs2000" / "district_411700_cgcs2000.geojson"
    known = {f["properties"]["name"]: f["geometry"] for f in _features(truth)}
    for county, shape in zip(found.columns["name"], found.geometry, strict=True):
        there = shapely.geometry.shape(known[county])
        assert shape.symmetric_difference(there).area / there.area < 1e-6, county


def test_a_shapefile_without_prj_is_refused(
    store: Store, registry: Registry, shared_data: Path
) -> None:
    folder = shared_data / "h_messy" / "derived_cn_gk_dev"
    layered = _with_layer(registry, store)
    with pytest.raises(UnknownFrame):
        _ingest(store, layered, folder / f"{COUNTIES}_cm114_gbk_noprj.shp", "real_counties")
    path = folder / f"{COUNTIES}_zone38_gbk_nocpg.shp"
    with pytest.raises(FrameMismatch):
        _ingest(store, layered, path, "real_counties", crs="EPSG:4547")


def test_xian_1980_needs_parameters(store: Store, registry: Registry, shared_data: Path) -> None:
    folder = shared_data / "h_messy" / "derived_cn_gk_dev"
    with pytest.raises(NoAccurateTransform):
        _ingest(
            store,
            _with_layer(registry, store),
            folder / "zmd_districts_xian80_zone38_gbk.shp",
            "real_counties",
        )


def test_air_quality_stations(store: Store, registry: Registry, shared_data: Path) -> None:
    """1,498 stations of the whole country: the three in Zhumadian are in the city, the others
    are told apart, and none is lost."""
    path = shared_data / "f_iot" / "cnemc_stations" / "station_info.csv"
    layered = _layer(
        registry,
        store,
        "air_stations",
        """
id: air_stations
title: {zh: 空气质量站, en: Air quality stations}
theme: iot
geometry: Point
key: station
accuracy_m: 10
classification: public
fields:
  - {name: station, title: {zh: 编号, en: Number}, type: text, required: true, aliases: [ID]}
  - {name: name, title: {zh: 站名, en: Name}, type: text, aliases: [stations_name]}
  - {name: area, title: {zh: 城市, en: City}, type: text}
checks: [valid_geometry, inside_city]
""",
    )
    with pytest.raises(UnknownFrame):
        _ingest(store, layered, path, "air_stations")
    report = _ingest(store, layered, path, "air_stations", crs="gcj02")
    assert report.rows_in == len(path.read_text("utf-8").splitlines()) - 1
    # the box of the city takes in neighbours; by name there are three of our own
    found = rows(store, LayerQuery(layer=layered.get("air_stations")))
    assert found.columns["area"].count("驻马店") == 3
    assert all(name == name.strip("\u3000 ") for name in found.columns["name"])
    assert set(report.reasons) == {"outside_city"}


def test_dutch_village_by_yaml_alone(store: Store, registry: Registry, shared_data: Path) -> None:
    """Manholes of a Dutch village out of a ZIP of GML files, into a layer made by YAML alone."""
    archive = shared_data / "e_cadastre" / "nl_bgt_otterlo" / "otterlo.zip"
    layered = _layer(
        registry,
        store,
        "nl_wells",
        """
id: nl_wells
title: {zh: 荷兰检查井, en: Dutch manholes}
theme: pipeline
geometry: Point
key: [local_id, registered]
accuracy_m: 2
classification: public
fields:
  - {name: local_id, type: text, required: true, aliases: [lokaalID]}
  - {name: registered, type: text, required: true, aliases: [tijdstipRegistratie]}
""",
    )
    path = Path(f"{archive}|bgt_put")
    report = _ingest(store, layered, path, "nl_wells")
    assert report.frame.name == "EPSG:28992"
    assert 0.5 < report.accuracy_m <= 2.0
    if shutil.which("ogrinfo") is None:
        pytest.fail("ogrinfo is missing: run scripts/setup.sh test")
    words = ["ogrinfo", "-ro", "-so", "-al", f"/vsizip/{archive}/bgt_put.gml"]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    count = re.search(r"Feature Count: (\d+)", out)
    assert count
    assert report.rows_in == int(count[1])
    assert report.quarantined < 0.02 * report.rows_in
    found = rows(store, LayerQuery(layer=layered.get("nl_wells")))
    west, south, east, north = shapely.total_bounds(found.geometry)
    assert 5.7 < west < east < 5.85
    assert 52.05 < south < north < 52.15


# --- what the tests above share ----------------------------------------------------------


def _ingest(
    store: Store, registry: Registry, path: Path, layer: str, crs: str = "auto"
) -> LoadReport:
    return ingest(store, registry, IngestRequest(path=path, layer=layer, crs=crs), {})


def _features(path: Path) -> list[dict[str, dict[str, str]]]:
    found = json.loads(path.read_text("utf-8"))["features"]
    assert isinstance(found, list)
    return found


def _with_layer(registry: Registry, store: Store) -> Registry:
    return _layer(
        registry,
        store,
        "real_counties",
        """
id: real_counties
title: {zh: 县区, en: Counties}
theme: base
geometry: MultiPolygon
key: code
accuracy_m: 500
classification: public
fields:
  - {name: code, type: text, required: true, aliases: [行政代码, 代码, gb]}
  - {name: name, type: text, required: true, aliases: [名称]}
checks: [valid_geometry]
""",
    )


def _layer(registry: Registry, store: Store, name: str, text: str) -> Registry:
    """The registry with one more layer, made by its YAML alone, and its table."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(PROJECT / "config", config)
        (config / "layers" / f"{name}.yml").write_text(text, "utf-8")
        more = load_registry(config, PROJECT / "data")
    prepare(store.url, more)
    return more
