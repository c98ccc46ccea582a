"""Geometry inside of tables: EWKT and WKB in CSV, XLSX, JSON and SQL; GeoParquet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet
from pyproj import CRS
from source_files import NAMES, opened, read, spreadsheet

from gis.errors import SourceError, UnknownFrame
from gis.layers import Registry
from gis.sources.curves import linear
from gis.sources.wellknown import shape_of, srid_of
from gis.store import Store

# --- one text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["POINT(114 33)", "SRID=4490;POINT (114 33)", "srid = 4490 ; point(114 33)",
     shapely.to_wkb(shapely.Point(114, 33), hex=True),
     shapely.to_wkb(shapely.set_srid(shapely.Point(114, 33), 4490), hex=True, include_srid=True)],
)  # fmt: skip
def test_a_point_in_a_text(text: str) -> None:
    assert shape_of(text) == shapely.Point(114, 33)
    stated = "4490" in text or len(text) == 50
    assert srid_of(text) == (4490 if stated else None)


@pytest.mark.parametrize(
    "text", ["POINT(114", "0101", "01FF000000", "4117020121000001", "", None, 7]
)
def test_a_text_that_is_no_geometry(text: object) -> None:
    assert shape_of(text) is None


CURVES = [
    "CIRCULARSTRING(0 0,1 1,2 0)",
    "CIRCULARSTRING(0 0,1 1,2 0,3 -1,4 0)",
    "CIRCULARSTRING(0 0,2 0,0 0)",
    "COMPOUNDCURVE((0 0,5 0),CIRCULARSTRING(5 0,7 2,9 0),(9 0,9 -3))",
    "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0),(1 1,3 1,3 3,1 3,1 1))",
    "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(0 0,2 0,0 0)),((10 0,11 0,11 1,10 0)))",
    "MULTICURVE((0 0,5 0),CIRCULARSTRING(5 0,7 2,9 0))",
    "MULTIPOINT Z ((1 2 3),(4 5 6))",
    "POLYGON ZM ((0 0 1 9,1 0 1 9,1 1 1 9,0 0 1 9))",
    "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
]


@pytest.mark.parametrize("form", ["ST_AsEWKB", "ST_AsBinary"])
@pytest.mark.parametrize("text", CURVES)
def test_curves_are_where_postgis_has_them(text: str, form: str, store: Store) -> None:
    with psycopg.connect(store.url) as conn:
        [[wkb, lines]] = conn.execute(
            f"SELECT {form}(g), ST_AsBinary(ST_CurveToLine(g)) "  # noqa: S608
            "FROM ST_GeomFromEWKT(%s) g".encode(),
            ["SRID=4490;" + text],
        ).fetchall()
    mine, theirs = linear(wkb), shapely.from_wkb(lines)
    assert mine.geom_type == theirs.geom_type
    assert shapely.hausdorff_distance(mine, theirs) < 0.01
    assert shapely.length(mine) == pytest.approx(shapely.length(theirs), rel=1e-3)
    assert shapely.area(mine) == pytest.approx(shapely.area(theirs), rel=2e-3)


def test_bytes_that_are_cut_short_are_no_geometry() -> None:
    whole = shapely.to_wkb(shapely.Polygon([(0, 0), (1, 0), (1, 1)]))
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="WKB"):
            linear(whole[:size])


# --- tables ---------------------------------------------------------------------------------

EWKT = [f"SRID=4547;POINT({500_000 + i} 3650000)" for i in range(3)]


def written(path: Path, texts: list[str], column: str = "位置") -> Path:
    rows = [
        ["编号", "名称", column],
        *([str(i), n, t] for i, (n, t) in enumerate(zip(NAMES, texts, strict=True))),
    ]
    if path.suffix == ".xlsx":
        path.write_bytes(spreadsheet(rows))
    elif path.suffix == ".json":
        records = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        path.write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    else:
        path.write_text("\n".join(",".join(f'"{v}"' for v in row) for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json"])
def test_a_column_is_known_by_its_values(suffix: str, tmp_path: Path, registry: Registry) -> None:
    delivery = opened(written(tmp_path / f"a{suffix}", EWKT), registry)
    [batch] = delivery.batches()
    assert delivery.declared is not None
    assert delivery.declared.name == "EPSG:4547"
    assert batch.columns["名称"].tolist() == list(NAMES)
    assert shapely.get_x(batch.geometry).tolist() == [500_000, 500_001, 500_002]
    assert batch.placing == {"位置"}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json"])
def test_a_column_of_two_frames_is_refused(suffix: str, tmp_path: Path, registry: Registry) -> None:
    mixed = [*EWKT[:2], "SRID=4526;POINT(38500000 3650000)"]
    with pytest.raises(SourceError) as refusal:
        opened(written(tmp_path / f"a{suffix}", mixed), registry)
    assert refusal.value.srids == "4526, 4547"


def test_a_row_of_another_frame_is_refused(tmp_path: Path, registry: Registry) -> None:
    """Too far down for the first look at a table: the row is told, the others go in."""
    lines = [
        "编号,WKT",
        *(f"{i},{EWKT[0]}" for i in range(300)),
        "300,SRID=4526;POINT(38500000 3650000)",
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines), "utf-8")
    batches = read(tmp_path / "a.csv", registry)
    assert sum(map(len, batches)) == 300
    rejects = [(r.row, r.code, r.field) for batch in batches for r in batch.rejects]
    assert rejects == [(301, "bad_value", "WKT")]


def test_several_columns_of_geometry(tmp_path: Path, registry: Registry) -> None:
    """That of the layer's kind; else they are named."""
    area = "POLYGON((114 33,114.1 33,114.1 33.1,114 33))"
    row = {"id": 1, "label": "POINT(114.05 33.05)", "outline": area, "well": "POINT(114 33)"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row]), "utf-8")
    [batch] = read(path, registry, "parcels")
    assert batch.geometry[0].geom_type == "Polygon"
    with pytest.raises(SourceError) as refusal:
        read(path, registry)
    assert refusal.value.layers == "label, outline, well"
    [batch] = read(f"{path}|well", registry)
    assert batch.geometry[0] == shapely.Point(114, 33)


