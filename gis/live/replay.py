"""A file of readings, the way live ones go: decoded, checked, stored once."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gis.errors import SourceError
from gis.live.decode import Decoder
from gis.sources.delivery import file_digest
from gis.sources.texts import find_encoding
from gis.store import Store
from gis.store.observations import Reading, Refused, adding

PROBE = 1 << 20
CHUNK = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """rows_in = stored + duplicates + rejected, always. `rejected` lines are on record with
    their reason; among them those that contradict a stored reading."""

    source: str
    rows_in: int
    stored: int
    duplicates: int
    rejected: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def replay(
    store: Store,
    path: Path,
    *,
    timezone: str = "Asia/Shanghai",
    progress: Callable[[int], None] = lambda rows: None,
) -> ReplayReport:
    """Store the readings of a CSV (columns datastream, time, value, also by Chinese names), all
    in one transaction. `timezone`: of times that name none.

    Raises SourceError for a file that can't be read or lacks a column.
    """
    started = time.monotonic()
    rows = rejected = 0
    try:
        with path.open("rb") as file:
            probe = file.read(PROBE)
        encoding = find_encoding(probe[: probe.rfind(b"\n") + 1] or probe, path.name)
        digest = file_digest(path)
        text = path.open(encoding=encoding, errors="surrogateescape", newline="")
    except OSError as exc:
        raise SourceError(
            zh=f"{path.name} 无法读取：{exc.strerror}",
            en=f"{path.name} can't be read: {exc.strerror}",
            source=path.name,
        ) from exc
    with text, adding(store, source=path.name, digest=digest) as box:
        lines = csv.reader(text)
        decoder = Decoder.of(next(lines, []), path.name, ZoneInfo(timezone), datetime.now(UTC))
        numbered = enumerate(lines, start=1)
        while chunk := list(islice(numbered, CHUNK)):
            decoded = [decoder.decode(n, cells) for n, cells in chunk if cells]  # no blank lines
            refused = [d for d in decoded if isinstance(d, Refused)]
            box.add([d for d in decoded if isinstance(d, Reading)])
            box.refuse(refused)
            rows += len(decoded)
            rejected += len(refused)
            progress(len(decoded))
        added = box.finish()
    return ReplayReport(
        source=path.name,
        rows_in=rows,
        stored=added.stored,
        duplicates=added.duplicates,
        rejected=rejected + added.conflicts,
        seconds=round(time.monotonic() - started, 3),
    )
