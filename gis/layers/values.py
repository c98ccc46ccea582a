"""Texts and numbers as departments write them, to the type a field has.

A converter takes one value and returns it typed; it raises `NotAValueError` where it can't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime

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
