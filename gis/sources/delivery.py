"""What every reader gives back: a file that can be read as rows, and what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gis.coords import Frame
from gis.layers.batch import RawBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A file that can be read as rows.

    format: what it turned out to be; digest: SHA-256 of its bytes (hex); encoding: of its texts
    (None where the format fixes it); declared: the frame the file itself states (None: it
    states none); evidence: where it says so, as readable lines; delimiter: between the columns of
    a table as text.
    """

    path: Path
    format: str
    digest: str
    encoding: str | None
    declared: Frame | None
    evidence: tuple[str, ...]
    read: Callable[[Frame | None], Iterator[RawBatch]]
    delimiter: str | None = None

    def batches(self, frame: Frame | None = None) -> Iterator[RawBatch]:
        """The rows, some ten thousand at a time. `frame` (the one that will be used) lets a
        reader tell which of two unnamed columns is north."""
        return self.read(frame if frame is not None else self.declared)


def file_digest(*paths: Path) -> str:
    """SHA-256 of the files' bytes, one after the other, hex."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
