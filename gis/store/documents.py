"""Documents on places: photos, drawings and permits linked to a feature, a grid cell or a shape.

A file lies in a folder under its SHA-256, written before its record: a record never points at
nothing, and the same photo of ten manholes is kept once.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import shapely
from psycopg.rows import class_row
from shapely.geometry.base import BaseGeometry

from gis.coords import decode_place_code
from gis.errors import LayerError, SourceError, StoreError
from gis.layers.model import Layer
from gis.layers.outside import shape_from_wkt
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.query import LayerQuery, rows
from gis.store.times import Instant, Interval

MOST_BYTES = 200_000_000
CHUNK = 1 << 20
LONGEST_NAME = 120
MOST_LISTED = 1_000
PLACES = ""  # stands for them among the layers
# suffix -> media type, how such a file begins. No HTML, SVG or scripts: they would run where
# they are opened.
KINDS: Mapping[str, tuple[str, re.Pattern[bytes]]] = {
    ".jpg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ".png": ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ".webp": ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ".tif": ("image/tiff", re.compile(rb"II[*+]\x00|MM\x00[*+]")),
    ".pdf": ("application/pdf", re.compile(rb"%PDF-")),
    ".mp4": ("video/mp4", re.compile(rb"....ftyp", re.DOTALL)),
    ".dwg": ("image/vnd.dwg", re.compile(rb"AC10\d\d")),
    ".docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        re.compile(rb"PK\x03\x04"),
    ),
    ".xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        re.compile(rb"PK\x03\x04"),
    ),
}
OTHER_SUFFIXES = {".jpeg": ".jpg", ".tiff": ".tif", ".m4v": ".mp4"}
HEAD_BYTES = 16
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a document belongs to: a feature by layer and key, or a cell, or a shape. `geometry`:
    where that is, CGCS2000 degrees, longitude first."""

    geometry: BaseGeometry
    layer: str | None = None
    key: int | None = None
    place_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file on record. `geometry`: GeoJSON of where it belongs."""

    id: int
    digest: str
    name: str
    title: str | None
    person: str | None
    added_at: datetime
    layer: str | None
    key: int | None
    place_code: str | None
    media_type: str
    bytes: int
    geometry: dict[str, Any]


def feature_place(store: Store, layer: Layer, number: str) -> Place:
    """The current feature whose number is `number`: by its business key where that is one field,
    else by its id. Raises LayerError where there is none."""
    found = None
    if len(layer.key) == 1:
        found = rows(store, LayerQuery(layer=layer, where={layer.key[0]: number}, limit=1))
    if (found is None or not len(found)) and number.isascii() and number.isdigit():
        found = rows(store, LayerQuery(layer=layer, keys=(int(number),), limit=1))
    if found is None or not len(found):
        raise LayerError(
            zh=f"图层 {layer.id} 没有编号为 {number} 的现状要素",
            en=f"layer {layer.id} has no current feature {number}",
            layer=layer.id,
            key=number,
        )
    return Place(geometry=found.geometry[0], layer=layer.id, key=int(found.key[0]))


def cell_place(code: str) -> Place:
    """A BeiDou grid cell. Raises CoordError."""
    cell = decode_place_code(code)
    return Place(geometry=cell.polygon, place_code=cell.code)


def shape_place(wkt: str) -> Place:
    """A shape from WKT, CGCS2000 degrees, longitude first. Raises LayerError."""
    shape = shape_from_wkt(wkt)
    if shape is None or shape.is_empty or not shape.is_valid or not _on_earth(shape):
        raise LayerError(
            zh=f"“{wkt[:80]}”不是有效的 WKT 图形（经度在前，度）",
            en=f"{wkt[:80]!r} is no valid WKT shape (longitude first, degrees)",
            value=wkt[:80],
        )
    return Place(geometry=shapely.force_2d(shape))


def add_document(
    store: Store, folder: Path, file: Path, place: Place, *,
    title: str | None = None, person: str | None = None,
) -> Document:  # fmt: skip
    """Keep a copy of `file` in `folder` and link it to `place`. Linking the same file to the
    same place again gives the link that is there.

    Raises SourceError for a file that can't be read, is empty or too large, is of no kind that
    is kept, or is not what its name says."""
    name = safe_name(file.name)
    suffix = Path(name).suffix.lower()
    kind = KINDS.get(OTHER_SUFFIXES.get(suffix, suffix))
    if kind is None:
        raise SourceError(
            zh=f"不收 {name}：可收 {' '.join(KINDS)}",
            en=f"{name} is of no kind that is kept; these are: {' '.join(KINDS)}",
            file=str(file),
        )
    digest, size = _keep(file, folder, kind[1])
    link = {
        "digest": digest, "name": name, "title": title, "person": person, "layer": place.layer,
        "key": place.key, "place_code": place.place_code,
        "geom": shapely.to_wkb(shapely.force_2d(place.geometry), byte_order=1),
    }  # fmt: skip
    with store.connection("登记文档", "record a document") as conn:
        conn.execute(query("transaction_writes"))
        conn.execute(
            query("document_add"), {"digest": digest, "media_type": kind[0], "bytes": size}
        )
        conn.execute(query("document_link"), link)
        row = conn.execute(query("document_same"), link).fetchone()
        assert row is not None  # just linked, or linked before
        return _found(conn, "document_list", {"id": row[0], "layer": None, "key": None})[0]


def list_documents(
    store: Store, layer: str | None = None, key: int | None = None
) -> list[Document]:
    """Documents on record, newest first: all, of a layer's features, or of one feature; at most
    MOST_LISTED."""
    with store.reading("查询文档", "query documents") as conn:
        return _found(conn, "document_list", {"id": None, "layer": layer, "key": key})


def documents_of(
    store: Store, layer: Layer, key: int, when: Instant | Interval | None = None
) -> list[Document]:
    """What belongs to a feature: linked to it, or to a place it covers at `when` (None: now);
    newest first."""
    params = {"layer": layer.id, "key": key, "during": _during(when)}
    with store.reading("查询文档", "query documents") as conn:
        return _found(conn, "document_of_feature", params, table=layer_table(layer.id))


def documented(store: Store) -> frozenset[str]:
    """Layers whose features have documents of their own, and PLACES where places have some."""
    with store.reading("查询文档", "query documents") as conn:
        return frozenset(row[0] for row in conn.execute(query("document_layers")))


def count_documents(
    store: Store, layer: Layer, keys: Sequence[int], when: Instant | Interval | None = None,
    *, places: bool = True,
) -> dict[int, int]:  # fmt: skip
    """How many documents belong to each feature that has some, in one query. `places`: those on
    places that it covers count as well."""
    params = {"layer": layer.id, "keys": list(keys), "during": _during(when), "places": places}
    with store.reading("查询文档", "query documents") as conn:
        found = conn.execute(query("document_counts", table=layer_table(layer.id)), params)
        return dict(found.fetchall())


def _during(when: Instant | Interval | None) -> str | None:
    """A time as a range of the database; None = now."""
    if when is None:
        return None
    if isinstance(when, Instant):
        return f"[{when.at.isoformat()},{when.at.isoformat()}]"
    ends = ("" if end is None else end.isoformat() for end in (when.start, when.end))
    return "[{},{}]".format(*ends)


def show_document(store: Store, number: int) -> Document:
    """One link. Raises StoreError where there is none, or it was withdrawn."""
    with store.reading("查询文档", "query documents") as conn:
        found = _found(conn, "document_list", {"id": number, "layer": None, "key": None})
    if not found:
        raise _no_document(number)
    return found[0]


def withdraw_document(store: Store, number: int, by: str) -> None:
    """Take a link back; the file stays. Raises StoreError where there is none."""
    with store.connection("撤回文档", "withdraw a document") as conn:
        if conn.execute(query("document_withdraw"), {"id": number, "by": by}).rowcount == 0:
            raise _no_document(number)


def document_file(folder: Path, document: Document) -> Path:
    """Where the document's file lies. Raises StoreError where the folder has lost it, or holds
    something else under its digest."""
    path = _kept_at(folder, document.digest)
    try:
        state = path.stat()
        whole = _is_whole(path, document.digest, state.st_size, state.st_mtime_ns)
    except OSError:
        whole = False
    if not whole:
        raise StoreError(
            zh=f"文档 {document.id} 的文件已丢失或被改动。请从备份恢复 {document.digest}",
            en=f"the file of document {document.id} is not in the folder of documents, or is not "
            f"what it was. Restore {document.digest} from the backup",
            document=document.id,
        )
    return path


@lru_cache(maxsize=4096)
def _is_whole(path: Path, digest: str, size: int, changed_ns: int) -> bool:
    """Whether the file still has its digest; read once for as long as its size and date stand."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def safe_name(text: str) -> str:
    """The file's own name as any system can keep it: no folder, no control or direction marks,
    no leading dot, at most LONGEST_NAME letters with its suffix."""
    plain = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    plain = _UNSAFE.sub("_", re.split(r"[/\\]", plain)[-1]).strip(" .")
    stem, suffix = os.path.splitext(plain or "document")
    return stem[: LONGEST_NAME - len(suffix)] + suffix[:20]


