"""What was refused comes out in the format, encoding and under the names it came in; mended by
another tool and sent again it goes in, and nothing else changes. For every format."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyogrio.raw
import pytest
import shapely
from source_files import spreadsheet

from gis.coords import find_transformation, norm_frame
from gis.ingest import IngestRequest, LoadReport, export_refused, ingest
from gis.ingest.returning import form_of
from gis.layers import Registry
from gis.layers.refused import REASON_COLUMNS
from gis.sources import open_delivery
from gis.store import LayerQuery, Store, rows

PLANE, DEGREES = "EPSG:4526", "EPSG:4490"
ODD = '=HYPERLINK("http://x"),人民路'
# number, class, 备注 (no field of the layer), east, north; the last two are refused
ROWS = [
    ("4117020121000001", "0121", "驿城大道", 38_500_000.25, 3_650_000.5),
    ("4117020121000002", "0121", ODD, 38_500_010.125, 3_650_000.5),
    ("4117020121000003", "9999", ODD, 38_500_020.125, 3_650_020.75),
    ("4117020121000001", "0121", "'=练江路", 38_500_030.5, 3_650_040.25),
]
NAMES = ("标识码", "部件分类", "备注")
MENDED = {"4117020121000003": ("0121", ROWS[2]), "4117020121000004": ("0121", ROWS[3])}


@dataclass(frozen=True)
class Case:
    file: str
    write: Callable[[Path], None]
    mend: Callable[[Path], Path]
    suffix: str
    format: str
    crs: str = "auto"
    encoding: str | None = None


def degrees(row: tuple[Any, ...]) -> tuple[float, float]:
    way = find_transformation(norm_frame(PLANE), norm_frame(DEGREES))
    x, y = way.apply(np.array([[row[3], row[4]]]))[0]
    return float(x), float(y)


def points(places: list[tuple[float, float]]) -> np.ndarray:
    return shapely.to_wkb(shapely.points(places)).astype(object)


def by_gdal(driver: str, crs: str = PLANE, **options: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        places = [r[3:5] if crs == PLANE else degrees(r) for r in ROWS]
        columns = [np.array([r[i] for r in ROWS], dtype=object) for i in range(3)]
        pyogrio.raw.write(
            path, points(places), columns, list(NAMES), driver=driver, geometry_type="Point",
            crs=crs, **options,
        )  # fmt: skip

    return write


def write_csv(path: Path) -> None:
    with path.open("w", encoding="gbk", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([*NAMES, "东坐标", "北坐标"])
        writer.writerows(ROWS)


def write_wkt(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*NAMES, "WKT"])
        writer.writerows([*r[:3], f"POINT ({r[3]} {r[4]})"] for r in ROWS)


def write_xlsx(path: Path) -> None:
    escaped = [[t.replace('"', "&quot;") for t in r[:3]] for r in ROWS]
    numbers = [[f"<v>{v}</v>" for v in r[3:]] for r in ROWS]
    table = [[*texts, *places] for texts, places in zip(escaped, numbers, strict=True)]
    path.write_bytes(spreadsheet([[*NAMES, "东坐标", "北坐标"], *table], "城市部件"))


def write_kml(path: Path) -> None:
    marks = []
    for row in ROWS:
        x, y = degrees(row)
        data = "".join(
            f'<Data name="{n}"><value>{v.replace("&", "&amp;")}</value></Data>'
            for n, v in zip(NAMES, row, strict=False)
        )
        marks.append(
            f"<Placemark><name>{row[0][-1]}</name><ExtendedData>{data}</ExtendedData>"
            f"<Point><coordinates>{x!r},{y!r}</coordinates></Point></Placemark>"
        )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><Folder><name>井盖</name>{''.join(marks)}</Folder></Document></kml>",
        "utf-8",
    )


def right(number: str, kind: str) -> tuple[str, str]:
    """The two mistakes, put right: an unknown class, and a number given twice."""
    return (number, "0121") if kind == "9999" else (number[:-1] + "4", kind)


def mend_csv(path: Path) -> Path:
    encoding = "gbk" if path.read_bytes()[:3] != b"\xef\xbb\xbf" else "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        text = file.read()
    separator = ";" if encoding == "gbk" else ","
    table = list(csv.DictReader(text.splitlines(keepends=True), delimiter=separator))
    for row in table:
        row["标识码"], row["部件分类"] = right(row["标识码"], row["部件分类"])
        assert not row["备注"].startswith("=")
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(table)
    return path


def mend_gdal(path: Path) -> Path:
    meta, _, shapes, columns = pyogrio.raw.read(path)
    names = list(meta["fields"])
    pairs = [right(a, b) for a, b in zip(columns[names.index("标识码")],
             columns[names.index("部件分类")], strict=True)]  # fmt: skip
    columns[names.index("标识码")] = np.array([a for a, _ in pairs], dtype=object)
    columns[names.index("部件分类")] = np.array([b for _, b in pairs], dtype=object)
    out = path.with_name(f"mended{path.suffix}")
    driver = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".xlsx": "XLSX"}[path.suffix]
    if shapes is None:
        pyogrio.raw.write(out, None, columns, names, driver=driver)
    else:
        pyogrio.raw.write(
            out, shapes, columns, names, driver=driver, geometry_type="Point", crs=meta["crs"]
        )
    return out


def mend_shapefile(path: Path) -> Path:
    """In the bytes of the table, as a program of the nineties would: same lengths."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    [table] = [name for name in parts if name.endswith(".dbf")]
    assert "标识码".encode("gbk") in parts[table]
    assert "人民路".encode("gbk") in parts[table]
    data = parts[table].replace(b"9999", b"0121")
    at = data.rindex(b"4117020121000001")
    parts[table] = data[: at + 15] + b"4" + data[at + 16 :]
    out = path.with_name("mended.zip")
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return out


