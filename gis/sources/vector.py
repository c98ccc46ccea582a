"""Formats that GDAL reads: GeoPackage, FileGDB, GeoJSON, FlatGeobuf, GML, DXF, MapInfo,
EDIGEO. All of them in a process with limits (`gis.sources.sandbox`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError, UnknownFrame
from gis.layers.batch import RawBatch, Reject
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.garbled import LOST, Mend, find_mend, no_mend
from gis.sources.geopackages import refuse_programs
from gis.sources.sandbox import Rows, Sandbox
from gis.sources.texts import decode, find_encoding

STRING = re.compile(r'"([^"\\]*)"')
BYTES = "ISO-8859-1"  # one character a byte: what goes in comes out
COMPANIONS = ("MapInfo TAB", "MapInfo MIF", "GML")  # formats of several files of one stem
PLAIN = ("GeoJSON", "GeoJSONSeq")  # one layer; every opening is a pass through the file
SEQUENTIAL = ("GeoJSON", "GeoJSONSeq", "GML")
STREAMED = ("GeoPackage", "FlatGeobuf")  # in one pass several times as fast
SMALL = 1 << 12  # bytes a row: many such rows fit into the reading process at once
PROBE = 1 << 22  # bytes from which a drawing's encoding is found


def open_vector(
    path: Path, kind: str, member: str | None, *, encoding: str = "auto",
    words: frozenset[str] = frozenset(), called: str | None = None,
) -> Delivery:  # fmt: skip
    """`member` names one layer where the file holds several; of a drawing, the layer whose
    entities are wanted. `words`: names that the columns may bear, to tell garbled ones.
    `called`: the file's name in messages, where it came in an archive.

    Raises SourceError for a file that can't be read, or that holds several layers and none was
    named, and UnknownFrame for a stated frame that means nothing."""
    name, source = called or path.name, str(path.absolute())
    if kind == "GeoPackage":
        refuse_programs(path, name)
    drawn = _drawing_encoding(path, encoding) if kind == "DXF" else None
    options = {"DXF_ENCODING": BYTES} if drawn else None
    sandbox = Sandbox(name, _files(path, kind), options=options)
    layer = _layer(sandbox, source, kind, member, name)
    asked = BYTES if kind.startswith("MapInfo") else None  # GDAL knows few of its encodings
    info = sandbox.ask("info", source=source, layer=layer, encoding=asked, sample=kind not in PLAIN)
    found_in = drawn
    if asked:
        data = "\n".join([*info["fields"], *info["sample"]]).encode(BYTES, "replace")
        found_in = find_encoding(data, name, encoding)
    seen = [*info["fields"], *(_strings(path) if kind in PLAIN else info["sample"])]
    mend = no_mend if found_in else find_mend(seen, words)
    declared, evidence = _frame(info["crs"], kind, name)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        only = member if kind == "DXF" else None
        done = 0
        count = int(info["features"])
        small = kind in STREAMED and path.stat().st_size < SMALL * count
        one_pass = small or kind in SEQUENTIAL
        for rows in batches(sandbox, source, layer, asked, count, one_pass=one_pass):
            numbers = np.arange(done + 1, done + 1 + len(rows.fids))
            done += len(rows.fids)
            yield of_drawing_layer(to_batch(rows, numbers, found_in, mend), only)

    return Delivery(
        path=path,
        format=kind,
        digest=file_digest(*([path] if path.is_file() else sorted(path.glob("*")))),
        encoding=mend.text or found_in,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def batches(
    sandbox: Sandbox, source: str, layer: str | None, encoding: str | None, count: int,
    *, one_pass: bool = False,
) -> Iterator[Rows]:  # fmt: skip
    """The `count` rows of a layer. The next ones are read while the caller works on these.
    `one_pass`: the format can only be read from its start, so it is read through once, where
    its columns allow it."""
    facts = {"source": source, "layer": layer, "encoding": encoding, "size": BATCH}
    start, stream = 0, sandbox.new_stream() if one_pass and count > BATCH else None
    number = sandbox.send("read", **facts, start=0, stream=stream)
    while start < count:
        try:
            rows = sandbox.rows(number)
        except SourceError as exc:
            if stream is None or start or exc.facts.get("error") != "CannotStreamError":
                raise
            stream = None
            number = sandbox.send("read", **facts, start=0, stream=None)
            continue
        if not len(rows.fids):  # rows marked as deleted are counted, not given
            return
        start += len(rows.fids)
        if start < count:
            number = sandbox.send("read", **facts, start=start, stream=stream)
        yield rows


def to_batch(rows: Rows, numbers: NDArray[np.int64], encoding: str | None, mend: Mend) -> RawBatch:
    """Rows with their texts as they should read, under the row `numbers`. `encoding`: the texts
    came byte for byte and are in it."""

    def text(value: object) -> object:
        if not isinstance(value, str):
            return value
        return mend(_from_bytes(value, encoding) if encoding else value) or None

    as_it_is = encoding is None and mend == no_mend
    columns: dict[str, NDArray[np.object_]] = {}
    for name, column in zip(rows.names, rows.columns, strict=True):
        if column.dtype != object:
            columns[str(text(name))] = values(column)
        elif as_it_is and (whole := _sound(column)) is not None:
            columns[str(text(name))] = whole
        else:
            columns[str(text(name))] = objects(map(text, column))
    return without_numberless(RawBatch(columns=columns, geometry=rows.geometry, rows=numbers))


def _sound(column: NDArray[np.object_]) -> NDArray[np.object_] | None:
    """The column where none of its texts needs a look of its own; None where one does."""
    listed = column.tolist()
    if not set(map(type, listed)) <= {str, type(None)} or LOST in "".join(filter(None, listed)):
        return None
    return objects([value or None for value in listed]) if "" in listed else column


def _from_bytes(text: str, encoding: str) -> str:
    """A text of one character a byte; one with others (\\U+7BA1 in a drawing) is right already."""
    try:
        return decode(text.encode(BYTES), encoding)
    except UnicodeEncodeError:
        return text


def without_numberless(batch: RawBatch) -> RawBatch:
    """The batch less the geometries with a coordinate that is no number: GDAL takes NaN for one."""
    xy, index = shapely.get_coordinates(batch.geometry, return_index=True)
    bad = np.unique(index[~np.isfinite(xy).all(axis=1)])
    if not len(bad):
        return batch
    keep = np.ones(len(batch), dtype=bool)
    keep[bad] = False
    rejects = tuple(
        Reject(
            row=int(batch.rows[i]),
            code="invalid_geometry",
            zh="坐标不是数（NaN 或无穷大）。请补上坐标",
            en="a coordinate is no number (NaN or infinite). Give it",
            raw=batch.raw_row(i),
        )
        for i in bad.tolist()
    )
    return _kept(replace(batch, rejects=(*batch.rejects, *rejects)), keep)


def of_drawing_layer(batch: RawBatch, layer: str | None) -> RawBatch:
    """The entities on one layer of a drawing; all of them where none is named."""
    if layer is None or "Layer" not in batch.columns:
        return batch
    return _kept(batch, np.array([v == layer for v in batch.columns["Layer"]], dtype=bool))


def _kept(batch: RawBatch, keep: NDArray[np.bool_]) -> RawBatch:
    return replace(
        batch,
        columns={name: column[keep] for name, column in batch.columns.items()},
        geometry=batch.geometry[keep],
        rows=batch.rows[keep],
    )


def values(column: NDArray[Any]) -> NDArray[np.object_]:
    """A column of numbers or dates as Python values; missing is None."""
    if column.dtype.kind == "M":
        return objects(None if np.isnat(v) else v.item() for v in column)
    if column.dtype.kind == "f":
        return objects(None if v != v else v for v in column.tolist())
    return objects(column.tolist())


def _files(path: Path, kind: str) -> list[Path]:
    """What the reading process may see."""
    if kind == "EDIGEO":
        return [path.parent]
    if kind in COMPANIONS:
        return [path, *sorted(p for p in path.parent.glob("*") if p.stem == path.stem)]
    return [path]


def _drawing_encoding(path: Path, encoding: str) -> str:
    """A drawing's `$DWGCODEPAGE` is missing or lies: its bytes decide."""
    with path.open("rb") as file:
        probe = file.read(PROBE)
    return find_encoding(probe[: probe.rfind(b"\n") + 1] or probe, path.name, encoding)


def _layer(sandbox: Sandbox, source: str, kind: str, member: str | None, name: str) -> str | None:
    """The layer to read: the one that is named, else the only one that holds something."""
    if kind in PLAIN and member is None:
        return None
    found = [str(row[0]) for row in sandbox.ask("layers", source=source)["layers"]]
    wanted = None if kind == "DXF" else member
    if wanted is None and len(found) > 1:
        full = [n for n in found if sandbox.ask("info", source=source, layer=n)["features"]]
        found = full if len(full) == 1 else found
    return one_of(found, wanted, name)


def _strings(path: Path) -> list[str]:
    """Texts from the beginning of a JSON file."""
    with path.open("rb") as file:
        head = file.read(1 << 16).decode("utf-8", "ignore")
    return STRING.findall(head)


def one_of(found: list[str], wanted: str | None, source: str) -> str:
    """The one name of `found`, or the one that is wanted. Raises SourceError that lists them."""
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
    try:
        return frame_from_prj(crs), evidence
    except UnknownFrame:
        if not kind.startswith("MapInfo"):
            raise
        return None, ()  # its datum 0 states nothing; the sender or the diagnosis may
