"""An alert's case file as one page to print: pictures, figures, law, what was consulted, trail.

Everything is in the page itself, so it can be saved, sent and filed; nothing in it is looked up
again: what was consulted stands as it was on the image's date.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import shapely
from jinja2 import Environment, PackageLoader, StrictUndefined
from shapely.geometry.base import BaseGeometry
from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import HTML, answer
from gis.api.refusals import NotThere
from gis.api.service import service_of
from gis.errors import ChangeError
from gis.layers import Field, Label, Registry
from gis.store import Store
from gis.store.alerts import chip, show_alert

FIGURES: Mapping[str, tuple[str, str, str]] = {  # figure of a rule: what it is, unit
    "cover": ("许可覆盖比例", "Share covered by permits", ""),
    "min_cover": ("覆盖比例下限", "Least share", ""),
    "max_cover": ("覆盖比例上限", "Greatest share", ""),
    "area_m2": ("变化面积", "Area of the change", "m²"),
    "height_m": ("实测高度", "Height measured", "m"),
    "permitted_m": ("许可高度", "Height permitted", "m"),
    "excess_m": ("超出高度", "Excess height", "m"),
    "margin_m": ("高度误差限", "Margin of the height", "m"),
    "inside_m2": ("占用面积", "Area inside", "m²"),
    "outside_m2": ("界外面积", "Area outside", "m²"),
    "share": ("占变化面积比例", "Share of the change", ""),
    "band_m2": ("面积误差限", "Band of the area", "m²"),
    "min_overlap_m2": ("面积下限", "Least area", "m²"),
    "excess_m2": ("许可范围外面积", "Area beyond the permit", "m²"),
    "permitted_m2": ("许可范围内面积", "Area within the permit", "m²"),
    "min_excess_m2": ("超出面积下限", "Least excess", "m²"),
    "permits_unused": ("同宗地未使用的许可", "Unused permits of the parcel", ""),
    "built_share": ("许可范围已建比例", "Built share of the permit", ""),
    "distance_m": ("距许可范围", "Distance from the permit", "m"),
    "days_overdue": ("逾期天数", "Days past the term", "d"),
    "grace_days": ("宽限天数", "Days of grace", "d"),
}
CHIPS = {
    "before": ("前期", "Before"),
    "after": ("后期", "After"),
    "dsm": ("高度变化", "Height change"),
}
EVENTS = {
    "raised": ("登记", "Raised"),
    "again": ("再次发现", "Seen again"),
    "reopened": ("重新打开", "Reopened"),
    "suppressed": ("未再变化", "Unchanged"),
    "state": ("办理", "Step"),
    "assigned": ("分派", "Assigned"),
    "due": ("限期", "Due date"),
    "photo": ("现场照片", "Photo"),
}
INKS = {
    "planning_permits": "#2f7d4f", "red_lines": "#c92a2a", "parcels": "#b0852f",
    "land_use_plan": "#7a8794",
}  # fmt: skip
SKETCH_PX = 420.0
ALERTS = "alerts"
BY_LAYER = ("layers",)
AROUND_DEG = 0.0006  # of the sketch about the change: some 60 m


def get_case(request: Request) -> Response:
    """`GET /map/alerts/{key}.html`: the case file for people, to print."""
    key = request.path_params["key"]
    service = service_of(request)
    if ALERTS not in service.registry.layers:
        raise no_alert(key)
    try:
        body = case_page(service.store, service.registry, key)
    except ChangeError as error:
        raise no_alert(key) from error
    return answer(request, body.encode(), HTML)


def no_alert(key: str) -> NotThere:
    """There is no such alert, or none for the one who asks."""
    shown = key[:40]
    return NotThere(
        zh=f"没有线索 {shown}。见 /map/alerts.json", en=f"there is no alert {shown}. "
        f"See /map/alerts.json", alert=shown,
    )  # fmt: skip


def as_seen(case: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """The case without what was consulted of layers that the registry does not hold."""
    seen = _seen(dict(case), registry)
    assert isinstance(seen, dict)
    return seen


def _seen(node: Any, registry: Registry) -> Any:
    """Rows name their layer; the figures of a judgement name layers as keys."""
    if isinstance(node, Mapping):
        return {
            name: {k: v for k, v in part.items() if k in registry.layers}
            if name in BY_LAYER and isinstance(part, Mapping)
            else _seen(part, registry)
            for name, part in node.items()
        }
    if isinstance(node, list | tuple):
        hidden = (isinstance(part, Mapping) and not _of_one_seen(part, registry) for part in node)
        return [_seen(part, registry) for part, hide in zip(node, hidden, strict=True) if not hide]
    return node


def _of_one_seen(row: Mapping[str, Any], registry: Registry) -> bool:
    return not isinstance(row.get("layer"), str) or row["layer"] in registry.layers


def case_page(store: Store, registry: Registry, key: int | str) -> str:
    """The page (HTML). key: as in `show_alert`. Raises ChangeError where there is no such alert."""
    case = as_seen(show_alert(store, key), registry)
    newest = next((e for e in case["evidence"] if e["undone_at"] is None), None)
    chips = [
        (*CHIPS.get(name, (name, "")), _data_url(chip(store, case["key"], name) or b""))
        for name in sorted(case["chips"], key=_chip_order)
    ]
    words = {
        "case": case,
        "run": newest,
        "state": _code(registry, "alert_state", case["properties"]["state"]),
        "facts": _facts(registry, case["properties"]),
        "reasons": [_reason(reason) for reason in case["reasons"]],
        "consulted": [_consulted(registry, row) for row in case["consulted"]],
        "trail": [_step(registry, step) for step in case["trail"]],
        "next_states": [_code(registry, "alert_state", s) for s in case["next_states"]],
        "chips": chips,
        "sketch": _sketch(case),
        "city": registry.city,
    }
    return _environment().get_template("case.html").render(words)


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gis.api"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["moment"] = _moment
    return environment


def _moment(value: datetime | str) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment:%Y-%m-%d %H:%M}"


def _chip_order(name: str) -> tuple[int, str]:
    order = list(CHIPS)
    return (order.index(name) if name in order else len(order)), name


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _code(registry: Registry, codelist: str, code: str) -> str:
    known = registry.codelists[codelist].codes.get(code)
    return code if known is None else _both(known.title)


def _both(label: Label) -> str:
    return f"{label.zh} {label.en}"


def _facts(registry: Registry, properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The alert's fields with their titles; a figure and its band on one line."""
    shown = []
    for field in registry.get("alerts").fields:
        value = properties.get(field.name)
        if value is None or field.name.endswith(("_band_m2", "_band_m")) or field.name == "reasons":
            continue
        band = properties.get(_band_of(field.name))
        text = _value(registry, field, value)
        if band is not None:
            text = f"{value:g} ± {band:g} {field.unit or ''}"
        shown.append((_both(field.title), text))
    return shown


