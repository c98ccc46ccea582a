"""How a layer becomes solid, as the `solid` of its YAML says.

extrude: {base_m, height_m}          polygons, from base_m up by height_m
tube: {diameter_mm, z_is: axis}      lines with z; z_is axis, invert (the pipe's lowest inner
                                     point) or crown (its highest)
manhole: {ground_m, depth_m, diameter_m, only}  points, a shaft from the ground down by depth_m;
                                     only: a field, without a value of which there is no shaft

A value is the name of a field or a number. Heights are of the city's datum (1985).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gis.errors import LayerError, TileError
from gis.layers.model import Layer
from gis.tiles.mesh import Floats
from gis.tiles.tube import STICKS_OUT

Kind = Literal["extrude", "tube", "manhole"]
NEEDS: Mapping[str, tuple[str, ...]] = {
    "extrude": ("base_m", "height_m"),
    "tube": ("diameter_mm",),
    "manhole": ("ground_m", "depth_m", "diameter_m"),
}
OPTIONS: Mapping[str, tuple[str, ...]] = {"tube": ("z_is",), "manhole": ("only",)}
GEOMETRIES: Mapping[str, tuple[str, ...]] = {
    "extrude": ("Polygon", "MultiPolygon"),
    "tube": ("LineStringZ",),
    "manhole": ("Point", "PointZ"),
}
# of the radius, from z to the pipe's axis
Z_IS: Mapping[str, float] = {"axis": 0.0, "invert": 1.0, "crown": -1.0}
LARGEST_M = 10_000.0  # taller, deeper or thicker than it is a mistake


@dataclass(frozen=True, slots=True)
class Extent:
    """Of n features: heights from lowest to highest in the city's datum and how far the solid
    reaches beyond its geometry, metres, NaN where unknown."""

    low_m: Floats
    high_m: Floats
    beyond_m: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether the solid can be made."""
        return np.asarray(np.isfinite(self.low_m) & (self.high_m > self.low_m))


@dataclass(frozen=True, slots=True)
class Recipe:
    """`values`: what a solid is made of, each a field's name or a number."""

    kind: Kind
    values: Mapping[str, str | float]
    axis_radii: float = 0.0
    only: str | None = None

    @classmethod
    def of(cls, layer: Layer) -> Recipe:
        """The recipe of a layer. Raises TileError where it has none, LayerError where it is
        wrong."""
        if not layer.solid:
            raise TileError(
                zh=f"图层 {layer.id} 没有三维形式。请在其 YAML 中写 solid",
                en=f"layer {layer.id} has no solid form. Write `solid` in its YAML",
                layer=layer.id,
            )
        kind, given = next(iter(layer.solid.items()))
        if len(layer.solid) != 1 or kind not in NEEDS:
            raise _wrong(layer, f"应为 {' / '.join(NEEDS)} 之一", f"is one of {', '.join(NEEDS)}")
        if layer.geometry not in GEOMETRIES[kind]:
            fits = ", ".join(GEOMETRIES[kind])
            raise _wrong(layer, f"{kind} 需要 {fits}", f"{kind} takes {fits}")
        options = OPTIONS.get(kind, ())
        for name in given:
            if name not in (*NEEDS[kind], *options):
                raise _wrong(layer, f"{kind} 没有 {name}", f"{kind} has no {name}")
        z_is = str(given.get("z_is", "axis"))
        if z_is not in Z_IS:
            raise _wrong(layer, "z_is 应为 axis、invert 或 crown", "z_is: axis, invert or crown")
        values = {name: _value(layer, name, given.get(name)) for name in NEEDS[kind]}
        only = layer.field(str(given["only"])).name if "only" in given else None
        return cls(kind, values, Z_IS[z_is], only)  # type: ignore[arg-type]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it reads."""
        named = [value for value in self.values.values() if isinstance(value, str)]
        return tuple(dict.fromkeys([*named, self.only] if self.only else named))

    def meant(self, columns: Mapping[str, Sequence[Any]], rows: int) -> NDArray[np.bool_]:
        """Which of `rows` rows are to be solid at all: a bend in a pipe is no shaft."""
        if self.only is None:
            return np.ones(rows, dtype=bool)
        return np.array([value is not None for value in columns[self.only]], dtype=bool)

    def read(self, columns: Mapping[str, Sequence[Any]], rows: int) -> dict[str, Floats]:
        """Its values for `rows` rows; NaN where empty."""
        return {name: _column(value, columns, rows) for name, value in self.values.items()}

    def extent(self, columns: Mapping[str, Sequence[Any]], zmin: Floats, zmax: Floats) -> Extent:
        """Of rows whose geometry reaches from zmin to zmax (NaN where it has no z)."""
        found = self.read(columns, len(zmin))
        if self.kind == "extrude":
            low, size = found["base_m"], found["height_m"]
            high, beyond = low + size, np.zeros(len(low))
        elif self.kind == "manhole":
            high, size = found["ground_m"], np.minimum(found["depth_m"], found["diameter_m"])
            low = high - found["depth_m"]
            beyond = STICKS_OUT * found["diameter_m"] / 2
        else:
            size = found["diameter_mm"] / 1000
            beyond = STICKS_OUT * size / 2
            shift = self.axis_radii * size / 2
            low, high = zmin + shift - beyond, zmax + shift + beyond
        wrong = ~((size > 0) & (high - low < LARGEST_M) & np.isfinite(low) & np.isfinite(beyond))
        return Extent(
            np.where(wrong, np.nan, low), np.where(wrong, np.nan, high), np.where(wrong, 0, beyond)
        )


def _column(value: str | float, columns: Mapping[str, Sequence[Any]], rows: int) -> Floats:
    if not isinstance(value, str):
        return np.full(rows, float(value))
    return np.array([np.nan if v is None else v for v in columns[value]], dtype=np.float64)


def _value(layer: Layer, name: str, value: object) -> str | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise _wrong(layer, f"缺少 {name}（字段名或数）", f"{name} is missing: a field or a number")
    if layer.field(value).type not in ("number", "integer"):
        raise _wrong(layer, f"字段 {value} 不是数", f"field {value} is not a number")
    return value


def _wrong(layer: Layer, zh: str, en: str) -> LayerError:
    return LayerError(
        zh=f"图层 {layer.id} 的 solid：{zh}。请改正",
        en=f"`solid` of layer {layer.id}: {en}. Correct it",
        layer=layer.id,
        field="solid",
    )
