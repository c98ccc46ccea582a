"""Layers as a Mapbox GL style, as MapLibre and most web maps read it, on our own tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gis.layers.symbols import HALO, TEXT, Symbols

GRID = "WebMercatorQuad"
BACKGROUND = "#f3f1ec"
FONT = ["Open Sans Regular"]
NEAR = 15  # names of things from here on
Part = dict[str, Any]


def mapbox_style(name: str, drawn: Sequence[Symbols], base: str) -> dict[str, Any]:
    """A style that draws the layers in this order, names on top. `base`: address of the
    service."""
    parts = [part for symbols in drawn for part in _parts(symbols)]
    return {
        "version": 8,
        "name": name,
        "sources": {s.layer.id: {"type": "vector", "url": _source(s, base)} for s in drawn},
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": BACKGROUND}},
            *(part for part in parts if part["type"] != "symbol"),
            *(part for part in parts if part["type"] == "symbol"),
        ],
    }


def _source(symbols: Symbols, base: str) -> str:
    labels = "&labels=true" if _label_points(symbols) else ""
    return f"{base}/collections/{symbols.layer.id}/tiles/{GRID}?f=tilejson{labels}"


def _label_points(symbols: Symbols) -> bool:
    """An area cut by tiles would get its name in each: it has a point of its own."""
    return symbols.label is not None and symbols.shape == "polygon"


def _parts(symbols: Symbols) -> list[Part]:
    color, look = _color(symbols), symbols.look
    parts: list[Part] = []
    if not look.drawn:
        pass
    elif symbols.shape == "polygon":
        fill = {"fill-color": color, "fill-opacity": look.fill}
        parts = [
            _part(symbols, "fill", "fill", fill),
            _part(symbols, "edge", "line", _line(look.edge or color, look.width)),
        ]
    elif symbols.shape == "line":
        round_ = {"line-cap": "round", "line-join": "round"}
        parts = [_part(symbols, "line", "line", _line(color, look.width), layout=round_)]
    else:
        circle = {
            "circle-color": color,
            "circle-radius": _grow(look.radius / 2, look.radius),
            "circle-stroke-color": look.edge or HALO,
            "circle-stroke-width": _grow(look.width / 2, look.width),
        }
        parts = [_part(symbols, "point", "circle", circle)]
    return parts + ([_names(symbols)] if symbols.label else [])


def _names(symbols: Symbols) -> Part:
    layout: dict[str, Any] = {
        "text-field": ["get", symbols.label],
        "text-font": FONT,
        "text-size": 12,
        "text-max-width": 9,
    }
    if symbols.shape == "line":
        layout |= {"symbol-placement": "line", "symbol-spacing": 320}
    elif symbols.shape == "point" and symbols.look.drawn:
        layout |= {"text-anchor": "top", "text-offset": [0, 0.8]}
    paint = {"text-color": TEXT, "text-halo-color": HALO, "text-halo-width": 1.4}
    part = _part(symbols, "label", "symbol", paint, layout=layout)
    if _label_points(symbols):
        part["source-layer"] += ".labels"
    elif symbols.look.drawn:
        part["minzoom"] = NEAR
    return part


def _part(symbols: Symbols, name: str, kind: str, paint: Mapping[str, Any], **more: Any) -> Part:
    layer = symbols.layer.id
    return {
        "id": f"{layer}/{name}", "type": kind, "source": layer, "source-layer": layer,
        **more, "paint": dict(paint),
    }  # fmt: skip


def _line(color: Any, width: float) -> dict[str, Any]:
    return {"line-color": color, "line-width": _grow(width / 2.5, width)}


def _color(symbols: Symbols) -> Any:
    if symbols.field is None:
        return symbols.rest
    pairs = [word for one in symbols.classes for word in (one.code, one.color)]
    return ["match", ["get", symbols.field], *pairs, symbols.rest]


def _grow(small: float, large: float) -> list[Any]:
    """A width that grows from `small` at zoom 12 to `large` at 19, as on the map page."""
    ends = 12, round(small, 2), 19, round(large, 2)
    return ["interpolate", ["exponential", 1.4], ["zoom"], *ends]
