"""GeoPackage, GeoJSON and GML (also in a ZIP), through GDAL."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import shapely

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.foreign import gdal_errors
from gis.sources.shapefile import values

MAX_MEMBERS, MAX_RATIO, MAX_BYTES = 500, 100, 4 << 30
READABLE = (".gml", ".gpkg", ".geojson", ".json", ".xml")


def is_vector(head: bytes, suffix: str) -> bool:
    """GeoPackage by its SQLite head, GeoJSON by its brace, GML by its root, or a ZIP of those."""
    if head.startswith((b"SQLite format 3\0", b"PK\x03\x04")):
        return True
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if text.startswith(b"{"):
        return suffix in (".json", ".geojson") or b'"type"' in head
    return text.startswith(b"<") and (b"opengis.net/gml" in head or b"gml" in head.lower())


def open_vector(path: Path, member: str | None, head: bytes) -> Delivery:
    """`member` names one layer where the file holds several.

    Raises SourceError for a file that can't be read, or that holds several layers and none was
    named, and UnknownFrame for a stated frame that means nothing."""
    name, source = path.name, str(path)
    kind = "GeoPackage" if head.startswith(b"SQLite") else "GML"
    if head.startswith(b"PK"):
        file, member = _in_zip(path, member)
        source = f"/vsizip/{path.absolute()}/{file}"
        kind = f"{Path(file).suffix[1:].upper()} (zip)"
    elif head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        kind = "GeoJSON"
    with gdal_errors(name):
        found = [str(row[0]) for row in pyogrio.list_layers(source)]
    layer = _one(found, member, name)
    with gdal_errors(name):
        info = pyogrio.read_info(source, layer=layer, force_feature_count=True)
    declared, evidence = _frame(info.get("crs"), kind, name)
    count = int(info["features"])

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, count, BATCH):
            yield _batch(source, layer, start, name)

    return Delivery(
        path=path,
        format=kind,
        digest=file_digest(path),
        encoding=None,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _in_zip(path: Path, member: str | None) -> tuple[str, str | None]:
    """The readable file in the archive, and the layer wanted in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except zipfile.BadZipFile as exc:
        raise SourceError(
            zh=f"{path.name} 不是完好的 ZIP。请重新打包",
            en=f"{path.name} is not a whole ZIP. Pack it again",
            source=path.name,
        ) from exc
    unsafe = [i.filename for i in infos if i.filename.startswith("/") or ".." in i.filename]
    size, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if unsafe or len(infos) > MAX_MEMBERS or size > max(MAX_RATIO * packed, 1) or size > MAX_BYTES:
        raise SourceError(
            zh=f"{path.name} 不安全（路径越界、文件过多或压缩比过高），拒收",
            en=f"{path.name} is not safe (paths outside, too many files, or packed too tightly): "
            f"refused",
            source=path.name,
        )
    names = [i.filename for i in infos if i.filename.lower().endswith(READABLE)]
    if member:
        for name in names:
            if member in (name, Path(name).name, Path(name).stem):
                return name, None
    return _one(names, None if member is None else member, path.name), None


def _one(found: list[str], wanted: str | None, source: str) -> str:
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted is not None and wanted in found:
        return wanted
    if not found:
        raise SourceError(
            zh=f"{source} 里没有可读的图层，或其中没有要素",
            en=f"{source} holds no layer that can be read, or no feature in it",
            source=source,
            layers="",
        )
    listed = "、".join(found)
    raise SourceError(
        zh=f"{source} 里有：{listed}。请写成 “{source}|名称” 指定一个",
        en=f'{source} holds: {", ".join(found)}. Name one as "{source}|NAME"',
        source=source,
        layers=", ".join(found),
    )


def _frame(crs: str | None, kind: str, source: str) -> tuple[Frame | None, tuple[str, ...]]:
    if not crs or crs.startswith(("ENGCRS", "LOCAL_CS", "ENGINEERINGCRS")) or "Undefined" in crs:
        return None, ()
    evidence = (f"{source} ({kind}): {crs[:120]}",)
    if crs.startswith("EPSG:") or crs == "OGC:CRS84":
        return norm_frame("EPSG:4326" if crs == "OGC:CRS84" else crs), evidence
    return frame_from_prj(crs), evidence


def _batch(source: str, layer: str, start: int, name: str) -> RawBatch:
    with gdal_errors(name):
        meta, _, wkb, data = pyogrio.raw.read(
            source, layer=layer, skip_features=start, max_features=BATCH
        )
    columns: dict[str, Any] = {
        field: values(column) if column.dtype != object else objects(_plain(v) for v in column)
        for field, column in zip(meta["fields"], data, strict=True)
    }
    return RawBatch(
        columns=columns,
        geometry=objects(shapely.from_wkb(wkb, on_invalid="fix")),
        rows=np.arange(start + 1, start + 1 + len(wkb), dtype=np.int64),
    )


def _plain(value: object) -> object:
    """Lists (GML and GeoJSON have them) as their JSON text; an empty text is None."""
    if isinstance(value, np.ndarray):
        return json.dumps(value.tolist(), ensure_ascii=False, default=str) if len(value) else None
    return None if isinstance(value, str) and value == "" else value
