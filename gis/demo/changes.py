"""What was built, pulled down and built on between the two photographs, and what of it is legal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely

from gis.demo.features import Features, as_objects, concat
from gis.demo.permits import permit_rows
from gis.demo.shapes import BUTTERFLY, ELL, RECT, U_SHAPE, footprints
from gis.demo.site import Floats, Geometries, Shape, Site, ground_m

BEFORE, AFTER = date(2023, 4, 15), date(2024, 6, 10)
SIGMA_M = 0.3  # of one surface model
CLEAR_M = 9.0  # metres between two changes

# what: (how many in the full city, how many in the small one, storeys from, to, width from, to)
BUILT = {
    "permitted": (9, 2, 4, 16, 16.0, 40.0),
    "too_high": (5, 1, 5, 12, 16.0, 34.0),
    "no_permit": (7, 2, 1, 4, 12.0, 34.0),
    "farmland": (6, 2, 1, 3, 12.0, 42.0),
    "ecological": (4, 1, 1, 2, 10.0, 18.0),
    "outside": (3, 1, 1, 3, 10.0, 22.0),
}
RAISED = {"permitted": (4, 1), "no_permit": (5, 1), "too_high": (2, 1)}
PULLED_DOWN = (8, 2)


# classes of the 2023 classification on which nothing is built: fields, woods, roads, green, water
NO_BUILDING = ("0101", "0103", "0201", "0301", "0401", "1207", "1401", "1402", "1403", "1701",
               "1704")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """made: geometry = the changed footprint; columns `kind` (change_kind), `intent`,
    `building` (row of the buildings, -1 for a new one), `storeys`, `height_m` (height above
    ground afterwards), `delta_h_m`, `shape_angle`, `permitted`, `reasons` (list of alert_reason
    codes), `illegal`. permits: those issued for changes, to go with the second delivery."""

    made: Features
    permits: Features


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a change must keep to (site metres)."""

    free_town: Shape  # inside the boundary, nothing built, no permit
    farmland: Shape
    ecological: Shape
    outside: Shape  # neither town nor red line


def plan_changes(
    site: Site, buildings: Features, ground: Ground, standing: Features, lines: Features,
    plan: Features,
) -> Changes:  # fmt: skip
    """Choose the changes inside the window and judge each against permits and red lines."""
    rng = site.rng("changes")
    small = int(site.size == "small")
    taken: list[Any] = []
    made: list[Features] = []
    for intent, (full, few, low, high, narrow, wide) in BUILT.items():
        area = _domain(intent, ground)
        count = few if small else full
        made.append(_new(site, intent, area, count, (low, high), (narrow, wide), taken, rng))
    made += _on_standing(site, buildings, standing, lines, taken, rng)
    every = concat(made)
    permits = _permits_for(every, rng)
    return Changes(made=judge(every, concat([standing, permits]), lines, plan), permits=permits)


def _domain(intent: str, ground: Ground) -> Shape:
    if intent in ("farmland", "ecological", "outside"):
        area: Shape = getattr(ground, intent)
        return area
    return ground.free_town


