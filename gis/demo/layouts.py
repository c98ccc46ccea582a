"""How buildings stand on a plot, one rule a manner of building.

A rule gets the plot's frame (extents along its own axes, metres) and returns candidate rows
(u, v, width, depth, shape, storeys, use, turned). u runs along the plot's axis that is closest
to east, v to its north; `buildings` drops what does not fit the plot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gis.demo.shapes import (
    BUTTERFLY,
    COURT,
    ELL,
    PODIUM,
    RECT,
    STEPPED,
    TEE,
    U_SHAPE,
    WINGS,
)  # fmt: skip

USES = (
    "residential", "commercial", "office", "industrial", "education", "medical", "public",
    "storage", "other",
)  # fmt: skip
HOME, SHOP, OFFICE, FACTORY, SCHOOL, CLINIC, PUBLIC, STORE, OTHER = range(len(USES))

Row = tuple[float, float, float, float, int, int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """Extent of a plot along its axes (metres), its area, and the random stream to draw from."""

    along: float
    across: float
    area_m2: float
    rng: np.random.Generator

    def pick(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def storeys(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))


def _rows(
    f: Frame, depth: float, gap: float, widths: tuple[float, float], between: tuple[float, float]
) -> Iterator[tuple[float, float, float]]:
    """Rows from south to north of houses side by side: (u, v, width)."""
    v = -f.across / 2 + depth / 2 + f.pick(7.0, 9.0)
    while v + depth / 2 < f.across / 2 - 5.0:
        u = -f.along / 2 + f.pick(7.0, 11.0)
        while True:
            width = f.pick(*widths)
            if u + width > f.along / 2 - 5.0:
                width = f.along / 2 - 6.0 - u
                if width < 0.75 * widths[0]:
                    break
            yield u + width / 2, v + f.pick(-0.8, 0.8), width
            u += width + f.pick(*between)
        v += depth + gap


def _frontage(f: Frame, depth: float, use: int, share: float) -> Iterator[Row]:
    """Two- or three-storey shops along the south and north streets."""
    for side in (-1, 1):
        if f.rng.random() > share:
            continue
        u = -f.along / 2 + 8.0
        while u < f.along / 2 - 25.0:
            width = f.pick(22.0, 48.0)
            v = side * (f.across / 2 - depth / 2 - 6.2)
            yield u + width / 2, v, width, depth, RECT, f.storeys(2, 3), use
            u += width + f.pick(3.5, 9.0)


def slab(f: Frame) -> Iterator[Row]:
    yield from _frontage(f, 12.0, SHOP, 0.3)
    storeys, depth = f.storeys(5, 7), f.pick(11.5, 13.0)
    for u, v, width in _rows(f, depth, f.pick(15.0, 19.0), (32.0, 58.0), (7.0, 11.0)):
        yield u, v, width, depth, STEPPED, storeys - int(f.rng.random() < 0.15), HOME


def midrise(f: Frame) -> Iterator[Row]:
    yield from _frontage(f, 13.0, SHOP, 0.35)
    storeys, depth = f.storeys(9, 12), f.pick(13.0, 15.0)
    for u, v, width in _rows(f, depth, f.pick(25.0, 30.0), (30.0, 52.0), (10.0, 16.0)):
        yield u, v, width, depth, STEPPED, storeys, HOME


def highrise(f: Frame) -> Iterator[Row]:
    yield from _frontage(f, 14.0, SHOP, 0.55)
    low, depth = f.storeys(17, 27), f.pick(16.0, 19.0)
    place = 0
    for u, v, width in _rows(f, depth, f.pick(30.0, 40.0), (27.0, 37.0), (14.0, 26.0)):
        place += 1
        if place == 4 and f.area_m2 > 30_000:
            yield u, v, 34.0, 22.0, ELL, 3, SCHOOL  # the estate's nursery school
            continue
        yield u, v, width, depth, BUTTERFLY, min(34, low + f.storeys(0, 6)), HOME


def oldtown(f: Frame) -> Iterator[Row]:
    depth = f.pick(9.0, 12.0)
    for u, v, width in _rows(f, depth, f.pick(5.0, 8.0), (11.0, 24.0), (1.5, 4.5)):
        shape = int(f.rng.choice([RECT, RECT, RECT, ELL, U_SHAPE, TEE]))
        use = SHOP if f.rng.random() < 0.22 else HOME
        yield u, v, width, depth + f.pick(-1, 1.5), shape, f.storeys(2, 6), use


def cottages(f: Frame, storeys: int, empty: float) -> Iterator[Row]:
    """Village houses wall to wall along lanes, some around a yard."""
    depth = f.pick(9.0, 10.5)
    for u, v, width in _rows(f, depth, f.pick(5.0, 6.5), (9.0, 13.0), (1.2, 3.0)):
        if f.rng.random() < empty:
            continue
        shape = int(f.rng.choice([RECT, RECT, RECT, ELL, U_SHAPE], p=[0.3, 0.2, 0.2, 0.2, 0.1]))
        yield u, v, width, depth + f.pick(-1.0, 1.0), shape, f.storeys(1, storeys), HOME


def village(f: Frame) -> Iterator[Row]:
    yield from cottages(f, 3, 0.16)


def urban_village(f: Frame) -> Iterator[Row]:
    yield from cottages(f, 5, 0.04)


def villa(f: Frame) -> Iterator[Row]:
    for u, v, _ in _rows(f, 13.0, 15.0, (14.0, 17.0), (9.0, 13.0)):
        yield u, v, f.pick(13, 17), f.pick(11, 13), int(f.rng.choice([ELL, TEE, RECT])), 3, HOME


def mall(f: Frame) -> Iterator[Row]:
    wide, deep = min(f.along * 0.62, 150.0), min(f.across * 0.52, 105.0)
    shape = COURT if wide > 75 and f.rng.random() < 0.35 else PODIUM
    yield -f.along * 0.1, 0.0, wide, deep, shape, f.storeys(4, 6), SHOP
    side = (f.along - wide) / 2 + f.along * 0.1
    if side > 40:
        yield (
            f.along / 2 - side / 2,
            f.across * 0.16,
            26.0,
            26.0,
            BUTTERFLY,
            f.storeys(18, 30),
            OFFICE,
        )
    yield from _frontage(f, 14.0, SHOP, 0.9)


def market(f: Frame) -> Iterator[Row]:
    for u, v, width in _rows(f, 22.0, 9.0, (50.0, 90.0), (6.0, 10.0)):
        yield u, v, width, 22.0, RECT, f.storeys(1, 2), SHOP


def office(f: Frame) -> Iterator[Row]:
    wide = min(f.along * 0.4, 46.0)
    yield 0.0, f.across * 0.08, wide, min(f.across * 0.3, 26.0), PODIUM, f.storeys(10, 28), OFFICE
    yield (
        -f.along * 0.32,
        -f.across * 0.05,
        f.along * 0.2,
        f.across * 0.4,
        ELL,
        f.storeys(4, 6),
        OFFICE,
    )
    yield f.along * 0.33, 0.0, f.along * 0.18, f.across * 0.42, RECT, f.storeys(3, 8), SHOP
    yield from _frontage(f, 13.0, SHOP, 0.5)


def government(f: Frame) -> Iterator[Row]:
    wide = min(f.along * 0.55, 120.0)
    yield 0.0, f.across * 0.1, wide, min(48.0, f.across * 0.3), WINGS, f.storeys(6, 14), PUBLIC
    for side in (-1, 1):
        yield side * f.along * 0.38, 0.0, 17.0, min(62.0, f.across * 0.45), RECT, 5, PUBLIC
        yield side * f.along * 0.2, f.across * 0.38, 46.0, 15.0, RECT, 4, PUBLIC


def culture(f: Frame) -> Iterator[Row]:
    side = min(f.along, f.across) * 0.48
    yield 0.0, 0.0, side * 1.25, side, int(f.rng.choice([COURT, PODIUM])), 4, PUBLIC


def school(f: Frame) -> Iterator[Row]:
    """Class rooms in the east half, gymnasium and sports ground in the west (left free)."""
    left = -f.along * 0.1
    yield left - f.along * 0.2, f.across * 0.37, min(42.0, f.along * 0.3), 24.0, PODIUM, 2, SCHOOL
    v, place = -f.across / 2 + 16.0, 0
    while v < f.across / 2 - 12.0:
        width = min(f.along * 0.46, 76.0)
        if place == 1 and f.across > 130:
            yield f.along * 0.22, v + 14.0, width, 42.0, U_SHAPE, 5, SCHOOL
            v += 42.0
        else:
            yield f.along * 0.22, v, width, 11.0, RECT, f.storeys(4, 5), SCHOOL
        v += 30.0
        place += 1


def university(f: Frame) -> Iterator[Row]:
    storeys = f.storeys(5, 6)
    for u, v, width in _rows(f, 17.0, 34.0, (52.0, 80.0), (16.0, 30.0)):
        shape = int(f.rng.choice([RECT, ELL, U_SHAPE, COURT, WINGS], p=[0.4, 0.15, 0.2, 0.15, 0.1]))
        deep = 16.0 if shape == RECT else 34.0
        yield u, v, width, deep, shape, storeys, SCHOOL


def hospital(f: Frame) -> Iterator[Row]:
    yield -f.along * 0.16, -f.across * 0.2, f.along * 0.45, f.across * 0.3, TEE, 4, CLINIC
    yield (
        -f.along * 0.12,
        f.across * 0.22,
        min(f.along * 0.45, 75.0),
        21.0,
        PODIUM,
        f.storeys(14, 22),
        CLINIC,
    )
    yield (
        f.along * 0.3,
        f.across * 0.1,
        f.along * 0.2,
        f.across * 0.45,
        ELL,
        f.storeys(6, 10),
        CLINIC,
    )
    yield f.along * 0.3, -f.across * 0.34, 40.0, 15.0, RECT, f.storeys(3, 6), CLINIC


def factory(f: Frame) -> Iterator[Row]:
    yield f.along / 2 - 30.0, -f.across / 2 + 18.0, 42.0, 14.0, RECT, f.storeys(3, 5), OFFICE
    depth = float(f.rng.choice([24.0, 30.0, 36.0, 48.0]))
    for u, v, width in _rows(f, depth, f.pick(14.0, 20.0), (60.0, 120.0), (12.0, 20.0)):
        yield u, v + 12.0, width, depth, RECT, 1 if f.rng.random() < 0.75 else 2, FACTORY
    yield -f.along / 2 + 16.0, -f.across / 2 + 16.0, 14.0, 9.0, RECT, 1, OTHER


def logistics(f: Frame) -> Iterator[Row]:
    for u, v, width in _rows(f, 46.0, 32.0, (90.0, 150.0), (20.0, 28.0)):
        yield u, v, width, 46.0, RECT, 1, STORE


def station(f: Frame) -> Iterator[Row]:
    yield 0.0, 0.0, min(f.along * 0.8, 130.0), min(f.across * 0.4, 38.0), WINGS, 3, PUBLIC


def works(f: Frame) -> Iterator[Row]:
    yield -f.along * 0.2, f.across * 0.15, 34.0, 18.0, RECT, 3, OTHER
    yield f.along * 0.15, 0.0, 26.0, 26.0, PODIUM, 1, OTHER
    yield f.along * 0.15, f.across * 0.28, 26.0, 20.0, RECT, 1, OTHER


def park(f: Frame) -> Iterator[Row]:
    if f.area_m2 > 9000:
        yield f.along * 0.2, f.across * 0.1, 16.0, 11.0, RECT, 1, PUBLIC


def empty(f: Frame) -> Iterator[Row]:
    yield from ()


RULES: dict[str, Callable[[Frame], Iterator[Row]]] = {
    "slab": slab, "midrise": midrise, "highrise": highrise, "oldtown": oldtown,
    "village": village, "urban_village": urban_village, "villa": villa, "mall": mall,
    "market": market, "office": office, "government": government, "culture": culture,
    "school": school, "university": university, "hospital": hospital, "factory": factory,
    "logistics": logistics, "station": station, "waterworks": works, "substation": works,
    "park": park, "square": empty, "reserved": empty, "green": empty,
}  # fmt: skip