def test_json_with_geojson_and_with_coordinates(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps([{"n": 1, "g": {"type": "Point", "coordinates": [114, 33]}, "t": [1]}])
    )
    [batch] = read(path, registry)
    assert (batch.geometry[0], batch.columns["t"].tolist()) == (shapely.Point(114, 33), ["[1]"])
    path.write_text(json.dumps([{"n": 1, "经度": 114.5, "纬度": 33}, {"n": 2, "经度": None}]))
    [batch] = read(path, registry)
    assert batch.geometry.tolist() == [shapely.Point(114.5, 33), None]


@pytest.mark.parametrize(
    "text", ["[{]", "[1, 2]" + " " * 3, "[" * 100_000, '[{"a": ' + "[" * 50_000, '[{"a": 1}, 2]']
)
def test_json_that_is_none(text: str, tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError):
        read(tmp_path / "a.json", registry)


# --- dumps ----------------------------------------------------------------------------------

HEX = shapely.to_wkb(shapely.set_srid(shapely.Point(114, 33), 4490), hex=True, include_srid=True)
DUMP = """--
-- PostgreSQL database dump
--
SET standard_conforming_strings = on;
CREATE TABLE public.wells (
    id integer NOT NULL,
    "名称" character varying(40) DEFAULT 'a,b'::character varying,
    depth numeric(6,2),
    geom public.geometry(Point,4490),
    CONSTRAINT wells_pkey PRIMARY KEY (id)
);
CREATE FUNCTION public.harm() RETURNS void LANGUAGE sql AS $$
INSERT INTO public.wells VALUES (99, 'not a row', 0, NULL);
$$;
COPY public.wells (id, "名称", depth, geom) FROM stdin;
1\t人民路\\t井\t2.50\tHEX
2\t\\N\t\\N\tHEX
\\.
INSERT INTO public.wells VALUES (3, 'it''s; here
and here', 1.5, 'HEX'), (4, NULL, -2, ST_GeomFromText('POINT(114 33)', 4490));
INSERT INTO public.wells (geom, id) VALUES ('HEX'::public.geometry, 5);
INSERT INTO public.wells VALUES (6, lower('X'), 1, 'HEX');
INSERT INTO public.owners VALUES (1, 'x');
DROP TABLE public.wells;
""".replace("HEX", HEX)


