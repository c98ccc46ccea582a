"""A QGIS project of the whole city: every layer three ways, drawn as the map page draws it.

What stands now and what ever stood come from OGC API – Features, vector tiles from OGC API –
Tiles; the temporal controller is set to the span of the deliveries. The file holds addresses and
styles only, no data: who opens it sees what the service shows them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from gis.api.styles.qml import labeling, renderer, tile_renderer
from gis.coords import from_epsg
from gis.coords.frames import crs_of
from gis.layers import City, Layer
from gis.layers.symbols import Symbols

VERSION = "3.22.0"  # what the project's format is of; newer ones read it
MANY, MANY_SCALE = 5_000, 50_000  # features; a layer with more shows from 1:50,000 on
PAGE = 1_000
LEAST_ZOOM, MOST_ZOOM = 4, 18
BY_EXPRESSION = "4"  # Qgis.VectorTemporalMode.FeatureDateTimeStartAndEndFromExpressions
NEVER = "'9999-12-31T00:00:00Z'"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
KINDS = {"Point": "Point", "LineString": "Line", "Polygon": "Polygon"}
GROUPS = (
    ("now", "现状 / Now", True),
    ("history", "历史 / History", False),
    ("tiles", "矢量瓦片 / Vector tiles", False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A layer in the project. extent: west, south, east, north, degrees; None = nothing there.
    symbols: how it is drawn."""

    layer: Layer
    features: int
    extent: tuple[float, ...] | None
    symbols: Symbols


def project(
    city: City, members: Iterable[Member], url: str, span: tuple[datetime, datetime]
) -> bytes:
    """The project as a .qgz. `url`: address of the service; `span`: first and last moment of the
    temporal controller. The same arguments give the same bytes."""
    members = sorted(members, key=lambda m: -m.layer.order)  # QGIS draws the first on top
    root = ET.Element("qgis", version=VERSION, projectname=city.name.zh)
    _text(root, "title", f"{city.name.zh}一张图 / One Map of {city.name.en}")
    _system(ET.SubElement(root, "projectCrs"), city.metric_frame)
    tree = ET.SubElement(root, "layer-tree-group")
    layers = ET.SubElement(root, "projectlayers")
    for way, title, on in GROUPS:
        group = _group(tree, title, on=on, open_=way == "now")
        for member in members:
            name = f"{member.layer.title.zh} / {member.layer.title.en}"
            ident = f"onemap_{way}_{member.layer.id}"  # QGIS passes over ids of ten letters
            source = SOURCES[way](member.layer, url)
            kind = "vectortile" if way == "tiles" else "OAPIF"
            leaf = {"id": ident, "name": name, "source": source, "providerKey": kind}
            shown = "Qt::Checked" if on or way != "now" else "Qt::Unchecked"
            ET.SubElement(group, "layer-tree-layer", leaf | {"checked": shown, "expanded": "0"})
            if way == "tiles":
                layers.append(_tile_layer(ident, name, source, member.symbols))
            else:
                layers.append(_feature_layer(ident, name, source, member, past=way == "history"))
    _views(root, city, members, span)
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("onemap.qgs", ZIP_TIME), body)
    return out.getvalue()


def _now(layer: Layer, url: str) -> str:
    return _features(layer, url)


def _history(layer: Layer, url: str) -> str:
    """Every version: QGIS hands the query of the address on with each of its requests, and needs
    a number of its own for each row."""
    return _features(layer, f"{url}/?datetime=../..&feature-id=version")


def _features(layer: Layer, url: str) -> str:
    return f"pageSize='{PAGE}' restrictToRequestBBOX='1' typename='{layer.id}' url='{url}'"


def _tiles(layer: Layer, url: str) -> str:
    address = f"{url}/collections/{layer.id}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=mvt"
    return f"type=xyz&url={quote(address, safe=':/{}?')}&zmin={LEAST_ZOOM}&zmax={MOST_ZOOM}"


SOURCES: dict[str, Callable[[Layer, str], str]] = {
    "now": _now, "history": _history, "tiles": _tiles,
}  # fmt: skip


