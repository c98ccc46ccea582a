"""The site check as one page to print: a map, the conditions by number, and what they rest on.

Everything is in the page itself, so it can be handed out, filed and opened anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import shapely
from jinja2 import Environment, PackageLoader, StrictUndefined
from shapely.geometry.base import BaseGeometry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.answers import HTML, answer
from gis.api.ogc import catalogue_of
from gis.api.parameters import single
from gis.api.processes.taking import count_taken
from gis.api.refusals import Refused
from gis.api.service import service_of
from gis.layers import Registry

# layer -> (outline, fill); what is drawn first lies below
INKS: Mapping[str, tuple[str, str]] = {
    "land_use_plan": ("#9aa5b1", "none"),
    "control_plan_blocks": ("#5c6f82", "none"),
    "red_lines": ("#c92a2a", "#c92a2a"),
    "planning_permits": ("#2f7d4f", "none"),
    "parcels": ("#b0852f", "none"),
    "buildings": ("#8a8f98", "#c3c9d1"),
    "alerts": ("#e8590c", "#e8590c"),
    "pipe_segments": ("#1c5fbf", "none"),
    "pipe_points": ("#1c5fbf", "#1c5fbf"),
}
RED_LINES, PLAN = "red_lines", "land_use_plan"
OTHER = ("#7a8794", "none")
SKETCH_PX = 640.0
MOST_MARKS = 60  # numbers on the map; more would hide it
MARKED = ("red_lines", "control_plan_blocks", "planning_permits", "alerts", "pipe_segments",
          "plan_projects")  # fmt: skip
METRES_A_DEGREE = 111_320.0
WEIGHTS = {
    "forbids": ("禁止", "Forbids"), "limits": ("限制", "Limits"), "notice": ("告知", "Notice"),
}  # fmt: skip
LIMITS = {
    "far_max": ("容积率上限", "Max. floor area ratio"),
    "height_max_m": ("建筑限高", "Max. height"),
    "density_max": ("建筑密度上限", "Max. density"),
    "green_min": ("绿地率下限", "Min. green ratio"),
    "floor_area_max_m2": ("可建总建筑面积", "Floor area in all"),
}
ASKED = ("site", "frame", "datetime", "reach_m", "f")


def routes() -> list[Route]:
    """The addresses of this module."""
    return [Route("/processes/site-check/notice.html", get_notice)]


def get_notice(request: Request) -> Response:
    """`GET /processes/site-check/notice.html?site=WKT`: the page by a link that can be kept."""
    asked: dict[str, Any] = dict(single(request.query_params, ASKED))
    asked.pop("f", None)
    if "reach_m" in asked:
        asked["reach_m"] = _number(asked["reach_m"])
    document = catalogue_of(request).execute("site-check", asked)
    count_taken(service_of(request).registry, document)
    text = site_page(service_of(request).registry, document)
    return answer(request, text.encode(), HTML, cache="no-store")


def site_page(registry: Registry, document: Mapping[str, Any]) -> str:
    """The page (HTML) of an answer of `site-check`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for condition in document["conditions"]:
        groups.setdefault(condition["group"], []).append(condition)
    titles = {row["layer"]: row["title"] for row in document["consulted"]}
    return (
        _environment()
        .get_template("site_notice.html")
        .render(
            city=registry.city,
            check=document,
            site=document["site"],
            groups=[(titles[name], found) for name, found in groups.items()],
            weights=WEIGHTS,
            limits=[
                (LIMITS[name], limit)
                for name, limit in document["limits"].items()
                if name in LIMITS
            ],
            sketch=_sketch(document),
        )
    )


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gis.api"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["figure"] = _figure
    environment.filters["shown"] = _shown
    return environment


def _figure(value: float | None, digits: int = 1) -> str:
    return "—" if value is None else f"{value:,.{digits}f}"


