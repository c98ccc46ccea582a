"""Planning permits of the newer projects, and the list of planned projects."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import shapely

from gis.demo.features import Features
from gis.demo.names import FIRM_FIRST
from gis.demo.site import Site

PERMITTED = ("highrise", "midrise", "mall", "office", "school", "hospital", "factory", "logistics",
             "university", "culture", "market", "villa")  # fmt: skip
SINCE = 2013


def standing_permits(site: Site, plots: Features, buildings: Features) -> Features:
    """One construction permit for each newer project: its plot, the highest building in it and a
    margin as height limit, issued two years before it was finished. Columns as the layer's."""
    rng = site.rng("permits")
    floor_area = shapely.area(buildings.geometry) * buildings["storeys"]
    rows, highest, total, year = [], [], [], []
    for i in np.unique(buildings["plot"]):
        mine = buildings["plot"] == i
        built = int(buildings["built_year"][mine].max())
        if plots["manner"][i] not in PERMITTED or built < SINCE:
            continue
        rows.append(i)
        highest.append(float(buildings["height_m"][mine].max()))
        total.append(float(floor_area[mine].sum()))
        year.append(built - 2)
    projects = plots.take(np.array(rows, dtype=int))
    days = [date(y, 1, 5) + timedelta(days=int(rng.integers(0, 350))) for y in year]
    return permit_rows(
        geometry=projects.geometry,
        project=[f"{name}建设项目" for name in projects["name"]],
        holder=[str(h) for h in projects["holder"]],
        issued=days,
        height=np.ceil(np.array(highest) + 1.5),
        floor_area=np.round(np.array(total), 0),
        first=1,
    )


def permit_rows(
    *,
    geometry: np.ndarray,
    project: list[str],
    holder: list[str],
    issued: list[date],
    height: np.ndarray,
    floor_area: np.ndarray,
    first: int,
) -> Features:
    """Rows of the planning_permits layer; numbers run on from `first`; valid for three years
    from issue, five where the project is still to be finished."""
    numbers = [f"建字第{d.year}{first + i:05d}号" for i, d in enumerate(issued)]
    expires = [d.replace(year=d.year + 3, day=min(d.day, 28)).isoformat() for d in issued]
    return Features(
        geometry,
        {
            "permit_no": np.array(numbers, dtype=object),
            "project": np.array(project, dtype=object),
            "holder": np.array(holder, dtype=object),
            "kind": np.full(len(issued), "construction", dtype=object),
            "issued_on": np.array([d.isoformat() for d in issued], dtype=object),
            "expires_on": np.array(expires, dtype=object),
            "height_max_m": np.asarray(height, dtype=float),
            "floor_area_m2": np.asarray(floor_area, dtype=float),
        },
    )


KINDS_OF_PROJECT = (
    "道路改造工程", "雨污分流工程", "老旧小区改造", "安置房项目", "中学扩建", "标准厂房", "物流园",
    "农贸市场改造", "滨河绿道", "停车楼", "医院门诊楼", "变电站扩容",
)  # fmt: skip
STAGES = ("planned", "approved", "building", "completed", "registered")


def plan_projects(site: Site, blocks: Features, count: int) -> Features:
    """Points in blocks: `project_id`, `name`, `stage`, `investment_cny` (10,000 yuan),
    `starts_on`."""
    rng = site.rng("projects")
    at = rng.choice(len(blocks), min(count, len(blocks)), replace=False)
    rows = []
    for n, i in enumerate(at, start=1):
        kind = KINDS_OF_PROJECT[rng.integers(len(KINDS_OF_PROJECT))]
        name = blocks["name"][i] or f"{FIRM_FIRST[rng.integers(len(FIRM_FIRST))]}地块"
        start = date(2021, 1, 1) + timedelta(days=int(rng.integers(0, 1500)))
        stage = STAGES[rng.choice(5, p=[0.2, 0.22, 0.3, 0.18, 0.1])]
        money = round(float(rng.lognormal(8.4, 0.9)), 0)
        rows.append((f"2023-411702-{n:05d}", f"{name}{kind}", stage, money, start.isoformat()))
    ids, names, stages, money_column, starts = zip(*rows, strict=True)
    return Features(
        shapely.point_on_surface(blocks.geometry[at]),
        {
            "project_id": np.array(ids, dtype=object),
            "name": np.array(names, dtype=object),
            "stage": np.array(stages, dtype=object),
            "investment_cny": np.array(money_column),
            "starts_on": np.array(starts, dtype=object),
        },
    )
