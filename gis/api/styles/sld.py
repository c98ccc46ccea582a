"""Layers as a Styled Layer Descriptor 1.1 (OGC 05-078r4, symbols by 05-077r4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from gis.layers import Label
from gis.layers.symbols import HALO, OTHERS, TEXT, Symbols

SLD, SE, OGC = (f"http://www.opengis.net/{name}" for name in ("sld", "se", "ogc"))
LARGEST_OF_NAMES = 20_000  # names of things from 1:20,000 on
for _prefix, _name in (("sld", SLD), ("se", SE), ("ogc", OGC)):
    ET.register_namespace(_prefix, _name)


def sld_document(drawn: Sequence[Symbols]) -> bytes:
    """One named layer for each, its rules in the code list's order, the rest last."""
    root = ET.Element(f"{{{SLD}}}StyledLayerDescriptor", version="1.1.0")
    for symbols in drawn:
        named = ET.SubElement(root, f"{{{SLD}}}NamedLayer")
        _text(named, f"{{{SE}}}Name", symbols.layer.id)
        style = ET.SubElement(named, f"{{{SLD}}}UserStyle")
        _text(style, f"{{{SE}}}Name", symbols.layer.id)
        _text(style, f"{{{SLD}}}IsDefault", "1")
        kind = ET.SubElement(style, f"{{{SE}}}FeatureTypeStyle")
        _rules(kind, symbols)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _rules(kind: ET.Element, symbols: Symbols) -> None:
    if symbols.look.drawn:
        for one in symbols.classes:
            rule = _rule(kind, one.code, one.title)
            _equal(ET.SubElement(rule, f"{{{OGC}}}Filter"), symbols, one.code)
            _symbolizer(rule, symbols, one.color)
        title = OTHERS if symbols.classes else symbols.layer.title
        rule = _rule(kind, "other" if symbols.classes else symbols.layer.id, title)
        if symbols.classes:
            _none_of_them(ET.SubElement(rule, f"{{{OGC}}}Filter"), symbols)
        _symbolizer(rule, symbols, symbols.rest)
    if symbols.label:
        rule = _rule(kind, "names", Label(zh="名称", en="Names"))
        if symbols.look.drawn:
            _text(rule, f"{{{SE}}}MaxScaleDenominator", str(LARGEST_OF_NAMES))
        else:
            _unseen(rule)
        _names(rule, symbols.label)


def _equal(parent: ET.Element, symbols: Symbols, code: str) -> None:
    equal = ET.SubElement(parent, f"{{{OGC}}}PropertyIsEqualTo")
    _text(equal, f"{{{OGC}}}PropertyName", str(symbols.field))
    _text(equal, f"{{{OGC}}}Literal", code)


def _none_of_them(parent: ET.Element, symbols: Symbols) -> None:
    """What has no class. Not se:ElseFilter: QGIS passes over it and draws everything."""
    either = ET.SubElement(parent, f"{{{OGC}}}Or")
    empty = ET.SubElement(either, f"{{{OGC}}}PropertyIsNull")
    _text(empty, f"{{{OGC}}}PropertyName", str(symbols.field))
    inside = ET.SubElement(either, f"{{{OGC}}}Not")
    if len(symbols.classes) > 1:
        inside = ET.SubElement(inside, f"{{{OGC}}}Or")
    for one in symbols.classes:
        _equal(inside, symbols, one.code)


def _rule(kind: ET.Element, name: str, title: Label) -> ET.Element:
    rule = ET.SubElement(kind, f"{{{SE}}}Rule")
    _text(rule, f"{{{SE}}}Name", name)
    words = ET.SubElement(rule, f"{{{SE}}}Description")
    _text(words, f"{{{SE}}}Title", f"{title.zh} {title.en}")
    return rule


def _symbolizer(rule: ET.Element, symbols: Symbols, color: str) -> None:
    look = symbols.look
    edge = {"stroke": look.edge or color, "stroke-width": f"{look.width:g}"}
    if symbols.shape == "polygon":
        area = ET.SubElement(rule, f"{{{SE}}}PolygonSymbolizer")
        if look.fill:
            _paint(area, "Fill", {"fill": color, "fill-opacity": f"{look.fill:g}"})
        _paint(area, "Stroke", edge | {"stroke-linejoin": "round"})
    elif symbols.shape == "line":
        line = ET.SubElement(rule, f"{{{SE}}}LineSymbolizer")
        _paint(line, "Stroke", edge | {"stroke-linejoin": "round", "stroke-linecap": "round"})
    else:
        point = ET.SubElement(rule, f"{{{SE}}}PointSymbolizer")
        graphic = ET.SubElement(point, f"{{{SE}}}Graphic")
        mark = ET.SubElement(graphic, f"{{{SE}}}Mark")
        _text(mark, f"{{{SE}}}WellKnownName", "circle")
        _paint(mark, "Fill", {"fill": color})
        _paint(mark, "Stroke", edge)
        _text(graphic, f"{{{SE}}}Size", f"{2 * look.radius:g}")


def _unseen(rule: ET.Element) -> None:
    """A mark that nobody sees: QGIS refuses a style that draws nothing but names."""
    graphic = ET.SubElement(ET.SubElement(rule, f"{{{SE}}}PointSymbolizer"), f"{{{SE}}}Graphic")
    mark = ET.SubElement(graphic, f"{{{SE}}}Mark")
    _text(mark, f"{{{SE}}}WellKnownName", "circle")
    _paint(mark, "Fill", {"fill": HALO, "fill-opacity": "0"})
    _text(graphic, f"{{{SE}}}Size", "1")


def _names(rule: ET.Element, field: str) -> None:
    text = ET.SubElement(rule, f"{{{SE}}}TextSymbolizer")
    label = ET.SubElement(text, f"{{{SE}}}Label")
    _text(label, f"{{{OGC}}}PropertyName", field)
    _paint(text, "Font", {"font-family": "sans-serif", "font-size": "12"})
    halo = ET.SubElement(text, f"{{{SE}}}Halo")
    _text(halo, f"{{{SE}}}Radius", "1.4")
    _paint(halo, "Fill", {"fill": HALO})
    _paint(text, "Fill", {"fill": TEXT})


def _paint(parent: ET.Element, name: str, words: Mapping[str, str]) -> None:
    element = ET.SubElement(parent, f"{{{SE}}}{name}")
    for word, value in words.items():
        _text(element, f"{{{SE}}}SvgParameter", value).set("name", word)


def _text(parent: ET.Element, tag: str, value: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = value
    return element