def _shown(fact: Mapping[str, Any]) -> str:
    """A fact's value with what its code stands for, or its unit."""
    value = fact["value"]
    if fact["means"] is not None:
        return f"{value} {fact['means']['zh']} {fact['means']['en']}"
    unit = f" {fact['unit']}" if fact["unit"] else ""
    return f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise Refused(
            zh=f"参数 reach_m 的值“{text[:40]}”不是数", en=f"reach_m {text[:40]!r} is no number",
            parameter="reach_m",
        ) from exc  # fmt: skip


def _sketch(document: Mapping[str, Any]) -> dict[str, Any]:
    """North up, the site and what bears on it: SVG paths in a square of SKETCH_PX."""
    site = shapely.geometry.shape(document["site"]["geometry"])
    west, south, east, north = site.bounds
    squeeze = math.cos(math.radians((south + north) / 2))
    around = max((east - west) * squeeze, north - south) * 0.12
    west, east = west - around / squeeze, east + around / squeeze
    south, north = south - around, north + around
    scale = SKETCH_PX / max((east - west) * squeeze, north - south)
    frame = shapely.box(west, south, east, north)

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - west) * squeeze * scale, (north - y) * scale

    colors = {row["code"]: row["color"] or "none" for row in document["land_use"]}
    shapes: list[tuple[int, str, str, str]] = []
    marks: list[tuple[float, float, int]] = []
    for condition in document["conditions"]:
        if condition["geometry"] is None:
            continue
        shape = shapely.geometry.shape(condition["geometry"]).intersection(frame)
        if shape.is_empty:
            continue
        layer = condition["evidence"]["layer"]
        ink, fill = INKS.get(layer, OTHER)
        if layer == RED_LINES and condition["weight"] != "forbids":
            fill = "none"  # the town's whole ground is no warning
        elif layer == PLAN:
            fill = colors.get(_use(condition), "none")
        shapes.append((_order(layer), ink, fill, _path(shape, at)))
        seen = condition["relation"] == "overlaps" or condition["weight"] == "forbids"
        if layer in MARKED and seen and len(marks) < MOST_MARKS:
            inside = shape.intersection(site)
            place = shapely.point_on_surface(shape if inside.is_empty else inside)
            marks.append((*at(place.x, place.y), condition["number"]))
    shapes.sort(key=lambda one: one[0])
    bar_m = _round_length((east - west) * METRES_A_DEGREE * squeeze / 4)
    return {
        "size": ((east - west) * squeeze * scale, (north - south) * scale),
        "shapes": [one[1:] for one in shapes],
        "site": _path(site, at),
        "marks": marks,
        "bar_m": bar_m,
        "bar": bar_m / METRES_A_DEGREE * scale,
    }


def _use(condition: Mapping[str, Any]) -> str | None:
    """The land use class of a plan polygon."""
    found = (fact["value"] for fact in condition["facts"] if fact["name"] == "land_use")
    return next(found, None)


def _order(layer: str) -> int:
    names = list(INKS)
    return names.index(layer) if layer in names else len(names)


def _path(shape: BaseGeometry, at: Any) -> str:
    """SVG path of any shape; a point is a small cross."""
    parts = []
    for part in shapely.get_parts(shape):
        if part.geom_type == "Point":
            x, y = at(part.x, part.y)
            parts.append(f"M{x - 3:.1f},{y:.1f}h6M{x:.1f},{y - 3:.1f}v6")
        elif part.geom_type == "Polygon":
            rings = (part.exterior, *part.interiors)
            parts += [_run(ring.coords, at) + "Z" for ring in rings]
        elif part.geom_type == "LineString":
            parts.append(_run(part.coords, at))
    return " ".join(parts)


def _run(coords: Sequence[Any], at: Any) -> str:
    return "M" + " ".join("{:.1f},{:.1f}".format(*at(c[0], c[1])) for c in coords)


def _round_length(most_m: float) -> int:
    """1, 2 or 5 times a power of ten, no longer than `most_m`."""
    power = 10 ** math.floor(math.log10(max(most_m, 1.0)))
    return int(max(step * power for step in (1, 2, 5) if step * power <= max(most_m, 1.0)))
