"""More files that mean harm: lines of a gigabyte, programs in databases, counts that lie, depths.
Each ends in a refusal, within ten seconds and a gibibyte of this process and its children."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import pytest
import shapely
from source_files import read, spreadsheet, zipped

from gis.errors import SourceError
from gis.layers import Registry

HEADER = "标识码,部件分类,经度,纬度\n".encode()
GEO = json.dumps(
    {"version": "1.0.0", "primary_column": "geometry",
     "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}}}
)  # fmt: skip
POINT = shapely.to_wkb(shapely.Point(114, 33))
DEPTH = 100_000
DEEP_WKB = struct.pack("<BII", 1, 7, 1) * DEPTH + POINT


# --- files ----------------------------------------------------------------------------------


def gigabyte(head: bytes, tail: bytes = b"") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        block = b"9" * (1 << 20)
        with path.open("wb") as out:
            out.write(head)
            for _ in range(1024):
                out.write(block)
            out.write(tail)

    return write


def text(content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda path: path.write_bytes(data) and None


def shapefile(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    """Ten points whose table's header is changed."""

    def write(path: Path) -> None:
        points = shapely.to_wkb([shapely.Point(114, 33)] * 10).astype(object)
        pyogrio.raw.write(
            path, points, [shapely.get_x(shapely.from_wkb(points))], ["n"], geometry_type="Point",
            crs="EPSG:4490",
        )  # fmt: skip
        table = path.with_suffix(".dbf")
        data = bytearray(table.read_bytes())
        change(data)
        table.write_bytes(data)

    return write


def no_width(data: bytearray) -> None:
    data[10:12] = b"\0\0"


def wide_field(data: bytearray) -> None:
    data[32 + 11], data[32 + 16] = ord("C"), 255


