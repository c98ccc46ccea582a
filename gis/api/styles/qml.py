"""A layer as a QGIS style file (QML): categories by code, names as labels."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from gis.layers.symbols import HALO, OTHERS, TEXT, Shape, Symbols

VERSION = "3.22.0"  # what is written is of; newer ones read it
PIXEL_MM = 0.28
TYPES: Mapping[Shape, tuple[str, str]] = {  # shape -> (QGIS's word, number of its geometry type)
    "point": ("marker", "0"), "line": ("line", "1"), "polygon": ("fill", "2"),
}  # fmt: skip
CLASSES: Mapping[Shape, str] = {
    "point": "SimpleMarker", "line": "SimpleLine", "polygon": "SimpleFill",
}  # fmt: skip
NAMES_SCALE = 20_000


def qml_document(symbols: Symbols) -> bytes:
    """The style file of a layer."""
    root = ET.Element("qgis", version=VERSION, styleCategories="Symbology|Labeling")
    root.append(renderer(symbols))
    if symbols.label:
        root.append(labeling(symbols))
    ET.SubElement(root, "layerGeometryType").text = TYPES[symbols.shape][1]
    ET.indent(root)
    head = b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    body: bytes = ET.tostring(root, encoding="utf-8")
    return head + body


def renderer(symbols: Symbols) -> ET.Element:
    """QGIS's `renderer-v2` element."""
    if not symbols.look.drawn:
        return ET.Element("renderer-v2", type="nullSymbol")
    if symbols.field is None:
        found = ET.Element("renderer-v2", type="singleSymbol", symbollevels="0")
        _symbol(ET.SubElement(found, "symbols"), "0", symbols, symbols.rest)
        return found
    found = ET.Element(
        "renderer-v2", type="categorizedSymbol", attr=symbols.field, symbollevels="0"
    )
    categories, drawn = ET.SubElement(found, "categories"), ET.SubElement(found, "symbols")
    named = [(one.code, one.title, one.color) for one in symbols.classes]
    for i, (code, title, color) in enumerate([*named, ("", OTHERS, symbols.rest)]):
        label = f"{title.zh} {title.en}"
        words = {"symbol": str(i), "value": code, "label": label, "render": "true"}
        ET.SubElement(categories, "category", words, type="string")
        _symbol(drawn, str(i), symbols, color)
    return found


def tile_renderer(symbols: Symbols) -> ET.Element:
    """The same for QGIS's layer of vector tiles: one style a class, each with its condition."""
    found = ET.Element("renderer", type="basic")
    styles = ET.SubElement(found, "styles")
    if not symbols.look.drawn:
        return found
    _, geometry = TYPES[symbols.shape]
    known = ", ".join(_quoted(one.code) for one in symbols.classes)
    others = f'"{symbols.field}" IS NULL OR "{symbols.field}" NOT IN ({known})' if known else ""
    drawn = [
        (one.title.zh, f'"{symbols.field}" = {_quoted(one.code)}', one.color)
        for one in symbols.classes
    ]
    for name, condition, color in [*drawn, (OTHERS.zh, others, symbols.rest)]:
        style = ET.SubElement(
            styles, "style", {"name": name, "layer": symbols.layer.id, "geometry": geometry},
            enabled="1", expression=condition,
        )  # fmt: skip
        style.attrib.update({"min-zoom": "-1", "max-zoom": "-1"})
        _symbol(ET.SubElement(style, "symbols"), "0", symbols, color)
    return found


def labeling(symbols: Symbols) -> ET.Element:
    """QGIS's `labeling` element: the names of things."""
    found = ET.Element("labeling", type="simple")
    settings = ET.SubElement(found, "settings", calloutType="simple")
    style = ET.SubElement(
        settings, "text-style", fieldName=str(symbols.label), fontSize="9", fontSizeUnit="Point",
        textColor=_rgba(TEXT), isExpression="0",
    )  # fmt: skip
    ET.SubElement(
        style, "text-buffer", bufferDraw="1", bufferSize="0.6", bufferSizeUnits="MM",
        bufferColor=_rgba(HALO), bufferOpacity="1",
    )  # fmt: skip
    near = symbols.look.drawn
    ET.SubElement(
        settings, "rendering", scaleVisibility=str(int(near)), scaleMin="0",
        scaleMax=str(NAMES_SCALE if near else 0), obstacle="1",
    )  # fmt: skip
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _symbol(parent: ET.Element, name: str, symbols: Symbols, color: str) -> None:
    symbol = ET.SubElement(parent, "symbol", type=TYPES[symbols.shape][0], name=name, alpha="1")
    layer = ET.SubElement(
        symbol, "layer", {"class": CLASSES[symbols.shape]}, enabled="1", locked="0"
    )
    words = ET.SubElement(layer, "Option", type="Map")
    for word, value in _words(symbols, color).items():
        ET.SubElement(words, "Option", name=word, type="QString", value=value)


def _words(symbols: Symbols, color: str) -> dict[str, str]:
    look = symbols.look
    edge, width = look.edge or color, f"{look.width * PIXEL_MM:.3g}"
    if symbols.shape == "line":
        return {
            "line_color": _rgba(color), "line_width": width, "line_width_unit": "MM",
            "line_style": "solid", "capstyle": "round", "joinstyle": "round",
        }  # fmt: skip
    outline = {
        "outline_color": _rgba(edge), "outline_width": width, "outline_width_unit": "MM",
        "outline_style": "solid",
    }  # fmt: skip
    if symbols.shape == "polygon":
        style = "solid" if look.fill else "no"
        return outline | {"color": _rgba(color, look.fill or 1.0), "style": style}
    size = f"{2 * look.radius * PIXEL_MM:.3g}"
    return outline | {"name": "circle", "color": _rgba(color), "size": size, "size_unit": "MM"}


def _rgba(color: str, opacity: float = 1.0) -> str:
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return ",".join(map(str, [*parts, round(255 * opacity)]))
