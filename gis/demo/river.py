"""The river through the town, its green banks, the lake and the railway (site metres)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.demo.site import WHOLE, Floats, Shape

RIVER = "练江河"
BANK = 92.0  # half the corridor between the two bank roads, metres
RAILWAY_HALF = 26.0


def river_axis(x: Floats | float) -> Floats:
    """Northing of the valley's smooth axis at easting `x`; the bank roads follow it."""
    x = np.asarray(x, dtype=float)
    return np.asarray(-1010.0 - 0.165 * x + 170.0 * np.sin(x / 1350.0 + 0.6))


def railway_x(y: Floats | float) -> Floats:
    """Easting of the railway at northing `y`."""
    y = np.asarray(y, dtype=float)
    return np.asarray(-1180.0 + 0.05 * y + 90.0 * np.sin(y / 2600.0))


@dataclass(frozen=True, slots=True)
class Corridors:
    """Land that is no building block.

    water: river surface (beds) and the park lake; banks: the green strips between water and
    bank roads; corridor: water and banks together; railway: the railway's strip.
    """

    river: Shape
    lake: Shape
    corridor: Shape
    railway: Shape

    @property
    def banks(self) -> Shape:
        return self.corridor.difference(self.river)


def corridors() -> Corridors:
    """The same for every seed: the town was built around them."""
    x = np.arange(WHOLE.west - 100, WHOLE.east + 101, 25.0)
    axis = shapely.LineString(np.column_stack([x, river_axis(x)]))
    wiggle = 30.0 * np.sin(x / 260.0 + 1.0) + 14.0 * np.sin(x / 97.0)
    middle = np.column_stack([x, river_axis(x) + wiggle])
    half = 21.0 + 4.0 * np.sin(x / 510.0) + 2.0 * np.sin(x / 130.0 + 2.0)
    river = shapely.Polygon(
        np.concatenate([middle + np.c_[half * 0, half], (middle - np.c_[half * 0, half])[::-1]])
    )
    y = np.arange(WHOLE.south - 100, WHOLE.north + 101, 100.0)
    track = shapely.LineString(np.column_stack([railway_x(y), y]))
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = 165.0 * (1 + 0.18 * np.sin(2 * angle + 0.6) + 0.12 * np.sin(3 * angle + 1.1))
    lake = np.column_stack([1.35 * radius * np.cos(angle) + 1580, radius * np.sin(angle) + 1390])
    frame = WHOLE.polygon
    return Corridors(
        river=river.intersection(frame),
        lake=shapely.Polygon(lake),
        corridor=axis.buffer(BANK, cap_style="flat").intersection(frame),
        railway=track.buffer(RAILWAY_HALF, cap_style="flat").intersection(frame),
    )