def _new(
    site: Site, intent: str, area: Shape, count: int, storeys: tuple[int, int],
    sides: tuple[float, float], taken: list[Any], rng: np.random.Generator,
) -> Features:  # fmt: skip
    """`count` new buildings somewhere in `area`, clear of one another; fewer where there is no
    room."""
    domain = area.intersection(site.window.polygon.buffer(-20))
    tries = 0 if domain.is_empty else 6000
    w, s, e, n = site.window.polygon.bounds if domain.is_empty else domain.bounds
    centre = np.column_stack([rng.uniform(w, e, tries), rng.uniform(s, n, tries)])
    width, depth = rng.uniform(*sides, tries), rng.uniform(sides[0] * 0.8, sides[0] * 1.3, tries)
    angle = rng.normal(0.0, 0.12, tries) - 0.17
    room = footprints(np.full(tries, RECT), centre, angle, width + 8, depth + 8)
    shapely.prepare(domain)
    chosen: list[int] = []
    for i in np.flatnonzero(shapely.contains_properly(domain, room)):
        if len(chosen) == count:
            break
        if all(room[i].distance(other) > CLEAR_M for other in taken):
            chosen.append(int(i))
            taken.append(room[i])
    rows = np.array(chosen, dtype=int)
    floors = rng.integers(storeys[0], storeys[1] + 1, len(rows))
    shape = np.where(floors > 9, BUTTERFLY, rng.choice([RECT, RECT, ELL, U_SHAPE], len(rows)))
    shape = np.where(depth[rows] < 11, RECT, shape)
    outline = footprints(shape, centre[rows], angle[rows], width[rows], depth[rows])
    height = np.round(floors * rng.uniform(3.0, 3.5, len(rows)) + 0.6, 1)
    return _rows(outline, "construction", intent, floors, height, height, angle[rows])


def _rows(
    outline: Geometries, kind: str, intent: str, storeys: Any, height: Floats, delta: Floats,
    angle: Floats, building: Any = -1,
) -> Features:  # fmt: skip
    n = len(outline)
    return Features(
        outline,
        {
            "kind": np.full(n, kind, dtype=object),
            "intent": np.full(n, intent, dtype=object),
            "building": np.broadcast_to(building, n).astype(int),
            "storeys": np.asarray(storeys, dtype=int),
            "height_m": np.asarray(height, dtype=float),
            "delta_h_m": np.round(np.asarray(delta, dtype=float), 2),
            "angle": np.asarray(angle, dtype=float),
        },
    )


def _on_standing(
    site: Site, buildings: Features, standing: Features, lines: Features, taken: list[Any],
    rng: np.random.Generator,
) -> list[Features]:  # fmt: skip
    """Storeys added to, and demolition of, buildings that stand in the window."""
    small = int(site.size == "small")
    inside = shapely.contains_properly(site.window.polygon.buffer(-25), buildings.geometry)
    boundary = lines.geometry[lines["kind"] == "town_boundary"][0]
    covered = shapely.intersects(buildings.geometry, shapely.union_all(standing.geometry))
    low = (buildings["storeys"] <= 7) & (shapely.area(buildings.geometry) > 75.0)
    plain = inside & low & ~covered & shapely.within(buildings.geometry, boundary.buffer(-5))
    order = [int(i) for i in rng.permutation(np.flatnonzero(plain))]
    parts = []
    for intent, counts in RAISED.items():
        picked = _apart(buildings, order, counts[small], taken)
        more = rng.integers(2 if intent == "too_high" else 1, 4, len(picked))
        delta = np.round(more * 3.1 + 0.3, 1)
        old = buildings.take(picked)
        parts.append(
            _rows(old.geometry, "added_storey", intent, old["storeys"] + more,
                  old["height_m"] + delta, delta, old["angle"], picked)
        )  # fmt: skip
    anywhere = [int(i) for i in rng.permutation(np.flatnonzero(inside & low))]
    gone = _apart(buildings, anywhere, PULLED_DOWN[small], taken)
    old = buildings.take(gone)
    nothing = np.zeros(len(gone))
    parts.append(
        _rows(old.geometry, "demolition", "demolition", nothing, nothing, -old["height_m"],
              old["angle"], gone)
    )  # fmt: skip
    return parts


def _apart(
    buildings: Features, order: list[int], count: int, taken: list[Any]
) -> np.ndarray[Any, Any]:
    """The first `count` rows of `order` that stand clear of what is taken."""
    picked: list[int] = []
    for i in order:
        if len(picked) == count:
            break
        if all(buildings.geometry[i].distance(other) > CLEAR_M for other in taken):
            picked.append(i)
            taken.append(buildings.geometry[i])
    return np.array(picked, dtype=int)


