"""Every format comes in by its content: the same three points, the same texts."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from source_files import NAMES, opened, read, spreadsheet, write_named, zipped

from gis.errors import SourceError
from gis.layers import Registry

GEOJSON = (
    '{{"type":"Feature","properties":{{"名称":"{}"}},"geometry":'
    '{{"type":"Point","coordinates":[{},33]}}}}'
)


@pytest.mark.parametrize(
    ("suffix", "kind", "options"),
    [
        (".gpkg", "GeoPackage", {}),
        (".fgb", "FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
        (".shp", "Shapefile", {"encoding": "GB18030"}),
        (".geojson", "GeoJSON", {}),
        (".geojsonl", "GeoJSONSeq", {}),
        (".gml", "GML", {}),
        (".gdb", "FileGDB", {}),
        (".tab", "MapInfo TAB", {"ENCODING": "CP936"}),
        (".mif", "MapInfo MIF", {"ENCODING": "CP936"}),
    ],
)
def test_three_points(
    suffix: str, kind: str, options: dict[str, str], tmp_path: Path, registry: Registry
) -> None:
    driver = {".gdb": {"driver": "OpenFileGDB"}}.get(suffix, {})
    path = write_named(tmp_path / f"a{suffix}", **options, **driver)
    if path.is_file() and kind not in ("Shapefile", "MapInfo TAB", "MapInfo MIF"):
        path = path.rename(tmp_path / "a.dat")  # the name tells nothing
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert delivery.format == kind
    assert batch.columns["名称"].tolist() == list(NAMES)
    assert batch.rows.tolist() == [1, 2, 3]
    xy = shapely.get_coordinates(batch.geometry)
    assert np.allclose(xy, [(114 + i / 100, 33) for i in range(3)], atol=1e-6)


# --- archives -------------------------------------------------------------------------------


def zip_with_gbk_names(path: Path, files: dict[str, bytes]) -> Path:
    """As Windows packs it: names in GBK, no flag that says so."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, data in enumerate(files.values()):
            archive.writestr(f"{number:08d}", data)
    packed = path.read_bytes()
    for number, name in enumerate(files):
        given = name.encode("gb18030")
        assert len(given) == 8, "names of eight bytes, so that nothing moves"
        packed = packed.replace(f"{number:08d}".encode(), given)
    path.write_bytes(packed)
    return path


def test_zip_with_chinese_names(tmp_path: Path, registry: Registry) -> None:
    texts = {n: "\n".join([GEOJSON.format(n, 114)] * 2).encode() for n in ("井位.gml", "道路.gml")}
    path = zip_with_gbk_names(tmp_path / "a.zip", texts)
    with pytest.raises(SourceError) as refusal:
        read(path, registry)
    assert refusal.value.layers == "井位.gml, 道路.gml"
    [batch] = read(f"{path}|道路", registry)
    assert batch.columns["名称"].tolist() == ["道路.gml"] * 2


def test_zipped_shapefile(tmp_path: Path, registry: Registry) -> None:
    write_named(tmp_path / "道路.shp", encoding="GB18030")
    files = {f"交付/{p.name}": p.read_bytes() for p in tmp_path.glob("道路.*")}
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({**files, "交付/说明.md": b"x", "__MACOSX/交付/._道路.shp": b"x"}))
    delivery = opened(path, registry)
    assert (delivery.format, delivery.path) == ("Shapefile (zip)", path)
    [batch] = delivery.batches()
    assert batch.columns["名称"].tolist() == list(NAMES)


def test_zipped_file_geodatabase(tmp_path: Path, registry: Registry) -> None:
    folder = write_named(tmp_path / "a.gdb", driver="OpenFileGDB")
    files = {f"a.gdb/{p.name}": p.read_bytes() for p in folder.iterdir()}
    (tmp_path / "a.zip").write_bytes(zipped(files))
    delivery = opened(tmp_path / "a.zip", registry)
    assert delivery.format == "FileGDB (zip)"
    assert delivery.declared is not None
    assert len(next(delivery.batches())) == 3


def test_unpacked_files_are_gone_afterwards(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "a.zip").write_bytes(zipped({"a.geojson": GEOJSON.format("x", 114).encode()}))
    delivery = opened(tmp_path / "a.zip", registry)
    assert len(list(delivery.batches())) == 1
    del delivery
    gc.collect()
    assert list(tmp_path.glob("onemap-delivery-*")) == []


