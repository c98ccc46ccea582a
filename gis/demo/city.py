"""The whole city, designed: everything the departments know, on both dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.buildings import build_buildings
from gis.demo.changes import Changes, Ground, plan_changes
from gis.demo.components import build_components
from gis.demo.country import LANE_WIDTH, Country, build_country
from gis.demo.fabric import build_fabric
from gis.demo.features import Features, concat
from gis.demo.permits import plan_projects, standing_permits
from gis.demo.pipes import Network, build_pipes
from gis.demo.places import place_names, property_units
from gis.demo.planning import control_plan_blocks, land_use_plan, red_lines, town_boundary
from gis.demo.plots import build_plots
from gis.demo.river import Corridors, corridors
from gis.demo.sensors import build_sensors
from gis.demo.site import Shape, Site, ground_m
from gis.demo.streets import surfaces, town
from gis.demo.zones import assign_uses

# registered in the full city at first: what is left of them after broken rows is over 20,000
REGISTERED = 20_260


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Every layer in site metres. `buildings` holds what ever stood; `standing` (2023) and
    `registered` (2024) are what the register says; `changes` what happened inside the window."""

    site: Site
    land: Corridors
    roads: Features
    country: Country
    blocks: Features
    plots: Features
    buildings: Features
    standing: Features
    registered: Features
    changes: Changes
    land_use: Features
    control: Features
    lines: Features
    permits: Features
    projects: Features
    places: Features
    units: Features
    network: Network
    components: Features
    sensors: Features


def design(site: Site) -> City:
    """The city of `site`. The same seed and size give the same city."""
    land = corridors()
    fabric = build_fabric(site, land)
    country = build_country(site, land, fabric.roads)
    blocks = assign_uses(site, fabric.blocks, land)
    roads = concat([fabric.roads, country.lanes])
    if site.size == "small":
        blocks = blocks.inside(site.extent)
        country = _near(country, site)
    plots = build_plots(site, blocks, country)
    buildings = _named(_trimmed(site, build_buildings(site, plots)), plots)
    lines = red_lines(site, country, land, roads)
    permits = standing_permits(site, plots, buildings)
    today = ~buildings["quarter"] | (buildings["manner"] == "urban_village")
    standing = buildings.take(today)
    ground = _ground(site, blocks, country, standing, permits, lines, land, roads)
    land_use = land_use_plan(site, blocks, fabric.roads, country, land)
    changes = plan_changes(site, standing, ground, permits, lines, land_use)
    network = build_pipes(site, fabric.roads)
    components = build_components(site, fabric.roads, network)
    return City(
        site=site, land=land, roads=_numbered_roads(site, roads), country=country, blocks=blocks,
        plots=plots, buildings=buildings, standing=standing,
        registered=_registered(site, buildings, standing, changes), changes=changes,
        land_use=land_use,
        control=control_plan_blocks(site, blocks), lines=lines, permits=permits,
        projects=plan_projects(site, blocks, 160 if site.size == "full" else 12),
        places=place_names(site, blocks, country, fabric.roads, land),
        units=property_units(site, standing), network=network, components=components,
        sensors=build_sensors(site, network, components, blocks),
    )  # fmt: skip


def _near(country: Country, site: Site) -> Country:
    return Country(
        villages=country.villages.inside(site.extent),
        lanes=country.lanes,
        fields=country.fields.take(
            shapely.intersects(country.fields.geometry, site.extent.polygon)
        ),
    )


def _trimmed(site: Site, buildings: Features) -> Features:
    """Some village houses fewer, so that the number registered at first is the same for each
    seed."""
    today = ~buildings["quarter"] | (buildings["manner"] == "urban_village")
    surplus = int(today.sum()) - REGISTERED
    if site.size == "small" or surplus <= 0:
        return buildings
    centre = shapely.centroid(buildings.geometry)
    seen = site.window.holds(shapely.get_x(centre), shapely.get_y(centre))
    spare = np.flatnonzero((buildings["manner"] == "village") & ~seen)
    dropped = site.rng("trim").choice(spare, min(surplus, len(spare)), replace=False)
    return buildings.take(np.setdiff1d(np.arange(len(buildings)), dropped))


def _named(buildings: Features, plots: Features) -> Features:
    """Adds `building_id`, `name` (estate and number) and `parcel_code`."""
    plot = buildings["plot"]
    starts = np.searchsorted(plot, plot)
    number = np.arange(len(plot)) - starts + 1
    labelled = np.isin(
        buildings["manner"], ["village", "urban_village", "oldtown"], invert=True
    )  # fmt: skip
    names = [
        f"{plots['name'][p]}{n}号楼" if has else ""
        for p, n, has in zip(plot, number, labelled, strict=True)
    ]
    ids = [f"F411702{i:07d}" for i in range(1, len(plot) + 1)]
    return buildings.adding(
        building_id=np.array(ids, dtype=object),
        name=np.array(names, dtype=object),
        parcel_code=plots["unit_code"][plot],
    )


def _numbered_roads(site: Site, roads: Features) -> Features:
    here = roads.take(shapely.intersects(roads.geometry, site.extent.polygon))
    ids = [f"L{i:05d}" for i in range(1, len(here) + 1)]
    return here.adding(road_id=np.array(ids, dtype=object))


