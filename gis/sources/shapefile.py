"""Shapefiles as they come: `.cpg` and LDID lie or are missing, files are cut short.

The texts are read as bytes and decoded by what the bytes are; lengths are compared before a row
is believed, because GDAL opens a file that was cut without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gis.coords import Frame, frame_from_prj
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.delivery import Delivery, file_digest
from gis.sources.garbled import find_mend
from gis.sources.sandbox import Sandbox
from gis.sources.texts import decode, find_encoding
from gis.sources.vector import BYTES, batches, to_batch

MAGIC = 9994
# Language driver of the table: what it says of its texts, where no .cpg says anything
LDID = {
    **dict.fromkeys((0x03, 0x57, 0x58, 0x59), "cp1252"),
    **dict.fromkeys((0x4D, 0x7A), "gbk"),
    **dict.fromkeys((0x4F, 0x78), "big5"),
    **dict.fromkeys((0x4E, 0x79), "cp949"),
    **dict.fromkeys((0x13, 0x7B), "cp932"),
    **dict.fromkeys((0x50, 0x7C), "cp874"),
    0xC8: "cp1250",
    0xC9: "cp1251",
}
MOST_READ = 64 << 20  # bytes of a table from which its encoding is found
SAMPLE = 1 << 16  # bytes of text that are looked at for garbled words


def open_shapefile(
    path: Path, *, encoding: str = "auto", words: frozenset[str] = frozenset()
) -> Delivery:
    """`words`: names that the columns may bear, to tell garbled ones.

    Raises SourceError where a part is missing or the file was cut short."""
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
    texts = _texts_of(dbf)
    found = find_encoding(texts, path.name, encoding, _stated(path, dbf))
    mend = find_mend(decode(texts[:SAMPLE], found).splitlines(), words)
    declared, evidence = _frame(parts[".prj"])

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        there = [p for p in path.parent.glob("*") if p.stem == path.stem]
        sandbox = Sandbox(path.name, [shp, *there])
        for rows in batches(sandbox, str(shp.absolute()), None, BYTES, count):
            batch = to_batch(rows, rows.fids + 1, found, mend)
            for column in batch.columns.values():
                if len(column) and isinstance(column[-1], str):
                    column[-1] = _without_end_mark(column[-1])
            yield batch

    return Delivery(
        path=path,
        format="Shapefile",
        digest=file_digest(shp, dbf),
        encoding=mend.text or found,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _without_end_mark(text: str) -> str | None:
    """A table whose last field is one byte short has its end mark in the last text."""
    return (text[:-1].rstrip() or None) if text.endswith("\x1a") else text


def _part(path: Path, suffix: str) -> Path | None:
    for name in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if name.exists():
            return name
    return None


def _stated(path: Path, dbf: Path) -> str | None:
    """What the `.cpg` says, or else the table's LDID, for what it is worth."""
    cpg = _part(path, ".cpg")
    if cpg:
        return cpg.read_bytes()[:32].decode("ascii", "replace")
    with dbf.open("rb") as file:
        return LDID.get(file.read(32)[29])


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
    """Names and text values of the table, without numbers and padding; of a long one, of its first
    rows. Raises SourceError where the fields its header lists are not as wide as a row."""
    with dbf.open("rb") as file:
        rows, header, width = struct.unpack("<IHH", file.read(12)[4:])
        fields = file.read(max(header - 12, 0))[20:]
        data = file.read(min(rows, MOST_READ // max(width, 1)) * width)
    names, spans, at = [], [], 1
    for offset in range(0, len(fields) - 31, 32):
        field = fields[offset : offset + 32]
        if field[:1] == b"\r":
            break
        names.append(field[:11].split(b"\0")[0])
        if field[11:12] == b"C":
            spans.append((at, at + field[16]))
        at += field[16]
    if at > width:
        raise _damaged(
            dbf,
            f"字段共宽 {at} 字节，每行只有 {width}",
            f"its fields take {at} bytes, a row {width}",
        )
    table = np.frombuffer(data, dtype=np.uint8)
    table = table[: len(table) // width * width].reshape(-1, width)
    texts = [
        value.rstrip(b" \0")
        for first, last in spans
        if last > first
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
