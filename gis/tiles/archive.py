"""Where exported tiles go: one PMTiles file, or a folder; whole or not at all."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer as PMTilesWriter

from gis.errors import TileError
from gis.tiles.replacing import replacing

Form = Literal["pmtiles", "dir"]
NAME, MAGIC = "tilejson.json", b"PMTiles"
E7 = 10_000_000


class Archive(Protocol):
    """What takes tiles; `finish` gets the TileJSON of them all."""

    def put(self, z: int, x: int, y: int, data: bytes) -> None:
        """One vector tile, y from the north."""

    def finish(self, tilejson: Mapping[str, Any]) -> None:
        """After the last one."""


@contextmanager
def new_archive(out: Path, form: Form) -> Iterator[Archive]:
    """An archive beside `out` that takes its place at the end; gone on any exception. Raises
    TileError where `out` is something else or can't be written."""
    _refuse_other(out, form)
    with replacing(out) as making, FORMATS[form](making) as archive:
        yield archive


def order(z: int, x: int, y: int) -> int:
    """Where a tile stands in a PMTiles file: level by level, along Hilbert's curve."""
    return zxy_to_tileid(z, x, y)


class _PMTiles:
    """PMTiles 3: one file that any server of ranges serves."""

    def __init__(self, file: Any) -> None:
        self._writer = PMTilesWriter(file)  # type: ignore[no-untyped-call]  # untyped there

    def put(self, z: int, x: int, y: int, data: bytes) -> None:
        self._writer.write_tile(zxy_to_tileid(z, x, y), _gzipped(data))  # type: ignore[no-untyped-call]

    def finish(self, tilejson: Mapping[str, Any]) -> None:
        west, south, east, north = tilejson["bounds"]
        lon, lat, zoom = tilejson["center"]
        header = {
            "tile_type": TileType.MVT,
            "tile_compression": Compression.GZIP,
            "min_lon_e7": round(west * E7),
            "min_lat_e7": round(south * E7),
            "max_lon_e7": round(east * E7),
            "max_lat_e7": round(north * E7),
            "center_zoom": zoom,
            "center_lon_e7": round(lon * E7),
            "center_lat_e7": round(lat * E7),
        }
        self._writer.finalize(header, dict(tilejson))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Let go of the tiles that wait beside the file."""
        self._writer.tile_f.close()


class _Folder:
    """A file a tile, as any web server gives them, and `tilejson.json` beside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def put(self, z: int, x: int, y: int, data: bytes) -> None:
        place = self._folder / str(z) / str(x)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{y}.mvt").write_bytes(data)

    def finish(self, tilejson: Mapping[str, Any]) -> None:
        document = {**tilejson, "tiles": ["{z}/{x}/{y}.mvt"]}
        (self._folder / NAME).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


@contextmanager
def _open_pmtiles(path: Path) -> Iterator[Archive]:
    with path.open("wb") as file:
        archive = _PMTiles(file)
        try:
            yield archive
        finally:
            archive.close()


@contextmanager
def _open_folder(path: Path) -> Iterator[Archive]:
    yield _Folder(path)


FORMATS: dict[Form, Callable[[Path], AbstractContextManager[Archive]]] = {
    "pmtiles": _open_pmtiles,
    "dir": _open_folder,
}


def _gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)  # no time: the same tiles are the same file


def _refuse_other(out: Path, form: Form) -> None:
    """An earlier export of the kind may be replaced, nothing else."""
    if not out.exists():
        return
    if form == "dir":
        ours = out.is_dir() and ((out / NAME).is_file() or not any(out.iterdir()))
    else:
        ours = out.is_file() and _begins(out) in (MAGIC, b"")
    if not ours:
        raise TileError(
            zh=f"{out} 已存在，且不是导出的瓦片。请换一个名称",
            en=f"{out} exists and is no export of tiles. Give another name",
            path=str(out),
        )


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MAGIC))
