"""Geometry that stands in a text: WKT, EWKT (with and without a blank after the type), WKB and
EWKB in hex digits; and which column of a table holds it. x is east or longitude in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, norm_frame
from gis.errors import SourceError
from gis.layers.model import Layer
from gis.layers.outside import shape_from_wkt
from gis.sources.curves import linear

_KINDS = "POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
_TEXT = re.compile(rf"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*({_KINDS})\s*(?:Z|M|ZM)?\s*(\(|EMPTY)", re.I)
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.I)
_HEX = re.compile(r"\s*0[01][0-9A-Fa-f]{8,}\s*")
Texts = Sequence[Any] | NDArray[np.object_]
LOOKED_AT = 200  # rows from which a column is told


def looks_like_shape(text: object) -> bool:
    """Whether a text begins as geometry does; a code of digits does not, WKB states a type."""
    if not isinstance(text, str):
        return False
    return bool(_TEXT.match(text)) or (_hex(text) and shape_of(text) is not None)


def srid_of(text: object) -> int | None:
    """The code a text states; None where it states none, or 0."""
    if not isinstance(text, str):
        return None
    if stated := _SRID.match(text):
        return int(stated[1]) or None
    if not _hex(text):
        return None
    data = bytes.fromhex(text.strip()[:18])
    order = "little" if data[0] else "big"
    flags = int.from_bytes(data[1:5], order)  # type: ignore[arg-type]
    return int.from_bytes(data[5:9], order) or None if flags & 0x20000000 else None  # type: ignore[arg-type]


def shape_of(text: object) -> shapely.Geometry | None:
    """The geometry, arcs of WKB as lines; None where the text is none."""
    if not isinstance(text, str):
        return None
    if _hex(text):
        try:
            return linear(bytes.fromhex(text.strip()))
        except ValueError:
            return None
    plain = text[found.end() :] if (found := _SRID.match(text)) else text
    try:
        return shape_from_wkt(plain)
    except NotImplementedError:  # an arc in WKT
        return None


def _hex(text: str) -> bool:
    return len(text) >= 18 and bool(_HEX.fullmatch(text)) and len(text.strip()) % 2 == 0


def shape_column(
    columns: Mapping[str, Texts], layer: Layer, wanted: str | None, source: str
) -> str | None:
    """The column that holds geometry: `wanted`, else the only one of the layer's kind, else the
    only one; None where none does. `columns`: their first values.

    Raises SourceError where `wanted` holds none, and where nothing says which of several."""
    kinds = {
        name: {_plain_kind(shape_of(v)) for v in there if looks_like_shape(v)}
        for name, values in columns.items()
        if (there := [v for v in values if v not in (None, "")])
        and all(looks_like_shape(v) for v in there[:3])
    }
    if wanted is not None:
        found = [name for name in kinds if name == wanted]
    else:
        kind = layer.geometry.removeprefix("Multi").removesuffix("Z")
        found = [name for name, there in kinds.items() if kind in there] or list(kinds)
    if len(found) > 1 or (wanted is not None and not found):
        listed = ", ".join(kinds)
        raise SourceError(
            zh=f"{source} 中含几何的列：{listed or '无'}。请写成 “{source}|列名” 指定一列",
            en=f'{source} has geometry in: {listed or "no column"}. Name one as "{source}|COLUMN"',
            source=source,
            layers=listed,
        )
    return found[0] if found else None


def _plain_kind(shape: Any) -> str:
    return "" if shape is None else str(shape.geom_type).removeprefix("Multi")


def stated_frame(texts: Texts, name: str, source: str) -> tuple[Frame | None, tuple[str, ...]]:
    """The frame that geometries state by their SRID, and where it says so; None where they state
    none. Raises SourceError where they state different ones."""
    codes = sorted({code for text in texts if (code := srid_of(text)) is not None})
    if not codes:
        return None, ()
    if len(codes) > 1:
        listed = ", ".join(map(str, codes))
        raise SourceError(
            zh=f"{source} 的 {name} 列有几种坐标系：SRID {listed}。请分开送",
            en=f"{source}: {name} is in several frames, SRID {listed}. Send them apart",
            source=source,
            srids=listed,
        )
    return norm_frame(f"EPSG:{codes[0]}"), (f"{source}: {name} SRID={codes[0]}",)
