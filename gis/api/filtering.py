"""`filter=` and `q=` of a request: CQL2 in any system of the city, and words people type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.api.axes import DEGREES, SIDES, Axes, axes_of
from gis.api.refusals import bad_value
from gis.coords import from_epsg, normalise
from gis.layers import City, Field, Layer, Registry
from gis.store.filters import Call, Literal, Node, Property, Values, moved
from gis.store.filters_json import parse_json
from gis.store.filters_text import parse_text
from gis.store.latest import FIGURES
from gis.store.query import WITH_TIMES

FILTER = ("filter", "filter-lang", "filter-crs")
# cql-text is what GDAL looks for and sends, by the name that the draft had
LANGUAGES = {"cql2-text": parse_text, "cql2-json": parse_json, "cql-text": parse_text}
MOST_WORDS, MOST_LETTERS = 8, 100


def read_filter(given: Mapping[str, str], city: City) -> Node | None:
    """The filter of a request, its geometries in EPSG:4490. Raises LayerError or Refused."""
    if not any(name in given for name in FILTER):
        return None
    language = given.get("filter-lang", "cql2-text")
    if language not in LANGUAGES:
        choice = ", ".join(LANGUAGES)
        raise bad_value("filter-lang", language, f"可用：{choice}", f"one of {choice}")
    axes = axes_of("filter-crs", given.get("filter-crs"), city)
    if "filter" not in given:
        for name in FILTER[1:]:
            if name in given:
                raise bad_value(name, given[name], "没有 filter", "there is no filter")
        return None
    tree = LANGUAGES[language](given["filter"])
    return moved(tree, lambda geometry: to_storage(geometry, axes))


def to_storage(geometry: BaseGeometry, axes: Axes) -> BaseGeometry:
    """A geometry as a client writes it in `axes`, in EPSG:4490 with longitude first. Straight
    sides in a plane stay straight in it: they get points in between. Raises OutsideFrame."""
    if axes.north_first:
        geometry = shapely.transform(geometry, lambda xy: xy[:, ::-1])
    if axes.epsg in DEGREES or geometry.is_empty:
        return geometry
    west, south, east, north = geometry.bounds
    side = max(east - west, north - south) / SIDES
    if side > 0:
        geometry = shapely.segmentize(geometry, side)
    found = normalise(np.array([geometry], dtype=object), from_epsg(axes.epsg)).geometry[0]
    assert isinstance(found, BaseGeometry)
    return found


def read_words(text: str | None, layer: Layer, registry: Registry) -> Node | None:
    """`q`: features one of whose texts, or the meaning of one of whose codes, holds the words;
    commas between words mean any of them. Letters count as the same in either case."""
    if text is None:
        return None
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not 1 <= len(words) <= MOST_WORDS or len(text) > MOST_LETTERS:
        raise bad_value(
            "q",
            text,
            f"应为 1 到 {MOST_WORDS} 个词，逗号分隔，共不超过 {MOST_LETTERS} 个字符",
            f"1 to {MOST_WORDS} words with commas, {MOST_LETTERS} characters in all",
        )
    fields = [f for f in layer.fields if f.type in ("text", "code")]
    return _any(found for word in words for f in fields for found in _holds(f, word, registry))


def computed(layer: Layer) -> tuple[str, ...]:
    """What a filter may name of the layer besides its fields and its geometry."""
    return ("id", *WITH_TIMES, *(FIGURES if layer.latest_of else ()))


def read_same(given: Mapping[str, str], layer: Layer) -> Node | None:
    """`id=5`, `valid_to=`: as by a field, where what is computed has that value, or none.
    Raises Refused."""
    return both(*(_same(name, given[name]) for name in computed(layer) if name in given))


def _same(name: str, text: str) -> Node:
    if not text:
        return Call("isnull", (Property(name),))
    value: str | int | float = text
    try:
        if name == "id":
            value = int(text) if len(text) < 19 else -1
        elif name == "latest_value":
            value = float(text)
    except ValueError:
        raise bad_value(name, text, "应为数字", "it is a number") from None
    return Call("=", (Property(name), Literal(value)))


def both(*conditions: Node | None) -> Node | None:
    """All of them; None where none is asked."""
    asked = tuple(c for c in conditions if c is not None)
    return Call("and", asked) if len(asked) > 1 else next(iter(asked), None)


def _holds(field: Field, word: str, registry: Registry) -> list[Node]:
    codes = registry.codelist(field)
    if codes is not None:
        meant = [
            Literal(code.code)
            for code in codes.codes.values()
            if any(word.casefold() in name.casefold() for name in (*code.aliases, code.code,
                                                                   code.title.zh, code.title.en))
        ]  # fmt: skip
        return [Call("in", (Property(field.name), Values(tuple(meant))))] if meant else []
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    held, pattern = Property(field.name), Literal(f"%{escaped}%")
    return [Call("like", (Call("casei", (held,)), Call("casei", (pattern,))))]


def _any(conditions: Iterable[Node]) -> Node:
    found = tuple(conditions)
    if len(found) > 1:
        return Call("or", found)
    return found[0] if found else Literal(False)