def _permits_for(made: Features, rng: np.random.Generator) -> Features:
    """A permit around each change that was permitted; the too high ones exceed theirs by 4 m
    and more, the others keep half a metre and more below it."""
    mine = made.take(np.isin(made["intent"], ["permitted", "too_high"]))
    excess = np.where(mine["intent"] == "too_high", -rng.uniform(4.0, 8.0, len(mine)),
                      rng.uniform(0.6, 1.6, len(mine)))  # fmt: skip
    excess = np.maximum(excess, 1.2 - mine["delta_h_m"])  # some of an added storey is permitted
    outline = shapely.buffer(
        shapely.oriented_envelope(mine.geometry), rng.uniform(2.0, 4.0, len(mine)),
        join_style="mitre",
    )  # fmt: skip
    what = {"construction": "新建项目", "added_storey": "加层改造"}
    days = [
        date.fromordinal(date(2023, 6, 15).toordinal() + int(rng.integers(0, 230)))
        for _ in range(len(mine))
    ]
    return permit_rows(
        geometry=outline,
        project=[f"第{i + 1}号{what[kind]}" for i, kind in enumerate(mine["kind"])],
        holder=["驻马店市城市建设投资有限公司"] * len(mine),
        issued=days,
        height=np.round(mine["height_m"] + excess, 1),
        floor_area=np.round(shapely.area(mine.geometry) * mine["storeys"], 0),
        first=90001,
    )


def judge(made: Features, permits: Features, lines: Features, plan: Features) -> Features:
    """Adds `permitted`, `reasons`, `illegal`, by these rules at the date of the after image:
    no_permit: permits in force cover less than 30 % of a construction or added storey;
    over_height: covered, but higher than the highest limit by more than two sigma of the
    difference of two surface models; farmland, ecological: more than a tenth lies in that red line;
    town_boundary: more than half lies outside the boundary; land_use_mismatch: a construction
    without a permit, more than a tenth of it where the plan excludes building. A demolition is
    never illegal."""
    permitted: list[bool] = []
    reasons: list[list[str]] = []
    union = {kind: shapely.union_all(lines.geometry[lines["kind"] == kind]) for kind in
             ("farmland", "ecological", "town_boundary")}  # fmt: skip
    in_force = (permits["issued_on"] <= AFTER.isoformat()) & (
        permits["expires_on"] >= AFTER.isoformat()
    )
    valid = permits.take(in_force)
    open_land = shapely.union_all(plan.geometry[np.isin(plan["land_use"], NO_BUILDING)])
    for shape, kind, height in zip(made.geometry, made["kind"], made["height_m"], strict=True):
        if kind == "demolition":
            permitted.append(True)
            reasons.append([])
            continue
        mine = shapely.intersects(valid.geometry, shape)
        cover = shapely.union_all(valid.geometry[mine]).intersection(shape).area / shape.area
        codes = []
        if cover < 0.3:
            codes.append("no_permit")
        elif height > valid["height_max_m"][mine].max() + 2 * SIGMA_M * 2**0.5:
            codes.append("over_height")
        codes += [k for k in ("farmland", "ecological")
                  if shape.intersection(union[k]).area > 0.1 * shape.area]  # fmt: skip
        if shape.intersection(union["town_boundary"]).area < 0.5 * shape.area:
            codes.append("town_boundary")
        no_place = shape.intersection(open_land).area > 0.1 * shape.area
        if kind == "construction" and cover < 0.3 and no_place:
            codes.append("land_use_mismatch")
        permitted.append(bool(cover >= 0.3))
        reasons.append(codes)
    return made.adding(
        permitted=np.array(permitted, dtype=bool),
        reasons=as_objects(reasons),
        illegal=np.array([bool(r) for r in reasons], dtype=bool),
    )


def base_of(made: Features) -> Floats:
    """Ground level under each change, metres."""
    centre = shapely.centroid(made.geometry)
    return ground_m(shapely.get_x(centre), shapely.get_y(centre))