# --- KML ------------------------------------------------------------------------------------

KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>违建</name>
<Placemark><name>{}</name><description>二层</description><ExtendedData><Data name="面积">
<value>86.5</value></Data></ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>
114,33 114.001,33 114.001,33.001 114,33</coordinates></LinearRing></outerBoundaryIs></Polygon>
</Placemark></Folder></Document></kml>"""


@pytest.mark.parametrize("name", ["a.kml", "a.ovkml", "a.kmz"])
def test_kml(name: str, tmp_path: Path, registry: Registry) -> None:
    data = KML.format(NAMES[0]).encode()
    path = tmp_path / name
    path.write_bytes(zipped({"doc.kml": data, "files/1.jpg": b"x"}) if name[-1] == "z" else data)
    delivery = opened(path, registry, "parcels")
    assert delivery.declared is not None
    assert delivery.declared.name == "EPSG:4326"
    [batch] = delivery.batches()
    assert batch.columns["name"].tolist() == [NAMES[0]]
    assert batch.columns["面积"].tolist() == ["86.5"]
    assert batch.columns["folder"].tolist() == ["违建"]
    assert shapely.equals_exact(
        shapely.force_2d(batch.geometry[0]),
        shapely.Polygon([(114, 33), (114.001, 33), (114.001, 33.001)]),
    )


# --- drawings -------------------------------------------------------------------------------


def drawing(page: str, layer: str, text: str, closed: int = 1) -> str:
    polyline = ["0", "LWPOLYLINE", "5", "1A", "100", "AcDbEntity", "8", layer, "100",
                "AcDbPolyline", "90", "3", "70", str(closed)]  # fmt: skip
    for x, y in ((500000, 3650000), (500010, 3650000), (500010, 3650010)):
        polyline += ["10", str(x), "20", str(y)]
    words = ["0", "TEXT", "5", "1B", "100", "AcDbEntity", "8", "注记", "100", "AcDbText", "10",
             "500005", "20", "3650005", "40", "2.5", "1", text]  # fmt: skip
    block = ["0", "SECTION", "2", "BLOCKS", "0", "BLOCK", "8", "0", "2", "J", "70", "0", "10", "0",
             "20", "0", "0", "POINT", "8", "0", "10", "1", "20", "2", "0", "ENDBLK", "0",
             "ENDSEC"]  # fmt: skip
    insert = ["0", "INSERT", "5", "1C", "8", "管点", "2", "J", "10", "500020", "20", "3650020"]
    head = ["0", "SECTION", "2", "HEADER", "9", "$ACADVER", "1", "AC1015", "9", "$DWGCODEPAGE",
            "3", page, "0", "ENDSEC"]  # fmt: skip
    entities = ["0", "SECTION", "2", "ENTITIES", *polyline, *words, *insert, "0", "ENDSEC"]
    return "\n".join([*head, *block, *entities, "0", "EOF", ""])


@pytest.mark.parametrize("page", ["ANSI_936", "ANSI_1252"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_drawing(page: str, encoding: str, tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(drawing(page, "违建", "驻马店市自来水公司").encode(encoding))
    delivery = opened(path, registry, "parcels")
    [batch] = delivery.batches()
    assert (delivery.format, delivery.encoding, delivery.declared) == ("DXF", encoding, None)
    assert batch.columns["Layer"].tolist() == ["违建", "注记", "管点"]
    assert batch.columns["Text"].tolist() == [None, "驻马店市自来水公司", None]
    assert [g.geom_type for g in batch.geometry] == ["Polygon", "Point", "Point"]
    assert shapely.area(batch.geometry[0]) == pytest.approx(50)
    assert shapely.get_coordinates(batch.geometry[2]).tolist() == [[500021, 3650022]]
    [only] = read(f"{path}|违建", registry, "parcels")
    assert only.columns["EntityHandle"].tolist() == ["1A"]
    assert only.rows.tolist() == [1]


def test_open_polyline_stays_a_line(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(drawing("ANSI_936", "红线", "x", closed=0).encode("gb18030"))
    [batch] = read(path, registry, "parcels")
    assert batch.geometry[0].geom_type == "LineString"


# --- tables ---------------------------------------------------------------------------------


def test_spreadsheet_with_degrees_and_minutes(tmp_path: Path, registry: Registry) -> None:
    head = ["标识码", "名称", "经度", "纬度", "高程"]
    rows = [head, ["0041", NAMES[2], "114°01′12″", "32°58′30.0″", "<v>81.5</v>"],
            ["<v>42</v>", NAMES[0], "<v>114.5</v>", "<v>33</v>", "<v>80</v>"]]  # fmt: skip
    path = tmp_path / "a.xlsx"
    path.write_bytes(spreadsheet(rows))
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert delivery.format == "XLSX"
    assert batch.columns["标识码"].tolist() == ["0041", "42"]
    assert batch.columns["名称"].tolist() == [NAMES[2], NAMES[0]]
    xyz = shapely.get_coordinates(batch.geometry, include_z=True)
    assert np.allclose(xyz, [(114.02, 32.975, 81.5), (114.5, 33, 80)])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_wkt_column(suffix: str, tmp_path: Path, registry: Registry) -> None:
    rows = [["编号", "WKT"], ["1", "POLYGON((114 33,114.1 33,114.1 33.1,114 33))"], ["2", "POLYG"]]
    path = tmp_path / f"a{suffix}"
    if suffix == ".xlsx":
        path.write_bytes(spreadsheet(rows))
    else:
        path.write_text("\n".join(f'{a},"{b}"' for a, b in rows), "utf-8")
    [batch] = read(path, registry, "parcels")
    assert [g.geom_type for g in batch.geometry] == ["Polygon"]
    assert [(r.row, r.code) for r in batch.rejects] == [(2, "bad_value")]


# --- texts that were decoded wrongly --------------------------------------------------------

# Names of an even number of bytes survive being taken for GBK; others lose their last character.
HEADER = "编号,部件名称,主管部门,经度,纬度\n"
ROW = "4117020121000001,路灯,城管,114,33\n"


@pytest.mark.parametrize(
    ("taken_for", "really"), [("gb18030", "utf-8"), ("latin-1", "gb18030"), ("latin-1", "utf-8")]
)
def test_garbled_table(taken_for: str, really: str, tmp_path: Path, registry: Registry) -> None:
    garbled = (HEADER + ROW * 3).encode(really).decode(taken_for)
    assert "部件" not in garbled
    path = tmp_path / "a.csv"
    path.write_text(garbled, "utf-8")
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert delivery.encoding == f"{really} ← {taken_for}"
    assert batch.columns["部件名称"].tolist() == ["路灯"] * 3
    assert batch.columns["主管部门"].tolist() == ["城管"] * 3


def test_garbled_geojson(tmp_path: Path, registry: Registry) -> None:
    text = GEOJSON.replace("名称", "部件名称").format("驻马店市平舆", 114)
    path = tmp_path / "a.geojson"
    path.write_text(text.encode("utf-8").decode("gb18030"), "utf-8")
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert delivery.encoding == "utf-8 ← gb18030"
    assert batch.columns["部件名称"].tolist() == ["驻马店市平舆"]


@pytest.mark.parametrize("text", [HEADER + ROW, "name,Straße,lon,lat\nÄußere Zeile,é,114,33\n"])
def test_sound_texts_are_left_alone(text: str, tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert delivery.encoding == "utf-8"
    values = [column[0] for column in batch.columns.values()]
    assert ",".join(values) == text.splitlines()[1]


def test_lost_characters_refuse_their_row(tmp_path: Path, registry: Registry) -> None:
    """锟斤拷 is what is left of two characters nobody can bring back."""
    path = tmp_path / "a.csv"
    path.write_text(HEADER + ROW + ROW.replace("路灯", "锟斤拷"), "gb18030")
    [batch] = read(path, registry)
    assert batch.columns["部件名称"].tolist() == ["路灯", "\ufffd\ufffd"]


# --- rasters --------------------------------------------------------------------------------


def test_ascii_grid(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "dsm.asc"
    path.write_text(
        "ncols 4\nnrows 2\nxllcorner 500000\nyllcorner 3650000\ncellsize 10\n"
        "NODATA_value -9999\n1.5 2 3 4\n5 6 7 8\n"
    )
    delivery = opened(path, registry, "imagery")
    [batch] = delivery.batches()
    assert (delivery.format, delivery.declared) == ("ASC", None)
    assert batch.geometry[0].bounds == (500000, 3650000, 500040, 3650020)
    assert batch.columns["gsd_m"].tolist() == [10.0]
