"""The process in which GDAL reads a delivery. Run as a script by `gis.sources.sandbox`, never
imported: it must load quickly and own nothing of ours.

It takes one JSON request a line and answers with a frame: two lengths (header, little endian),
a JSON header, then the bytes of the parts the header lists. Nothing is pickled. Before the first
request it gives up what it does not need: memory, processor time, writing, the network, and all
files but the delivery's and Python's own (Landlock, where the kernel has it).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any

for _heavy in ("pandas", "geopandas", "pyarrow", "shapely"):
    sys.modules[_heavy] = None  # type: ignore[assignment]  # pyogrio looks for them, slowly

import numpy as np  # noqa: E402
import pyogrio  # noqa: E402
import pyogrio.raw  # noqa: E402

OUTLINE_PIXELS = 1024  # longer side of the mask an image's outline is drawn from
SAMPLE = 200  # rows whose texts the caller sees before it reads
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
EXECUTE, READ_FILE, READ_DIR = 1, 4, 8
FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
TCP = 3  # bind and connect


def give_up(memory: int, cpu_s: int, readable: list[str]) -> None:
    """Limits of this process from now on. What the system has no means for is left out."""
    with contextlib.suppress(ImportError):
        import resource

        limits = {"RLIMIT_AS": memory, "RLIMIT_CPU": cpu_s, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0,
                  "RLIMIT_NOFILE": 256}  # fmt: skip
        for name, value in limits.items():
            with contextlib.suppress(ValueError, OSError, AttributeError):
                resource.setrlimit(getattr(resource, name), (value, value))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            landlock(readable)


def landlock(readable: list[str]) -> None:
    """No file but `readable` and below can be opened, none written, no TCP connection made."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    rights = FILE_RIGHTS[min(version, 4)]
    wanted = struct.pack("=QQ", rights, TCP) if version >= 4 else struct.pack("=Q", rights)
    rules = libc.syscall(LANDLOCK_CREATE, wanted, ctypes.c_size_t(len(wanted)), 0)
    if rules < 0:
        return
    for path in readable:
        with contextlib.suppress(OSError):
            there = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = READ_FILE | (EXECUTE | READ_DIR if os.path.isdir(path) else 0)
            libc.syscall(LANDLOCK_ADD, rules, 1, struct.pack("=Qi", allowed, there), 0)
            os.close(there)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges: what the next call asks for
    libc.syscall(LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


# --- what it can be asked ---------------------------------------------------------------


def layers(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Names and geometry types of the file's layers."""
    found = pyogrio.list_layers(request["source"])
    return {"layers": [[str(name), kind and str(kind)] for name, kind in found]}, []


def info(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """One layer: its fields, frame, number of rows, and texts of its first rows."""
    source, layer, encoding = request["source"], request["layer"], request.get("encoding")
    said = pyogrio.read_info(source, layer=layer, encoding=encoding, force_feature_count=True)
    sample: list[str] = []
    if request.get("sample", True):  # for some formats it costs a pass through the file
        _, _, _, data = pyogrio.raw.read(
            source, layer=layer, encoding=encoding, max_features=SAMPLE, read_geometry=False
        )
        sample = [str(v) for c in data if c.dtype == object for v in c if isinstance(v, str)]
    return {
        "crs": said.get("crs"),
        "fields": [str(name) for name in said["fields"]],
        "features": int(said["features"]),
        "encoding": said.get("encoding"),
        "geometry": said.get("geometry_type"),
        "layer": said.get("layer_name"),
        "sample": [text[:400] for text in sample[:2000]],
    }, []


def read(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Some rows of a layer; fewer than asked for where their geometry needs too much memory."""
    if request.get("stream") and (request["start"] == 0 or request["stream"] in STREAMS):
        return streamed(request)  # else another reader has taken its place
    size = int(request["size"])
    while True:
        try:
            meta, fids, wkb, data = pyogrio.raw.read(
                request["source"],
                layer=request["layer"],
                encoding=request.get("encoding"),
                skip_features=int(request["start"]),
                max_features=size,
                return_fids=True,
            )
            break
        except MemoryError:
            if size == 1:
                raise
            size = max(1, size // 8)
    rows = len(fids)
    columns, parts = [], []
    for name, column in zip(meta["fields"], data, strict=True):
        described, part = packed(column)
        columns.append([str(name), described])
        parts.append(part)
    header = {"rows": rows, "columns": columns, "shapes": wkb is not None}
    parts.append(np.ascontiguousarray(fids, dtype="<i8").tobytes())
    if wkb is not None:
        lengths = np.fromiter((-1 if g is None else len(g) for g in wkb), dtype="<i8", count=rows)
        parts += [lengths.tobytes(), b"".join(g for g in wkb if g is not None)]
    return header, parts


# --- formats that can only be read from the start: one pass, by Arrow ------------------------


class Schema(ctypes.Structure):
    """ArrowSchema of the Arrow C data interface."""


class Array(ctypes.Structure):
    """ArrowArray."""


class Stream(ctypes.Structure):
    """ArrowArrayStream."""


_C = ctypes.c_int64
Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p),
    ("flags", _C), ("n_children", _C), ("children", ctypes.POINTER(ctypes.POINTER(Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))), ("private", ctypes.c_void_p),
]  # fmt: skip
Array._fields_ = [
    ("length", _C), ("null_count", _C), ("offset", _C), ("n_buffers", _C), ("n_children", _C),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))), ("private", ctypes.c_void_p),
]  # fmt: skip
Stream._fields_ = [
    ("get_schema",
     ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Schema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Array))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(Stream))),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))), ("private", ctypes.c_void_p),
]  # fmt: skip
NUMBERS = {b"l": "<i8", b"i": "<i4", b"s": "<i2", b"g": "<f8", b"f": "<f4"}
TEXTS = (b"u", b"z")  # with offsets of 32 bits
STREAMS: dict[int, Iterator[tuple[dict[str, Any], list[bytes]]]] = {}


class CannotStreamError(Exception):
    """A column is of a type that only the plain reading knows."""


def streamed(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The next rows of stream number `stream`, which begins with the first request for it."""
    number = int(request["stream"])
    if number not in STREAMS:
        STREAMS.clear()  # an earlier reader has gone away
        STREAMS[number] = opened_stream(request)
    nothing: tuple[dict[str, Any], list[bytes]] = {"rows": 0, "columns": [], "shapes": False}, [b""]
    return next(STREAMS[number], nothing)


def opened_stream(request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """An iterator of replies."""
    with pyogrio.raw.open_arrow(
        request["source"], layer=request["layer"], batch_size=int(request["size"]),
    ) as (meta, reader):  # fmt: skip
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        capsule = reader.__arrow_c_stream__()
        stream = ctypes.cast(pointer(capsule, b"arrow_array_stream"), ctypes.POINTER(Stream))
        schema = Schema()
        if stream.contents.get_schema(stream, ctypes.byref(schema)):
            raise CannotStreamError
        kinds = [schema.children[i].contents for i in range(schema.n_children)]
        names = [(k.name or b"").decode() for k in kinds]
        formats = [k.format for k in kinds]
        if any(f not in NUMBERS and f not in TEXTS for f in formats):
            raise CannotStreamError
        geometry = meta["geometry_name"] or "wkb_geometry"
        while True:
            array = Array()
            if stream.contents.get_next(stream, ctypes.byref(array)):
                error = stream.contents.get_last_error(stream) or b"the stream broke"
                raise ValueError(error.decode("utf-8", "replace"))
            if not array.release:
                return
            try:
                yield arrow_reply(array, names, formats, geometry)
            finally:
                array.release(ctypes.byref(array))


def arrow_reply(
    array: Any, names: list[str], formats: list[bytes], geometry: str
) -> tuple[dict[str, Any], list[bytes]]:
    columns, parts, rows = [], [], int(array.length)
    fids, shapes = np.arange(rows, dtype="<i8").tobytes(), []
    for i, name in enumerate(names):
        column = array.children[i].contents
        if formats[i] == b"z" and name == geometry:
            shapes = arrow_bytes(column, rows)
        else:
            described, part = arrow_column(column, formats[i], rows)
            columns.append([name, described])
            parts.append(part)
    return {"rows": rows, "columns": columns, "shapes": bool(shapes)}, [*parts, fids, *shapes]


def buffer(column: Any, index: int, dtype: str, count: int) -> Any:
    """`count` values of a buffer, copied; the column may begin inside it."""
    size = np.dtype(dtype).itemsize
    data = ctypes.string_at(column.buffers[index] + int(column.offset) * size, count * size)
    return np.frombuffer(data, dtype=dtype)


def missing(column: Any, rows: int) -> Any:
    """Which values are null."""
    first = int(column.offset)
    if not column.null_count or not column.buffers[0]:
        return np.zeros(rows, dtype=bool)
    data = ctypes.string_at(column.buffers[0], (first + rows + 7) // 8)
    bits = np.unpackbits(np.frombuffer(data, dtype="u1"), bitorder="little")
    return bits[first : first + rows] == 0


def arrow_bytes(column: Any, rows: int) -> list[bytes]:
    """Lengths (-1 = null) and the bytes of all values."""
    offsets = buffer(column, 1, "<i4", rows + 1).astype("<i8")
    lengths = np.diff(offsets)
    start, end = int(offsets[0]), int(offsets[-1])
    data = ctypes.string_at(column.buffers[2] + start, end - start) if end > start else b""
    lengths[missing(column, rows)] = -1
    return [lengths.astype("<i8").tobytes(), data]


def arrow_column(column: Any, kind: bytes, rows: int) -> tuple[str, bytes]:
    if kind in NUMBERS:
        values, gone = buffer(column, 1, NUMBERS[kind], rows), missing(column, rows)
        if not gone.any():
            return NUMBERS[kind], values.tobytes()
        listed = [None if g else v for g, v in zip(gone, values.tolist(), strict=True)]
        return "json", json.dumps(listed).encode("ascii")
    lengths, data = arrow_bytes(column, rows)
    ends = np.frombuffer(lengths, dtype="<i8")
    out, at = [], 0
    for n in ends.tolist():
        value = None if n < 0 else data[at : at + n]
        at += max(n, 0)
        out.append(value if value is None else text_of(value, kind))
    return "json", json.dumps(out).encode("ascii")


def text_of(value: bytes, kind: bytes) -> str:
    """A text; bytes that are no UTF-8 keep their row from passing."""
    return value.hex() if kind == b"z" else value.decode("utf-8", "surrogateescape")


# --- to bytes -------------------------------------------------------------------------------


def packed(column: Any) -> tuple[str, bytes]:
    """A column as bytes: numbers and dates as they lie in memory, the rest as a JSON list."""
    if column.dtype == object:
        return "json", json.dumps([plain(v) for v in column]).encode("ascii")
    if column.dtype.kind == "M":
        return "<M8[ms]", column.astype("<M8[ms]").tobytes()
    little = column.dtype.newbyteorder("<")
    return little.str, np.ascontiguousarray(column, dtype=little).tobytes()


def plain(value: Any) -> Any:
    """Lists (GML and GeoJSON have them) as their JSON text, bytes as hex digits."""
    if isinstance(value, np.ndarray):
        return json.dumps(value.tolist(), ensure_ascii=False, default=str) if len(value) else None
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float) else str(value)


def raster(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What an image says of itself, and which of its pixels are valid, seen from afar; no pixel
    is read of one that has no means to say that some are not."""
    import rasterio
    from rasterio.enums import MaskFlags

    with rasterio.open(request["source"], driver=request["driver"]) as image:
        code = None if image.crs is None else image.crs.to_epsg()
        said = {
            "epsg": code,
            "wkt": None if image.crs is None else image.crs.to_wkt(),
            "transform": list(image.transform)[:6],
            "placed": not image.transform.is_identity,
            "size": [image.width, image.height],
            "bands": image.count,
            "dtype": str(image.dtypes[0]),
            "nodata": None if image.nodata is None else str(image.nodata),
            "tags": {str(k): str(v)[:200] for k, v in image.tags().items()},
        }
        if all(flags == [MaskFlags.all_valid] for flags in image.mask_flag_enums):
            return said, []
        shrink = max(1.0, image.width / OUTLINE_PIXELS, image.height / OUTLINE_PIXELS)
        shape = max(1, round(image.height / shrink)), max(1, round(image.width / shrink))
        valid = image.dataset_mask(out_shape=shape) != 0
        return {**said, "valid": list(shape)}, [np.packbits(valid).tobytes()]


OPERATIONS = {"layers": layers, "info": info, "read": read, "raster": raster}


def answer(line: str) -> tuple[dict[str, Any], list[bytes]]:
    request: dict[str, Any] = {}
    try:
        request = json.loads(line)
        header, parts = OPERATIONS[request["op"]](request)
    except Exception as exc:  # the libraries raise many kinds; the caller translates them
        kind, text = type(exc).__name__, str(exc).splitlines()[:1]
        header, parts = {"error": kind, "reason": text[0][:300] if text else kind}, []
    return {**header, "id": request.get("id"), "parts": [len(p) for p in parts]}, parts


def know_parquet() -> None:
    """Parquet is read by its own library, in place of GDAL."""
    import importlib.util

    del sys.modules["pyarrow"]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parquet_process.py")
    spec = importlib.util.spec_from_file_location("parquet_process", beside)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    OPERATIONS.update(module.OPERATIONS)


def main() -> None:
    limits = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    if limits.get("raster"):
        import rasterio  # noqa: F401  # before the limits: it maps its own GDAL
    if limits.get("parquet"):
        know_parquet()  # before the limits: it maps much, too
    own = [path for path in (*sys.path, sys.prefix, sys.base_prefix) if path]
    give_up(limits["memory"], limits["cpu_s"], [*limits["readable"], *own])
    import warnings

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        header, parts = answer(line)
        text = json.dumps(header).encode("ascii")
        out.write(struct.pack("<I", len(text)))
        out.write(text)
        for part in parts:
            out.write(part)
        out.flush()


if __name__ == "__main__":
    main()
