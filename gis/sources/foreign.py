"""GDAL's errors in our words: the one place where the readers translate them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from gis.errors import OneMapError, SourceError


@contextmanager
def gdal_errors(source: str) -> Iterator[None]:
    """What GDAL, rasterio or the file system say about `source` becomes a SourceError. Warnings
    of the reader are not the user's business, except that they must not turn into guesses:
    every frame and encoding is decided by us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except OneMapError:
            raise
        except Exception as exc:  # the libraries raise many kinds; all mean the file is bad
            reason = str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__
            raise SourceError(
                zh=f"{source} 无法读取：{reason}。文件可能损坏，请重新导出",
                en=f"{source} can't be read: {reason}. It may be damaged; export it again",
                source=source,
            ) from exc
