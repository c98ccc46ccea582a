"""A delivery's quality report as one page to print: figures, frame, reasons, a map of the refused.

Everything is in the page itself: it can be sent to the department and opened anywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from jinja2 import Environment, PackageLoader, StrictUndefined
from shapely.geometry.base import BaseGeometry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.access import caller, sees_rows
from gis.api.answers import HTML, answer, json_answer
from gis.api.parameters import single
from gis.api.refusals import NotThere
from gis.api.service import service_of
from gis.errors import StoreError
from gis.layers import City, Label, Layer, Registry
from gis.layers.checklist import CHECKS, severity_of
from gis.sources import load_local_frames
from gis.store import Instant, LayerQuery, Store, rows
from gis.store.quality import Quality, Reason, Warned, quality_of

ADMIN = "admin_areas"
INKS = ("#e8590c", "#1c7ed6", "#2b8a3e", "#ae3ec9", "#c92a2a", "#1098ad", "#f08c00", "#5c3d1e")
SKETCH_PX = 640.0
AROUND = 0.15  # of the city's box, around it
FEW = 0.02  # of the refused rows may lie off the map on each side
SMALL_PX = 3.0  # a shape smaller than this is drawn as a dot
METRES_A_DEGREE = 111_320.0
HOW = {"declared": "文件声明 declared by the file", "given": "送交时指定 given by the sender",
       "detected": "自动判定 detected"}  # fmt: skip
FIGURES = (
    ("accepted", "入库", "Accepted"), ("quarantined", "隔离", "Quarantined"),
    ("new", "新增", "New"), ("changed", "变化", "Changed"), ("unchanged", "不变", "Unchanged"),
    ("closed", "注销", "Closed"),
)  # fmt: skip
MODES = {"full": "全量 full", "upsert": "增改 upsert", "delete": "删除 delete"}
LONGEST_VALUE = 200


def routes() -> list[Route]:
    """The addresses of this module."""
    return [
        Route("/deliveries/{number}/report.html", get_page),
        Route("/deliveries/{number}/report.json", get_document),
    ]


def get_page(request: Request) -> Response:
    """`GET /deliveries/{n}/report.html`. Of a sensitive layer only the figures."""
    service = service_of(request)
    found = _asked(request)
    text = report_page(service.store, service.registry, found)
    return answer(request, text.encode(), HTML)


def get_document(request: Request) -> Response:
    """`GET /deliveries/{n}/report.json`: the same as data."""
    return json_answer(request, _asked(request).to_json())


def _asked(request: Request) -> Quality:
    service = service_of(request)
    single(request.query_params, ("f",))
    text = request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _no_delivery(text)
    local = load_local_frames(service.settings.config / "frames")
    try:
        found = quality_of(service.store, int(text), local)
    except StoreError as error:
        if "delivery" in error.facts:
            raise _no_delivery(text) from error
        raise
    layer, who = service.registry.layers.get(found.delivery["layer"]), caller(request)
    if layer is None and not who.admin:  # of a layer that is hidden, or no longer defined
        raise _no_delivery(text)
    return found if layer is not None and sees_rows(who, layer) else found.without_examples()


def report_page(store: Store, registry: Registry, found: Quality) -> str:
    """The report as one HTML page."""
    line = found.delivery
    layer = registry.layers.get(line["layer"])
    told: tuple[Reason | Warned, ...] = (*found.reasons, *found.warnings)
    inks = {r.code: INKS[i % len(INKS)] for i, r in enumerate(told)}
    withheld = bool(told) and not any(r.examples for r in told)
    return _environment(registry.city.timezone).get_template("quality.html").render(
        line=line,
        city=registry.city,
        layer_title=_both(layer.title) if layer else line["layer"],
        facts=_facts(line, layer, registry.city),
        figures=[("收到", "Received", found.rows_in)]
        + [(zh, en, line[name]) for name, zh, en in FIGURES],
        how=HOW.get(line["frame"].get("how", ""), "—"),
        needed=f"{layer.accuracy_m:g} m" if layer else "—",
        checks=_checks(layer) if layer else [],
        warnings=[
            {"code": w.code, "rows": w.rows, "fields": w.fields, "examples": w.examples,
             "ink": inks[w.code]}
            for w in found.warnings
        ],
        reasons=[
            {"code": r.code, "rows": r.rows, "fields": r.fields, "examples": r.examples,
             "ink": inks[r.code]}
            for r in found.reasons
        ],
        withheld=withheld,
        sketch=_sketch(found, _outline(store, registry, line["as_of"]), registry.city, inks),
        unplaced=found.unplaced,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _environment(timezone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("gis.api"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["moment"] = lambda at: _moment(at, timezone)
    environment.filters["told"] = _told
    return environment


def _moment(at: datetime, timezone: str) -> str:
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def _told(raw: Mapping[str, Any]) -> str:
    pairs = ((name, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str))
             for name, v in raw.items())  # fmt: skip
    return "；".join(f"{name}={text[:LONGEST_VALUE]}" for name, text in pairs)


def _facts(line: Mapping[str, Any], layer: Layer | None, city: City) -> list[tuple[str, str]]:
    owner = _both(layer.owner) if layer else ""
    return [
        ("文件 File", line["source"]),
        ("送交部门 Department", line["department"] or "—"),
        ("经办人 Person", line["person"] or "—"),
        ("数据主管 Owner", owner or "—"),
        ("密级 Classification", layer.classification if layer else "—"),
        ("数据日期 As of", _moment(line["as_of"], city.timezone)),
        ("收到时间 Received", _moment(line["received_at"], city.timezone)),
        ("方式 Mode", MODES.get(line["mode"], line["mode"])),
    ]


def _checks(layer: Layer) -> list[str]:
    """Titles of the checks the layer makes, the strict ones first."""
    made = [
        (severity_of(layer, name), kind)
        for name, kind in CHECKS.items()
        if severity_of(layer, name) != "off"
    ]
    return [
        f"{kind.title.zh} {kind.title.en}" + ("（警告 warns）" if severity == "warn" else "")
        for severity, kind in sorted(made, key=lambda each: each[0])
    ]


def _outline(store: Store, registry: Registry, as_of: datetime) -> list[BaseGeometry]:
    """The administrative areas as they were, or as they are where they came later."""
    layer = registry.layers.get(ADMIN)
    if layer is None:
        return []
    for when in (Instant(as_of), None):
        found = rows(store, LayerQuery(layer=layer, when=when, fields=layer.key)).geometry
        if len(found):
            return list(found)
    return []


def _sketch(
    found: Quality, outline: Sequence[BaseGeometry], city: City, inks: Mapping[str, str]
) -> dict[str, Any] | None:
    """North up, the city's box with what was refused in it: SVG paths and dots."""
    drawn = (*found.warned_at, *found.shapes)  # what was refused on top
    if not drawn:
        return None
    west, south, east, north = city.bbox
    wide, high = (east - west) * AROUND, (north - south) * AROUND
    box = shapely.box(west - wide, south - high, east + wide, north + high)
    inside = [(code, shape) for code, shape in drawn if box.intersects(shape.envelope)]
    # zoomed to where the refused rows are, but never so far that the outline says nothing
    frame = _around([shape for _, shape in inside], box) if inside else box
    inside = [(code, shape) for code, shape in inside if frame.intersects(shape.envelope)]
    west, south, east, north = frame.bounds
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = SKETCH_PX / max((east - west) * squeeze, north - south)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x - west) * squeeze * scale, (north - y) * scale

    shapes, dots = [], []
    for code, shape in inside:
        x0, y0, x1, y1 = shape.bounds
        if max(x1 - x0, y1 - y0) * scale < SMALL_PX:
            dots.append((inks[code], *place((x0 + x1) / 2, (y0 + y1) / 2)))
        else:
            shapes.append((inks[code], _path(shape.simplify(0.5 / scale), place)))
    lines = [shapely.boundary(area).simplify(0.5 / scale).intersection(frame) for area in outline]
    bar_m = _round_length((east - west) * squeeze * METRES_A_DEGREE / 4)
    refused = int(found.delivery["quarantined"])
    return {
        "size": place(east, south),
        "outline": [path for path in (_path(area, place) for area in lines) if path],
        "shapes": [(ink, path) for ink, path in shapes if path],
        "dots": dots,
        "bar": bar_m / METRES_A_DEGREE * scale,
        "bar_m": bar_m,
        "drawn": len(inside),
        "off": len(drawn) - len(inside),
        "cut": refused - len(found.shapes) - found.unplaced,
    }


