"""A small city of made-up buildings, pipes and shafts, and ways to look into its tiles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from gis.layers.batch import GoodRows
from gis.layers.model import Field, Label, Layer
from gis.layers.registry import Registry
from gis.store import DeliveryHead, FeatureRows, Store, When, begin
from gis.tiles import content_glb, node_json, tileset_json
from gis.tiles.reading import Content, read_content

LABEL = Label(zh="试验", en="Trial")
FRAME = {"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1, "evidence": [], "steps": []}
LON, LAT = 114.02, 32.98
METRE = 1e-5  # degrees, about
ADDRESS = re.compile(r"v(\d+)/(\d+)/(\d+)/(\d+)\.(json|glb)")
Fetch = Callable[[str], bytes]


def day(n: int) -> datetime:
    return datetime(2024, 1, n, tzinfo=UTC)


def objects(values: Sequence[Any]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def deliver(
    store: Store, layer: Layer, features: Sequence[Mapping[str, Any]], on: datetime | None = None
) -> None:
    """Deliver dicts of the layer's fields, with the geometry as `at`."""
    rows = GoodRows(
        layer=layer,
        columns={name: objects([f.get(name) for f in features]) for name in layer.field_names},
        extra=objects([None] * len(features)),
        geometry=objects([f["at"] for f in features]),
        rows=np.arange(1, len(features) + 1),
        accuracy_m=0.05,
    )
    head = DeliveryHead(
        layer=layer, source="trial", digest="0" * 64, mode="full", frame=FRAME, as_of=on or day(1)
    )
    with begin(store, head) as loading:
        loading.add(rows)
        loading.apply()


def rows_of(
    geometry: Sequence[Any], columns: Mapping[str, Sequence[Any]], keys: Sequence[int] = ()
) -> FeatureRows:
    """Rows as the store gives them, made by hand."""
    n = len(geometry)
    return FeatureRows(
        key=np.array(list(keys) or range(1, n + 1), dtype=np.int64),
        version_id=np.arange(1, n + 1),
        opened_by=np.ones(n, np.int64),
        accuracy_m=np.full(n, 0.1),
        valid_from=[day(1)] * n,
        valid_to=[None] * n,
        geometry=objects(geometry),
        columns={name: list(values) for name, values in columns.items()},
    )


def footprint(i: int, random: np.random.Generator) -> shapely.Polygon:
    """A box, an L or a courtyard of some tens of metres, turned, near the city's middle."""
    w, h = random.uniform(8, 60, 2)
    shapes = [
        shapely.box(0, 0, w, h),
        shapely.Polygon([(0, 0), (w, 0), (w, h / 3), (w / 3, h / 3), (w / 3, h), (0, h)]),
        shapely.box(0, 0, w, h) - shapely.box(w / 4, h / 4, w / 2, h / 2),
    ]
    turned = shapely.affinity.rotate(shapes[i % 3], random.uniform(0, 90))
    offset = random.uniform(-2500, 2500, 2)
    return shapely.transform(turned, lambda p: (p + offset) * METRE + np.array([LON, LAT]))


def buildings(n: int, seed: int = 5) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [
        {
            "building_id": f"B{i:05}",
            "name": f"和平小区{i}号楼" if i % 3 else None,
            "storeys": int(random.integers(1, 30)),
            "height_m": round(float(random.uniform(3, 90)), 1),
            "base_m": round(float(random.uniform(70, 90)), 2),
            "use": "residential",
            "built_year": 1990 + i % 30 if i % 4 else None,
            "at": footprint(i, random),
        }
        for i in range(n)
    ]


def pipes(n: int, seed: int = 6) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    found = []
    for i in range(n):
        start = np.array([LON, LAT]) + random.uniform(-2000, 2000, 2) * METRE
        steps = random.uniform(-30, 30, (int(random.integers(1, 5)), 2)) * METRE
        xy = np.vstack([start, start + np.cumsum(steps, axis=0)])
        z = random.uniform(74, 82, len(xy))
        found.append(
            {
                "pipe_id": f"P{i:05}", "kind": "YS",
                "from_point": f"YS{i}", "to_point": f"YS{i + 1}",
                "diameter_mm": int(random.choice([110, 300, 800])),
                "at": shapely.LineString(np.column_stack([xy, z])),
            }
        )  # fmt: skip
    return found


