"""DXF with a GEODATA object: where the drawing lies is in the drawing, and GDAL does not look.

GEODATA names the system (Autodesk's XML, with its EPSG code), one point in both (design and
reference), the length of a drawing unit, and which way in the drawing is north.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.layers.model import Layer
from gis.sources.columns import objects
from gis.sources.delivery import Delivery
from gis.sources.vector import open_vector

_EPSG = re.compile(
    r'<Alias\s+id="(\d+)"\s+type="CoordinateSystem">(?:(?!</Alias>).)*?<Namespace>\s*EPSG', re.S
)
MAX_DEFINITION = 1 << 20  # characters of a system's XML


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoData:
    """Drawing to system: turn by `turn_rad`, times `scale` (system units a drawing unit), from
    `design` to `reference` (east, north)."""

    epsg: int
    design: tuple[float, float]
    reference: tuple[float, float]
    scale: float
    turn_rad: float

    def placed(self, geometry: NDArray[np.object_]) -> NDArray[np.object_]:
        """The geometries in the system's numbers; heights stay."""
        sine, cosine = math.sin(self.turn_rad), math.cos(self.turn_rad)
        turn = self.scale * np.array([[cosine, sine], [-sine, cosine]])  # from the right: x @ turn

        def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            out: NDArray[np.float64] = (xy - self.design) @ turn + self.reference
            return out

        flat = shapely.force_2d(geometry) if not shapely.has_z(geometry).any() else geometry
        moved: NDArray[np.object_] = shapely.transform(flat, move)
        return moved


def open_drawing(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto",
    words: frozenset[str] = frozenset(), called: str,
) -> Delivery:  # fmt: skip
    """As `open_vector`; a drawing with GEODATA states its frame by it, and a polyline that ends
    where it began is an area or a line, as the layer wants it."""
    delivery = open_vector(path, "DXF", member, encoding=encoding, words=words, called=called)
    data = geodata(path, called)

    def read(wanted: Frame | None) -> Iterator[RawBatch]:
        for batch in delivery.read(wanted):
            shapes = as_wanted(batch.geometry, layer)
            yield replace(batch, geometry=shapes if data is None else data.placed(shapes))

    if data is None:
        return replace(delivery, read=read)
    frame = norm_frame(f"EPSG:{data.epsg}")
    x, y = data.reference
    evidence = f"{called}: GEODATA EPSG:{data.epsg}, {data.design} = ({x}, {y}), ×{data.scale:g}"
    return replace(delivery, declared=frame, evidence=(evidence,), read=read)


def as_wanted(geometry: NDArray[np.object_], layer: Layer) -> NDArray[np.object_]:
    """In a drawing the border of an area and a line that closes are the same entity."""
    kinds = shapely.get_type_id(geometry)
    out = geometry.copy()
    if "Polygon" in layer.geometry:
        rings = (kinds == 1) & shapely.is_closed(geometry) & (shapely.get_num_points(geometry) > 3)
        out[rings] = objects(shapely.Polygon(line.coords) for line in geometry[rings])
    elif "LineString" in layer.geometry:
        borders = (kinds == 3) & (shapely.get_num_interior_rings(geometry) == 0)
        rings = shapely.get_exterior_ring(geometry[borders])
        out[borders] = objects(shapely.LineString(ring.coords) for ring in rings)
    return out


def geodata(path: Path, called: str) -> GeoData | None:
    """The drawing's GEODATA; None where it has none, or one without an EPSG code.

    Raises SourceError where it is there and can't be understood."""
    with path.open(encoding="utf-8", errors="replace") as file:
        codes = _object(file)
    if codes is None:
        return None
    definition = "".join(v for code, v in codes if code in (301, 303)).replace("^J", "\n")
    named = _EPSG.search(definition)
    numbers: dict[int, float] = {}
    for code, text in codes:
        if code in (10, 20, 11, 21, 12, 22, 40):
            numbers.setdefault(code, _number(text))
    if named is None:
        return None
    if not {10, 20, 11, 21} <= set(numbers) or not all(map(math.isfinite, numbers.values())):
        raise SourceError(
            zh=f"{called} 的 GEODATA 缺少设计点或参考点。请在 CAD 中重新设置地理位置",
            en=f"the GEODATA of {called} lacks its design or reference point. Set the geographic "
            "location again in CAD",
            source=called,
        )
    north = math.atan2(numbers.get(22, 1.0), numbers.get(12, 0.0))
    return GeoData(
        epsg=int(named[1]),
        design=(numbers[10], numbers[20]),
        reference=(numbers[11], numbers[21]),
        scale=numbers.get(40, 1.0),
        turn_rad=math.pi / 2 - north,
    )


def _object(file: IO[str]) -> list[tuple[int, str]] | None:
    """Group codes and values of the GEODATA object, from its class mark on."""
    pairs = _pairs(file)
    for code, text in pairs:
        if (code, text) == (100, "AcDbGeoData"):
            found, size = [], 0
            for code_, text_ in pairs:
                size += len(text_)
                if code_ == 0 or size > MAX_DEFINITION:
                    break
                found.append((code_, text_))
            return found
    return None


def _pairs(file: IO[str]) -> Iterator[tuple[int, str]]:
    """A drawing is lines in pairs: a group code and a value."""
    while head := file.readline(1 << 16):
        text = file.readline(1 << 16)
        code = head.strip()
        yield (int(code) if code.lstrip("-").isdigit() else -1), text.strip("\r\n ")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