def geopackage(*statements: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        pyogrio.raw.write(
            path, shapely.to_wkb([shapely.Point(114, 33)] * 3).astype(object),
            [shapely.get_x([shapely.Point(1, 2)] * 3)], ["n"], layer="a", geometry_type="Point",
            crs="EPSG:4490",
        )  # fmt: skip
        with closing(sqlite3.connect(path)) as file:
            for statement in statements:
                file.execute(statement)
            file.commit()

    return write


ENDLESS = (
    "ALTER TABLE a RENAME TO b",
    "CREATE VIEW a AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
    "SELECT r.n AS fid, b.geom, b.n FROM r, b",
)
EXTENSION = (
    "ALTER TABLE a RENAME TO b",
    "CREATE VIEW a AS SELECT fid, geom, load_extension('/tmp/none.so') AS n FROM b",
)
MODULE = (
    "PRAGMA writable_schema = ON",
    "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', 'v', 'v', 0, "
    "'CREATE VIRTUAL TABLE v USING VirtualOGR(''/etc/passwd'')')",
)


def parquet(*, shape: bytes = POINT, value: str = "a", times: int = 1) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        index = pa.array([0] * times, pa.int32())
        columns = {
            "geometry": pa.DictionaryArray.from_arrays(index, pa.array([shape])),
            "s": pa.DictionaryArray.from_arrays(index, pa.array([value])),
        }
        table = pa.table(columns).replace_schema_metadata({"geo": GEO})
        pq.write_table(table, path, row_group_size=times)

    return write


def book(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A spreadsheet whose sheet is changed."""

    def write(path: Path) -> None:
        data = spreadsheet([["标识码", "经度", "纬度"], ["1", "<v>114</v>", "<v>33</v>"]])
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        sheet = "xl/worksheets/sheet1.xml"
        parts[sheet] = change(parts[sheet])
        path.write_bytes(zipped(parts))

    return write


def far_cell(sheet: bytes) -> bytes:
    row = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return sheet.replace(b"</sheetData>", row + b"</sheetData>")


def laughs(sheet: bytes) -> bytes:
    more = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY l0 "ha">{more}]>'
    return head.encode() + sheet.replace("标识码".encode(), b"&l11;")


def blown_up(sheet: bytes) -> bytes:
    return sheet.replace(b"</sheetData>", b"<row/>" * 30_000_000 + b"</sheetData>")


def tar_with(info: tarfile.TarInfo, **headers: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
            info.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
            archive.addfile(info, io.BytesIO(b"a,b"))

    return write


def named(name: str, **facts: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 3
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


def damaged_zip(mark_at: int, list_at: int, value: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data = bytearray(zipped({"a.csv": HEADER + b"1,2,114,33\n"}, packing=0))
        for mark, at in ((b"PK\x03\x04", mark_at), (b"PK\x01\x02", list_at)):
            data[data.rindex(mark) + at] = value
        path.write_bytes(data)

    return write


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + body + b"\0\0\0\0"


SIZES = ((258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
FEATURE = b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":"'
GML = b'<g:FeatureCollection xmlns:g="http://www.opengis.net/gml"><g:featureMember><a><b>'
COLLECTION = '{"type":"GeometryCollection","geometries":['
LINES = {
    "CSV": ("a.csv", gigabyte(HEADER + b"1,2,114,")),
    "CSV, in quotes": ("a.csv", gigabyte(HEADER + b'1,"')),
    "header of a CSV": ("a.csv", gigabyte(b"a,b,")),
    "GeoJSON": ("a.geojson", gigabyte(FEATURE, b'"},"geometry":null}]}')),
    "GeoJSONSeq": (
        "a.geojsonl",
        gigabyte(b'{"type":"Feature","properties":{"a":1},"geometry":null}\n{"type":"Feature",'
                 b'"properties":{"a":"', b'"},"geometry":null}\n'),
    ),
    "GML": ("a.gml", gigabyte(GML, b"</b></a></g:featureMember></g:FeatureCollection>")),
    "DXF": ("a.dxf", gigabyte(b"0\nSECTION\n2\nENTITIES\n0\nTEXT\n1\n")),
    "MIF": ("a.mif", gigabyte(b'Version 300\nCharset "WindowsLatin1"\nColumns 1\n a char(')),
    "KML": ("a.kml", gigabyte(b'<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>')),
    "CASS": ("a.dat", gigabyte(b"1,2,3,4,5\n")),
}  # fmt: skip
REFUSALS = {
    "table without a width": ("a.shp", shapefile(no_width)),
    "table with a field wider than its rows": ("a.shp", shapefile(wide_field)),
    "view without end": ("a.gpkg", geopackage(*ENDLESS)),
    "view that loads a library": ("a.gpkg", geopackage(*EXTENSION)),
    "table of a module": ("a.gpkg", geopackage(*MODULE)),
    "sheet that unpacks to much": ("a.xlsx", book(blown_up)),
    "cell at the far corner": ("a.xlsx", book(far_cell)),
    "entities in a sheet": ("a.xlsx", book(laughs)),
    "Parquet with a long footer": (
        "a.parquet", text(b"PAR1" + b"\0" * 100 + struct.pack("<I", 2**31 - 1) + b"PAR1")
    ),
    "Parquet of one long text again and again": (
        "a.parquet", parquet(value="x" * 100_000, times=1_000_000)
    ),
    "deep values": ("a.geojson", text(FEATURE[:-1] + b"[" * 500_000)),
    "deep coordinates": (
        "a.geojson",
        text(FEATURE.replace(b'"a":"', b"") + b'},"geometry":{"type":"Polygon","coordinates":'
             + b"[" * 500_000),
    ),
    "deep collections": (
        "a.geojson",
        text(FEATURE.decode() + '"},"geometry":' + COLLECTION * 20_000 + "]}" * 20_000 + "}]}"),
    ),
    "image of exabytes": (
        "a.tif", text(tiff((256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1), *SIZES))
    ),
    "image of very many bands": (
        "a.tif", text(tiff((256, 4, 1, 99_999), (257, 4, 1, 99_999), *SIZES, (277, 3, 1, 65_535)))
    ),
    "image with endless lists": (
        "a.tif",
        text(tiff((256, 4, 1, 9), (257, 4, 1, 9), *SIZES, (273, 4, 2**32 - 1, 8),
                  (33550, 12, 2**31, 8))),
    ),
    "LAS": ("a.las", text(b"LASF" + b"\xff" * 400)),
    "archive with a password": ("a.zip", damaged_zip(6, 8, 1)),
    "archive packed in no known way": ("a.zip", damaged_zip(8, 10, 97)),
    "tar whose path is given again": ("a.tgz", tar_with(named("a.csv"), path="../../etc/a.csv")),
    "tar with a folder that is a link": (
        "a.tgz", tar_with(named("d", type=tarfile.SYMTYPE, linkname="/tmp", size=0))
    ),
    "tar with holes": (
        "a.tgz",
        tar_with(named("a.csv"), GNU_sparse_major="1", GNU_sparse_minor="0",
                 GNU_sparse_name="a.csv", GNU_sparse_realsize=str(1 << 50)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_line_of_a_gigabyte(
    name: str, tmp_path: Path, registry: Registry, within_bounds: Callable[[], None]
) -> None:
    file, write = LINES[name]
    path = tmp_path / file
    try:
        write(path)
        within_bounds()
        with pytest.raises(SourceError) as refusal:
            read(path, registry)
    finally:
        path.unlink()
    assert file in refusal.value.en


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(
    name: str, tmp_path: Path, registry: Registry, within_bounds: Callable[[], None]
) -> None:
    file, write = REFUSALS[name]
    path = tmp_path / file
    write(path)
    within_bounds()
    with pytest.raises(SourceError) as refusal:
        read(path, registry)
    assert path.stem in refusal.value.en
    assert str(tmp_path) not in refusal.value.en


# --- rows that are refused, and the rest of their file is read --------------------------------

DEEP_WKT = "GEOMETRYCOLLECTION(" * DEPTH + "POINT(114 33)" + ")" * DEPTH


@pytest.mark.parametrize("shape", [f'"{DEEP_WKT}"', DEEP_WKB.hex()], ids=["WKT", "WKB"])
def test_collections_in_collections(
    shape: str, tmp_path: Path, registry: Registry, within_bounds: Callable[[], None]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"标识码,geom\n1,POINT(114 33)\n2,{shape}\n", "utf-8")
    within_bounds()
    [batch] = read(path, registry)
    assert batch.rows.tolist() == [1]
    assert [r.row for r in batch.rejects] == [2]


def test_collections_in_collections_of_parquet(
    tmp_path: Path, registry: Registry, within_bounds: Callable[[], None]
) -> None:
    path = tmp_path / "a.parquet"
    parquet(shape=DEEP_WKB)(path)
    within_bounds()
    [batch] = read(path, registry)
    assert batch.geometry[0] is None


def test_triggers_do_nothing(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.gpkg"
    geopackage("CREATE TRIGGER t AFTER UPDATE ON gpkg_contents BEGIN DELETE FROM a; END")(path)
    before = path.read_bytes()
    assert sum(len(batch) for batch in read(path, registry)) == 3
    assert path.read_bytes() == before


def test_views_of_the_first_edition_are_harmless(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.gpkg"
    geopackage(
        "CREATE VIEW st_geometry_columns AS SELECT table_name AS f_table_name, "
        "column_name AS f_geometry_column FROM gpkg_geometry_columns"
    )(path)
    assert sum(len(batch) for batch in read(f"{path}|a", registry)) == 3
