"""pandapipes networks (`.json`): gas, water and district heat as tables in JSON in JSON.

Junctions and what stands at one (sinks, sources) are points; pipes and whatever runs from one
junction to another are lines. Lengths come out in metres, diameters in millimetres.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.layers.model import Layer
from gis.sources.columns import BATCH
from gis.sources.delivery import Delivery, file_digest
from gis.sources.networks import Part, batch_of
from gis.sources.placing import number
from gis.sources.records import parsed
from gis.sources.texts import decode, find_encoding
from gis.sources.vector import one_of

# stated in the model's unit -> the unit of our layers and the factor
UNITS = {
    "length_km": ("length_m", 1000.0),
    "diameter_m": ("diameter_mm", 1000.0),
    "inner_diameter_mm": ("diameter_mm", 1.0),
}
LEFT_OUT = ("geo", "substation_geo")  # schematic, or in an order of its own (north first)
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows by their number in the model, which is what other tables refer to."""

    columns: tuple[str, ...]
    rows: Mapping[Any, Mapping[str, Any]]

    @property
    def of_lines(self) -> bool:
        return {"from_junction", "to_junction"} <= set(self.columns)


def open_pandapipes(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto", called: str
) -> Delivery:
    """`member` names one table (pipe, junction, valve, sink …); without, the pipes for a layer of
    lines and the junctions for one of points.

    Raises SourceError where the file is damaged, has no such table, or no coordinates."""
    data = path.read_bytes()
    found = find_encoding(data, called, encoding)
    tables = dict(_tables(parsed(decode(data, found), called), called))
    places = {
        index: (x, y)
        for index, row in _rows(tables, "junction_geodata")
        if (x := number(row.get("x"))) is not None and (y := number(row.get("y"))) is not None
    }
    usable = [name for name, t in tables.items() if t.rows and _placed(name, t)]
    lines = layer.geometry.startswith(("Line", "MultiLine"))
    wanted = member or ("pipe" if lines else "junction")
    if not places:
        raise SourceError(
            zh=f"{called} 没有 junction_geodata，网络没有坐标。请送有坐标的模型",
            en=f"{called} has no junction_geodata: a network without coordinates. Send one with",
            source=called,
            layers="",
        )
    name = one_of(usable, wanted.lower(), called)
    parts = list(_parts(name, tables, places, deep=layer.has_z))

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(parts), BATCH):
            yield batch_of(parts[start : start + BATCH])

    return Delivery(
        path=path,
        format="pandapipes",
        digest=file_digest(path),
        encoding=found,
        declared=None,
        evidence=(),
        read=read,
    )


def _tables(net: Any, called: str) -> Iterator[tuple[str, _Table]]:
    """The data frames of the model. Each is a JSON text in the JSON, oriented as "split"."""
    things = net.get("_object") if isinstance(net, dict) else None
    for name, thing in things.items() if isinstance(things, dict) else ():
        if not isinstance(thing, dict) or thing.get("_class") != "DataFrame":
            continue
        inside = thing.get("_object")
        frame = parsed(inside, called) if isinstance(inside, str) else inside
        if not isinstance(frame, dict) or not {"columns", "index", "data"} <= set(frame):
            continue
        columns = tuple(map(str, frame["columns"]))
        rows = {
            _key(index): dict(zip(columns, values, strict=False))
            for index, values in zip(frame["index"], frame["data"], strict=False)
        }
        yield str(name), _Table(columns, rows)


def _key(value: Any) -> Any:
    """A row's number; of a compound one its text."""
    return value if isinstance(value, int | str) else str(value)


def _rows(tables: Mapping[str, _Table], name: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    table = tables.get(name)
    if table is not None:
        yield from table.rows.items()


def _placed(name: str, table: _Table) -> bool:
    results = name.startswith(("res_", "_")) or name.endswith("_geodata")
    return not results and (name == "junction" or table.of_lines or "junction" in table.columns)


def _parts(
    name: str, tables: Mapping[str, _Table], places: Mapping[Any, Place], *, deep: bool
) -> Iterator[Part]:
    table = tables[name]
    heights = {i: number(row.get("height_m")) for i, row in _rows(tables, "junction")}
    lines = ((i, _bends(row.get("coords"))) for i, row in _rows(tables, f"{name}_geodata"))
    drawn = {index: points for index, points in lines if points}
    for line, (index, row) in enumerate(table.rows.items(), start=1):
        if table.of_lines:
            nodes = [_key(row["from_junction"]), _key(row["to_junction"])]
        else:
            nodes = [index if name == "junction" else _key(row.get("junction"))]
        values = {"id": str(index), "kind": name, **_values(row)}
        lost = [str(n) for n in nodes if n not in places and index not in drawn]
        if lost:
            gone = ", ".join(lost)
            wrong = f"节点 {gone} 没有坐标", f"junction {gone} has no coordinates"
            yield Part(line, values, None, wrong)
            continue
        points: list[tuple[float, ...]] = list(drawn.get(index) or [places[n] for n in nodes])
        ends = [h for n in nodes if (h := heights.get(n)) is not None]
        if deep and len(points) == len(ends):
            points = [(*p, h) for p, h in zip(points, ends, strict=True)]
        shape = shapely.Point(points[0]) if len(points) == 1 else shapely.LineString(points)
        yield Part(line, values, shape)


def _bends(coords: Any) -> list[Place]:
    """All the points of a line, its ends among them; none where one of them is no pair."""
    points = [
        (x, y)
        for pair in (coords if isinstance(coords, list) else [])
        if isinstance(pair, list) and len(pair) == 2
        and (x := number(pair[0])) is not None and (y := number(pair[1])) is not None
    ]  # fmt: skip
    return points if len(points) == len(coords or ()) and len(points) > 1 else []


def _values(row: Mapping[str, Any]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in row.items():
        if name in LEFT_OUT or isinstance(value, dict | list):
            continue
        ours, factor = UNITS.get(name, (name, 0.0))
        amount = number(value) if factor else None
        values[ours] = value if amount is None else round(amount * factor, 6)
    return values
