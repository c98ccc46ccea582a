"""Parcels of land: blocks and villages cut into plots, each with its 28-digit unit code."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.country import Country
from gis.demo.features import Features, concat
from gis.demo.names import SURNAMES
from gis.demo.site import COUNTY_CODE, Site
from gis.demo.subdivide import subdivide

# manner -> hectares of a plot
PLOT_HA = {
    "highrise": 4.5, "midrise": 3.6, "slab": 2.6, "oldtown": 0.55, "villa": 3.0,
    "urban_village": 0.9, "village": 0.9, "mall": 2.2, "market": 1.8, "office": 1.3,
    "government": 9.0, "culture": 9.0, "school": 9.0, "university": 12.0, "hospital": 9.0,
    "factory": 3.6, "logistics": 6.0, "station": 9.0, "park": 40.0, "square": 9.0,
    "reserved": 4.0, "waterworks": 9.0, "substation": 9.0, "green": 40.0,
}  # fmt: skip


def build_plots(site: Site, blocks: Features, country: Country) -> Features:
    """Plots with `manner`, `land_use`, `name`, `quarter`, `block` (row of `blocks`, -1 in
    villages), `unit_code`, `unit` (planning unit's number), `holder`."""
    rng = site.rng("plots")
    villages = country.villages
    count = len(villages)
    village_blocks = villages.adding(
        manner=np.full(count, "village", dtype=object),
        land_use=np.full(count, "0703", dtype=object),
        quarter=np.zeros(count, dtype=bool),
        block=np.full(count, -1),
    )
    town_blocks = blocks.adding(block=np.arange(len(blocks)))
    names = ("manner", "land_use", "name", "quarter", "block")
    both = concat(
        [Features(f.geometry, {n: f[n] for n in names}) for f in (town_blocks, village_blocks)]
    )
    target = np.array([PLOT_HA[m] * 1e4 for m in both["manner"]])
    pieces = subdivide(both.geometry, target, rng, min_side_m=26, skew_deg=1.0)
    plots = both.take(pieces.origin)
    plots = Features(_tidy(pieces.polygon), plots.columns)
    plots = plots.take(shapely.area(plots.geometry) > 250.0)
    return _coded(plots, rng)


def _tidy(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Boundary points to the millimetre, as a survey states them."""
    out: NDArray[np.object_] = shapely.set_precision(polygons, 0.001)
    return out


def _coded(plots: Features, rng: np.random.Generator) -> Features:
    """Cadastral areas are a grid of 1.5 km; inside one the plots are numbered in rows from the
    north-west, as clerks do."""
    centre = shapely.centroid(plots.geometry)
    x, y = shapely.get_x(centre), shapely.get_y(centre)
    column, row = ((x + 4600) // 1534).astype(int), ((4100 - y) // 1367).astype(int)
    unit = row * 6 + column + 1
    order = np.lexsort((x, -np.round(y / 60.0), unit))
    number = np.empty(len(plots), dtype=int)
    for u in np.unique(unit):
        rows = order[unit[order] == u]
        number[rows] = np.arange(1, len(rows) + 1)
    right = np.where(plots["manner"] == "village", "JC", "GB")
    codes = [
        f"{COUNTY_CODE}{u:03d}{(u * 7) % 20 + 1:03d}{r}{n:05d}W00000000"
        for u, r, n in zip(unit, right, number, strict=True)
    ]
    return plots.adding(
        unit_code=np.array(codes, dtype=object), unit=unit, holder=_holders(plots, rng)
    )


def _holders(plots: Features, rng: np.random.Generator) -> NDArray[np.object_]:
    def holder(manner: str, name: str) -> str:
        if manner in ("village", "urban_village", "oldtown"):
            return (
                str(rng.choice(SURNAMES)) + "某等" if manner == "oldtown" else f"{name}村民委员会"
            )
        if manner in ("highrise", "midrise", "slab", "villa"):
            return f"驻马店市{name[:2]}房地产开发有限公司"
        if manner in ("park", "square", "green"):
            return "驻马店市城市管理局"
        return "驻马店市土地储备中心" if manner == "reserved" else name

    rows = zip(plots["manner"], plots["name"], strict=True)
    return np.array([holder(m, n) for m, n in rows], dtype=object)