def _keep(file: Path, folder: Path, begins: re.Pattern[bytes]) -> tuple[str, int]:
    """Copy the file under its digest; (digest, bytes)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            file.open("rb") as source,
            tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as part,
        ):
            try:
                digest, size = _copy(source, part, file, begins)
                kept = _kept_at(folder, digest)
                kept.parent.mkdir(exist_ok=True)
                part.flush()
                os.fsync(part.fileno())
                os.chmod(part.name, 0o640)
                os.replace(part.name, kept)
            finally:
                Path(part.name).unlink(missing_ok=True)
    except OSError as exc:
        raise SourceError(
            zh=f"无法保存 {file.name}：{exc.strerror}",
            en=f"can't keep {file.name}: {exc.strerror}",
            file=str(file),
        ) from exc
    return digest, size


def _copy(source: Any, part: Any, file: Path, begins: re.Pattern[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        if size == 0 and not begins.match(chunk[:HEAD_BYTES]):
            raise SourceError(
                zh=f"{file.name} 的内容与扩展名不符，未收",
                en=f"{file.name} is not what its suffix says; it was not kept",
                file=str(file),
            )
        size += len(chunk)
        if size > MOST_BYTES:
            raise SourceError(
                zh=f"{file.name} 超过 {MOST_BYTES // 1_000_000} MB，未收",
                en=f"{file.name} is larger than {MOST_BYTES // 1_000_000} MB; it was not kept",
                file=str(file),
            )
        digest.update(chunk)
        part.write(chunk)
    if size == 0:
        raise SourceError(
            zh=f"{file.name} 是空文件，未收",
            en=f"{file.name} is empty; it was not kept",
            file=str(file),
        )
    return digest.hexdigest(), size


def _kept_at(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest


def _found(
    conn: psycopg.Connection, name: str, params: Mapping[str, Any], **parts: Any
) -> list[Document]:
    with conn.cursor(row_factory=class_row(Document)) as cur:
        return cur.execute(query(name, **parts), {**params, "limit": MOST_LISTED}).fetchall()


def _on_earth(shape: BaseGeometry) -> bool:
    west, south, east, north = shape.bounds
    return west >= -180 and east <= 180 and south >= -90 and north <= 90


def _no_document(number: int) -> StoreError:
    return StoreError(
        zh=f"没有文档 {number}。用 gis documents list 查看",
        en=f"there is no document {number}. See gis documents list",
        document=number,
    )
