"""Real networks and drawings: models without a frame, tables in JSON in JSON, a dump of SQL."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import shapely
from real_sets import box_of, in_postgis, layered, load, near, on_earth

from gis.errors import SourceError, UnknownFrame
from gis.layers import Registry
from gis.sources import open_delivery
from gis.store import Store

GAS, HEAT = "gas_net_schutterwald_1bar", "sw_heat"


def frame_of(path: Path, name: str) -> Any:
    """A table of a pandapipes model, read with nothing but json: {index: row}."""
    inside = json.loads(path.read_text("utf-8"))["_object"][name]["_object"]
    table = json.loads(inside) if isinstance(inside, str) else inside
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    return dict(zip(table["index"], rows, strict=True))


def test_gas_of_a_village(store: Store, registry: Registry, shared_data: Path) -> None:
    """2,559 pipes, straight from junction to junction, in a Gauss-Krüger zone that the model
    does not name; their lines are as long as it says."""
    path = shared_data / "c_networks" / "pandapipes_schutterwald" / f"{GAS}.json"
    more = layered(store, registry, "LineString", "id", "id", "name", "stanet_std_type",
                   "length_m:number", "diameter_mm:number")  # fmt: skip
    with pytest.raises(UnknownFrame):
        load(store, more, path)
    loaded = load(store, more, path, crs="EPSG:31467")
    pipes, places = frame_of(path, "pipe"), frame_of(path, "junction_geodata")
    assert loaded.report.rows_in == len(pipes) == 2_559
    assert (loaded.report.format, loaded.report.quarantined) == ("pandapipes", 0)
    assert loaded.texts("name") == Counter(p["name"] for p in pipes.values())
    assert loaded.texts("stanet_std_type") == Counter(p["stanet_std_type"] for p in pipes.values())
    stated = 1000 * sum(p["length_km"] for p in pipes.values())
    assert sum(loaded.found.columns["length_m"]) == pytest.approx(stated, abs=0.01)
    assert on_earth(store, loaded.found.geometry, "ST_Length") == pytest.approx(stated, rel=5e-3)
    widths = {round(p["diameter_m"] * 1000, 6) for p in pipes.values()}
    assert set(loaded.found.columns["diameter_mm"]) == widths
    ends = [pipes[i][end] for i in pipes for end in ("from_junction", "to_junction")]
    texts = [f"SRID=31467;POINT({places[n]['x']} {places[n]['y']})" for n in ends]
    assert near(loaded.bounds, box_of(store, texts), metres=3)


@pytest.mark.parametrize(
    ("model", "member", "there"),
    [(GAS, "junction", 2_559), (GAS, "sink", 1_506), (HEAT, "junction", 244)],
)
def test_what_stands_at_a_junction(
    model: str, member: str, there: int, store: Store, registry: Registry, shared_data: Path
) -> None:
    """The return pipes' junctions of the heat model have no coordinates: 244 of 488."""
    path = shared_data / "c_networks" / "pandapipes_schutterwald" / f"{model}.json"
    more = layered(store, registry, "Point", "id", "id", "name", "height_m:number")
    loaded = load(store, more, f"{path}|{member}", crs="EPSG:31467")
    table, places = frame_of(path, member), frame_of(path, "junction_geodata")
    nodes = table if member == "junction" else [row["junction"] for row in table.values()]
    placed = [n for n in nodes if places[n]["x"] is not None]
    assert (loaded.report.rows_in, loaded.report.accepted) == (len(table), len(placed))
    assert len(placed) == there
    lost = len(table) - there
    assert loaded.report.reasons == ({"null_geometry": lost} if lost else {})
    texts = [f"SRID=31467;POINT({places[n]['x']} {places[n]['y']})" for n in placed]
    assert near(loaded.bounds, box_of(store, texts), metres=3)


