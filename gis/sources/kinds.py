"""What a file is, by its first bytes. The extension decides only where contents look alike."""

from __future__ import annotations

import re

from gis.sources import cass, dumps, parcel_txt
from gis.sources.archives import is_archive

TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
SHAPEFILE = b"\x00\x00\x27\x0a"
# Formats we know by sight and do not read: how they begin, what they are, what to do
FOREIGN: tuple[tuple[bytes, str, str, str], ...] = (
    (b"AC10", "DWG", "请在 CAD 中另存为 DXF（R2000 或以后）", "save it as DXF (R2000 or later)"),
    (b"AutoCAD Binary DXF", "binary DXF", "请另存为文本 DXF", "save it as DXF in text form"),
    (b"SCNT", "INTERLIS 1 (ITF)", "请用 ili2gpkg 转为 GeoPackage",
     "convert it to GeoPackage with ili2gpkg"),
    (b"%PDF", "PDF", "请送原始数据", "send the data it was made from"),
    (b"\xd0\xcf\x11\xe0", "XLS", "请另存为 XLSX", "save it as XLSX"),
    (b"LASF", "LAS", "点云不作为交付入库，见 docs/tiles3d.md", "point clouds are no delivery"),
    (b"Rar!", "RAR", "请改用 ZIP 打包", "pack it as ZIP"),
    (b"7z\xbc\xaf", "7z", "请改用 ZIP 打包", "pack it as ZIP"),
)  # fmt: skip
INTERLIS_2 = re.compile(rb"interlis\.ch", re.I)
FEATURE = re.compile(
    rb'"type"\s*:\s*"(Feature|Topology|GeometryCollection|(Multi)?(Point|LineString|Polygon))'
)


def kind_of(head: bytes, suffix: str) -> str | None:
    """Name of the format, None where it is none of ours. "ZIP" and "TAR" are archives."""
    if head.startswith(SHAPEFILE) or suffix == ".shp":
        return "Shapefile"
    if head[:4] in TIFF:
        return "GeoTIFF"
    if head.startswith(b"EHFA_HEADER_TAG"):
        return "IMG"
    if head.startswith(b"SQLite format 3\0"):
        return "GeoPackage"
    if head.startswith(b"fgb\x03fgb"):
        return "FlatGeobuf"
    if head.startswith(b"PAR1"):
        return "GeoParquet"
    if is_archive(head):
        return "ZIP" if head.startswith(b"PK") else "TAR"
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return _kind_of_text(head, suffix)


def _kind_of_text(head: bytes, suffix: str) -> str | None:
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t\x1e")
    if text.startswith(b"{"):
        return _kind_of_json(head, text)
    if re.match(rb"\[\s*\{", text):
        return "JSON"
    if text.startswith(b"<"):
        return _kind_of_xml(text)
    if text.startswith(b"!table"):
        return "MapInfo TAB"
    if re.match(rb"version\s+\d+", text, re.I) and (b"Charset" in text or suffix == ".mif"):
        return "MapInfo MIF"
    if re.match(rb"(999\s.*\n\s*)*0\s*\r?\n\s*SECTION", text):
        return "DXF"
    if re.match(rb"BOM\w\w\d\d:", text) or (suffix == ".thf" and b"RTYSA" in text):
        return "EDIGEO"
    if re.match(rb"ncols\s+\d+", text, re.I):
        return "ASC"
    if re.search(rb"(?m)^\s*\[(TITLE|JUNCTIONS|OPTIONS|RESERVOIRS|CONDUITS)\]", text, re.I):
        return "INP"
    if dumps.is_dump(head):
        return "SQL"
    if parcel_txt.is_parcel_txt(head):
        return "报备坐标 TXT"
    if cass.is_cass(head, suffix):
        return "CASS .dat"
    return None


def _kind_of_json(head: bytes, text: bytes) -> str | None:
    if re.search(rb'"(CityJSON|CityObjects)"', head):
        return "CityJSON"
    if b'"pandapipesNet"' in head:
        return "pandapipes"
    first = text.split(b"\n")[0].rstrip()
    one_line = first.endswith((b"}", b"},")) and b"\n" in text
    if head.startswith(b"\x1e") or (one_line and re.search(rb'"type"\s*:\s*"Feature"', first)):
        return "GeoJSONSeq"
    return "GeoJSON" if FEATURE.search(head) or b'"type"' in head else None


def _kind_of_xml(text: bytes) -> str | None:
    lower = text.lower()
    if b"<kml" in lower:
        return "KML"
    if re.search(rb"<(\w+:)?citymodel[\s>]", lower) and b"imgeo" not in lower:
        return "CityGML"
    if INTERLIS_2.search(text):
        return "INTERLIS 2 (XTF)"
    return "GML" if b"gml" in lower else None
