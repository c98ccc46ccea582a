"""Which of a department's columns is which of our fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gis.layers.model import Layer
from gis.layers.values import plain


def map_columns(layer: Layer, names: Iterable[str]) -> dict[str, str]:
    """Field name -> column name. A column serves one field, the one whose own name or earliest
    alias it bears; names are compared without case, blanks and full-width forms."""
    there: dict[str, str] = {}
    for name in names:
        there.setdefault(_key(name), name)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for field in layer.fields:
        for candidate in (field.name, *field.aliases):
            column = there.get(_key(candidate))
            if column is not None and column not in taken:
                found[field.name] = column
                taken.add(column)
                break
    return found


def unmapped(mapping: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Columns no field has taken: they go to `extra`."""
    taken = set(mapping.values())
    return [name for name in names if name not in taken]


def _key(name: str) -> str:
    return plain(name).casefold().replace(" ", "")
