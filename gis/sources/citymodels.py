"""Buildings of 3D city models (CityJSON, CityGML; LoD 1 to 2): outline on the ground and height.

The outline is that of the ground surfaces where the model names them, else of everything the
building's surfaces cover. Heights are in the model's own vertical datum, metres.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest

CODE = re.compile(r"EPSG(?::|/|::|/0/)+(?:[\d.]*[:/])?(\d{4,6})")
FLAT_M2 = 1e-4  # a wall seen from above
Surface = tuple[bool, NDArray[np.float64]]  # is it ground; its outer ring (n, 3)


@dataclass(slots=True)
class Building:
    """A building with its parts' surfaces."""

    id: str
    attributes: dict[str, object] = field(default_factory=dict)
    surfaces: list[Surface] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        if not self.surfaces:
            return {**self.attributes, "id": self.id}
        z = np.concatenate([ring[:, 2] for _, ring in self.surfaces])
        low, high = float(z.min()), float(z.max())
        measured = {"ground_m": round(low, 3), "height_m": round(high - low, 3)}
        return {**self.attributes, "id": self.id, **measured}

    def outline(self) -> shapely.Geometry | None:
        """What the building covers; None where it has no surface that is not upright."""
        ground = [ring for is_ground, ring in self.surfaces if is_ground]
        rings = ground or [ring for _, ring in self.surfaces]
        flat = [shapely.make_valid(shapely.Polygon(r[:, :2])) for r in rings if len(r) > 3]
        covered = shapely.union_all([shape for shape in flat if shape.area > FLAT_M2])
        parts = [p for p in shapely.get_parts(covered) if p.geom_type == "Polygon"]
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def open_city_model(path: Path, kind: str) -> Delivery:
    """Raises SourceError where the file is damaged or holds no building."""
    stated, buildings = (_from_json if kind == "CityJSON" else _from_gml)(path)
    if not buildings:
        raise SourceError(
            zh=f"{path.name} 里没有建筑物", en=f"{path.name} holds no building", source=path.name
        )
    code = CODE.search(stated or "")
    declared = norm_frame(f"EPSG:{_plane(code[1])}") if code else None

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(buildings), BATCH):
            yield _batch(buildings[start : start + BATCH], start + 1)

    return Delivery(
        path=path,
        format=kind,
        digest=file_digest(path),
        encoding="utf-8",
        declared=declared,
        evidence=(f"{path.name} ({kind}): {stated}",) if code else (),
        read=read,
    )


def _plane(code: str) -> str:
    """The plane of the compound frames city models state (plane + heights)."""
    return {"7415": "28992", "5555": "25832", "5556": "25833", "7405": "27700"}.get(code, code)


def _batch(buildings: list[Building], first: int) -> RawBatch:
    rows = [b.row() for b in buildings]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return RawBatch(
        columns={name: objects(_plain(row.get(name)) for row in rows) for name in names},
        geometry=objects(b.outline() for b in buildings),
        rows=np.arange(first, first + len(rows), dtype=np.int64),
    )


def _plain(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return None if value == "" else value


# --- CityJSON ------------------------------------------------------------------------------


def _from_json(path: Path) -> tuple[str | None, list[Building]]:
    try:
        model = json.loads(path.read_bytes())
        vertices = np.array(model["vertices"], dtype=float).reshape(-1, 3)
        if transform := model.get("transform"):
            vertices = vertices * transform["scale"] + transform["translate"]
        things: Mapping[str, Any] = model["CityObjects"]
        found = [
            _json_building(name, things, vertices)
            for name, thing in things.items()
            if thing["type"] == "Building"
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as exc:
        raise _damaged(path, f"{type(exc).__name__}: {str(exc)[:120]}") from exc
    return (model.get("metadata") or {}).get("referenceSystem"), found


def _json_building(name: str, things: Mapping[str, Any], vertices: NDArray[np.float64]) -> Building:
    building = Building(name, dict(things[name].get("attributes") or {}))
    for part in (name, *(things[name].get("children") or ())):
        geometries = things[part].get("geometry") or []
        best = max(geometries, key=lambda g: str(g.get("lod", "")), default=None)
        if best is not None and best["type"] != "GeometryInstance":
            building.surfaces += _json_surfaces(best, vertices)
    return building


def _json_surfaces(geometry: Mapping[str, Any], vertices: NDArray[np.float64]) -> Iterator[Surface]:
    meaning = geometry.get("semantics") or {}
    kinds = [s.get("type") for s in meaning.get("surfaces") or ()]
    faces = list(_faces(geometry["boundaries"]))
    listed = list(_numbers(meaning.get("values")))
    for i, face in enumerate(faces):
        which = listed[i] if len(listed) == len(faces) else None
        ring = vertices[np.array([*face[0], face[0][0]], dtype=int)]
        yield which is not None and kinds[which] == "GroundSurface", ring


def _faces(boundaries: list[Any]) -> Iterator[list[list[int]]]:
    """Surfaces (lists of rings) however deep they lie: shells, solids, composites."""
    for item in boundaries:
        if item and isinstance(item[0], list) and item[0] and isinstance(item[0][0], int):
            yield item
        elif item and isinstance(item[0], list):
            yield from _faces(item)


def _numbers(values: Any) -> Iterator[int | None]:
    for value in values or ():
        if isinstance(value, list):
            yield from _numbers(value)
        else:
            yield value


# --- CityGML -------------------------------------------------------------------------------


def _from_gml(path: Path) -> tuple[str | None, list[Building]]:
    stated: str | None = None
    found = []
    try:
        for _, element in ElementTree.iterparse(path, events=("end",)):
            stated = stated or element.get("srsName")
            if _name(element) == "cityObjectMember":
                found += [_gml_building(child) for child in element if _name(child) == "Building"]
                element.clear()  # memory stays that of one building
    except (ElementTree.ParseError, ValueError) as exc:
        raise _damaged(path, str(exc)[:120]) from exc
    return stated, found


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _gml_building(element: ElementTree.Element) -> Building:
    identifier = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
    building = Building(identifier)
    for child in element:
        if len(child) == 0 and child.text and child.text.strip():
            building.attributes.setdefault(_name(child), child.text.strip())
    building.surfaces += _gml_surfaces(element, ground=False)
    return building


def _gml_surfaces(element: ElementTree.Element, *, ground: bool) -> Iterator[Surface]:
    for child in element:
        inside = ground or _name(child) == "GroundSurface"
        if _name(child) == "Polygon":
            for ring in _rings(child):
                yield inside, ring
        else:
            yield from _gml_surfaces(child, ground=inside)


def _rings(polygon: ElementTree.Element) -> Iterable[NDArray[np.float64]]:
    outer = next((c for c in polygon if _name(c) in ("exterior", "outerBoundaryIs")), None)
    if outer is None:
        return
    texts = [e.text or "" for e in outer.iter() if _name(e) in ("posList", "pos")]
    values = np.array(" ".join(texts).split(), dtype=float)
    if len(values) % 3 == 0 and len(values):
        yield values.reshape(-1, 3)


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(
        zh=f"{path.name} 已损坏：{why}。请重新导出",
        en=f"{path.name} is damaged: {why}. Export it again",
        source=path.name,
    )