def test_a_dump_is_read_and_not_run(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.dat"
    path.write_text(DUMP, "utf-8")
    with pytest.raises(SourceError) as refusal:
        opened(path, registry)
    assert refusal.value.layers == "public.wells, public.owners"
    delivery = opened(f"{path}|wells", registry)
    [batch] = delivery.batches()
    assert (delivery.format, delivery.declared.name) == ("SQL", "EPSG:4490")  # type: ignore[union-attr]
    assert batch.columns["id"].tolist() == ["1", "2", "3", "4"]
    assert batch.columns["名称"].tolist() == ["人民路\t井", None, "it's; here\nand here", None]
    assert batch.columns["depth"].tolist() == ["2.50", None, "1.5", "-2"]
    assert {shape.wkt for shape in batch.geometry} == {"POINT (114 33)"}
    # a row of other columns than the first, and one that would have to be computed
    assert [(r.row, r.code) for r in batch.rejects] == [(5, "bad_value"), (6, "bad_value")]


def test_a_quote_without_end_is_no_endless_statement(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "a.sql"
    lines = ["INSERT INTO t VALUES (1, 'HEX');", "INSERT INTO t VALUES (2, 'open", *"xxxxxxxxx"]
    path.write_text("\n".join(lines).replace("HEX", HEX))
    [batch] = read(path, registry)
    assert (len(batch), len(batch.rejects)) == (1, 1)


# --- GeoParquet -----------------------------------------------------------------------------


def parquet_file(path: Path, **column: Any) -> Path:
    shapes = [shapely.to_wkb(shapely.Point(114 + i / 100, 33)) for i in range(3)]
    table = pa.table(
        {
            "名称": list(NAMES),
            "n": pa.array([1, None, 2**60], pa.int64()),
            "x": [0.5, float("nan"), 2.0],
            "on": pa.array(
                [datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")
            ),
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "geom": pa.array(shapes, pa.binary()),
        }
    )
    if column.pop("geo", True):
        told = {"encoding": "WKB", "geometry_types": ["Point"], **column}
        geo = {"version": "1.1.0", "primary_column": "geom", "columns": {"geom": told}}
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    parquet.write_table(table, path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    ("crs", "frame"),
    [({}, "EPSG:4326"), ({"crs": CRS.from_epsg(4490).to_json_dict()}, "EPSG:4490"),
     ({"crs": CRS.from_user_input("OGC:CRS84").to_json_dict()}, "EPSG:4326")],
)  # fmt: skip
def test_geoparquet(crs: dict[str, Any], frame: str, tmp_path: Path, registry: Registry) -> None:
    path = parquet_file(tmp_path / "a.dat", **crs)
    delivery = opened(path, registry)
    batches = list(delivery.batches())  # row groups of two and one
    assert delivery.format == "GeoParquet"
    assert delivery.declared is not None
    assert delivery.declared.name == frame
    found = {name: [v for b in batches for v in b.columns[name]] for name in batches[0].columns}
    assert found["名称"] == list(NAMES)
    assert found["n"] == [1, None, 2**60]
    assert found["x"] == [0.5, None, 2.0]
    assert found["kind"] == ["a", "b", "a"]
    assert found["on"][0] == datetime(2024, 1, 2, 3, 4, 5)  # of UTC
    assert [n for b in batches for n in b.rows.tolist()] == [1, 2, 3]
    places = np.concatenate([shapely.get_coordinates(b.geometry) for b in batches])
    assert np.allclose(places, [(114 + i / 100, 33) for i in range(3)])


def test_geoparquet_comes_in_batches(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gis.sources import vector

    monkeypatch.setattr(vector, "BATCH", 1)
    delivery = opened(parquet_file(tmp_path / "a.parquet"), registry)
    pairs = list(zip(delivery.batches(), delivery.batches(), strict=True))  # two readers in turn
    assert [b.columns["名称"].tolist() for pair in pairs for b in pair] == [
        [name] for name in NAMES for _ in range(2)
    ]


@pytest.mark.parametrize(
    ("column", "why"), [({"geo": False}, "metadata"), ({"encoding": "point"}, "WKB")]
)
def test_parquet_that_does_not_say(
    column: dict[str, Any], why: str, tmp_path: Path, registry: Registry
) -> None:
    with pytest.raises(SourceError, match=why):
        opened(parquet_file(tmp_path / "a.parquet", **column), registry)


def test_geoparquet_without_a_frame(tmp_path: Path, registry: Registry) -> None:
    """`null` means unknown; a system nobody can name is no system."""
    assert opened(parquet_file(tmp_path / "a.parquet", crs=None), registry).declared is None
    with pytest.raises(UnknownFrame):
        opened(parquet_file(tmp_path / "b.parquet", crs={"type": "GeographicCRS"}), registry)
