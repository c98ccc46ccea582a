"""How a layer is drawn: from its `style:` and the colours its code list sets, once, for every
language of styles. Widths and radii in pixels of 0.28 mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gis.layers.model import CodeList, Label, Layer

PLAIN = "#7a828e"  # of what no standard and nobody has given a colour; as on the map page
HALO, TEXT = "#ffffff", "#2c313a"
OTHERS = Label(zh="其他", en="Other")
Shape = Literal["point", "line", "polygon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Of one kind of layer. `fill`: share of opacity of an area; `edge`: colour of an outline,
    None = the class's own; `width`: of lines and outlines when near; `radius`: of points."""

    fill: float = 0.0
    edge: str | None = None
    width: float = 1.0
    radius: float = 4.0
    drawn: bool = True


LOOKS: Mapping[str, Look] = {
    "fill": Look(fill=0.72, edge="#5b5347", width=0.8),
    "hatch": Look(fill=0.25, width=1.5),
    "outline": Look(width=1.4),
    "building": Look(fill=0.95, edge="#b7ab9a", width=0.6),
    "line": Look(width=2.4),
    "point": Look(edge=HALO, width=1.0, radius=4.5),
    "road": Look(width=5.0),
    "label": Look(drawn=False),
    "red_line": Look(fill=0.25, width=2.2),
    "alert": Look(fill=0.38, width=2.2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """What has one code: its name and colour (`#rrggbb`)."""

    code: str
    title: Label
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """A layer as it is drawn. field, classes: what colours it, in the code list's order (None and
    empty where one colour does); rest: the colour of everything else; label: the field of names."""

    layer: Layer
    shape: Shape
    look: Look
    field: str | None
    classes: tuple[Class, ...]
    rest: str
    label: str | None


def symbols_of(layer: Layer, codes: CodeList | None) -> Symbols:
    """How a layer is drawn; `codes`: the list of its `color_by` field (`color_field`)."""
    classes = tuple(
        Class(code=one.code, title=one.title, color=one.color)
        for one in (codes.codes.values() if codes else ())
        if one.color is not None
    )
    plain, label = layer.style.get("color"), layer.style.get("label")
    return Symbols(
        layer=layer,
        shape=shape_of(layer),
        look=LOOKS.get(str(layer.style.get("kind")), Look(fill=0.4)),
        field=color_field(layer) if classes else None,
        classes=classes,
        rest=str(plain) if plain else PLAIN,
        label=str(label) if label else None,
    )


def color_field(layer: Layer) -> str | None:
    """The field whose codes colour the layer, if it has that field."""
    name = layer.style.get("color_by")
    return str(name) if name in layer.field_names else None


def shape_of(layer: Layer) -> Shape:
    """What kind of thing is drawn."""
    for word, shape in SHAPES.items():
        if word in layer.geometry:
            return shape
    return "point"


SHAPES: Mapping[str, Shape] = {"Line": "line", "Polygon": "polygon"}
