"""`datetime=` as values: an instant, or an interval open at either end. Valid time only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from zoneinfo import ZoneInfo

from gis.errors import LayerError


@dataclass(frozen=True, slots=True)
class Instant:
    """The state at one moment (aware)."""

    at: datetime

    def __post_init__(self) -> None:
        _check_aware(self.at)


@dataclass(frozen=True, slots=True)
class Interval:
    """Every version that overlaps [start, end], both ends included; None = open."""

    start: datetime | None
    end: datetime | None

    def __post_init__(self) -> None:
        for end in (self.start, self.end):
            if end is not None:
                _check_aware(end)
        if self.start is not None and self.end is not None and self.start > self.end:
            raise LayerError(
                zh=f"时间段的起点 {self.start} 在终点 {self.end} 之后。请调换",
                en=f"the interval starts at {self.start}, after its end {self.end}. Swap them",
                start=self.start,
                end=self.end,
            )


When = Instant | Interval | None  # None = now


def parse_datetime(text: str, tz: str | tzinfo) -> Instant | Interval:
    """From `2024-05-20`, `2024-05-20T08:00:00Z`, `2023-01-01/2024-01-01`, `../2024-01-01`.

    A bare date is 00:00 of that date in `tz`, as is a time without a zone. Raises LayerError
    that quotes the text and shows what would do.
    """
    zone = ZoneInfo(tz) if isinstance(tz, str) else tz
    parts = text.strip().split("/")
    if len(parts) == 1 and parts[0]:
        return Instant(_moment(parts[0], text, zone))
    if len(parts) == 2:
        start, end = (
            None if part.strip() in ("", "..") else _moment(part, text, zone) for part in parts
        )
        return Interval(start, end)
    raise _wrong(text)


def _moment(part: str, text: str, zone: tzinfo) -> datetime:
    part = part.strip()
    try:
        if len(part) == 10:
            found = datetime.combine(date.fromisoformat(part), time(), zone)
        else:  # in a query string a bare + of an offset arrives as a space
            found = datetime.fromisoformat(part.replace(" ", "+") if "T" in part else part)
        found = found if found.tzinfo is not None else found.replace(tzinfo=zone)
        found.astimezone(ZoneInfo("UTC"))  # out of the calendar's range?
    except (ValueError, OverflowError) as exc:
        raise _wrong(text) from exc
    return found


def _wrong(text: str) -> LayerError:
    return LayerError(
        zh=f"看不懂时间“{text}”。可写 2024-05-20、2024-05-20T08:00:00+08:00、"
        f"2023-01-01/2024-01-01 或 ../2024-01-01",
        en=f"{text!r} is not a time. Write 2024-05-20, 2024-05-20T08:00:00+08:00, "
        f"2023-01-01/2024-01-01 or ../2024-01-01",
        value=text,
    )


def _check_aware(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise LayerError(
            zh=f"时间 {moment} 没有时区", en=f"time {moment} has no time zone", value=moment
        )