def _feature_layer(ident: str, name: str, source: str, member: Member, *, past: bool) -> ET.Element:
    shape = member.layer.geometry.removeprefix("Multi").removesuffix("Z")
    many = member.features > MANY
    found = ET.Element(
        "maplayer",
        type="vector",
        geometry=KINDS[shape],
        hasScaleBasedVisibilityFlag=str(int(many)),
        minScale=str(MANY_SCALE if many else 100_000_000),
        maxScale="0",
        readOnly="1",
    )
    _named(found, ident, name, source)
    _system(ET.SubElement(found, "srs"), "EPSG:4326")
    _box(found, "extent", member.extent)
    _text(found, "provider", "OAPIF")
    if past:
        # by expression: where no version on the first page has ended, QGIS takes the end for
        # text; and it would not show a version without an end
        start, end = 'to_datetime("valid_from")', f'to_datetime(coalesce("valid_to",{NEVER}))'
        times = {"mode": BY_EXPRESSION, "startExpression": start, "endExpression": end}
        ET.SubElement(found, "temporal", times | {"enabled": "1", "limitMode": "0"})
    found.append(renderer(member.symbols))
    if member.symbols.label:
        found.append(labeling(member.symbols))
        found.set("labelsEnabled", "1")
    aliases = ET.SubElement(found, "aliases")
    for i, field in enumerate(member.layer.fields):
        unit = f" ({field.unit})" if field.unit else ""
        title = f"{field.title.zh}{unit}"
        ET.SubElement(aliases, "alias", index=str(i), field=field.name, name=title)
    return found


def _tile_layer(ident: str, name: str, source: str, symbols: Symbols) -> ET.Element:
    found = ET.Element("maplayer", type="vector-tile")
    _named(found, ident, name, source)
    _system(ET.SubElement(found, "srs"), "EPSG:3857")
    _text(found, "provider", "")
    found.append(tile_renderer(symbols))
    return found


def _views(
    root: ET.Element, city: City, members: list[Member], span: tuple[datetime, datetime]
) -> None:
    """Where and when the project opens: on what there is of the city, at the temporal span."""
    boxes = [m.extent for m in members if m.extent is not None and m.layer.id != "admin_areas"]
    west, south, east, north = zip(*(boxes or [city.bbox]), strict=True)
    box = (min(west), min(south), max(east), max(north))
    start, end = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in span)
    ends = {"xmin": box[0], "ymin": box[1], "xmax": box[2], "ymax": box[3]}
    view = ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0", rotation="0")
    opening = {name: repr(value) for name, value in ends.items()}
    _system(ET.SubElement(view, "DefaultViewExtent", opening), "EPSG:4326")
    times = ET.SubElement(
        root,
        "ProjectTimeSettings",
        timeStep="1",
        timeStepUnit="mon",
        frameRate="1",
        cumulativeTemporalRange="0",
    )
    spanned = ET.SubElement(times, "TemporalRange")
    _text(spanned, "start", start)
    _text(spanned, "end", end)
    properties = ET.SubElement(root, "properties")
    systems = ET.SubElement(properties, "SpatialRefSys")
    ET.SubElement(systems, "ProjectionsEnabled", type="int").text = "1"
    control = ET.SubElement(properties, "TemporalControllerWidget")
    for name, value in (("StartDateTime", start), ("EndDateTime", end)):
        ET.SubElement(control, name, type="QString").text = value
    ET.SubElement(control, "NavigationMode", type="int").text = "0"  # off: the present is shown


def _group(tree: ET.Element, title: str, *, on: bool, open_: bool) -> ET.Element:
    checked = "Qt::Checked" if on else "Qt::Unchecked"
    return ET.SubElement(
        tree, "layer-tree-group", name=title, checked=checked, expanded=str(int(open_))
    )


def _named(of: ET.Element, ident: str, name: str, source: str) -> None:
    for tag, text in (("id", ident), ("layername", name), ("datasource", source)):
        _text(of, tag, text)


def _system(of: ET.Element, frame: str) -> None:
    """QGIS's way to write a CRS."""
    code = int(frame.rpartition(":")[2])
    found = ET.SubElement(of, "spatialrefsys")
    _text(found, "wkt", crs_of(from_epsg(code)).to_wkt("WKT2_2019"))
    _text(found, "srid", str(code))
    _text(found, "authid", f"EPSG:{code}")
    _text(found, "geographicflag", str(from_epsg(code).unit == "degree").lower())


def _box(of: ET.Element, tag: str, box: tuple[float, ...] | None) -> None:
    if box is not None:
        found = ET.SubElement(of, tag)
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            _text(found, name, repr(value))


def _text(of: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(of, tag).text = text
