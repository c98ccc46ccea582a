"""EPANET and SWMM networks (`.inp`): nodes as points or their links as lines, by what the layer
wants. All lengths come out in metres, diameters in millimetres, whatever units the model uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch, Reject
from gis.layers.model import Layer
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.placing import number
from gis.sources.texts import decode, find_encoding

NODES = ("JUNCTIONS", "RESERVOIRS", "TANKS", "OUTFALLS", "STORAGE", "DIVIDERS")
LINKS = ("PIPES", "CONDUITS", "PUMPS", "VALVES", "ORIFICES", "WEIRS", "OUTLETS")
US_FLOWS = ("CFS", "GPM", "MGD", "IMGD", "AFD")  # flow units of models in feet and inches
FOOT, INCH = 0.3048, 25.4
# what stands in a row after its name (and, of links, after its two nodes)
VALUES: Mapping[str, tuple[str, ...]] = {
    "JUNCTIONS": ("elevation_m", "demand", "pattern"),
    "RESERVOIRS": ("elevation_m",),
    "TANKS": ("elevation_m",),
    "OUTFALLS": ("elevation_m", "outfall"),
    "STORAGE": ("elevation_m",),
    "DIVIDERS": ("elevation_m",),
    "PIPES": ("length_m", "diameter_mm", "roughness", "minor_loss", "status"),
    "CONDUITS": ("length_m", "roughness", "from_offset_m", "to_offset_m"),
}
# The stated length of a link against that of its line: 3.28 where one is in feet, near 1 else
SCHEMATIC = 5.0
UNEVEN = 0.25  # spread of that ratio (quartiles over median); surveyed networks have 0.001
SMALL = 100_000.0  # coordinates of a diagram; larger ones were measured, whatever the lengths say


@dataclass(slots=True)
class Model:
    """The sections of a file: rows as (line number, values)."""

    sections: dict[str, list[tuple[int, list[str]]]] = field(default_factory=dict)

    def rows(self, *names: str) -> Iterator[tuple[str, int, list[str]]]:
        for name in names:
            for line, values in self.sections.get(name, ()):
                yield name, line, values

    @property
    def is_swmm(self) -> bool:
        return "CONDUITS" in self.sections or "SUBCATCHMENTS" in self.sections

    @property
    def foot(self) -> float:
        """Metres in the model's unit of length."""
        options = {v[0].upper(): v[1].upper() for _, _, v in self.rows("OPTIONS") if len(v) > 1}
        flow = options.get("FLOW_UNITS", options.get("UNITS", "GPM"))
        return FOOT if flow in US_FLOWS else 1.0

    def places(self) -> dict[str, tuple[float, float]]:
        """Node -> x, y as they stand."""
        found = {}
        for _, _, values in self.rows("COORDINATES"):
            x, y = (number(v) for v in [*values, "", ""][1:3])
            if x is not None and y is not None:
                found[values[0]] = (x, y)
        return found

    def bends(self) -> dict[str, list[tuple[float, float]]]:
        """Link -> its vertices between the nodes."""
        found: dict[str, list[tuple[float, float]]] = {}
        for _, _, values in self.rows("VERTICES"):
            x, y = (number(v) for v in [*values, "", ""][1:3])
            if x is not None and y is not None:
                found.setdefault(values[0], []).append((x, y))
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """One node or link as it will be delivered; `wrong` says why it can't be placed."""

    line: int
    values: dict[str, object]
    geometry: shapely.Geometry | None
    wrong: tuple[str, str] | None = None


def open_network(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto"
) -> Delivery:
    """`member` names one section (PIPES, JUNCTIONS …); without, all links for a layer of lines
    and all nodes for one of points.

    Raises SourceError for a section that is not there, a model without coordinates, and one
    whose coordinates are a diagram's."""
    data = path.read_bytes()
    found = find_encoding(data, path.name, encoding)
    model = _parse(decode(data, found))
    wanted = LINKS if layer.geometry.startswith(("Line", "MultiLine")) else NODES
    sections = [s for s in (*NODES, *LINKS) if s in model.sections]
    chosen = [s for s in sections if (s == member.upper() if member else s in wanted)]
    places = model.places()
    if not chosen or not places:
        raise SourceError(
            zh=f"{path.name} 没有坐标，或没有可用的部分。现有：{'、'.join(sections)}",
            en=f"{path.name} has no coordinates, or no section to read. It has: "
            f"{', '.join(sections)}",
            source=path.name,
            layers=", ".join(sections),
        )
    _refuse_schematic(model, places, path.name)
    parts = [*_parts(model, chosen, places, deep=layer.has_z)]

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(parts), BATCH):
            yield batch_of(parts[start : start + BATCH])

    return Delivery(
        path=path,
        format="SWMM INP" if model.is_swmm else "EPANET INP",
        digest=file_digest(path),
        encoding=found,
        declared=None,
        evidence=(),
        read=read,
    )


