"""Inputs of an execute request, read and refused alike by every process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from gis.api.refusals import Refused, bad_value, unknown_parameter
from gis.store import Instant, Interval, parse_datetime

Inputs = Mapping[str, dict[str, Any]]


def _nobody(share: float) -> None:
    """Whoever waits for the answer at once asks for no progress."""


# Whom a process tells how far it is.
PROGRESS: ContextVar[Callable[[float], None]] = ContextVar("PROGRESS", default=_nobody)


def progress(share: float) -> None:
    """Tell how far the process is, 0 to 1. Raises Dismissed in a job that nobody wants any more."""
    PROGRESS.get()(share)


class Dismissed(Exception):
    """The job was dismissed while it ran: no mistake, and nothing to answer."""


def described(
    zh: str, en: str, schema: Mapping[str, Any], *, required: bool = False
) -> dict[str, Any]:
    """One input as a process describes it."""
    return {
        "title": {"zh": zh, "en": en},
        "schema": dict(schema),
        "minOccurs": int(required),
        "maxOccurs": 1,
    }


def metadata(
    id_: str, title: tuple[str, str], words: tuple[str, str], inputs: Inputs,
    output: Mapping[str, Any], example: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The description of a process with one output of its own name."""
    return {
        "version": "1.0.0",
        "id": id_,
        "title": {"zh": title[0], "en": title[1]},
        "description": {"zh": words[0], "en": words[1]},
        "keywords": [id_, title[0]],
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value"],
        "links": [],
        "inputs": dict(inputs),
        "outputs": {
            id_: {"title": {"zh": title[0], "en": title[1]}, "schema": dict(output)},
        },
        "example": {"inputs": dict(example)},
    }


def given_inputs(data: Mapping[str, Any], known: Inputs) -> dict[str, Any]:
    """The values by name. Raises Refused for a name that is not known, one that is missing."""
    found = {name: _unwrapped(name, value) for name, value in data.items()}
    for name in found:
        if name not in known:
            raise unknown_parameter(name, known)
    for name, told in known.items():
        if told["minOccurs"] and found.get(name) is None:
            raise missing(name, known)
    return found


def missing(name: str, known: Inputs) -> Refused:
    """An input that is needed is not there."""
    title = known[name]["title"]
    return Refused(
        zh=f"缺少输入 {name}（{title['zh']}）",
        en=f"input {name} is missing ({title['en']})",
        parameter=name,
    )


def text_of(given: Mapping[str, Any], name: str, usual: str) -> str:
    """A text. Raises Refused."""
    value = given.get(name, usual)
    if not isinstance(value, str):
        raise bad_value(name, str(value), "应为文字", "it is a text")
    return value


def frame_of(given: Mapping[str, Any], usual: str, name: str = "frame") -> str | int:
    """A frame as people write it. Raises Refused where it is no text or number."""
    frame = given.get(name, usual)
    if isinstance(frame, bool) or not isinstance(frame, str | int):
        raise bad_value(name, str(frame), "如 EPSG:4547、gcj02", "like EPSG:4547, gcj02")
    return frame


def number_of(given: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    """A number from 0 to `most`. Raises Refused."""
    value = given.get(name, usual)
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not 0 <= value <= most:
        limit = f"0–{most:g}"
        raise bad_value(name, str(value), f"应为 {limit} 的数", f"it is a number, {limit}")
    return float(value)


def moment_of(given: Mapping[str, Any], timezone: str) -> Instant | None:
    """One moment, None = now. Raises Refused, LayerError."""
    when = when_of(given, timezone)
    if isinstance(when, Interval):
        raise bad_value(
            "datetime", str(given["datetime"]), "这里应为一个时刻", "it is one moment here"
        )
    return when


def when_of(given: Mapping[str, Any], timezone: str) -> Instant | Interval | None:
    """A moment or an interval, None = now. Raises Refused, LayerError."""
    text = given.get("datetime")
    if text is None:
        return None
    if not isinstance(text, str):
        raise bad_value("datetime", str(text), "应为文字", "it is a text")
    return parse_datetime(text, timezone)


def _unwrapped(name: str, value: Any) -> Any:
    """The standard lets a value stand as it is, or as `{"value": …}` with its media type."""
    if isinstance(value, dict) and "value" in value:
        if not set(value) <= {"value", "mediaType", "encoding", "schema"}:
            raise bad_value(name, str(value), '应为值或 {"value": 值}', 'a value or {"value": …}')
        return value["value"]
    if isinstance(value, dict) and "type" not in value:  # GeoJSON stands for itself
        raise bad_value(name, str(value), '应为值或 {"value": 值}', 'a value or {"value": …}')
    return value
