"""A value as it stands in a URL, typed as its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from gis.errors import LayerError
from gis.layers.model import Field, FieldType

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _integer(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _text(text: str) -> str:
    if "\x00" in text:
        raise ValueError(text)
    return text


_PARSERS: dict[FieldType, Callable[[str], Any]] = {
    "text": _text,
    "code": _text,
    "integer": _integer,
    "number": float,
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def literal(field: Field, value: Any) -> Any:
    """`value` (a text, or already typed) as the field's type. Raises LayerError naming both."""
    try:
        return _PARSERS[field.type](str(value))
    except (ValueError, KeyError) as exc:
        raise LayerError(
            zh=f"字段 {field.name} 的值应为 {field.type}，不能是“{value}”",
            en=f"field {field.name} holds a value of type {field.type}, not {value!r}",
            field=field.name,
            value=str(value),
        ) from exc
