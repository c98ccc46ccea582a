"""Shapefiles as they come: `.cpg` and LDID lie or are missing, files are cut short.

The texts are read as bytes and decoded by what the bytes are; lengths are compared before a row
is believed, because GDAL opens a file that was cut without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, frame_from_prj
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.foreign import gdal_errors
from gis.sources.texts import decode, find_encoding

MAGIC = 9994
BYTES = "ISO-8859-1"  # one character a byte: what goes in comes out


def open_shapefile(path: Path, *, encoding: str = "auto") -> Delivery:
    """Raises SourceError where a part is missing or the file was cut short."""
    parts = {s: _part(path, s) for s in (".shp", ".shx", ".dbf", ".prj")}
    for suffix in (".shp", ".shx", ".dbf"):
        if parts[suffix] is None:
            raise SourceError(
                zh=f"{path.name} 缺少同名的 {suffix} 文件。请把 .shp .shx .dbf .prj 一起送来",
                en=f"{path.name} lacks its {suffix}. Send .shp .shx .dbf .prj together",
                source=path.name,
            )
    shp, shx, dbf = (part for s, part in parts.items() if part is not None and s != ".prj")
    count = _check_lengths(shp, shx, dbf)
    found = find_encoding(_texts_of(dbf), path.name, encoding, _stated(path))
    declared, evidence = _frame(parts[".prj"])

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, count, BATCH):
            yield _batch(shp, found, start)

    return Delivery(
        path=path,
        format="Shapefile",
        digest=file_digest(shp, dbf),
        encoding=found,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _part(path: Path, suffix: str) -> Path | None:
    for name in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if name.exists():
            return name
    return None


def _stated(path: Path) -> str | None:
    """What the `.cpg` says, for what it is worth."""
    cpg = _part(path, ".cpg")
    return cpg.read_bytes()[:32].decode("ascii", "replace") if cpg else None


def _check_lengths(shp: Path, shx: Path, dbf: Path) -> int:
    """Number of records. The headers state the lengths (in 16-bit words); the files must have
    them, and index and table must agree."""
    for part in (shp, shx):
        with part.open("rb") as file:
            head = file.read(100)
        if len(head) < 100 or struct.unpack(">i", head[:4])[0] != MAGIC:
            raise _damaged(part, "文件头不对", "its header is not that of a shapefile")
        stated, real = 2 * struct.unpack(">i", head[24:28])[0], part.stat().st_size
        if real < stated:
            raise _damaged(
                part, f"应有 {stated} 字节，只有 {real}", f"{stated} bytes expected, {real} there"
            )
    shapes = (shx.stat().st_size - 100) // 8
    with dbf.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        raise _damaged(dbf, "文件头不全", "its header is cut")
    rows, header, width = struct.unpack("<IHH", head[4:12])
    if dbf.stat().st_size < header + rows * width:
        raise _damaged(dbf, f"{rows} 行没有写完", f"its {rows} rows are cut short")
    if rows != shapes:
        raise _damaged(
            shp, f"{shapes} 个图形，{rows} 行属性", f"{shapes} shapes but {rows} rows of attributes"
        )
    return int(rows)


def _damaged(part: Path, zh: str, en: str) -> SourceError:
    return SourceError(
        zh=f"{part.name} 已损坏：{zh}。整个文件拒收，请重新导出",
        en=f"{part.name} is damaged: {en}. The whole file is refused; export it again",
        source=part.name,
    )


def _texts_of(dbf: Path) -> bytes:
    """Names and text values of the table, without numbers and padding."""
    data = dbf.read_bytes()
    rows, header, width = struct.unpack("<IHH", data[4:12])
    names, spans, at = [], [], 1
    for offset in range(32, header - 1, 32):
        field = data[offset : offset + 32]
        if field[:1] == b"\r" or len(field) < 32:
            break
        names.append(field[:11].split(b"\0")[0])
        if field[11:12] == b"C":
            spans.append((at, at + field[16]))
        at += field[16]
    table = np.frombuffer(data[header : header + rows * width], dtype=np.uint8)
    table = table[: len(table) // width * width].reshape(-1, width)
    texts = [
        value.rstrip(b" \0")
        for first, last in spans
        for value in np.ascontiguousarray(table[:, first:last]).view(f"S{last - first}").ravel()
    ]
    return b"\n".join([*names, *texts])


def _frame(prj: Path | None) -> tuple[Frame | None, tuple[str, ...]]:
    if prj is None:
        return None, ()
    text = decode(prj.read_bytes(), "gb18030").strip()
    if not text:
        return None, ()
    frame = frame_from_prj(text)
    return frame, (f"{prj.name}: {text[:120]}",)


def _batch(shp: Path, encoding: str, start: int) -> RawBatch:
    with gdal_errors(shp.name):
        meta, fids, wkb, data = pyogrio.raw.read(
            shp, encoding=BYTES, skip_features=start, max_features=BATCH, return_fids=True
        )
    names = [_decoded(name, encoding) for name in meta["fields"]]
    columns = {
        name: texts(column, encoding) if column.dtype == object else values(column)
        for name, column in zip(names, data, strict=True)
    }
    rows = np.arange(start, start + len(wkb), dtype=np.int64) if fids is None else fids
    return RawBatch(
        columns=columns,
        geometry=objects(shapely.from_wkb(wkb, on_invalid="fix")),
        rows=np.asarray(rows, dtype=np.int64) + 1,
    )


def _decoded(text: str, encoding: str) -> str:
    return decode(text.encode(BYTES), encoding)


def texts(column: NDArray[np.object_], encoding: str) -> NDArray[np.object_]:
    """A column of byte-per-character texts, decoded; empty is None."""
    return objects(_decoded(v, encoding) or None if isinstance(v, str) else v for v in column)


def values(column: NDArray[Any]) -> NDArray[np.object_]:
    """A column of numbers or dates as Python values; missing is None."""
    if column.dtype.kind == "M":
        return objects(None if np.isnat(v) else v.item() for v in column)
    if column.dtype.kind == "f":
        return objects(None if v != v else v for v in column.tolist())
    return objects(column.tolist())
