"""What came of a delivery, row for row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gis.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReport:
    """In which frame the rows were, how we know, and how accurate they are now (metres)."""

    name: str
    how: str  # "declared" by the file | "given" by the sender | "detected"
    accuracy_m: float
    evidence: tuple[str, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """The figures of one delivery. Two sums hold always:
    rows_in = accepted + quarantined and accepted = new + changed + unchanged."""

    delivery: int | None  # None: a dry run, nothing was kept
    layer: str
    source: str
    format: str
    encoding: str | None
    as_of: str
    mode: str
    frame: FrameReport
    rows_in: int
    accepted: int
    new: int
    changed: int
    unchanged: int
    closed: int
    kept: int  # features a full delivery left as they were, their rows being in quarantine
    quarantined: int
    reasons: Mapping[str, int]  # reason code -> rows, of what was quarantined
    warnings: Mapping[str, int]  # code -> findings about rows that were taken in all the same
    seconds: float

    def __post_init__(self) -> None:
        if (
            self.rows_in != self.accepted + self.quarantined
            or self.accepted != self.new + self.changed + self.unchanged
        ):
            raise StoreError(
                zh=f"{self.source} 的行数对不上：收到 {self.rows_in}，入库 {self.accepted}"
                f"（新 {self.new} 变 {self.changed} 同 {self.unchanged}），隔离 {self.quarantined}",
                en=f"the rows of {self.source} do not add up: {self.rows_in} in, {self.accepted} "
                f"accepted ({self.new} new, {self.changed} changed, {self.unchanged} unchanged), "
                f"{self.quarantined} quarantined",
                source=self.source,
            )

    @property
    def accuracy_m(self) -> float:
        return self.frame.accuracy_m

    def to_json(self) -> dict[str, Any]:
        """What `gis ingest --json` prints."""
        return asdict(self)
