"""Findings that do not cost a row its place: collected beside the refusals, told in the report."""

from __future__ import annotations

from gis.layers.batch import Remark
from gis.layers.verdicts import Verdicts


class Lenient(Verdicts):
    """Takes the same words as the verdicts it stands beside, and refuses nothing."""

    def __init__(self, strict: Verdicts) -> None:
        self._batch = strict._batch
        self._said: dict[tuple[int, str, str | None], Remark] = {}
        self.good = strict.good  # one array: only rows that are not refused are worth a remark

    def refuse(self, i: int, code: str, zh: str, en: str, field: str | None = None) -> None:
        """Remark on the i-th row, once a code and field."""
        if self.good[i]:
            remark = Remark(row=int(self._batch.rows[i]), code=code, zh=zh, en=en, field=field)
            self._said.setdefault((i, code, field), remark)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What was said of rows that are still good."""
        return tuple(r for (i, _, _), r in sorted(self._said.items(), key=_place) if self.good[i])


def _place(item: tuple[tuple[int, str, str | None], Remark]) -> tuple[int, str]:
    return item[0][0], item[0][1]
