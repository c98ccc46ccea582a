"""Texts and numbers as departments write them, to the type a field has.

A converter takes one value and returns it typed; it raises `NotAValueError` where it can't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.layers.model import CodeList, Field

Value = str | int | float | bool | date | datetime | None
DAY = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$")
COMPACT_DAY = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
UNITS = {"m": ("m", "米"), "mm": ("mm", "毫米"), "m²": ("m²", "m2", "平方米", "㎡"), "%": ("%",),
         "公顷": ("公顷", "ha"), "万元": ("万元",)}  # fmt: skip
YES, NO = ("是", "true", "1", "y", "yes"), ("否", "false", "0", "n", "no")


class NotAValueError(Exception):
    """The value is not of the field's type."""


def converter(field: Field, codelist: CodeList | None) -> Callable[[object], Value]:
    """The function that types one value of `field` (never called with None)."""
    if field.type == "code":
        assert codelist is not None  # the registry has seen to it
        known: dict[str, Value] = {}
        return lambda value: _code(value, codelist, known)
    if field.type in ("integer", "number"):
        units = UNITS.get(field.unit or "", (field.unit,) if field.unit else ())
        if field.type == "integer":
            return lambda value: _integer(value, units)
        return lambda value: _number(value, units)
    return {"text": _text, "date": _date, "datetime": _datetime, "boolean": _boolean}[field.type]


def typed_column(
    field: Field, codelist: CodeList | None, column: NDArray[np.object_]
) -> tuple[NDArray[np.object_], list[int]]:
    """The column's values typed, None where there is none; and the indices of those that are no
    values of the field. The same as one call of the converter a value, and many times as fast."""
    listed = column.tolist()
    kinds = set(map(type, listed)) - {type(None)}
    typed, wrong = _at_once(field, listed, kinds), []
    if typed is None:
        convert = converter(field, codelist)
        # equal numbers of two types are not written alike, equal texts are
        known: dict[Any, Any] = {}
        if kinds == {str}:
            known = {value: _tried(convert, value) for value in set(listed) - {None}}
            known[None] = None
            typed = list(map(known.__getitem__, listed))
        else:
            typed = [None if value is None else _tried(convert, value) for value in listed]
        wrong = [i for i, value in enumerate(typed) if value is _WRONG] if _WRONG in typed else []
        for i in wrong:
            typed[i] = None
    out: NDArray[np.object_] = np.empty(len(listed), dtype=object)
    out[:] = typed
    return out, wrong


_WRONG = object()
_EXACT = 1 << 53  # whole numbers below it pass through a float unaltered


def _tried(convert: Callable[[object], Value], value: object) -> Any:
    try:
        return convert(value)
    except NotAValueError:
        return _WRONG


def _at_once(field: Field, listed: list[Any], kinds: set[type]) -> list[Any] | None:
    """The typed values where nothing is to be done to any but what can be done to all."""
    if not kinds:
        return listed
    if field.type == "number" and kinds == {float}:
        return listed
    if field.type == "integer" and kinds == {int}:
        filled = [v for v in listed if v is not None]
        return listed if min(filled) > -_EXACT and max(filled) < _EXACT else None
    if field.type != "text" or kinds != {str}:
        return None
    joined = "".join(v for v in listed if v is not None)
    if not joined.isascii() and not unicodedata.is_normalized("NFC", joined):
        return None
    if None in listed:
        return [None if v is None else v.strip() or None for v in listed]
    stripped: list[Any] = list(map(str.strip, listed))
    return [v or None for v in stripped] if "" in stripped else stripped


def plain(text: str) -> str:
    """Full-width digits and letters made narrow, blanks at the ends gone."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()


def _text(value: object) -> Value:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a spreadsheet's 38.0 is the number 38
    text = unicodedata.normalize("NFC", str(value)).strip().strip("\u3000")
    return text or None


def _number(value: object, units: tuple[str, ...]) -> float | None:
    if isinstance(value, bool):
        raise NotAValueError
    if isinstance(value, int | float):
        return float(value)
    text = plain(str(value)).replace(",", "")
    if not text:
        return None
    found = NUMBER.match(text)
    if found is None or text[found.end() :].strip() not in ("", *units):
        raise NotAValueError
    return float(found[0])


def _integer(value: object, units: tuple[str, ...]) -> Value:
    number = _number(value, units)
    if number is None:
        return None
    if not number.is_integer():
        raise NotAValueError
    return int(number)


def _date(value: object) -> Value:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = plain(str(value)).split("T")[0].split(" ")[0]
    if not text:
        return None
    found = DAY.match(text) or COMPACT_DAY.match(text)
    if found is None:
        raise NotAValueError
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError as exc:
        raise NotAValueError from exc


def _datetime(value: object) -> Value:
    if isinstance(value, datetime):
        return value
    text = plain(str(value)).replace("/", "-")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise NotAValueError from exc


def _boolean(value: object) -> Value:
    text = plain(str(value)).lower()
    if not text:
        return None
    if text in YES or text in NO:
        return text in YES
    raise NotAValueError


def _code(value: object, codelist: CodeList, known: dict[str, Value]) -> Value:
    text = plain(str(_text(value) or ""))
    if not text:
        return None
    if text not in known:
        code = codelist.find(text)
        if code is None:
            raise NotAValueError
        known[text] = code.code
    return known[text]
