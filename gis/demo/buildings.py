"""All buildings: candidates of each plot's rule that fit the plot and don't touch each other."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.features import Features
from gis.demo.layouts import FACTORY, HOME, RULES, SCHOOL, SHOP, STORE, USES, Frame
from gis.demo.shapes import RECT, footprints
from gis.demo.site import Floats, Site, ground_m
from gis.demo.subdivide import long_axis

SETBACK = 4.5  # metres from the plot's edge
VILLAGE_SETBACK = 1.5
APART = 1.0  # metres between two buildings at least

STOREY_M = {HOME: 2.95, SHOP: 4.2, FACTORY: 9.5, STORE: 10.5, SCHOOL: 3.7}
YEARS = {
    "oldtown": (1978, 2002), "slab": (1992, 2012), "midrise": (2008, 2021),
    "highrise": (2010, 2022), "urban_village": (1988, 2016), "village": (1985, 2020),
}  # fmt: skip


def build_buildings(site: Site, plots: Features) -> Features:
    """Buildings with `plot` (row of `plots`), `manner`, `quarter`, `storeys`, `height_m`,
    `base_m`, `use`, `structure`, `built_year`, `angle` (radians), `width_m`, `depth_m`."""
    rng = site.rng("buildings")
    plot, rows, angle = _candidates(plots, rng)
    centre, shape = rows[:, :2], rows[:, 4].astype(np.int64)
    frame = footprints(np.full(len(rows), RECT), centre, angle, rows[:, 2], rows[:, 3])
    village = np.isin(plots["manner"], ["village", "urban_village", "oldtown"])
    setback = np.where(village, VILLAGE_SETBACK, SETBACK)
    room = shapely.buffer(plots.geometry, -setback, join_style="mitre")
    shapely.prepare(room)
    fits = (np.minimum(rows[:, 2], rows[:, 3]) > 5.0) & shapely.contains_properly(room[plot], frame)
    kept = np.flatnonzero(fits)
    kept = kept[_free_of_each_other(frame[kept])]
    outline = footprints(shape[kept], centre[kept], angle[kept], rows[kept, 2], rows[kept, 3])
    home = plots.take(plot[kept])
    storeys, use = rows[kept, 5].astype(int), rows[kept, 6].astype(int)
    return Features(
        outline,
        {
            "plot": plot[kept],
            "manner": home["manner"],
            "quarter": home["quarter"],
            "storeys": storeys,
            "height_m": _heights(storeys, use, rng),
            "base_m": np.round(ground_m(centre[kept, 0], centre[kept, 1]), 2),
            "use": np.array([USES[u] for u in use], dtype=object),
            "structure": _structures(storeys, use),
            "built_year": _years(home["manner"], plot[kept], rng),
            "angle": angle[kept],
            "width_m": rows[kept, 2],
            "depth_m": rows[kept, 3],
        },
    )


def _candidates(
    plots: Features, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Plot numbers (n,), rows (n,7) with centres in site metres, angles (n,)."""
    centre, along, _ = long_axis(plots.geometry)
    angle = np.arctan2(along[:, 1], along[:, 0])
    angle = (angle + np.pi / 4) % (np.pi / 2) - np.pi / 4  # the axis closest to east
    housing = np.isin(plots["manner"], ["slab", "midrise", "highrise", "villa", "school"])
    angle = np.where(housing & (np.abs(angle) > 0.4), angle * 0.3, angle)  # windows face south
    owners, parts = [], []
    for i in range(len(plots)):
        rule = RULES[plots["manner"][i]]
        cos, sin = np.cos(angle[i]), np.sin(angle[i])
        turn = np.array([[cos, sin], [-sin, cos]])
        uv = (shapely.get_coordinates(plots.geometry[i]) - centre[i]) @ turn.T
        low, high = uv.min(axis=0), uv.max(axis=0)
        frame = Frame(high[0] - low[0], high[1] - low[1], plots.geometry[i].area, rng)
        rows = np.array(list(rule(frame)), dtype=float).reshape(-1, 7)
        rows[:, :2] = (rows[:, :2] + (low + high) / 2) @ turn + centre[i]
        parts.append(rows)
        owners.append(np.full(len(rows), i))
    plot = np.concatenate(owners)
    wobble = np.where(plots["manner"][plot] == "village", rng.normal(0, 0.035, len(plot)), 0.0)
    return plot, np.concatenate(parts), angle[plot] + wobble


def _free_of_each_other(frames: NDArray[np.object_]) -> NDArray[np.int64]:
    """Rows kept when an earlier candidate always wins over a later one."""
    grown = shapely.buffer(frames, APART, join_style="mitre")
    first, second = shapely.STRtree(grown).query(frames, predicate="intersects")
    pairs = first > second  # frame `first` meets the earlier one `second`
    dropped = np.zeros(len(frames), dtype=bool)
    order = np.argsort(first[pairs], kind="stable")
    for late, early in zip(first[pairs][order], second[pairs][order], strict=True):
        if not dropped[early]:
            dropped[late] = True
    return np.flatnonzero(~dropped)


def _heights(
    storeys: NDArray[np.int64], use: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    each = np.array([STOREY_M.get(u, 3.6) for u in range(len(USES))])[use]
    each = each * rng.uniform(0.97, 1.06, len(use))
    return np.asarray(np.round(storeys * each + rng.uniform(0.4, 1.1, len(use)), 1))


def _structures(storeys: NDArray[np.int64], use: NDArray[np.int64]) -> NDArray[np.object_]:
    shed = np.isin(use, [FACTORY, STORE])
    text = np.where(storeys >= 8, "rc", np.where(storeys >= 3, "mixed", "brick"))
    return np.where(shed, "steel", text).astype(object)


def _years(
    manner: NDArray[np.object_], plot: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """One year a plot, except in villages where each house has its own."""
    low, high = np.array([YEARS.get(m, (1998, 2021)) for m in manner]).T
    of_plot = rng.random(int(plot.max()) + 1)[plot] if len(plot) else np.empty(0)
    own = rng.random(len(plot))
    grown = np.isin(manner, ["village", "urban_village", "oldtown"])
    share = np.where(grown, own, of_plot)
    return np.asarray((low + share * (high - low + 0.999)).astype(np.int64))
