"""Which rows are refused, and the first reason found for each."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.layers.batch import Batch, Reject


class Verdicts:
    """Collects rejects of one batch; the first reason of a row stays."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._found: dict[int, Reject] = {}
        self.good: NDArray[np.bool_] = np.ones(len(batch), dtype=bool)

    def refuse(self, i: int, code: str, zh: str, en: str, field: str | None = None) -> None:
        """Refuse the i-th row, unless it is refused already."""
        if not self.good[i]:
            return
        self.good[i] = False
        shape = self._batch.geometry[i]
        self._found[i] = Reject(
            row=int(self._batch.rows[i]),
            code=code,
            zh=zh,
            en=en,
            field=field,
            raw=self._batch.raw_row(i),
            wkt=None if shape is None else shapely.to_wkt(shape, rounding_precision=9),
        )

    def refuse_all(self, where: NDArray[np.bool_], code: str, zh: str, en: str) -> None:
        """Refuse every row of the mask that is still good, for one reason."""
        for i in np.flatnonzero(where & self.good).tolist():
            self.refuse(i, code, zh, en)

    @property
    def rejects(self) -> tuple[Reject, ...]:
        return tuple(self._found[i] for i in sorted(self._found))
