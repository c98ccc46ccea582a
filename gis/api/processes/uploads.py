"""A site sent as a file: read behind the same wall as every delivery, its frame never guessed."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Mapping
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from gis.analysis.site import MOST_PIECES, Site, site_from_stored
from gis.api.refusals import bad_value
from gis.coords import LocalFrame
from gis.errors import LayerError
from gis.ingest.detection import City, detected
from gis.ingest.placement import place
from gis.layers import Label, Layer, Registry
from gis.sources import open_delivery
from gis.store import Store
from gis.store.documents import safe_name

MOST_FILE_BYTES = 5_000_000
TITLE = Label(zh="地块", en="Site")
SITE = Layer(
    id="site", title=TITLE, theme="planning", geometry="Polygon", key=(), accuracy_m=5.0,
    classification="internal", owner=TITLE, fields=(),
)  # fmt: skip


def site_of_file(
    store: Store,
    registry: Registry,
    local: Mapping[str, LocalFrame],
    content: str,
    name: str,
    crs: str,
) -> Site:
    """The polygons of a file (`content` in base64) as a site. crs: "auto" = what the file
    declares, else what the city's own lines prove.

    Raises Refused, SourceError for a file that can't be read, CoordError for a frame nobody
    knows, LayerError where its polygons are no site."""
    data = _decoded(content)
    with tempfile.TemporaryDirectory(prefix="gis-site-") as folder:
        path = Path(folder) / safe_name(name)
        path.write_bytes(data)
        return site_of_path(store, registry, local, path, crs)


def site_of_path(
    store: Store, registry: Registry, local: Mapping[str, LocalFrame], path: Path, crs: str
) -> Site:
    """The polygons of a file (`FILE` or `FILE|NAME`) as a site. Raises as `site_of_file`."""
    delivery = open_delivery(path, layer=SITE)
    city = City(store=store, registry=registry, local=local)
    placement = place(delivery, crs, local) or detected(delivery, city)
    shapes: list[BaseGeometry] = []
    accuracy_m = 0.0
    for batch in placement.batches(delivery):
        moved = placement.normalised(batch.geometry, local)
        accuracy_m = max(accuracy_m, moved.accuracy_m)
        if batch.rejects or moved.failed.any():
            raise LayerError(
                zh=f"{path.name} 中有无法读取或不在 {placement.frame} 中的图形",
                en=f"{path.name} holds shapes that can't be read, or can't be in {placement.frame}",
                parameter="file",
            )
        shapes += [shape for shape in moved.geometry if shape is not None]
        if len(shapes) > MOST_PIECES:
            break
    flat = [shapely.force_2d(shape) for shape in shapes]
    return site_from_stored(flat, accuracy_m, placement.frame.name, registry.city)


def _decoded(content: str) -> bytes:
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise bad_value("file", content[:40], "应为 base64", "it is base64") from exc
    if len(data) > MOST_FILE_BYTES:
        raise bad_value(
            "file", f"{len(data)} B", f"最大 {MOST_FILE_BYTES // 1_000_000} MB",
            f"at most {MOST_FILE_BYTES // 1_000_000} MB",
        )  # fmt: skip
    return data