def _band_of(name: str) -> str:
    head, _, unit = name.rpartition("_")
    return f"{head}_band_{unit}"


def _value(registry: Registry, field: Field, value: Any) -> str:
    codes = registry.codelist(field)
    code = codes.codes.get(str(value)) if codes else None
    if code is not None:
        return f"{_both(code.title)} ({code.code})"
    unit = f" {field.unit}" if field.unit else ""
    return f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"


def _reason(reason: Mapping[str, Any]) -> dict[str, Any]:
    figures = []
    for name, value in reason["figures"].items():
        zh, en, unit = FIGURES.get(name, (name, "", ""))
        figures.append((f"{zh} {en}".strip(), f"{value:g} {unit}".strip()))
    return {"title": reason["title"], "law": reason["law"], "figures": figures}


def _consulted(registry: Registry, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it was on the image's date. A layer that is no longer configured keeps its names."""
    layer = registry.layers.get(row["layer"])
    fields = {field.name: field for field in layer.fields} if layer else {}
    content = [
        (_both(fields[name].title), _value(registry, fields[name], value))
        if name in fields
        else (name, str(value))
        for name, value in row["properties"].items()
        if value is not None
    ]
    return {
        "layer": _both(layer.title) if layer else row["layer"],
        "key": row["key"],
        "version_id": row["version_id"],
        "delivery": row["delivery"],
        "valid_from": row["valid_from"],
        "content": content,
        "digest": row["digest"],
    }


def _step(registry: Registry, step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": step["at"],
        "event": " ".join(EVENTS.get(step["event"], (step["event"],))),
        "from": _code(registry, "alert_state", step["from_state"] or ""),
        "to": _code(registry, "alert_state", step["to_state"] or ""),
        "who": step["who"],
        "note": " · ".join(text for text in _said(step) if text),
        "undone": step["undone_at"] is not None,
    }


def _said(step: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Who is to do it, the note, the day, where the photo is."""
    due = None if step["due_on"] is None else f"限期 due {step['due_on']}"
    paper = None if step["document"] is None else f"/documents/{step['document']}"
    return step["assignee"], step["note"], due, paper


def _sketch(case: Mapping[str, Any]) -> dict[str, Any]:
    """North up, the change and what was consulted around it: SVG paths in a square of SKETCH_PX.
    `metre`: pixels a metre, for the scale bar."""
    change = shapely.geometry.shape(case["geometry"])
    west, south, east, north = change.buffer(AROUND_DEG).bounds
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = SKETCH_PX / max((east - west) * squeeze, north - south)
    frame = shapely.box(west, south, east, north)

    def path(shape: BaseGeometry) -> str:
        rings = [ring for part in shapely.get_parts(shape) for ring in _rings(part)]
        return " ".join(
            "M" + " ".join(f"{(x - west) * squeeze * scale:.1f},{(north - y) * scale:.1f}"
                           for x, y in ring) + "Z"
            for ring in rings
        )  # fmt: skip

    paths = [
        (INKS[row["layer"]], path(shapely.geometry.shape(row["geometry"]).intersection(frame)))
        for row in case["consulted"]
        if row["layer"] in INKS
    ]
    return {
        "paths": [(ink, d) for ink, d in paths if d],
        "change": path(change),
        "size": ((east - west) * squeeze * scale, (north - south) * scale),
        "bar_20_m": 20.0 * scale / 111_320.0,
    }


def _rings(part: BaseGeometry) -> Sequence[Any]:
    if not isinstance(part, shapely.Polygon):
        return []
    return [part.exterior.coords, *(ring.coords for ring in part.interiors)]
