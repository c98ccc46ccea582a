"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from gis.errors import TileError


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A path beside `out` to make a file or a folder at, which takes its place at the end and is
    gone on any exception. Raises TileError where it can't be written."""
    out = out.absolute()
    making = out.with_name(f".{out.name}.{uuid4().hex[:8]}")
    try:
        yield making
        if out.is_dir():
            old = making.with_name(f"{making.name}.old")
            out.rename(old)
            making.rename(out)
            shutil.rmtree(old)
        else:
            making.replace(out)
    except OSError as exc:
        raise TileError(
            zh=f"无法写入 {out}：{exc.strerror}。请检查目录权限与磁盘空间",
            en=f"can't write {out}: {exc.strerror}. Check the folder's permissions and the disk",
            path=str(out),
        ) from exc
    finally:
        if making.is_dir():
            shutil.rmtree(making, ignore_errors=True)
        else:
            with suppress(OSError):
                making.unlink()
