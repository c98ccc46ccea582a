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


@pytest.mark.parametrize(
    ("driver", "suffix", "kind"), [("GTiff", ".tif", "GeoTIFF"), ("HFA", ".img", "IMG")]
)
def test_images_give_their_footprint(
    driver: str, suffix: str, kind: str, tmp_path: Path, registry: Registry
) -> None:
    """Turned by a third of a right angle: its corners lie where the six numbers put them."""
    import rasterio
    from rasterio.transform import Affine

    turned = Affine.translation(500_000, 3_650_000) @ Affine.rotation(30) @ Affine.scale(2, -2)
    path = tmp_path / f"dom_20240610{suffix}"
    with rasterio.open(
        path, "w", driver=driver, width=40, height=20, count=3, dtype="uint8", crs="EPSG:4547",
        transform=turned,
    ) as image:  # fmt: skip
        image.write(np.zeros((3, 20, 40), dtype=np.uint8))
    path = path.rename(tmp_path / "dom_20240610.dat")
    delivery = opened(path, registry, "imagery")
    [batch] = delivery.batches()
    assert delivery.format == kind
    assert delivery.declared is not None
    assert delivery.declared.epsg == 4547
    assert shapely.area(batch.geometry[0]) == pytest.approx(80 * 40)
    corners = [turned @ corner for corner in ((0, 0), (40, 0), (40, 20), (0, 20))]
    assert shapely.hausdorff_distance(batch.geometry[0], shapely.Polygon(corners)) < 1e-6
    assert str(batch.columns["acquired_on"][0]) == "2024-06-10"
    assert batch.columns["bands"].tolist() == [3]


# --- survey texts ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_cass_points(encoding: str, tmp_path: Path, registry: Registry) -> None:
    """East stands before north; a line that is no point is told and the others go in."""
    path = tmp_path / "a.dat"
    lines = ["1,,500000.123,3650000.456,78.9", "人民路,井,500010,3650020,80", "2,x,500000,北,80"]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    delivery = opened(path, registry)
    [batch] = delivery.batches()
    assert (delivery.format, delivery.encoding) == ("CASS .dat", encoding)
    assert batch.columns["编码"].tolist() == [None, "井"]
    xyz = shapely.get_coordinates(batch.geometry, include_z=True)
    assert xyz.tolist() == [[500000.123, 3650000.456, 78.9], [500010, 3650020, 80]]
    assert [(r.row, r.code, r.field) for r in batch.rejects] == [(3, "bad_value", "北坐标")]


PARCELS = """[属性描述]
坐标系=2000国家大地坐标系
几度分带=3
带号=38
[地块坐标]
5,100,001,甲地块,面,,住宅用地,@
J1,1,3650000,38500000
J2,1,3650000,38500100
J3,1,3650100,38500100
J4,1,3650100,38500000
J5,2,3650040,38500040
J6,2,3650040,38500060
J7,2,3650060,38500060
4,0,002,乙地块,面,,工业用地,@
J1,1,3650000,38500200
J2,1,3650000,38500300
"""


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_parcel_text(encoding: str, tmp_path: Path, registry: Registry) -> None:
    """X is north; ring 2 is a hole; a parcel of two points is told."""
    path = tmp_path / "a.dat"
    path.write_bytes(PARCELS.encode(encoding))
    delivery = opened(path, registry, "parcels")
    [batch] = delivery.batches()
    assert delivery.format == "报备坐标 TXT"
    assert delivery.declared is not None
    assert delivery.declared.name == "EPSG:4526"
    assert batch.columns["地块名称"].tolist() == ["甲地块"]
    assert batch.geometry[0].bounds == (38_500_000, 3_650_000, 38_500_100, 3_650_100)
    assert batch.geometry[0].area == pytest.approx(100 * 100 - 20 * 20 / 2)
    assert [(r.row, r.code) for r in batch.rejects] == [(14, "bad_value")]


# --- one geometry among several -------------------------------------------------------------

MEMBER = (
    "<f:member><f:House gml:id='h{0}'><f:label><gml:Point><gml:pos>{0}.5 0.5</gml:pos></gml:Point>"
    "</f:label><f:name>{1}</f:name><f:outline><gml:Polygon><gml:exterior><gml:LinearRing>"
    "<gml:posList>{0} 0 {0} 1 {2} 1 {0} 0</gml:posList></gml:LinearRing></gml:exterior>"
    "</gml:Polygon></f:outline><f:door><gml:Point><gml:pos>{0}.1 0.1</gml:pos></gml:Point></f:door>"
    "</f:House></f:member>"
)


@pytest.mark.parametrize(("layer", "area"), [("parcels", 0.5), ("components", 0)])
def test_gml_with_several_geometries(
    layer: str, area: float, tmp_path: Path, registry: Registry
) -> None:
    members = "".join(MEMBER.format(i, name, i + 1) for i, name in enumerate(NAMES))
    path = tmp_path / "a.gml"
    path.write_text(
        "<?xml version='1.0' encoding='UTF-8'?><f:C xmlns:f='urn:f' "
        f"xmlns:gml='http://www.opengis.net/gml'>{members}</f:C>",
        "utf-8",
    )
    [batch] = read(path, registry, layer)
    assert batch.columns["name"].tolist() == list(NAMES)
    assert shapely.area(batch.geometry) == pytest.approx([area] * 3)
    if not area:  # of two points, the one that stands first
        assert shapely.get_y(batch.geometry).tolist() == [0.5] * 3


def test_closed_lines_of_a_drawing(tmp_path: Path, registry: Registry) -> None:
    """A border drawn back to its first point is an area for a layer of areas; a closed polyline a
    line for one of lines."""
    path = tmp_path / "a.dxf"
    text = drawing("ANSI_936", "红线", "x", closed=0)
    again = "\n".join(["20", "3650010", "10", "500000", "20", "3650000"])
    path.write_bytes(
        text.replace("20\n3650010", again, 1).replace("90\n3", "90\n4").encode("gb18030")
    )
    [batch] = read(path, registry, "parcels")
    assert (batch.geometry[0].geom_type, batch.geometry[0].area) == ("Polygon", 50)
    path.write_bytes(drawing("ANSI_936", "红线", "x").encode("gb18030"))
    [batch] = read(path, registry, "roads")
    assert batch.geometry[0].geom_type == "LineString"
    assert batch.geometry[0].is_closed
