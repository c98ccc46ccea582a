"""One line of text -> one reading, or the reason why it is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from gis.errors import SourceError
from gis.sources.texts import is_whole
from gis.store.observations import AHEAD, Reading, Refused

# What departments call the three columns, lower case.
NAMES = {
    "datastream": ("datastream", "数据流", "监测项编号", "测点编号", "datastream_id"),
    "time": ("time", "时间", "采集时间", "监测时间", "phenomenontime", "timestamp"),
    "value": ("value", "数值", "读数", "监测值", "result"),
}
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads lines whose columns lie at these places. `zone`: of times that name none; `received`:
    when the lines reached us (aware), against which clocks are held."""

    datastream: int
    time: int
    value: int
    zone: tzinfo
    received: datetime

    @classmethod
    def of(cls, header: Sequence[str], source: str, zone: tzinfo, received: datetime) -> Decoder:
        """Raises SourceError that names the column that is missing."""
        found = [name.strip().lower().lstrip("\ufeff") for name in header]
        places = {}
        for role, names in NAMES.items():
            at = next((found.index(name) for name in names if name in found), None)
            if at is None:
                raise SourceError(
                    zh=f"{source} 缺少列 {role}（可写作：{'、'.join(names)}）；"
                    f"现有：{'、'.join(found)}",
                    en=f"{source} has no column {role} (or: {', '.join(names)}); "
                    f"it has: {', '.join(found)}",
                    source=source,
                    column=role,
                )
            places[role] = at
        return cls(**places, zone=zone, received=received)

    def decode(self, row: int, cells: Sequence[str]) -> Reading | Refused:
        """`row` counts from 1 after the header."""
        raw = ",".join(cells)
        if len(cells) <= max(self.datastream, self.time, self.value) or not is_whole(raw):
            return Refused(row, "damaged_row", "行不完整或含无法解码的字符", "incomplete line", raw)
        stream, time_text, value_text = (
            cells[at].strip() for at in (self.datastream, self.time, self.value)
        )
        if not stream:
            return Refused(row, "missing_value", "数据流编号为空", "no datastream", raw)
        time = self._moment(time_text)
        if time is None:
            zh, en = f"“{time_text}”不是时间", f"{time_text!r} is not a time (ISO 8601)"
            return Refused(row, "bad_value", zh, en, raw)
        value = _number(value_text)
        if value is None:
            zh, en = f"“{value_text}”不是数", f"{value_text!r} is not a finite number"
            return Refused(row, "bad_value", zh, en, raw)
        ahead = AHEAD if time > self.received + CLOCK_TOLERANCE else 0
        return Reading(row, stream, time, value, ahead)

    def _moment(self, text: str) -> datetime | None:
        try:
            time = datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            return None
        return time if time.tzinfo is not None else time.replace(tzinfo=self.zone)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