def _ground(
    site: Site, blocks: Features, country: Country, standing: Features, permits: Features,
    lines: Features, land: Corridors, roads: Features,
) -> Ground:  # fmt: skip
    view = site.window.polygon

    def here(features: Features) -> NDArray[np.object_]:
        shapes: NDArray[np.object_] = features.geometry
        return shapes[shapely.intersects(shapes, view)]

    def red(kind: str) -> Shape:
        return shapely.union_all(here(lines.take(lines["kind"] == kind)))

    built = shapely.union_all(shapely.buffer(here(standing), 6.0, join_style="mitre"))
    paved = shapely.union_all(surfaces(Features(roads.geometry, roads.columns))).intersection(view)
    lanes = shapely.union_all(shapely.buffer(here(country.lanes), LANE_WIDTH / 2 + 6.0))
    busy = shapely.union_all([built, paved, lanes])
    inside = town_boundary().buffer(-6.0)
    permitted = shapely.union_all(shapely.buffer(here(permits), 3.0))
    free = shapely.union_all(here(blocks)).buffer(-3.0).intersection(inside)
    ecological, farmland = red("ecological"), red("farmland")
    outside = view.difference(
        shapely.union_all([town_boundary().buffer(8), town(), ecological, farmland.buffer(6),
                           land.corridor, busy])
    )  # fmt: skip
    return Ground(
        free_town=free.difference(shapely.union_all([busy, permitted, ecological, land.lake])),
        farmland=farmland.difference(shapely.union_all([busy, ecological])).buffer(-2.0),
        ecological=ecological.difference(shapely.union_all([busy, land.river.buffer(4.0)])),
        outside=outside,
    )


def _registered(site: Site, buildings: Features, standing: Features, changes: Changes) -> Features:
    """The register a year later: the new quarter is there, the village in it is gone, some old
    houses are gone, some buildings have grown or changed use; of the changes in the window it
    knows what was permitted, and most demolitions."""
    rng = site.rng("register")
    made = changes.made
    legal = made.take(~made["illegal"])
    new = legal.take(legal["kind"] == "construction")
    gone = legal["building"][legal["kind"] == "demolition"]
    gone_ids = set(standing["building_id"][gone[: max(1, len(gone) * 3 // 4)]])
    raised = legal.take(legal["kind"] == "added_storey")
    keep = ~((standing["quarter"]) & (standing["manner"] == "urban_village"))
    centre = shapely.centroid(standing.geometry)
    seen = site.window.holds(shapely.get_x(centre), shapely.get_y(centre))
    old = np.flatnonzero((standing["manner"] == "village") & ~seen)
    torn = rng.choice(old, min(40, len(old)), replace=False)
    keep[torn] = False
    keep &= np.array([i not in gone_ids for i in standing["building_id"]])
    now = _grown(site, standing, raised, seen, rng).take(keep)
    quarter = buildings.take(buildings["quarter"] & (buildings["manner"] != "urban_village"))
    quarter = quarter.adding(built_year=np.full(len(quarter), 2024))
    first = len(buildings) + 1
    return concat([now, quarter, _as_buildings(new, standing, first)])


def _grown(
    site: Site, standing: Features, raised: Features, seen: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Features:  # fmt: skip
    storeys, height = standing["storeys"].copy(), standing["height_m"].copy()
    use = standing["use"].copy()
    elsewhere = np.flatnonzero(~seen & (storeys <= 6) & (standing["use"] == "residential"))
    some = rng.choice(elsewhere, min(130, len(elsewhere)), replace=False)
    storeys[some] += 1
    height[some] = np.round(height[some] + 3.0, 1)
    shops = rng.choice(elsewhere, min(60, len(elsewhere)), replace=False)
    use[shops] = "commercial"
    rows = raised["building"]
    storeys[rows], height[rows] = raised["storeys"], raised["height_m"]
    return standing.adding(storeys=storeys, height_m=height, use=use)


def _as_buildings(new: Features, standing: Features, first: int) -> Features:
    """Register rows of permitted new buildings, with the columns of `standing`."""
    n = len(new)
    centre = shapely.centroid(new.geometry)
    values: dict[str, object] = {
        "plot": np.full(n, -1),
        "manner": np.full(n, "new", dtype=object),
        "quarter": np.zeros(n, dtype=bool),
        "storeys": new["storeys"],
        "height_m": new["height_m"],
        "base_m": np.round(ground_m(shapely.get_x(centre), shapely.get_y(centre)), 2),
        "use": np.full(n, "residential", dtype=object),
        "structure": np.full(n, "rc", dtype=object),
        "built_year": np.full(n, 2024),
        "angle": new["angle"],
        "width_m": np.zeros(n),
        "depth_m": np.zeros(n),
        "building_id": np.array([f"F411702{first + i:07d}" for i in range(n)], dtype=object),
        "name": np.full(n, "", dtype=object),
        "parcel_code": np.full(n, "", dtype=object),
    }
    return Features(new.geometry, {k: np.asarray(values[k]) for k in standing.columns})