def mend_geojson(path: Path) -> Path:
    document = json.loads(path.read_text("utf-8"))
    for feature in document["features"]:
        told = feature["properties"]
        told["标识码"], told["部件分类"] = right(told["标识码"], told["部件分类"])
    path.write_text(json.dumps(document), "utf-8")
    return path


def mend_lines(path: Path) -> Path:
    features = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for feature in features:
        told = feature["properties"]
        told["标识码"], told["部件分类"] = right(told["标识码"], told["部件分类"])
    path.write_text("\n".join(map(json.dumps, features)) + "\n", "utf-8")
    return path


def mend_kml(path: Path) -> Path:
    tree = ElementTree.parse(path)
    space = {"k": "http://www.opengis.net/kml/2.2"}
    for mark in tree.iterfind(".//k:Placemark", space):
        data = {d.get("name"): d.find("k:value", space) for d in mark.iterfind(".//k:Data", space)}
        number, kind = right(data["标识码"].text, data["部件分类"].text)
        data["标识码"].text, data["部件分类"].text = number, kind
    tree.write(path, encoding="utf-8")
    return path


CASES = {
    "CSV": Case("部件.csv", write_csv, mend_csv, ".csv", "CSV", PLANE, "gb18030"),
    "CSV with WKT": Case("部件.csv", write_wkt, mend_csv, ".csv", "CSV", PLANE, "utf-8"),
    "XLSX": Case("部件.xlsx", write_xlsx, mend_gdal, ".xlsx", "XLSX", PLANE),
    "shapefile": Case(
        "部件.shp", by_gdal("ESRI Shapefile", encoding="GBK"), mend_shapefile, ".zip", "Shapefile",
        encoding="gb18030",
    ),
    "GeoPackage": Case("部件.gpkg", by_gdal("GPKG"), mend_gdal, ".gpkg", "GeoPackage"),
    "FlatGeobuf": Case(
        "部件.fgb", by_gdal("FlatGeobuf", SPATIAL_INDEX="NO"), mend_gdal, ".fgb", "FlatGeobuf"
    ),
    "GeoJSON": Case(
        "部件.geojson", by_gdal("GeoJSON", DEGREES), mend_geojson, ".geojson", "GeoJSON"
    ),
    "GeoJSON, a line each": Case(
        "部件.geojsonl", by_gdal("GeoJSONSeq", "EPSG:4326", COORDINATE_PRECISION="12"), mend_lines,
        ".geojsonl", "GeoJSONSeq", DEGREES,
    ),
    "KML": Case("部件.kml", write_kml, mend_kml, ".kml", "KML"),
    "GML": Case("部件.gml", by_gdal("GML"), mend_gdal, ".gpkg", "GeoPackage"),
}  # fmt: skip


