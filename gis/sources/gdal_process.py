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
from typing import Any

for _heavy in ("pandas", "geopandas", "pyarrow", "shapely"):
    sys.modules[_heavy] = None  # type: ignore[assignment]  # pyogrio looks for them, slowly

import numpy as np  # noqa: E402
import pyogrio  # noqa: E402
import pyogrio.raw  # noqa: E402

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
        "driver": said.get("driver"),
        "sample": [text[:400] for text in sample[:2000]],
    }, []


def read(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Some rows of a layer; fewer than asked for where their geometry needs too much memory."""
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
    """What an image says of itself; no pixel is read."""
    import rasterio

    with rasterio.open(request["source"], driver=request["driver"]) as image:
        code = None if image.crs is None else image.crs.to_epsg()
        return {
            "epsg": code,
            "wkt": None if image.crs is None else image.crs.to_wkt(),
            "transform": list(image.transform)[:6],
            "placed": not image.transform.is_identity,
            "size": [image.width, image.height],
            "bands": image.count,
            "dtype": str(image.dtypes[0]),
            "tags": {str(k): str(v)[:200] for k, v in image.tags().items()},
        }, []


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


def main() -> None:
    limits = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    if limits.get("raster"):
        import rasterio  # noqa: F401  # before the limits: it maps its own GDAL
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