def _around(shapes: Sequence[BaseGeometry], box: BaseGeometry) -> BaseGeometry:
    """Where nearly all lie: one row a county away would leave the others a blot."""
    ends = shapely.bounds(shapes)
    west, south = np.quantile(ends[:, :2], FEW, axis=0)
    east, north = np.quantile(ends[:, 2:], 1 - FEW, axis=0)
    margin = max(east - west, north - south, 0.01) * 0.1
    around = shapely.box(west - margin, south - margin, east + margin, north + margin)
    cut: BaseGeometry = around.intersection(box)
    return box if cut.is_empty else cut


def _path(shape: BaseGeometry, place: Any) -> str:
    """SVG of lines and rings; a point is drawn as a cross."""
    parts = []
    for part in shapely.get_parts(shape):
        if isinstance(part, shapely.Polygon):
            parts += [(ring.coords, "Z") for ring in (part.exterior, *part.interiors)]
        elif isinstance(part, shapely.Point):
            parts.append(([(part.x, part.y), (part.x, part.y)], ""))
        elif hasattr(part, "coords"):
            parts.append((part.coords, ""))
        else:
            parts += [(line.coords, "") for line in shapely.get_parts(part) if line.coords]
    return " ".join(
        "M" + " ".join("{:.1f},{:.1f}".format(*place(*pair[:2])) for pair in coords) + end
        for coords, end in parts
    )


def _round_length(metres: float) -> int:
    """1, 2 or 5 times a power of ten, not above `metres`."""
    power = 10 ** math.floor(math.log10(max(metres, 1.0)))
    return int(max(n * power for n in (1, 2, 5) if n * power <= max(metres, 1.0)))


def _both(label: Label) -> str:
    return f"{label.zh} {label.en}"


def _no_delivery(number: str) -> NotThere:
    return NotThere(
        zh=f"没有第 {number[:20]} 次交付",
        en=f"there is no delivery {number[:20]}",
        delivery=number[:20],
    )