@pytest.fixture
def deliver(store: Store, registry: Registry):
    def run(path: Path, as_of: str, crs: str, mode: str) -> LoadReport:
        request = IngestRequest(path=path, layer="components", crs=crs, as_of=as_of, mode=mode)
        return ingest(store, registry, request, {})

    return run


def current(store: Store, registry: Registry) -> dict[str, tuple[Any, ...]]:
    """number -> class, version's beginning, place, and what no field holds."""
    layer = registry.get("components")
    found = rows(store, LayerQuery(layer=layer))
    with store.reading() as conn:
        extra = dict(
            conn.execute(
                "SELECT component_code, extra FROM gis.components WHERE upper_inf(valid)"
            ).fetchall()
        )
    return {
        number: (kind, since, shape, extra[number])
        for number, kind, since, shape in zip(
            found.columns["component_code"], found.columns["class_code"], found.valid_from,
            found.geometry, strict=True,
        )
    }  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_out_mended_and_back(
    name: str, deliver, store: Store, registry: Registry, tmp_path: Path
) -> None:
    case = CASES[name]
    path = tmp_path / case.file
    case.write(path)
    report = deliver(path, "2024-01-01", case.crs, "full")
    assert (report.accepted, report.quarantined) == (2, 2)
    before = current(store, registry)
    (tmp_path / "out").mkdir()
    told = export_refused(store, report.delivery, tmp_path / "out")
    out = Path(told["file"])
    assert (told["rows"], told["format"], out.suffix) == (2, case.format, case.suffix)
    assert told["encoding"] == case.encoding
    assert (told["instead"] is not None) == (case.format not in told["came_as"])
    mended = case.mend(out)
    crs = told["frame"] if "--crs" in told["resend"] else "auto"
    back = deliver(mended, "2024-02-01", crs, "upsert")
    assert (back.accepted, back.new, back.quarantined) == (2, 2, 0)
    after = current(store, registry)
    assert {n: v for n, v in after.items() if n in before} == before
    assert after.keys() - before.keys() == MENDED.keys()
    for number, (kind, row) in MENDED.items():
        assert after[number][0] == kind
        assert shapely.equals_exact(after[number][2], shapely.Point(degrees(row)), tolerance=2e-9)
        extra = after[number][3]
        assert extra["备注"] == row[2]
        assert not REASON_COLUMNS & extra.keys()
        assert extra.keys() == before["4117020121000001"][3].keys()


def test_refused_again_it_says_only_the_new_reason(deliver, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path)
    first = deliver(path, "2024-01-01", PLANE, "full")
    out = Path(export_refused(store, first.delivery, tmp_path / "again")["file"])
    second = deliver(out, "2024-02-01", PLANE, "upsert")
    assert second.reasons == {"unknown_code": 1}
    told = export_refused(store, second.delivery, tmp_path / "last.csv")
    with Path(told["file"]).open(encoding="gbk", newline="") as file:
        [row] = csv.DictReader(file, delimiter=";")
    assert list(row)[: len(NAMES)] == list(NAMES)
    assert len(row) == 10
    assert row["备注"] == f"'{ODD}"


def test_ends_of_lines_are_told_apart_though_a_height_is_missing(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "管线.csv"
    ends = [f"{end}{axis}" for end in ("起点", "终点") for axis in ("东坐标", "北坐标", "高程")]
    path.write_text(
        ",".join(["管段编号", *ends]) + "\n1,38500000,3650000,80,38500010,3650005,79.5\n"
        "2,38500020,3650000,,38500030,3650005,79.25\n",
        "utf-8",
    )
    layer = registry.get("pipe_segments")
    delivery = open_delivery(path, layer=layer)
    form = form_of(delivery, path, next(delivery.batches(norm_frame(PLANE))), layer)
    assert form.places == tuple((name, i // 3, i % 3) for i, name in enumerate(ends))
