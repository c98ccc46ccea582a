"""The images on record: the current rows of the layer `imagery`, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from gis.layers.model import Layer
from gis.store.pool import Store
from gis.store.query import LayerQuery, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One registered file. key: number of the feature; taken_on: None = unknown; frame: name, as
    the delivery had it; digest: SHA-256 of the file; name: of the file as it was sent; outline: of
    its valid pixels, CGCS2000 degrees, longitude first; accuracy_m: of the outline; stated_m: of
    the pixels, as the sender says; registered: since when this is known."""

    key: int
    id: str
    kind: str
    taken_on: date | None
    gsd_m: float | None
    bands: int | None
    dtype: str | None
    nodata: str | None
    sensor: str | None
    stated_m: float | None
    frame: str | None
    name: str
    digest: str
    outline: BaseGeometry
    accuracy_m: float
    registered: datetime


def images(store: Store, layer: Layer) -> tuple[Image, ...]:
    """All of them, newest first, of one day the finest first; those without a date at the end."""
    found = rows(store, LayerQuery(layer=layer))
    listed = [_image(found, i) for i in range(len(found))]
    return tuple(sorted(listed, key=_age))


def _age(image: Image) -> tuple[bool, int, float, str]:
    day = -image.taken_on.toordinal() if image.taken_on is not None else 0
    return image.taken_on is None, day, image.gsd_m or 0.0, image.id


def _image(found: Any, i: int) -> Image:
    def value(name: str) -> Any:
        return found.columns[name][i]

    return Image(
        key=int(found.key[i]),
        id=value("image_id"),
        kind=value("kind"),
        taken_on=value("acquired_on"),
        gsd_m=value("gsd_m"),
        bands=value("bands"),
        dtype=value("dtype"),
        nodata=value("nodata"),
        sensor=value("sensor"),
        stated_m=value("stated_accuracy_m"),
        frame=value("frame"),
        name=value("path"),
        digest=value("digest"),
        outline=found.geometry[i],
        accuracy_m=float(found.accuracy_m[i]),
        registered=found.valid_from[i],
    )
