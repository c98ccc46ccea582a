"""Every set of real files a reader can take: into a layer of YAML alone, held against what
ogr2ogr (GDAL of the system, another version than ours) or the file's own text says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from real_sets import LAYER, agree, independent, layered, load, near, on_earth, values

from gis.errors import LayerError, SourceError, UnknownFrame
from gis.layers import Registry
from gis.sources import open_delivery
from gis.store import LayerQuery, Store, rows

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


@pytest.mark.parametrize("what", ["areas", "streets", "villages"])
def test_codes_without_places_are_refused(
    what: str, store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "a_admin" / "cn_division_streets" / f"{what}_411700.csv"
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
    ("layer", "key", "texts"),
    [
        ("buildings", "uID", ()),
        ("plots", "ID", ("TYPPPD_KOD", "ID_2")),
        ("tessellation", "uID", ()),
    ],
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
    # Web Mercator makes every area 2.4 times what it is; ours are those on the ground
    there = independent(path, layer, target="EPSG:3857")
    drawn = sum(shapely.geometry.shape(f["geometry"]).area for f in there)
    assert drawn / on_earth(store, loaded.found.geometry, "ST_Area") == pytest.approx(2.4, abs=0.05)


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
    assert loaded.report.rows_in == 3_076 == len(independent(path))
    [batch] = open_delivery(path, layer=more.get(LAYER)).batches()
    assert batch.columns["height"].tolist() == [3 * floor for floor in batch.columns["Floor"]]
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
    # 33 pairs of zones overlap by more than a square metre, by 6,324 m2 in all
    shapes = loaded.found.geometry
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = one < other
    common = shapely.intersection(shapes[one[pairs]], shapes[other[pairs]])
    sizes = [on_earth(store, [c], "ST_Area") for c in common[shapely.area(common) > 1e-11]]
    assert len([size for size in sizes if size > 1]) == 33
    assert sum(sizes) == pytest.approx(6_324, rel=2e-3)


def test_land_use_has_no_key(store: Store, registry: Registry, shared_data: Path) -> None:
    """10,197 polygons in a zipped shapefile whose only field is a class code."""
    path = shared_data / "d_planning" / "landuse_shp_mississippi" / "landuse_shp.zip"
    more = layered(store, registry, "MultiPolygon", "dn", "dn:integer:DN")
    loaded = load(store, more, path)
    assert (loaded.report.format, loaded.report.rows_in) == ("Shapefile (zip)", 10_197)
    assert set(loaded.report.reasons) <= {"duplicate_key", "invalid_geometry"}
    assert loaded.report.accepted < 20
    features = independent(f"/vsizip/{path}")
    assert set(loaded.found.columns["dn"]) == {f["properties"]["DN"] for f in features}
    [batch] = open_delivery(path, layer=more.get(LAYER)).batches()
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    assert near(
        shapely.total_bounds(batch.geometry).tolist(), shapely.total_bounds(shapes).tolist()
    )
    drawn = shapely.area(batch.geometry).sum()
    assert drawn == pytest.approx(shapely.area(shapes).sum(), rel=1e-9)


def test_the_raster_land_use_came_from(store: Store, registry: Registry, shared_data: Path) -> None:
    """A GeoTIFF in a ZIP registers its footprint, where gdalinfo sees its corners."""
    path = shared_data / "d_planning" / "landuse_shp_mississippi" / "landuse_bay.zip"
    more = layered(store, registry, "MultiPolygon", "image_id", "image_id", "bands:integer", "path")
    loaded = load(store, more, path)
    words = ["gdalinfo", "-json", f"/vsizip/{path}/landuse_bay.tif"]
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    corners = [told["cornerCoordinates"][corner] for corner in ("lowerLeft", "upperRight")]
    assert (loaded.report.rows_in, loaded.report.quarantined) == (1, 0)
    assert loaded.report.format == "GeoTIFF (zip)"
    assert near(loaded.bounds, [*corners[0], *corners[1]])
    assert loaded.found.columns["bands"] == [len(told["bands"])]


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


def with_points(dbf: Path, folder: Path) -> Path:
    """The table under a shapefile of as many points, for those that came without."""
    count = int.from_bytes(dbf.read_bytes()[4:8], "little")
    for suffix, size in ((".shp", 28), (".shx", 8)):
        head = [9994, 0, 0, 0, 0, 0, 50 + size * count // 2]
        data = b"".join(n.to_bytes(4, "big") for n in head) + (1000).to_bytes(4, "little")
        data += (1).to_bytes(4, "little") + bytes(64)
        for i in range(count):
            if suffix == ".shx":
                data += (50 + 14 * i).to_bytes(4, "big") + (10).to_bytes(4, "big")
            else:
                data += (i + 1).to_bytes(4, "big") + (10).to_bytes(4, "big")
                data += (1).to_bytes(4, "little") + np.array([114.0, 33 + i / 1000]).tobytes()
        (folder / f"{dbf.stem}{suffix}").write_bytes(data)
    for part in (dbf, dbf.with_suffix(".cpg")):
        if part.exists():
            shutil.copy(part, folder)
    return folder / f"{dbf.stem}.shp"


TABLES = "h_messy/mapshaper_dbf_encodings/test/data/dbf"


@pytest.mark.parametrize(
    ("file", "asked", "encoding", "texts"),
    [
        ("cpg/big5", "auto", "big5", ["國語"]),
        ("cpg/euckr", "auto", "euc_kr", ["한국말"]),
        ("cpg/koi8r", "auto", "koi8_r", ["русский"]),
        ("cpg/latin2", "auto", "iso8859_2", ["čeština"]),
        ("cpg/shiftjis", "auto", "shift_jis", ["カタカナひらがな"]),
        ("cpg/win1251", "auto", "cp1251", ["РУССКИЙ"]),
        ("cpg/win874", "auto", "cp874", ["ภาษาไทย"]),
        ("ldid/chinese", "auto", "gb18030", ["简体"]),
        ("gbk", "auto", "gb18030", ["简体国语"]),
        ("gb2312", "auto", "gb18030", ["简体国语"]),
        ("utf8", "auto", "utf-8", ["国语國語"]),
        ("POLYGON", "auto", "utf-8", ["Fairfax City", "Manassas"]),
        ("big5", "big5", "big5", ["繁體國語"]),
        ("latin1", "latin-1", "latin-1", ["Peçeña México"]),
        ("eucjp", "euc_jp", "euc_jp", ["ひたちなか市"]),
        ("shiftjis", "shift_jis", "shift_jis", ["ひたちなか市"]),
    ],
)
def test_tables_in_their_encodings(
    file: str, asked: str, encoding: str, texts: list[str], store: Store, registry: Registry,
    shared_data: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """What `.cpg` and LDID say is weighed against the bytes; where nothing is said, `--encoding`
    does."""
    path = with_points(shared_data / TABLES / f"{file}.dbf", tmp_path)
    more = layered(store, registry, "Point", "name", "name:text:NAME")
    loaded = load(store, more, path, crs="EPSG:4490", encoding=asked)
    assert loaded.report.encoding == encoding
    assert loaded.report.quarantined == 0
    assert loaded.found.columns["name"][: len(texts)] == texts


@pytest.mark.parametrize("file", ["latin1", "periphereies"])
def test_what_is_not_chinese_is_not_made_so(
    file: str, registry: Registry, shared_data: Path, tmp_path: Path
) -> None:
    """Pe鏴馻 M閤ico would be valid GB 18030."""
    path = with_points(shared_data / TABLES / f"{file}.dbf", tmp_path)
    with pytest.raises(SourceError, match="neither UTF-8 nor GB 18030"):
        open_delivery(path, layer=registry.get("components"))


def test_a_table_without_shapes(registry: Registry, shared_data: Path) -> None:
    with pytest.raises(SourceError, match="only a part of a shapefile"):
        open_delivery(shared_data / TABLES / "gbk.dbf", layer=registry.get("components"))


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
    if not loaded.report.quarantined:
        agree(loaded, features)


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
    file: str, geometry: str, count: int, store: Store, registry: Registry, shared_data: Path
) -> None:
    """Datum 0 states nothing, so no frame is taken from it."""
    path = shared_data / "h_messy" / "qgis_mapinfo_tab" / f"{file}.TAB"
    more = layered(store, registry, geometry, "field1", "field1:text:Field1")
    with pytest.raises(UnknownFrame):
        load(store, more, path)
    loaded, features = load(store, more, path, crs="EPSG:4326"), independent(path)
    assert loaded.report.rows_in == len(features) == count
    kept = values(features, "Field1")
    nameless = kept.pop(None, 0)
    again = sum(n - 1 for n in kept.values())
    reasons = {"missing_value": nameless, "duplicate_key": again}
    assert loaded.report.reasons == {code: n for code, n in reasons.items() if n}
    assert set(loaded.texts("field1")) == set(kept)
    if not loaded.report.quarantined:
        agree(loaded, features)


def test_times_of_mapinfo(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "h_messy" / "qgis_mapinfo_tab" / "tab_file.tab"
    more = layered(store, registry, "Point", "day", "day:date:date", "moment:datetime:date_time",
                   "hour:text:time")  # fmt: skip
    loaded, [feature] = load(store, more, path, crs="EPSG:4326"), independent(path)
    assert (loaded.report.rows_in, loaded.report.quarantined) == (1, 0)
    told = feature["properties"]
    [day], [hour] = loaded.found.columns["day"], loaded.found.columns["hour"]
    assert day.isoformat() == told["date"].replace("/", "-") == "2004-05-03"
    assert hour == told["time"] == "13:41:00"
    assert loaded.found.columns["moment"][0].isoformat().startswith("2004-05-03T13:41:00")
    assert near(loaded.bounds, [*feature["geometry"]["coordinates"]] * 2)


def test_a_missing_key_column_is_named(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "b_buildings" / "momepy_prague" / "bubenec.gpkg"
    more = layered(store, registry, "LineString", "name", "name")
    with pytest.raises(LayerError, match="name"):
        load(store, more, f"{path}|streets")