def test_district_heat_has_bends(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "c_networks" / "pandapipes_schutterwald" / f"{HEAT}.json"
    more = layered(store, registry, "LineString", "id", "id", "length_m:number")
    loaded = load(store, more, path, crs="EPSG:31467")
    drawn = {i: row["coords"] for i, row in frame_of(path, "pipe_geodata").items()}
    nowhere = [i for i, points in drawn.items() if len({tuple(p) for p in points}) < 2]
    assert loaded.report.rows_in == len(drawn) == 482
    assert loaded.report.reasons == {"invalid_geometry": len(nowhere)}  # from a point to itself
    drawn = {i: points for i, points in drawn.items() if i not in nowhere}
    mine = dict(zip(loaded.found.columns["id"], loaded.found.geometry, strict=True))
    counts = {i: shapely.get_num_coordinates(shape) for i, shape in mine.items()}
    assert counts == {str(i): len(points) for i, points in drawn.items()}
    lines = [", ".join(f"{x} {y}" for x, y in points) for points in drawn.values()]
    theirs = in_postgis(store, "sum(ST_Length(ST_Transform(g, 4326)::geography))",
                        [f"SRID=31467;LINESTRING({line})" for line in lines])  # fmt: skip
    assert on_earth(store, mine.values(), "ST_Length") == pytest.approx(theirs, rel=1e-5)


def test_no_such_table_of_a_model(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "c_networks" / "pandapipes_schutterwald" / f"{GAS}.json"
    more = layered(store, registry, "LineString", "id", "id")
    with pytest.raises(SourceError) as refusal:
        load(store, more, f"{path}|valve", crs="EPSG:31467")
    assert refusal.value.layers == "junction, pipe, ext_grid, sink"


def test_part_of_a_storm_sewer(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "c_networks" / "swmm_stateplane" / "model_full_features_network_xy.inp"
    more = layered(store, registry, "LineString", "id", "id", "length_m:number")
    loaded = load(store, more, f"{path}|CONDUITS", crs="EPSG:2272")
    section = path.read_text("utf-8").split("[CONDUITS]")[1].split("[")[0]
    conduits = [
        line.split() for line in section.splitlines() if line.strip(" ;-") and line[0] != ";"
    ]
    assert (loaded.report.rows_in, loaded.report.quarantined) == (len(conduits), 0) == (7, 0)
    feet = {name: float(length) for name, _, _, length, *_ in conduits}
    metres = dict(zip(loaded.found.columns["id"], loaded.found.columns["length_m"], strict=True))
    assert metres == pytest.approx(
        {name: length * 0.3048 for name, length in feet.items()}, abs=1e-3
    )


# --- a dump of SQL --------------------------------------------------------------------------


def inserted(path: Path, table: str) -> list[list[str | None]]:
    """The values of a table, by a pattern that fits this one dump: `NULL`, 'text' or a number."""
    line = re.compile(rf"^INSERT INTO tww_od\.{table} VALUES \((.*)\);$", re.M)  # noqa: S608
    value = re.compile(r"(NULL)|'((?:[^']|'')*)'|([^,\s]+)")
    return [
        [None if n else (p or t.replace("''", "'")) for n, t, p in value.findall(row)]
        for row in line.findall(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(
    ("table", "geometry", "count", "shape", "text"),
    [("reach", "LineString", 102, 12, 20), ("reach_point", "Point", 204, 9, 3),
     ("cover", "Point", 60, 9, 2), ("wastewater_node", "Point", 88, 6, 3),
     ("catchment_area", "MultiPolygon", 4, 13, 10)],
)  # fmt: skip
def test_sewer_from_a_dump(
    table: str, geometry: str, count: int, shape: int, text: int, store: Store,
    registry: Registry, shared_data: Path,
) -> None:  # fmt: skip
    """INSERT without column names: the order is the name, and the layer's aliases say the rest."""
    path = shared_data / "c_networks" / "teksi_sewer_aletsch" / "demo_data_aletsch.sql"
    more = layered(store, registry, geometry, "obj_id", "obj_id:text:列1", f"said:text:列{text}")
    loaded = load(store, more, f"{path}|{table}")
    theirs = inserted(path, table)
    assert (loaded.report.rows_in, loaded.report.quarantined) == (len(theirs), 0) == (count, 0)
    assert (loaded.report.format, loaded.report.frame.name) == ("SQL", "EPSG:2056")
    assert loaded.texts("obj_id") == Counter(row[0] for row in theirs)
    assert loaded.texts("said") == Counter(row[text - 1] for row in theirs)
    curves = [str(row[shape - 1]) for row in theirs]
    assert near(loaded.bounds, box_of(store, curves))
    if geometry == "Point":
        return
    function = "ST_Length" if geometry == "LineString" else "ST_Area"
    plane = in_postgis(store, f"sum({function}(ST_CurveToLine(ST_Force2D(g))))", curves)
    assert on_earth(store, loaded.found.geometry, function) == pytest.approx(plane, rel=2e-3)


def test_a_dump_has_tables_and_some_lie_nowhere(
    store: Store, registry: Registry, shared_data: Path
) -> None:
    path = shared_data / "c_networks" / "teksi_sewer_aletsch" / "demo_data_aletsch.sql"
    more = layered(store, registry, "Point", "obj_id", "obj_id:text:列1")
    with pytest.raises(SourceError) as refusal:
        load(store, more, path)
    tables = re.findall(r"^INSERT INTO (\S+) ", path.read_text("utf-8"), re.M)
    assert str(refusal.value.layers).split(", ") == list(dict.fromkeys(tables))
    with pytest.raises(SourceError, match="no coordinate columns"):
        load(store, more, f"{path}|measurement_result")


# --- drawings -------------------------------------------------------------------------------


def test_a_drawing_says_where_it_lies(store: Store, registry: Registry, shared_data: Path) -> None:
    """The Houses of Parliament, in inches and turned; GEODATA tells the British grid."""
    path = (
        shared_data / "d_planning" / "dxf_georeferenced" / "houses_of_parliament_georeferenced.dxf"
    )
    more = layered(store, registry, "MultiPolygon", "handle", "handle:text:EntityHandle")
    loaded = load(store, more, path)
    assert (loaded.report.rows_in, loaded.report.accepted) == (1, 1)
    assert (loaded.report.frame.name, loaded.report.frame.how) == ("EPSG:27700", "declared")
    lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines()]
    pairs = list(zip(lines[::2], lines[1::2], strict=False))
    first = pairs.index(("0", "LWPOLYLINE"))
    entity = pairs[first : next(i for i in range(first + 1, len(pairs)) if pairs[i][0] == "0")]
    x, y = ([float(v) for code, v in entity if code == c] for c in ("10", "20"))
    inches = shapely.Polygon(list(zip(x, y, strict=True))).area
    ground = on_earth(store, loaded.found.geometry, "ST_Area")
    assert ground == pytest.approx(inches * 0.0254**2, rel=1e-3)
    west, south, east, north = loaded.bounds
    assert west < -0.1248 < east  # the palace lies at 51.4995 N, 0.1248 W
    assert south < 51.4995 < north


def test_a_drawing_of_pictures_has_no_rows(registry: Registry, shared_data: Path) -> None:
    path = shared_data / "d_planning" / "dxf_georeferenced" / "Graz_10km_3m.dxf"
    delivery = open_delivery(path, layer=registry.get("red_lines"))
    assert delivery.declared is not None
    assert delivery.declared.name == "EPSG:3395"
    assert sum(len(batch) for batch in delivery.batches()) == 0
