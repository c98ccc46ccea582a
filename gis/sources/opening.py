"""The one door for files: what is it, what does it say about itself, and its rows.

    delivery = open_delivery(path, layer=layer)
    for batch in delivery.batches(): ...

The content decides the format; the extension is a hint only where contents look alike.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.layers.model import Layer
from gis.sources import (
    archives,
    cass,
    citymodels,
    drawings,
    dumps,
    gmlshapes,
    kml,
    networks,
    pandapipes,
    parcel_txt,
    parquet,
    rasters,
    records,
    shapefile,
    table,
    vector,
)
from gis.sources.delivery import Delivery, file_digest
from gis.sources.garbled import words_of
from gis.sources.kinds import FOREIGN, kind_of

HEAD = 4096
LONGEST_RUN = 64 << 20  # bytes of XML between two tags; the ring of a province has a few million
BLOCK = 1 << 20
MAX_TEXT = 256 << 20  # bytes of a text that is held in memory as a whole
MAX_JSON = 64 << 20  # as MAX_TEXT, where each value becomes an object
WHOLE = ("报备坐标 TXT", "CASS .dat", "INP", "CityJSON", "KML")
WHOLE_JSON = ("JSON", "pandapipes")
PARTS_OF_SHAPEFILE = (".dbf", ".shx", ".prj", ".cpg")
READABLE = (
    "Shapefile、GeoPackage、FileGDB、GeoJSON、FlatGeobuf、GeoParquet、GML、KML、DXF、"
    "MapInfo TAB/MIF、CSV、XLSX、JSON、SQL、报备坐标 TXT、CASS .dat、CityJSON、CityGML、"
    "EPANET/SWMM INP、pandapipes、EDIGEO、GeoTIFF、IMG、ASC"
)


# read by path and member, for a layer, in an encoding
NAMED: Mapping[str, Callable[..., Delivery]] = {
    "JSON": records.open_records,
    "SQL": dumps.open_dump,
    "pandapipes": pandapipes.open_pandapipes,
}


def open_delivery(path: Path, *, layer: Layer, encoding: str = "auto") -> Delivery:
    """The delivery in `path` (`FILE`, or `FILE|NAME` for one layer or member of a container,
    `FILE|MEMBER|LAYER` for a layer of a member), to be read as rows of `layer`. Raises
    SourceError for a file that is missing, damaged, hostile or of no known format, and
    CoordError where the frame it states contradicts itself.
    """
    file, _, member = str(path).partition("|")
    path = Path(file)
    kind = sniff(path)
    if kind in ("ZIP", "TAR"):
        return _in_archive(path, member, layer, encoding)
    return _open(path, kind, member or None, layer, encoding, path.name)


def sniff(path: Path, called: str | None = None) -> str:
    """Format of a file, `called` so in messages. Raises SourceError where there is nothing to
    read, or nothing we read."""
    if path.is_dir():
        if any(path.glob("*.gdbtable")):
            return "FileGDB"
        raise SourceError(
            zh=f"{path.name} 是目录。请给出其中一个文件；用 gis ingest 目录 --dry-run 看其中各文件"
            "该入哪个图层",
            en=f"{path.name} is a folder. Give one file in it; gis ingest FOLDER --dry-run shows "
            "which layer each file goes to",
            source=path.name,
        )
    head, name = _head(path), called or path.name
    for begins, known, zh, en in FOREIGN:
        if head.startswith(begins):
            raise _foreign(name, known, zh, en)
    kind = kind_of(head, path.suffix.lower())
    if kind == "ZIP" and (office := _office(path)):
        return office
    if kind is None and table.is_table(head) and b"\x00" not in head:
        kind = "CSV"
    if kind is None and head.startswith((b"\xff\xfe", b"\xfe\xff")) and table.is_table(head):
        kind = "CSV"
    if kind == "INTERLIS 2 (XTF)":
        raise _foreign(
            name, kind, "请用 ili2gpkg 转为 GeoPackage", "convert it to GeoPackage with ili2gpkg"
        )
    if kind is None and path.suffix.lower() in PARTS_OF_SHAPEFILE:
        raise SourceError(
            zh=f"{name} 只是 Shapefile 的一部分。请把 .shp .shx .dbf .prj 一起送来，并给出 .shp",
            en=f"{name} is only a part of a shapefile. Send .shp .shx .dbf .prj together and give "
            "the .shp",
            source=name,
        )
    if kind is None:
        raise SourceError(
            zh=f"{name} 不是能读的格式。可读：{READABLE}（也可打成 ZIP）",
            en=f"{name} is of no format read here. Readable: {READABLE} (also zipped)",
            source=name,
        )
    return kind


def _open(
    path: Path, kind: str, member: str | None, layer: Layer, encoding: str, called: str
) -> Delivery:
    words = words_of(layer)
    _refuse_too_long(path, kind)
    if kind in ("GML", "KML", "CityGML"):
        _refuse_entities(path, called)
    if kind == "Shapefile":
        return shapefile.open_shapefile(path, encoding=encoding, words=words)
    if kind in rasters.DRIVERS:
        return rasters.open_raster(path, kind)
    if kind == "CSV":
        return table.open_table(path, layer=layer, encoding=encoding, words=words)
    if kind == "XLSX":
        return table.open_spreadsheet(path, member, layer=layer)
    if kind == "报备坐标 TXT":
        return parcel_txt.open_parcel_txt(path, encoding=encoding)
    if kind == "CASS .dat":
        return cass.open_cass(path, layer=layer, encoding=encoding)
    if kind == "KML":
        return kml.open_kml(path, member, encoding=encoding, called=called)
    if kind == "GML":
        return gmlshapes.open_gml(
            path, member, layer=layer, encoding=encoding, words=words, called=called
        )
    if kind == "DXF":
        return drawings.open_drawing(
            path, member, layer=layer, encoding=encoding, words=words, called=called
        )
    if kind == "GeoParquet":
        return parquet.open_parquet(path, words=words, called=called)
    if kind in NAMED:
        return NAMED[kind](path, member, layer=layer, encoding=encoding, called=called)
    if kind == "INP":
        return networks.open_network(path, member, layer=layer, encoding=encoding)
    if kind in ("CityJSON", "CityGML"):
        return citymodels.open_city_model(path, kind)
    return vector.open_vector(path, kind, member, encoding=encoding, words=words, called=called)


def _in_archive(path: Path, wanted: str, layer: Layer, encoding: str) -> Delivery:
    """One member, unpacked and read; what it is called in reports is the archive."""
    found = archives.members(path)
    choices = archives.deliverable(found)
    name, _, rest = wanted.partition("|")
    if name:
        named = [m for m in choices if name in (m.name, m.path.name, m.path.stem)]
        if not named and len(choices) == 1:
            named, rest = choices, wanted  # the name of a layer in the only member
    else:
        named = choices
    if len(named) != 1:
        vector.one_of([m.name for m in (named or choices)], name or None, path.name)
    unpacked = archives.Unpacked()
    inside = archives.unpack(path, found, named[0], unpacked)
    kind = sniff(inside, f"{path.name}|{named[0].name}")
    if kind in ("ZIP", "TAR"):
        raise SourceError(
            zh=f"{path.name} 包中有包，拒收。请解开后再送",
            en=f"{path.name} holds an archive in an archive: refused. Unpack it and send again",
            source=path.name,
        )
    delivery = _open(inside, kind, rest or None, layer, encoding, path.name)
    packed = "tar" if kind_of(_head(path), "") == "TAR" else "zip"

    def read(frame: Frame | None, kept: archives.Unpacked = unpacked) -> Iterator[RawBatch]:
        yield from delivery.read(frame)

    return replace(
        delivery,
        path=path,
        format=f"{delivery.format} ({packed})",
        digest=file_digest(path),
        read=read,
    )


def _office(path: Path) -> str | None:
    """A ZIP that is one document: a spreadsheet. (A KMZ is read as any archive of a KML.)"""
    names = {m.name for m in archives.members(path)}
    return "XLSX" if "xl/workbook.xml" in names else None


def _refuse_too_long(path: Path, kind: str) -> None:
    most = MAX_JSON if kind in WHOLE_JSON else MAX_TEXT
    if kind in (*WHOLE, *WHOLE_JSON) and path.stat().st_size > most:
        raise SourceError(
            zh=f"{path.name} 超过 {most >> 20} MB。请拆分后再送",
            en=f"{path.name} is larger than {most >> 20} MB. Split it",
            source=path.name,
        )


def _refuse_entities(path: Path, called: str) -> None:
    """No delivery needs a document type; those that have one may define entities without end. Nor
    does one need a text that the reader would have to hold as a whole."""
    run, before = 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            text = before + block
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                raise _unsafe_xml(
                    called, "entities", "含有 DOCTYPE 或实体定义，拒收。请重新导出，不带文档类型",
                    "holds a DOCTYPE or entities: refused. Export it without",
                )  # fmt: skip
            run = 0 if b"<" in block else run + len(block)
            if run > LONGEST_RUN:
                raise _unsafe_xml(
                    called, "length", f"有一段文字超过 {LONGEST_RUN >> 20} MB，拒收。请重新导出",
                    f"holds a text of more than {LONGEST_RUN >> 20} MB: refused. Export it again",
                )  # fmt: skip
            before = text[-10:]


def _unsafe_xml(called: str, unsafe: str, zh: str, en: str) -> SourceError:
    return SourceError(zh=f"{called} {zh}", en=f"{called} {en}", source=called, unsafe=unsafe)


def _foreign(name: str, known: str, zh: str, en: str) -> SourceError:
    return SourceError(
        zh=f"{name} 是 {known}，这里不读。{zh}",
        en=f"{name} is {known}, which is not read here: {en}",
        source=name,
        format=known,
    )


def _head(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(
                zh=f"{path.name} 不是普通文件（管道或设备），拒收",
                en=f"{path.name} is no ordinary file (a pipe or device): refused",
                source=path.name,
            )
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as exc:
        raise SourceError(
            zh=f"{path} 无法打开：{exc.strerror}。请核对路径和权限",
            en=f"{path} can't be opened: {exc.strerror}. Check path and permissions",
            source=str(path),
        ) from exc
    if not head.strip(b"\x00 \r\n\t"):
        raise SourceError(zh=f"{path.name} 是空文件", en=f"{path.name} is empty", source=path.name)
    return head