def _parse(text: str) -> Model:
    model, section = Model(), ""
    for line, raw in enumerate(text.splitlines(), start=1):
        values = raw.split(";")[0].split()
        if not values:
            continue
        if mark := re.fullmatch(r"\[(\w+)\]?", values[0]):
            section = mark[1].upper()
            model.sections.setdefault(section, [])
        elif section:
            model.sections[section].append((line, values))
    return model


def _refuse_schematic(model: Model, places: Mapping[str, tuple[float, float]], source: str) -> None:
    """A diagram's coordinates have nothing to do with the lengths of its pipes."""
    bends, ratios = model.bends(), []
    for _, _, values in model.rows("PIPES", "CONDUITS"):
        ends = [places[node] for node in values[1:3] if node in places]
        stated = number(values[3]) if len(values) > 3 else None
        if len(ends) == 2 and stated:
            steps = np.diff([ends[0], *bends.get(values[0], []), ends[1]], axis=0)
            drawn = float(np.hypot(*steps.T).sum())
            ratios += [stated / drawn] if drawn > 0 else []
    if not ratios:
        return
    low, middle, high = np.percentile(ratios, [25, 50, 75]).tolist()
    small = float(np.abs(list(places.values())).max()) < SMALL
    uneven = small and (high - low) / middle > UNEVEN
    if 1 / SCHEMATIC <= middle <= SCHEMATIC and not uneven:
        return
    raise SourceError(
        zh=f"{source} 的坐标是示意图：管段所写长度是图上的 {low:.3g}–{high:.3g} 倍。"
        "请送有实际坐标的模型",
        en=f"the coordinates of {source} are a diagram's: its pipes state {low:.3g} to {high:.3g} "
        "times the length they have there. Send the model with real coordinates",
        source=source,
        ratio=round(middle, 3),
    )


def _parts(
    model: Model, chosen: list[str], places: Mapping[str, tuple[float, float]], *, deep: bool
) -> Iterator[Part]:
    heights = {
        values[0]: height * model.foot
        for _, _, values in model.rows(*NODES)
        if len(values) > 1 and (height := number(values[1])) is not None
    }
    bends, depths = model.bends(), _sections_mm(model)
    for section, line, values in model.rows(*chosen):
        if section in NODES:
            nodes, rest = values[:1], values[1:]
        else:
            nodes, rest = values[1:3], values[3:]
        row: dict[str, object] = {"id": values[0], "kind": section.lower()}
        if section in LINKS:
            row |= dict(zip(("from_node", "to_node"), nodes, strict=False))
        row |= _named(section, rest, model)
        if values[0] in depths:
            row["diameter_mm"] = depths[values[0]]
        lost = [n for n in nodes if n not in places]
        if lost or (section in LINKS and len(nodes) < 2):
            missing = ", ".join(lost) or "?"
            yield Part(
                line, row, None, (f"节点 {missing} 没有坐标", f"node {missing} has no coordinates")
            )
            continue
        points = [places[n] for n in nodes]
        if section in LINKS:
            points[1:1] = bends.get(values[0], [])
        # heights are of the nodes; bends between them have none of their own
        z = [heights.get(n) for n in nodes] if len(points) == len(nodes) else [None]
        if deep and None not in z:
            points = [(*p, h) for p, h in zip(points, z, strict=True)]  # type: ignore[misc]
        yield Part(
            line, row, shapely.Point(points[0]) if len(points) == 1 else shapely.LineString(points)
        )


def _named(section: str, values: list[str], model: Model) -> dict[str, object]:
    """Values under names with units, lengths in metres and diameters in millimetres."""
    factors = {"_mm": INCH if model.foot == FOOT else 1.0, "_m": model.foot}
    named: dict[str, object] = {}
    for name, text in zip(VALUES.get(section, ()), values, strict=False):
        value = number(text)
        factor = next((f for end, f in factors.items() if name.endswith(end)), None)
        if factor is None or value is None:
            named[name] = text
        else:
            named[name] = round(value * factor, 4)
    return named


def _sections_mm(model: Model) -> dict[str, float]:
    """SWMM: link -> its height in millimetres (the diameter of a round one)."""
    return {
        values[0]: round(height * model.foot * 1000, 1)
        for _, _, values in model.rows("XSECTIONS")
        if len(values) > 2 and (height := number(values[2])) is not None
    }


def batch_of(parts: list[Part]) -> RawBatch:
    rejects = tuple(
        Reject(
            row=p.line,
            code="null_geometry",
            zh=f"{p.wrong[0]}。请补上",
            en=f"{p.wrong[1]}. Add it",
            raw=p.values,
        )
        for p in parts
        if p.wrong
    )
    good = [p for p in parts if not p.wrong]
    names = list(dict.fromkeys(name for p in good for name in p.values))
    return RawBatch(
        columns={name: objects(p.values.get(name) for p in good) for name in names},
        geometry=objects(p.geometry for p in good),
        rows=np.array([p.line for p in good], dtype=np.int64),
        rejects=rejects,
    )
