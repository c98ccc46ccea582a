"""Files that mean harm, or that broke on the way: each is refused in words, soon, and within
memory; none reads a file of this machine or asks the network."""

from __future__ import annotations

import json
import os
import socket
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely
from source_files import read, spreadsheet, zipped

from gis.errors import LayerError, OneMapError, SourceError
from gis.layers import Registry
from gis.sources.sandbox import Sandbox

SECRET = "机密-DO-NOT-SHOW"
Refused = tuple[type[OneMapError], ...]
CSV = "标识码,部件分类,经度,纬度\n"
POINT = '{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[114,33]}}'


@pytest.fixture(autouse=True)
def bounded(within_bounds: Callable[[], None]) -> None:
    """Each within the bounds of conftest.py."""
    within_bounds()


# --- files as bytes -------------------------------------------------------------------------


def bomb() -> bytes:
    return zipped({"a.csv": b"0" * (200 << 20)})


def lying_zip() -> bytes:
    """Says that its member is small; it is not."""
    data = bytearray(zipped({"a.csv": b"x,y\n" + b"0" * (20 << 20)}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.rindex(mark)
        data[start + at : start + at + 4] = struct.pack("<I", 100)
    return bytes(data)


def link_zip() -> bytes:
    info = zipfile.ZipInfo("a.csv")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def tar_with(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, 0
        archive.addfile(info)
    return out.getvalue()


def tar_bomb() -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:bz2") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = 100 << 20
        archive.addfile(info, BytesIO(b"\0" * info.size))
    return out.getvalue()


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{0}</SrcDataSource>'
    "</OGRVRTLayer></OGRVRTDataSource>"
)
VRT_RASTER = (
    '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1">'
    '<SimpleSource><SourceFilename relativeToVRT="0">/etc/passwd</SourceFilename></SimpleSource>'
    "</VRTRasterBand></VRTDataset>"
)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>&b;</name></Document></kml>'
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"><gml:name>&x;</gml:name>'
    "</gml:FeatureCollection>"
)


REFUSALS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "archive bomb": ("a.zip", bomb),
    "archive that lies about sizes": ("a.zip", lying_zip),
    "tar bomb": ("a.tar.bz2", tar_bomb),
    "path escape": ("a.zip", lambda: zipped({"../../a.csv": b"x,y\n1,2\n"})),
    "path escape, backslashes": ("a.zip", lambda: zipped({"..\\..\\a.csv": b"x,y\n1,2\n"})),
    "absolute path": ("a.zip", lambda: zipped({"/tmp/a.csv": b"x,y\n1,2\n"})),
    "drive letter": ("a.zip", lambda: zipped({"C:/a.csv": b"x,y\n1,2\n"})),
    "link in a zip": ("a.zip", link_zip),
    "link in a tar": ("a.tgz", lambda: tar_with("a.csv", tarfile.SYMTYPE, "/etc/passwd")),
    "hard link in a tar": ("a.tgz", lambda: tar_with("a.csv", tarfile.LNKTYPE, "/etc/passwd")),
    "device in a tar": ("a.tgz", lambda: tar_with("a.csv", tarfile.CHRTYPE)),
    "tar path escape": ("a.tgz", lambda: tar_with("../a.csv")),
    "archive in an archive": ("a.zip", lambda: zipped({"b.zip": zipped({"a.csv": b"x,y"})})),
    "archive in an archive, renamed": (
        "a.zip",
        lambda: zipped({"b.csv": zipped({"a.csv": b"x,y\n"})}),
    ),
    "too many members": ("a.zip", lambda: zipped({f"{i}.csv": b"" for i in range(2500)})),
    "cut archive": ("a.zip", lambda: zipped({"a.csv": b"x" * 5000}, packing=0)[:3000]),
    "VRT": ("a.vrt", lambda: VRT.format("/etc/passwd").encode()),
    "VRT called GML": ("a.gml", lambda: (VRT.format("/etc/passwd") + "<!-- gml -->").encode()),
    "VRT in a zip": ("a.zip", lambda: zipped({"a.gml": VRT.format("/etc/passwd").encode()})),
    "VRT to an address": ("a.gml", lambda: b"<!-- gml -->" + VRT.format("/vsicurl/http://127.0.0.1:9/a").encode()),
    "VRT raster": ("a.tif", lambda: VRT_RASTER.encode()),
    "WFS description": ("a.xml", lambda: b"<OGRWFSDataSource><URL>http://127.0.0.1:9/gml</URL></OGRWFSDataSource>"),
    "XML entities": ("a.kml", lambda: LAUGHS.encode()),
    "external entity": ("a.gml", lambda: EXTERNAL.encode()),
    "entities in CityGML": (
        "a.gml",
        lambda: LAUGHS.replace("<kml", "<CityModel").replace("</kml", "</CityModel").encode(),
    ),
    "entities in a KMZ": ("a.kmz", lambda: zipped({"doc.kml": LAUGHS.encode()})),
    "infinite number": (
        "a.geojson",
        lambda: collection(POINT, POINT.replace("114", "1e999")),
    ),
    "deep XML": (
        "a.gml",
        lambda: b'<gml xmlns:gml="http://www.opengis.net/gml">' + b"<a>" * 200_000,
    ),
    "deep JSON": ("a.json", lambda: b'{"CityObjects":' + b"[" * 200_000),
    "CityJSON with wrong indices": (
        "a.json",
        lambda: json.dumps({"type": "CityJSON", "vertices": [[0, 0, 0]], "CityObjects": {"b": {
            "type": "Building", "geometry": [
                {"type": "MultiSurface", "lod": 1, "boundaries": [[[0, 7, 8]]]}]}}}).encode(),
    ),
    "cut GeoPackage": ("a.gpkg", lambda: b"SQLite format 3\0" + bytes(range(256)) * 40),
    "cut TIFF": ("a.tif", lambda: b"II*\x00\x08\x00\x00\x00" + b"\xff" * 40),
    "cut FlatGeobuf": ("a.fgb", lambda: b"fgb\x03fgb\x00" + b"\xff" * 64),
    "IMG with a wild header": ("a.img", lambda: b"EHFA_HEADER_TAG\0" + b"\xff" * 400),
    "DXF that ends": ("a.dxf", lambda: b"0\nSECTION\n2\nENTITIES\n0\nLWPOLY"),
    "empty": ("a.csv", lambda: b""),
    "only blanks": ("a.csv", lambda: b" \n\n\t"),
    "only zeros": ("a.shp", lambda: b"\0" * 4096),
    "no format": ("a.bin", lambda: bytes(range(256)) * 20),
    "Parquet": ("a.parquet", lambda: b"PAR1" + b"\0" * 100 + b"PAR1"),
    "DWG": ("a.dwg", lambda: b"AC1032" + b"\0" * 100),
    "INTERLIS 1": ("a.itf", lambda: b"SCNT\nx\n////\n"),
    "INTERLIS 2": ("a.xtf", lambda: b'<TRANSFER xmlns="http://www.interlis.ch/INTERLIS2.3"/>'),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(name: str, tmp_path: Path, registry: Registry) -> None:
    file, make = REFUSALS[name]
    path = tmp_path / file
    path.write_bytes(make())
    with pytest.raises(SourceError) as refusal:
        read(path, registry)
    assert file in refusal.value.en
    assert "root:" not in refusal.value.en
    assert str(tmp_path) not in refusal.value.en


# --- what is not a file ---------------------------------------------------------------------


def test_a_folder(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(SourceError, match="folder"):
        read(tmp_path, registry)


def test_a_pipe(tmp_path: Path, registry: Registry) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(SourceError, match="pipe"):
        read(tmp_path / "a.csv", registry)


def test_a_device(registry: Registry) -> None:
    with pytest.raises(SourceError, match="pipe or device"):
        read("/dev/zero", registry)


# --- tables ---------------------------------------------------------------------------------


def test_a_very_long_line(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as out:
        out.write(CSV.encode() + b"1,2,114,")
        for _ in range(100):
            out.write(b"9" * (1 << 20))
    with pytest.raises(SourceError, match="line of more than"):
        read(path, registry)


def test_a_quote_that_never_ends(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode() + b'"' + b"1,2,114,33\n" * 2_000_000)
    with pytest.raises(SourceError, match="CSV"):
        read(path, registry)


def test_nan_and_infinity_in_a_table(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV + "1,2,nan,33\n2,2,inf,33\n3,2,1e400,33\n4,2,114,33\n", "utf-8")
    [batch] = read(path, registry)
    assert batch.rows.tolist() == [4]
    assert [(r.row, r.code) for r in batch.rejects] == [(n, "bad_value") for n in (1, 2, 3)]


def test_formula_cells_stay_texts(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV + '=HYPERLINK("http://x"),\'=1+1,114,33\n', "utf-8")
    [batch] = read(path, registry)
    assert batch.columns["标识码"][0] == '=HYPERLINK("http://x")'
    path = tmp_path / "a.xlsx"
    fetching = "<f>WEBSERVICE(&quot;http://127.0.0.1:9&quot;)</f><v>7</v>"
    rows = [["标识码", "经度", "纬度"], [fetching, "<v>114</v>", "<v>33</v>"]]
    path.write_bytes(spreadsheet(rows))
    [batch] = read(path, registry)
    assert batch.columns["标识码"][0] == 7


# --- features -------------------------------------------------------------------------------


def collection(*features: str) -> bytes:
    return ('{"type":"FeatureCollection","features":[' + ",".join(features) + "]}").encode()


def test_nan_in_geojson(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(collection(POINT, POINT.replace("114", "NaN"), POINT.replace("33", "NaN")))
    [batch] = read(path, registry)
    assert batch.rows.tolist() == [1]
    assert {(r.row, r.code) for r in batch.rejects} == {
        (2, "invalid_geometry"),
        (3, "invalid_geometry"),
    }


def test_a_lone_surrogate(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(collection(POINT.replace(":1}", ':"\\ud800x"}')))
    [batch] = read(path, registry)
    [value] = batch.columns["a"]
    value.encode("utf-8")  # whatever it became, the store can keep or refuse it


def test_a_polygon_of_a_million_vertices(tmp_path: Path, registry: Registry) -> None:
    path = write_gpkg(tmp_path / "a.gpkg", [circle(1_000_000)])
    [batch] = read(path, registry, "parcels")
    assert shapely.get_num_coordinates(batch.geometry[0]) == 1_000_001


def circle(vertices: int) -> shapely.Polygon:
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    return shapely.Polygon(np.column_stack([np.cos(turn), np.sin(turn)]))


def write_gpkg(path: Path, shapes: list[shapely.Geometry]) -> Path:
    pyogrio.raw.write(
        str(path), np.array([shapely.to_wkb(s) for s in shapes], dtype=object),
        [np.arange(len(shapes))], ["n"], driver=None, geometry_type=shapes[0].geom_type,
        crs="EPSG:4490",
    )  # fmt: skip
    return path


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb"])
def test_cut_short(suffix: str, tmp_path: Path, registry: Registry) -> None:
    points = [shapely.Point(114 + i / 1e5, 33) for i in range(3000)]
    path = write_gpkg(tmp_path / f"a{suffix}", list(points))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError):
        read(path, registry)


@pytest.mark.parametrize("rows", [5_000, 2**32 - 1, 0])
def test_a_table_that_lies_about_its_rows(rows: int, tmp_path: Path, registry: Registry) -> None:
    path = write_gpkg(tmp_path / "a.shp", [shapely.Point(114, 33)] * 10)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[4:8] = struct.pack("<I", rows)
    path.with_suffix(".dbf").write_bytes(dbf)
    with pytest.raises(SourceError, match="damaged"):
        read(path, registry)


def test_a_shape_with_a_negative_count(tmp_path: Path, registry: Registry) -> None:
    path = write_gpkg(tmp_path / "a.shp", [shapely.box(114, 33, 115, 34)])
    shp = bytearray(path.read_bytes())
    at = 100 + 8 + 4 + 32
    shp[at : at + 8] = struct.pack("<ii", -1, -5)
    path.write_bytes(shp)
    try:
        batches = read(path, registry, "parcels")
    except SourceError:
        return
    assert all(shape is None or shape.is_empty for b in batches for shape in b.geometry)


def test_network_without_nodes(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.inp"
    path.write_text("[PIPES]\nP1 A B 100 100\n[COORDINATES]\nA 1 nan\n[TITLE]\n", "utf-8")
    with pytest.raises((SourceError, LayerError)):
        read(path, registry, "pipe_segments")


# --- the wall itself ------------------------------------------------------------------------


def test_no_other_file_can_be_read(tmp_path: Path) -> None:
    """The reading process is asked straight away for a file that is not the delivery."""
    mine, other = tmp_path / "mine.geojson", tmp_path / "other.geojson"
    for path in (mine, other):
        path.write_bytes(collection(POINT.replace(":1}", f':"{SECRET}"}}')))
    sandbox = Sandbox("mine", [mine])
    assert sandbox.ask("layers", source=str(mine))["layers"]
    if not landlocked():
        pytest.skip("the kernel has no Landlock: files are not walled off here")
    with pytest.raises(SourceError):
        sandbox.ask("layers", source=str(other))


def landlocked() -> bool:
    return (
        "landlock" in Path("/sys/kernel/security/lsm").read_text()
        if Path("/sys/kernel/security/lsm").exists()
        else _landlock_version() > 0
    )


def _landlock_version() -> int:
    import ctypes

    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """A server of our own waits for a call that must not come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        called = threading.Event()

        def wait() -> None:
            try:
                server.accept()[0].close()
                called.set()
            except TimeoutError:
                pass

        waiting = threading.Thread(target=wait)
        waiting.start()
        sandbox = Sandbox("a", [tmp_path])
        for source in (
            f"/vsicurl/http://127.0.0.1:{port}/a.geojson",
            f"WFS:http://127.0.0.1:{port}/",
        ):
            with pytest.raises(SourceError):
                sandbox.ask("layers", source=source)
        waiting.join()
    assert not called.is_set()


def test_memory_is_bounded(tmp_path: Path) -> None:
    path = write_gpkg(tmp_path / "a.gpkg", [circle(1_000_000)] * 4)
    sandbox = Sandbox("a", [path], memory=256 << 20)
    with pytest.raises(SourceError) as refusal:
        sandbox.ask("read", source=str(path), layer="a", start=0, size=4)
    assert refusal.value.limit == "process"


def test_time_is_bounded(tmp_path: Path) -> None:
    """A pipe as the source never answers: the process is ended."""
    pipe = tmp_path / "a.geojson"
    os.mkfifo(pipe)
    sandbox = Sandbox("a", [tmp_path], reply_s=1.0)
    with pytest.raises(SourceError) as refusal:
        sandbox.ask("layers", source=str(pipe))
    assert refusal.value.limit == "time"
