"""What a diagnosis of unknown coordinates says: candidates, the decision, what is still needed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.coords.frames import Frame
from gis.coords.matching import Match
from gis.coords.readings import Reading
from gis.errors import FrameMismatch

RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One reading with what speaks for and against it (Chinese / English). `accuracy_m` is what
    coordinates would have if it were chosen."""

    reading: Reading
    match: Match | None
    accuracy_m: float
    why: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """`frame, score (share of places on the reference), offset_m, why` and the reading."""
        match = self.match
        return {
            "frame": self.reading.frame.name,
            "score": None if match is None else round(match.share, 4),
            "offset_m": None if match is None else round(match.offset_m, 3),
            "median_m": None if match is None else round(match.median_m, 3),
            "order": "north_first" if self.reading.north_first else "east_first",
            "unit": self.reading.unit,
            "shift": list(self.reading.shift),
            "why": list(self.why),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows (indices into the columns given) of one frame, in a file that mixes several."""

    reading: Reading
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """decision: the candidate that is sure, None where none is. mixed: frames found within one
    file (no single decision then). needs: what would settle an open question."""

    decision: Candidate | None
    candidates: tuple[Candidate, ...]
    declared: Frame | None
    mismatch: bool
    mixed: tuple[Group, ...]
    needs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document that `gis coords detect --json` prints."""
        chosen = self.decision
        return {
            "decision": None if chosen is None else chosen.reading.frame.name,
            "accuracy_m": None if chosen is None else round(chosen.accuracy_m, 3),
            "order": None if chosen is None else chosen.to_json()["order"],
            "unit": None if chosen is None else chosen.reading.unit,
            "declared": None if self.declared is None else self.declared.name,
            "mismatch": self.mismatch,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "mixed": [
                {
                    "frame": group.reading.frame.name,
                    "rows": len(group.rows),
                    "which": row_ranges(group.rows + 1),
                }
                for group in self.mixed
            ],
            "needs": list(self.needs),
        }

    def require_agreement(self, source: str) -> None:
        """Raise FrameMismatch where the numbers contradict what `source` declares."""
        if not self.mismatch or self.declared is None:
            return
        likely = self.decision.reading.frame.name if self.decision else "另一坐标系 / another frame"
        raise FrameMismatch(
            zh=f"{source} 声明 {self.declared}，坐标却符合 {likely}。请核对，或用 --crs 指明",
            en=f"{source} declares {self.declared}, but its numbers fit {likely}. Check it, or "
            "state the frame with --crs",
            source=source,
            declared=self.declared.name,
            likely=likely,
        )


def row_ranges(numbers: NDArray[np.int64]) -> str:
    """1-120, 131, 140-200 … of sorted row numbers, at most twenty runs."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers.tolist()), lambda pair: pair[1] - pair[0])
    ]
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    more = f" … ({len(numbers)})" if len(texts) > RUNS_SHOWN else ""
    return ", ".join(texts[:RUNS_SHOWN]) + more
