"""GDAL behind a wall: deliveries are read by a process of their own, with limits.

    with_limits = Sandbox(path)
    answer = with_limits.ask("info", source=..., layer=...)

The process (`gdal_process.py`) sees the delivery's files only, can't write or connect, and is
ended when it takes too long. What comes back are lengths, JSON and arrays of numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import SourceError
from gis.layers.outside import shallow
from gis.sources.columns import objects
from gis.sources.drivers import hardened_environment

SCRIPT = Path(__file__).with_name("gdal_process.py")
MEMORY = 1 << 30  # bytes of address space
CPU_S = 900  # seconds of processor time, the whole delivery
REPLY_S = 120.0  # seconds without a byte
MAX_HEADER, MAX_PART = 64 << 20, 1 << 30  # what a reply may hold, bytes
EARLY = 3  # replies kept for readers that take turns
TYPES = frozenset(["<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "|u1", "<u2", "<u4", "|b1", "<M8[ms]"])


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as the process gave them; `fids` are the file's own row numbers."""

    names: list[str]
    columns: list[NDArray[Any]]
    fids: NDArray[np.int64]
    geometry: NDArray[np.object_]


class Sandbox:
    """One reading process for one delivery, started when first asked. `files` are all it may
    see; `raster` and `parquet` are read by libraries of their own; `options`: settings of GDAL."""

    def __init__(
        self, name: str, files: Iterable[Path], *, raster: bool = False, parquet: bool = False,
        options: dict[str, str] | None = None, reply_s: float = REPLY_S, memory: int = MEMORY,
    ) -> None:  # fmt: skip
        self.name, self.reply_s, self._options = name, reply_s, options
        readable = [str(file.absolute()) for file in files]
        # loading two sets of libraries takes address space, not memory
        room = (1 << 30) if parquet else (1 << 29) if raster else 0
        self._limits = {"readable": readable, "cpu_s": CPU_S, "memory": memory + room,
                        "raster": raster, "parquet": parquet}  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = self._streams = 0
        self._early: dict[int, dict[str, Any]] = {}  # replies that another reader waits for

    def ask(self, op: str, **facts: object) -> dict[str, Any]:
        """The reply to one request; its binary parts under "data".

        Raises SourceError where the file can't be read, or not within the limits."""
        return self._reply(self.send(op, **facts))

    def send(self, op: str, **facts: object) -> int:
        """Ask now, take the reply later: the process works in the meantime."""
        process = self._running()
        self._asked += 1
        line = json.dumps({"id": self._asked, "op": op, **facts}) + "\n"
        assert process.stdin is not None
        try:
            process.stdin.write(line.encode("ascii"))
            process.stdin.flush()
        except OSError as exc:
            raise self._ended() from exc
        return self._asked

    def new_stream(self) -> int:
        """A number for one pass through a layer."""
        self._streams += 1
        return self._streams

    def rows(self, number: int) -> Rows:
        """The reply to a `read` that was sent."""
        reply = self._reply(number)
        count, data = int(reply["rows"]), reply["data"]
        columns = [_column(kind, data[i], count) for i, (_, kind) in enumerate(reply["columns"])]
        at = len(columns)
        fids = np.frombuffer(data[at], dtype="<i8")
        shapes: NDArray[np.object_] = np.full(count, None, dtype=object)
        if reply["shapes"]:
            wkb = _sliced(np.frombuffer(data[at + 1], dtype="<i8"), data[at + 2])
            shapes = objects(shapely.from_wkb(shallow(wkb), on_invalid="fix"))
        return Rows([name for name, _ in reply["columns"]], columns, fids, shapes)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(SCRIPT), json.dumps(self._limits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=hardened_environment(self._options),
                cwd="/" if os.name == "posix" else None,
            )
            weakref.finalize(self, _stop, self._process)
        return self._process

    def _reply(self, number: int) -> dict[str, Any]:
        while number not in self._early:
            [length] = struct.unpack("<I", self._take(4))
            if length > MAX_HEADER:
                raise self._ended()
            header: dict[str, Any] = json.loads(self._take(length))
            if any(not 0 <= size <= MAX_PART for size in header["parts"]):
                raise self._ended()
            header["data"] = [self._take(size) for size in header["parts"]]
            self._early[header["id"]] = header
            if len(self._early) > EARLY:  # the oldest was asked for by a reader that went away
                del self._early[min(self._early.keys() - {number})]
        header = self._early.pop(number)
        if "error" in header:
            raise self._refused(header)
        return header

    def _take(self, size: int) -> bytearray:
        process = self._running()
        assert process.stdout is not None
        out, at = bytearray(size), 0
        view = memoryview(out)
        until = time.monotonic() + self.reply_s
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while at < size:
                if not waiting.select(max(0.0, until - time.monotonic())):
                    _stop(process)
                    raise SourceError(
                        zh=f"{self.name} 读了 {self.reply_s:.0f} 秒仍没有结果，已中止。"
                        "请拆分后再送，或请送交部门重新导出",
                        en=f"{self.name} gave nothing within {self.reply_s:.0f} s; reading was "
                        "stopped. Split it, or have it exported again",
                        source=self.name,
                        limit="time",
                    )
                got = os.readv(process.stdout.fileno(), [view[at : at + (1 << 20)]])
                if not got:
                    raise self._ended()
                at += got
                until = time.monotonic() + self.reply_s
        return out

    def _ended(self) -> SourceError:
        """The process is gone: it hit a limit, or the file brought GDAL down."""
        if self._process is not None:
            _stop(self._process)
        return SourceError(
            zh=f"{self.name} 使读取进程超出内存或时间限制，或使其崩溃，拒收。请重新导出或拆分",
            en=f"{self.name} made the reading process exceed its memory or time, or crash: "
            "refused. Export it again, or split it",
            source=self.name,
            limit="process",
        )

    def _refused(self, header: dict[str, Any]) -> SourceError:
        if header["error"] == "MemoryError":
            return self._ended()
        reason = header["reason"].replace(self._place(), "")
        return SourceError(
            zh=f"{self.name} 无法读取：{reason}。文件可能损坏，请重新导出",
            en=f"{self.name} can't be read: {reason}. It may be damaged; export it again",
            source=self.name,
            error=header["error"],
        )

    def _place(self) -> str:
        """The folder of the delivery, which is nobody's business in a message."""
        readable = self._limits["readable"]
        assert isinstance(readable, list)
        return f"{Path(readable[0]).parent}{os.sep}" if readable else "\0"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(OSError):  # a request the process never read
                pipe.close()
    process.wait()


def _column(kind: str, data: bytearray, count: int) -> NDArray[Any]:
    if kind == "json":
        return objects(json.loads(data))
    if kind not in TYPES:
        raise TypeError(kind)
    return np.frombuffer(data, dtype=np.dtype(kind), count=count)


def _sliced(lengths: NDArray[np.int64], joined: bytearray) -> NDArray[np.object_]:
    """The texts that lie one after the other in `joined`; None where the length is -1."""
    whole = bytes(joined)
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    return objects(
        None if n < 0 else whole[end - n : end]
        for n, end in zip(lengths.tolist(), ends, strict=True)
    )
