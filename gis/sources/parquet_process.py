"""What the walled process knows of Parquet. Loaded by `gdal_process.py`, never imported by us.

Row groups are read one after the other, a batch at a time, on one thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BUFFER = 1 << 20  # bytes of a column read ahead, instead of the whole row group
SAMPLE = 200  # rows whose texts the caller sees before it reads
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
Reply = tuple[dict[str, Any], list[bytes]]
_open: dict[str, Any] = {"at": -1, "batches": iter(())}


def info(request: dict[str, Any]) -> Reply:
    """Columns, rows, what the file says of its geometry, and texts of its first rows."""
    with pq.ParquetFile(request["source"]) as file:
        geo, name = _geo(file)
        fields = [f.name for f in file.schema_arrow if f.name != name]
        first = next(file.iter_batches(SAMPLE, columns=fields, use_threads=False), None)
        texts = [
            value
            for column in (first.columns if first is not None else ())
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
            for value in column.to_pylist()
            if value
        ]
        return {
            "fields": fields,
            "features": file.metadata.num_rows,
            "sample": [text[:400] for text in texts[:2000]],
            "geo": geo,
            "encoding": None if geo is None else geo.get("encoding"),
        }, []


def _geo(file: Any) -> tuple[dict[str, Any] | None, str | None]:
    """What is said of the primary geometry column, and its name; None where nothing is."""
    stated = (file.metadata.metadata or {}).get(b"geo")
    if stated is None:
        return None, None
    meta = json.loads(stated)
    name = meta["primary_column"]
    column = meta["columns"][name]
    kept = {key: column[key] for key in ("encoding", "crs", "epoch") if key in column}
    return kept, str(name)


def read(request: dict[str, Any]) -> Reply:
    """The next rows; from the start of the file again where another reader took its place."""
    start, size = int(request["start"]), int(request["size"])
    if _open["at"] != start or start == 0:
        _open["batches"], _open["at"] = _batches(request["source"], size), 0
        while _open["at"] < start:
            _open["at"] += next(_open["batches"])[0]["rows"]
    nothing: Reply = ({"rows": 0, "columns": [], "shapes": False}, [b""])
    header, parts = next(_open["batches"], nothing)
    _open["at"] += header["rows"]
    return header, parts


def _batches(source: str, size: int) -> Iterator[Reply]:
    with pq.ParquetFile(source, buffer_size=BUFFER) as file:
        _, geometry = _geo(file)
        for batch in file.iter_batches(size, use_threads=False):
            yield _reply(batch, geometry)


def _reply(batch: Any, geometry: str | None) -> Reply:
    columns, parts, shapes = [], [], []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name == geometry:
            shapes = _shapes(column)
            continue
        kind, part = _packed(column)
        columns.append([name, kind])
        parts.append(part)
    fids = np.arange(batch.num_rows, dtype="<i8").tobytes()
    header = {"rows": batch.num_rows, "columns": columns, "shapes": bool(shapes)}
    return header, [*parts, fids, *shapes]


def _shapes(column: Any) -> list[bytes]:
    """Lengths (-1 = null) and the bytes of all values."""
    values = [None if v is None else bytes(v) for v in column.to_pylist()]
    lengths = np.array([-1 if v is None else len(v) for v in values], dtype="<i8")
    return [lengths.tobytes(), b"".join(v for v in values if v is not None)]


def _packed(column: Any) -> tuple[str, bytes]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        moments = column.cast(pa.timestamp("ms", getattr(kind, "tz", None)), safe=False)
        return "<M8[ms]", moments.to_numpy(zero_copy_only=False).astype("<M8[ms]").tobytes()
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and not column.null_count:
        wide = "<f8" if pa.types.is_floating(kind) else "<i8"
        return wide, column.to_numpy(zero_copy_only=False).astype(wide).tobytes()
    return "json", json.dumps([_plain(v) for v in column.to_pylist()]).encode("ascii")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


OPERATIONS = {"info": info, "read": read}
