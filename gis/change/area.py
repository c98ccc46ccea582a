"""Where to search: a layer's features, a box in degrees, or the shapes of a file."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.coords import STORAGE, Frame, normalise
from gis.errors import ChangeError, UnknownFrame
from gis.layers import Registry
from gis.sources import open_delivery
from gis.store import Instant, LayerQuery, Store, rows

Shapes = NDArray[np.object_]
BOX = re.compile(r"\s*,\s*".join([r"\s*(-?\d+(?:\.\d+)?)"] * 4) + r"\s*")


def area_of(
    text: str, store: Store, registry: Registry, frame: Frame, at: datetime
) -> BaseGeometry:
    """The area named by `text`, in `frame` (metres, east first): `west,south,east,north` in
    degrees, the name of a layer (its features at `at`), or a vector file that states its frame.

    Raises ChangeError where it names none of these or holds no area, and what reading a file
    raises.
    """
    if (box := BOX.fullmatch(text)) is not None:
        west, south, east, north = map(float, box.groups())
        shapes = np.array([shapely.box(west, south, east, north)], dtype=object)
        shapes = _placed(shapely.segmentize(shapes, 0.005), STORAGE, frame)
    elif text in registry.layers:
        found = rows(store, LayerQuery(layer=registry.get(text), when=Instant(at), fields=()))
        shapes = _placed(found.geometry, STORAGE, frame)
    elif Path(text).is_file():
        shapes = _of_file(Path(text), registry, frame)
    else:
        raise ChangeError(
            zh=f"--area {text} 既不是图层、范围（西,南,东,北，度），也不是文件",
            en=f"--area {text} is no layer, no box (west,south,east,north in degrees) and no file",
            area=text,
        )
    area = shapely.union_all(shapely.make_valid(shapes))
    if not area.area:
        raise ChangeError(
            zh=f"--area {text} 没有面积，无处可检测。请给出面状图层、文件或范围",
            en=f"--area {text} has no area to search. Give polygons or a box",
            area=text,
        )
    return area


def _of_file(path: Path, registry: Registry, frame: Frame) -> Shapes:
    delivery = open_delivery(path, layer=registry.get("alerts"))  # its columns are not asked for
    if delivery.declared is None:
        raise UnknownFrame(
            zh=f"{path.name} 没有写明坐标系，不能作为 --area",
            en=f"{path.name} states no frame and can't be an --area",
            file=path.name,
        )
    batches = [batch.geometry for batch in delivery.batches()]
    shapes = np.concatenate([np.zeros(0, dtype=object), *batches])
    return _placed(shapes[~shapely.is_missing(shapes)], delivery.declared, frame)


def _placed(shapes: Shapes, source: Frame, target: Frame) -> Shapes:
    if not len(shapes):
        return shapes
    moved = normalise(shapes, source, target=target)
    return np.asarray(moved.geometry[~moved.failed], dtype=object)
