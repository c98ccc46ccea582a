"""Shapes from outside: collections within collections, deeper than any map has, end a process.

GEOS reads them by calling itself; some ten thousand levels, a text of 200 kB, exhaust its stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

MOST_COLLECTIONS = 32
# a collection inside WKB: byte order, then 7 or 1007 (with heights), little or big end first
_HEADS = (b"\x01\x07\x00\x00", b"\x01\xef\x03\x00", b"\x00\x00\x00\x00\x07",
          b"\x00\x80\x00\x00\x07", b"\x00\x00\x00\x03\xef")  # fmt: skip
_SECOND = frozenset(head[1:2] for head in _HEADS)  # told apart at once from all other shapes


def shape_from_wkt(text: str) -> BaseGeometry | None:
    """The geometry of a WKT; None where it is none, or holds too many collections."""
    if text.upper().count("COLLECTION") > MOST_COLLECTIONS:
        return None
    with np.errstate(all="ignore"):  # numbers beyond all bounds, in what may be no WKT at all
        found: BaseGeometry | None = shapely.from_wkt(text, on_invalid="ignore")
    return found


def shallow(wkb: Iterable[Any]) -> list[Any]:
    """The geometries, None for those that hold too many collections."""
    return [None if shape and shape[1:2] in _SECOND and _is_deep(shape) else shape for shape in wkb]


def _is_deep(wkb: bytes) -> bool:
    return wkb[:5].startswith(_HEADS) and any(wkb.count(h) > MOST_COLLECTIONS for h in _HEADS)
