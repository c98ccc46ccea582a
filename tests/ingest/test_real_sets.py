"""Every set of real files a reader can take: into a layer of YAML alone, held against what
ogr2ogr (GDAL of the system, another version than ours) or the file's own text says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from postgis import PROJECT

from gis.errors import LayerError, SourceError, UnknownFrame
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry, load_registry
from gis.sources import open_delivery
from gis.store import LayerQuery, Store, rows
from gis.store.pool import prepare
from gis.store.query import FeatureRows

LAYER = "real_set"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of one delivery, and what is stored now."""

    report: LoadReport
    found: FeatureRows

    def texts(self, name: str) -> Counter[str | None]:
        return Counter(self.found.columns[name])

    @property
    def bounds(self) -> list[float]:
        return [float(v) for v in shapely.total_bounds(self.found.geometry)]


def layered(store: Store, registry: Registry, geometry: str, key: str, *fields: str) -> Registry:
    """The registry with one more layer, made by its YAML. A field: name[:type[:alias]][ rest]."""
    lines = []
    for field in fields:
        head, _, rest = field.partition(" ")
        name, kind, alias = [*head.split(":"), "", ""][:3]
        aliases = f", aliases: [{alias}]" if alias else ""
        more = f", {rest}" if rest else ""
        needed = ", required: true" if name == key else ""
        lines.append(f"  - {{name: {name}, type: {kind or 'text'}{aliases}{needed}{more}}}")
    text = "\n".join(
        [
            f"id: {LAYER}",
            "title: {zh: 真实数据, en: Real set}",
            "theme: base",
            f"geometry: {geometry}",
            f"key: {key}",
            "accuracy_m: 500",
            "classification: public",
            "fields:",
            *lines,
            "checks: [valid_geometry]",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(PROJECT / "config", config)
        (config / "layers" / f"{LAYER}.yml").write_text(text, "utf-8")
        more_layers = load_registry(config, PROJECT / "data")
    prepare(store.url, more_layers)
    return more_layers


def load(
    store: Store, registry: Registry, path: Path | str, crs: str = "auto", mode: str = "full"
) -> Loaded:
    request = IngestRequest(path=Path(path), layer=LAYER, crs=crs, mode=mode)  # type: ignore[arg-type]
    report = ingest(store, registry, request, {})
    return Loaded(report, rows(store, LayerQuery(layer=registry.get(LAYER))))


def independent(
    source: Path | str, layer: str | None = None, *options: str, target: str = "EPSG:4490"
) -> list[Any]:
    """The features as ogr2ogr gives them, in degrees."""
    if shutil.which("ogr2ogr") is None:
        pytest.fail("ogr2ogr is missing: run scripts/setup.sh test")
    words = ["ogr2ogr", "-f", "GeoJSON", "-lco", "RFC7946=NO", "-lco", "COORDINATE_PRECISION=12",
             "-t_srs", target, *options, "/vsistdout/", str(source),
             *([layer] if layer else [])]  # fmt: skip
    out = subprocess.run(words, capture_output=True, check=True).stdout
    features: list[Any] = json.loads(out)["features"]
    return features


def agree(loaded: Loaded, features: list[Any], metres: float = 2.0) -> None:
    """Counts, box and areas as ogr2ogr has them, for a delivery of which nothing was refused."""
    assert loaded.report.quarantined == 0, loaded.report.reasons
    assert loaded.report.rows_in == len(features) == len(loaded.found.geometry)
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    theirs = shapely.total_bounds(shapes)
    assert np.abs(np.array(loaded.bounds) - theirs).max() < metres / 100_000
    mine, other = shapely.area(loaded.found.geometry).sum(), shapely.area(shapes).sum()
    assert mine == pytest.approx(other, rel=1e-6)


def values(features: list[Any], name: str) -> Counter[Any]:
    """A column of ogr2ogr's features; an empty text is none."""
    return Counter(f["properties"][name] or None for f in features)


# --- administrative -------------------------------------------------------------------------


def test_counties_of_a_map_service(store: Store, registry: Registry, shared_data: Path) -> None:
    """Declares CRS84, is GCJ-02: moved by some 550 m east and 200 m south of where it says."""
    path = shared_data / "a_admin" / "datav_gcj02_411700" / "411700_full.json"
    more = layered(store, registry, "MultiPolygon", "adcode", "adcode", "name")
    loaded = load(store, more, path, crs="gcj02")
    features = independent(path)
    assert loaded.report.accepted == len(features) == 10
    assert loaded.texts("name") == values(features, "name")
    theirs = {f["properties"]["name"]: shapely.geometry.shape(f["geometry"]) for f in features}
    for name, shape in zip(loaded.found.columns["name"], loaded.found.geometry, strict=True):
        east = (theirs[name].centroid.x - shape.centroid.x) * 93_500
        north = (theirs[name].centroid.y - shape.centroid.y) * 111_000
        assert 450 < east < 650, name
        assert -300 < north < -100, name


@pytest.mark.parametrize("what", ["city_411700", "district_411700", "province_410000"])
def test_boundaries_in_cgcs2000(
    what: str, store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "a_admin" / "tianditu_cgcs2000" / f"{what}_cgcs2000.geojson"
    more = layered(store, registry, "MultiPolygon", "gb", "gb", "name")
    loaded, features = load(store, more, path), independent(path)
    agree(loaded, features, metres=0.001)
    assert loaded.report.frame.name == "EPSG:4490"
    assert loaded.texts("name") == values(features, "name")


def test_codes_without_places_are_refused(
    store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "a_admin" / "cn_division_streets" / "streets_411700.csv"
    more = layered(store, registry, "Point", "code", "code", "name")
    with pytest.raises(SourceError, match="no coordinate columns"):
        load(store, more, path)


# --- buildings ------------------------------------------------------------------------------


def test_potsdam_citygml(store: Store, registry: Registry, shared_data: Path) -> None:
    """97 buildings; three state heights of kilometres, their surfaces tell better."""
    path = shared_data / "b_buildings" / "citygml_potsdam_lod1" / "Potsdam_LoD1.gml"
    more = layered(store, registry, "MultiPolygon", "id", "id", "name", "height_m:number",
                   "stated:number:measuredHeight max: 500")  # fmt: skip
    loaded = load(store, more, path, crs="EPSG:25833")
    text = path.read_text("utf-8")
    stated = [float(v) for v in re.findall(r"measuredHeight[^>]*>([\d.]+)<", text)]
    wild = sum(height > 500 for height in stated)
    assert loaded.report.rows_in == len(re.findall("<bldg:Building ", text)) == 97
    assert loaded.report.reasons == {"out_of_range": wild}
    assert wild >= 3
    west, south, east, north = loaded.bounds
    assert 13.0 < west < east < 13.2
    assert 52.3 < south < north < 52.5
    heights = np.array(loaded.found.columns["height_m"], dtype=float)
    assert 2 < heights.min() <= heights.max() < 60


@pytest.mark.parametrize(
    ("file", "count", "crs", "box"),
    [
        ("delft.json", 160, "auto", (4.3, 51.9, 4.5, 52.1)),
        ("zurich_subset_lod2.json", 49, "auto", (8.4, 47.3, 8.7, 47.5)),
        ("rotterdam_subset.json", 16, "EPSG:28992", (4.4, 51.8, 4.6, 52.0)),
        ("DH_01_subs.city.json", 4, "EPSG:28992", (4.2, 52.0, 4.4, 52.2)),
    ],
)
def test_cityjson(
    file: str, count: int, crs: str, box: tuple[float, ...], store: Store, registry: Registry,
    shared_data: Path,
) -> None:  # fmt: skip
    path = shared_data / "b_buildings" / "cityjson_cjio" / file
    more = layered(store, registry, "MultiPolygon", "id", "id", "height_m:number")
    if crs != "auto":
        with pytest.raises(UnknownFrame):
            load(store, more, path)
    loaded = load(store, more, path, crs=crs)
    things = json.loads(path.read_text("utf-8"))["CityObjects"]
    ids = {name for name, thing in things.items() if thing["type"] == "Building"}
    assert loaded.report.rows_in == len(ids) == count
    assert loaded.report.quarantined == 0
    assert set(loaded.found.columns["id"]) == ids
    west, south, east, north = loaded.bounds
    assert box[0] < west < east < box[2]
    assert box[1] < south < north < box[3]


@pytest.mark.parametrize(
    ("layer", "key", "texts"), [("buildings", "uID", ()), ("plots", "ID", ("TYPPPD_KOD", "ID_2"))]
)
def test_prague(
    layer: str, key: str, texts: tuple[str, ...], store: Store, registry: Registry,
    shared_data: Path,
) -> None:  # fmt: skip
    path = shared_data / "b_buildings" / "momepy_prague" / "bubenec.gpkg"
    columns = [f"{name.lower()}:text:{name}" for name in texts]
    more = layered(store, registry, "MultiPolygon", "code", f"code:text:{key}", *columns)
    with pytest.raises(SourceError) as refusal:
        load(store, more, path)
    assert set(str(refusal.value.layers).split(", ")) == {
        "buildings", "plots", "streets", "tessellation",
    }  # fmt: skip
    loaded, features = load(store, more, f"{path}|{layer}"), independent(path, layer)
    agree(loaded, features)
    for name in texts:
        assert loaded.texts(name.lower()) == values(features, name)


def test_ten_thousand_footprints(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "b_buildings" / "osm_footprints_gpkg" / "BuildingFootprintsOSM.gpkg"
    more = layered(store, registry, "MultiPolygon", "osm_id", "osm_id", "name", "type")
    loaded, features = load(store, more, path), independent(path)
    assert loaded.report.rows_in == len(features) == 10_724
    nameless = sum(not f["properties"]["osm_id"] for f in features)
    valid = [shapely.geometry.shape(f["geometry"]).is_valid for f in features]
    assert loaded.report.reasons.get("missing_value", 0) == nameless
    assert loaded.report.reasons.get("invalid_geometry", 0) == valid.count(False)
    assert loaded.report.quarantined == nameless + valid.count(False)
    kept = set(loaded.found.columns["osm_id"])
    names = values([f for f in features if f["properties"]["osm_id"] in kept], "name")
    assert loaded.texts("name") == Counter({k and k.strip(): n for k, n in names.items()})


def test_suzhou_has_no_key(store: Store, registry: Registry, shared_data: Path) -> None:
    """Id is 0 in every row: one can be kept, the others are told so."""
    path = shared_data / "b_buildings" / "suzhou_buildings_cn" / "bd_demo_2.json"
    more = layered(store, registry, "MultiPolygon", "id", "id:text:Id", "floor:integer:Floor",
                   "height:number")  # fmt: skip
    loaded = load(store, more, path, crs="gcj02")
    assert loaded.report.rows_in == 3_076
    assert set(loaded.report.reasons) <= {"duplicate_key", "invalid_geometry"}
    assert loaded.report.reasons["duplicate_key"] > 3_000
    assert loaded.report.accepted <= 1


# --- networks -------------------------------------------------------------------------------


def test_kentucky_water(store: Store, registry: Registry, shared_data: Path) -> None:
    """1,156 pipes in feet: their lines are as long as the model says, to a tenth of a percent."""
    path = shared_data / "c_networks" / "epanet_wntr_dev" / "ky4.inp"
    more = layered(store, registry, "LineString", "id", "id", "length_m:number",
                   "diameter_mm:number")  # fmt: skip
    with pytest.raises(UnknownFrame):
        load(store, more, f"{path}|PIPES")
    loaded = load(store, more, f"{path}|PIPES", crs="EPSG:3089")
    assert (loaded.report.rows_in, loaded.report.quarantined) == (1_156, 0)
    west, south, east, north = loaded.bounds
    assert -89.6 < west < east < -81.9
    assert 36.4 < south < north < 39.2
    with store.connection() as conn:
        shapes = [shapely.to_wkb(g) for g in loaded.found.geometry]
        [[metres]] = conn.execute(
            "SELECT sum(ST_Length(ST_GeomFromWKB(g, 4326)::geography)) FROM unnest(%s::bytea[]) g",
            [shapes],
        ).fetchall()
    assert metres == pytest.approx(sum(loaded.found.columns["length_m"]), rel=2e-3)
    assert set(loaded.found.columns["diameter_mm"]) >= {152.4, 203.2}


def test_kentucky_junctions(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "c_networks" / "epanet_wntr_dev" / "ky4.inp"
    more = layered(store, registry, "Point", "id", "id", "elevation_m:number")
    loaded = load(store, more, f"{path}|JUNCTIONS", crs="EPSG:3089")
    assert (loaded.report.rows_in, loaded.report.quarantined) == (959, 0)
    first = dict(zip(loaded.found.columns["id"], loaded.found.columns["elevation_m"], strict=True))
    assert first["J-1"] == pytest.approx(611.3897 * 0.3048, abs=1e-4)


@pytest.mark.parametrize("name", ["Net1", "Net2", "Net3"])
def test_diagrams_are_refused(
    name: str, store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "c_networks" / "epanet_wntr_dev" / f"{name}.inp"
    more = layered(store, registry, "LineString", "id", "id")
    with pytest.raises(SourceError, match="diagram"):
        load(store, more, path, crs="EPSG:3089")


def test_storm_sewer(store: Store, registry: Registry, shared_data: Path) -> None:
    folder = shared_data / "c_networks" / "swmm_stateplane"
    more = layered(store, registry, "LineString", "id", "id", "length_m:number")
    loaded = load(store, more, folder / "model_state_plane.inp", crs="EPSG:2272")
    assert (loaded.report.rows_in, loaded.report.quarantined) == (44, 0)
    west, south, east, north = loaded.bounds
    assert -81 < west < east < -74
    assert 39 < south < north < 43
    for broken in ("invalid_model.inp", "Example1.inp"):
        with pytest.raises(SourceError):
            load(store, more, folder / broken, crs="EPSG:2272")


# --- plans ----------------------------------------------------------------------------------


def test_victoria_zoning(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "d_planning" / "zoning_victoria_bc" / "zoning.geojson"
    more = layered(store, registry, "MultiPolygon", "objectid", "objectid", "zoning", "title",
                   "url")  # fmt: skip
    loaded, features = load(store, more, path), independent(path)
    assert loaded.report.rows_in == len(features) == 2_471
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    bad = int((~shapely.is_valid(shapes)).sum())
    assert loaded.report.reasons.get("invalid_geometry", 0) == bad
    kept = set(loaded.found.columns["objectid"])
    there = [f for f in features if f["properties"]["OBJECTID"] in kept]
    for name in ("Zoning", "Title", "URL"):
        expected = Counter((v or "").strip() or None for v in values(there, name).elements())
        assert loaded.texts(name.lower()) == expected


def test_land_use_has_no_key(store: Store, registry: Registry, shared_data: Path) -> None:
    """10,197 polygons in a zipped shapefile whose only field is a class code."""
    path = shared_data / "d_planning" / "landuse_shp_mississippi" / "landuse_shp.zip"
    more = layered(store, registry, "MultiPolygon", "dn", "dn:integer:DN")
    loaded = load(store, more, path)
    assert (loaded.report.format, loaded.report.rows_in) == ("Shapefile (zip)", 10_197)
    assert set(loaded.report.reasons) <= {"duplicate_key", "invalid_geometry"}
    assert loaded.report.accepted < 20


def test_drawing_without_frame(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "d_planning" / "dxf_georeferenced"
    more = layered(store, registry, "LineString", "handle", "handle:text:EntityHandle")
    with pytest.raises(UnknownFrame):
        load(store, more, path / "houses_of_parliament_georeferenced.dxf")


# --- cadastre -------------------------------------------------------------------------------


def test_french_parcels(store: Store, registry: Registry, shared_data: Path) -> None:
    """Eight sheets of EDIGEO: 511 parcels whose outlines have the area the register states."""
    sheets = sorted((shared_data / "e_cadastre" / "fr_edigeo_25354").glob("*.tar.bz2"))
    more = layered(store, registry, "MultiPolygon", "idu", "idu", "supf:number", "tex")
    reports = [load(store, more, f"{s}|PARCELLE_id", mode="upsert").report for s in sheets]
    assert sum(r.rows_in for r in reports) == 511
    assert sum(r.quarantined for r in reports) == 0
    assert {r.frame.name for r in reports} == {"EPSG:2154"}
    found = rows(store, LayerQuery(layer=more.get(LAYER)))
    west, south, _, _ = shapely.total_bounds(found.geometry)
    metric = shapely.transform(
        found.geometry,
        lambda xy: (xy - [west, south]) * [111_320 * np.cos(np.radians(south)), 111_200],
    )
    stated = sum(v for v in found.columns["supf"] if v)
    assert shapely.area(metric).sum() == pytest.approx(stated, rel=0.02)
    assert all(re.fullmatch(r"354000[A-Z0-9]{6}", idu) for idu in found.columns["idu"])


@pytest.mark.parametrize(("member", "count"), [("bgt_paal", 410), ("bgt_sensor", 2)])
def test_dutch_village(
    member: str, count: int, store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "e_cadastre" / "nl_bgt_otterlo" / "otterlo.zip"
    more = layered(store, registry, "Point", "gml_id", "gml_id", "lokaalid")
    loaded = load(store, more, f"{path}|{member}")
    # to 4490 ogr2ogr knows no operation but a ballpark one; to 4326 one of a metre
    features = independent(f"/vsizip/{path}/{member}.gml", target="EPSG:4326")
    agree(loaded, features)
    assert loaded.report.rows_in == count
    assert loaded.texts("lokaalid") == values(features, "lokaalID")


# --- messy ----------------------------------------------------------------------------------


def test_utf8_without_a_word(store: Store, registry: Registry, shared_data: Path) -> None:
    """UTF-8 without `.cpg`: taken for GBK, 黑龙江省 would read 榛戦緳姹熺渷."""
    path = shared_data / "h_messy" / "china_provinces_utf8_nocpg" / "china.shp"
    more = layered(store, registry, "MultiPolygon", "code", "code:integer:BOUND_A_", "fcname",
                   "fename")  # fmt: skip
    loaded = load(store, more, path)
    features = independent(path, None, "-oo", "ENCODING=UTF-8")
    assert (loaded.report.rows_in, loaded.report.encoding) == (len(features), "utf-8")
    assert loaded.report.quarantined == loaded.report.reasons.get("duplicate_key", 0) + (
        loaded.report.reasons.get("invalid_geometry", 0)
    )
    assert set(loaded.texts("fcname")) <= set(values(features, "FCNAME"))
    assert "黑龙江省" in loaded.texts("fcname")


@pytest.mark.parametrize(
    ("file", "encoding", "text"),
    [("cpg/big5", "big5", "國語"), ("ldid/chinese", "gb18030", "简体")],
)
def test_tables_in_their_encodings(
    file: str, encoding: str, text: str, registry: Registry, shared_data: Path
) -> None:
    folder = shared_data / "h_messy" / "mapshaper_dbf_encodings" / "test" / "data" / "dbf"
    delivery = open_delivery(folder / f"{file}.shp", layer=registry.get("components"))
    [batch] = delivery.batches()
    assert delivery.encoding == encoding
    assert batch.columns["NAME"].tolist() == [text]


@pytest.mark.parametrize(
    ("layer", "geometry", "count"),
    [("polys", "MultiPolygon", 2), ("lines", "MultiLineString", 3), ("points", "Point", 5)],
)
def test_file_geodatabase(
    layer: str, geometry: str, count: int, store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "h_messy" / "qgis_filegdb" / "test_gdb.gdb"
    more = layered(store, registry, geometry, "text", "text")
    loaded, features = load(store, more, f"{path}|{layer}"), independent(path, layer)
    assert loaded.report.rows_in == count == len(features)
    assert loaded.report.accepted + loaded.report.quarantined == count
    assert set(loaded.texts("text")) <= set(values(features, "text"))


def test_empty_layers_are_named(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "h_messy" / "qgis_filegdb" / "featuredataset.gdb"
    more = layered(store, registry, "Point", "id", "id")
    with pytest.raises(SourceError, match="fd1_lyr1"):
        load(store, more, path)


@pytest.mark.parametrize(
    ("file", "geometry", "count"),
    [("fill_styles", "MultiPolygon", 49), ("line_styles", "MultiLineString", 117),
     ("marker_styles", "Point", 37)],
)  # fmt: skip
def test_mapinfo(
    file: str, geometry: str, count: int, registry: Registry, shared_data: Path
) -> None:
    """Datum 0 states nothing, so no frame is taken from it."""
    path = shared_data / "h_messy" / "qgis_mapinfo_tab" / f"{file}.TAB"
    delivery = open_delivery(path, layer=registry.get("components"))
    [batch] = delivery.batches()
    assert (len(batch), delivery.declared) == (count, None)
    assert {g.geom_type for g in batch.geometry} <= {geometry, geometry.removeprefix("Multi")}


def test_a_missing_key_column_is_named(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "b_buildings" / "momepy_prague" / "bubenec.gpkg"
    more = layered(store, registry, "LineString", "name", "name")
    with pytest.raises(LayerError, match="name"):
        load(store, more, f"{path}|streets")