def shafts(n: int, seed: int = 7) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    at = np.array([LON, LAT]) + random.uniform(-2000, 2000, (n, 2)) * METRE
    return [
        {
            "point_id": f"YS{i}", "kind": "YS", "fixture": "JCJ", "ground_m": 82.5,
            "depth_m": None if i % 5 == 0 else 1.5, "at": shapely.Point(*at[i], 81.0),
        }
        for i in range(n)
    ]  # fmt: skip


def solid_layer(**changes: Any) -> Layer:
    """A layer of polygons with a field of every type."""
    kinds = ("text", "integer", "number", "boolean", "date", "datetime", "code")
    fields = [Field(name=f"a_{kind}", title=LABEL, type=kind) for kind in kinds]  # type: ignore[arg-type]
    fields.append(Field(name="storeys", title=LABEL, type="integer", min=1, max=200))
    fields.append(Field(name="height_m", title=LABEL, type="number"))
    given: dict[str, Any] = {
        "id": "houses", "title": LABEL, "theme": "property", "geometry": "Polygon",
        "key": ("a_text",), "accuracy_m": 0.5, "classification": "public", "owner": LABEL,
        "fields": tuple(fields), "solid": {"extrude": {"base_m": 80, "height_m": "height_m"}},
    }  # fmt: skip
    return Layer(**given | changes)


@dataclass(frozen=True)
class Leaf:
    """A content as a client meets it: its address, its tile's transform, what is in it."""

    path: str
    transform: np.ndarray
    content: Content
    errors: list[float]  # geometric errors from the root down


def fetch_from(store: Store, registry: Registry, layer: Layer, when: When = None) -> Fetch:
    """A function path -> bytes, as the API routes paths below /3dtiles/{layer}/."""

    def get(path: str) -> bytes:
        if path == "tileset.json":
            return tileset_json(store, registry, layer, when)
        found = ADDRESS.fullmatch(path.partition("?")[0])
        assert found is not None, path
        version, z, x, y = map(int, found.groups()[:4])
        answer = node_json if found[5] == "json" else content_glb
        return answer(store, registry, layer, version, z, x, y)

    return get


def leaves(fetch: Fetch, file: str = "tileset.json") -> Iterator[Leaf]:
    """Every content below a tileset, followed the way a client does."""
    yield from _below(fetch, file, json.loads(fetch(file))["root"], np.eye(4), [])


def _below(
    fetch: Fetch, file: str, tile: dict, above: np.ndarray, errors: list[float]
) -> Iterator[Leaf]:
    own = np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4, order="F")
    transform, errors = above @ own, [*errors, tile["geometricError"]]
    if "content" in tile:
        path = resolve(file, tile["content"]["uri"])
        if path.partition("?")[0].endswith(".json"):
            yield from _below(fetch, path, json.loads(fetch(path))["root"], transform, errors)
        else:
            yield Leaf(path, transform, read_content(fetch(path)), errors)
    for child in tile.get("children", ()):
        yield from _below(fetch, file, child, transform, errors)


def resolve(file: str, uri: str) -> str:
    """As a browser does."""
    from urllib.parse import urljoin

    return urljoin(f"http://x/{file}", uri).removeprefix("http://x/")


def world(leaf: Leaf) -> np.ndarray:
    """Geocentric metres of a leaf's vertices, shape (n, 3), float64."""
    y_up = leaf.content.glb.attribute("POSITION").astype(np.float64)
    enu = np.stack([y_up[:, 0], -y_up[:, 2], y_up[:, 1]], axis=-1)
    return enu @ leaf.transform[:3, :3].T + leaf.transform[:3, 3]
