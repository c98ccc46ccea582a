"""GDAL reads every collection by its OAPIF driver: pages, boxes, systems and filters, each as the
database has it. (How it walks pages is in tests/api/test_gdal.py.)"""

from __future__ import annotations

import json
import warnings
from typing import Any

import geopandas
import numpy as np
import psycopg
import pyogrio
import pytest
import shapely
from psycopg.sql import SQL, Identifier
from served import PROJECT, Served

from gis.layers import load_registry

pytestmark = pytest.mark.xdist_group("served")
REGISTRY = load_registry(PROJECT / "config", PROJECT / "data")
LAYERS = list(REGISTRY.layers)


def read(served: Served, layer: str, crs: str = "EPSG:4490", **words: Any) -> Any:
    """What GDAL gets, as a table by the feature's number; x is east or longitude."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that are all empty, GDAL knows no type
        frame = pyogrio.read_dataframe(
            f"OAPIF:{served.url}/", layer=layer, fid_as_index=True, CRS=crs, **words
        )
    assert isinstance(frame, geopandas.GeoDataFrame)
    return frame


def rows(served: Served, layer: str, srid: int = 4490) -> dict[int, Any]:
    """Key -> shape of the current rows, moved by PostGIS."""
    statement = SQL(
        "SELECT key, ST_AsBinary(ST_Transform(geom, %s)) FROM {} WHERE upper_inf(valid)"
    ).format(Identifier("gis", layer))
    with psycopg.connect(served.database_url) as conn:
        found = conn.execute(statement, [srid]).fetchall()
    return {key: None if wkb is None else shapely.from_wkb(bytes(wkb)) for key, wkb in found}


def numbers(served: Served, layer: str, where: str) -> set[int]:
    """Keys of the current rows for which the condition, in SQL of this file, is true."""
    statement = SQL("SELECT key FROM {} WHERE upper_inf(valid) AND ").format(
        Identifier("gis", layer)
    ) + SQL(where)  # type: ignore[arg-type]  # typed for literals
    with psycopg.connect(served.database_url) as conn:
        return {key for (key,) in conn.execute(statement).fetchall()}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("srid", [4490, 4547, 3857])
def test_all_of_it_in_every_system(served_demo: Served, layer: str, srid: int) -> None:
    wanted = rows(served_demo, layer, srid)
    frame = read(served_demo, layer, f"EPSG:{srid}", PAGE_SIZE=str(max(2, len(wanted) // 3)))
    assert sorted(frame.index) == sorted(wanted)
    small = 1.1e-7 if srid == 4490 else 0.02
    for key, found in zip(frame.index, frame.geometry, strict=True):
        one, other = (shapely.get_coordinates(g) for g in (found, wanted[key]))
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= small, key
    if wanted:
        assert frame.crs.to_epsg() == srid


@pytest.mark.parametrize("layer", LAYERS)
def test_a_box(served_demo: Served, layer: str) -> None:
    wanted = rows(served_demo, layer)
    if not wanted:
        assert len(read(served_demo, layer)) == 0
        return
    x, y = shapely.get_coordinates(wanted[sorted(wanted)[len(wanted) // 2]])[0]
    box = (x - 0.0041, y - 0.0037, x + 0.0043, y + 0.0039)
    area = shapely.box(*box)
    frame = read(served_demo, layer, bbox=box)
    assert set(frame.index) == {key for key, shape in wanted.items() if shape.intersects(area)}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_filter(served_demo: Served, layer: str) -> None:
    """By the business key: about half of the rows, and one."""
    name = REGISTRY.layers[layer].key[0]
    statement = SQL("SELECT {} FROM {} WHERE upper_inf(valid) ORDER BY 1").format(
        Identifier(name), Identifier("gis", layer)
    )
    with psycopg.connect(served_demo.database_url) as conn:
        values = [value for (value,) in conn.execute(statement).fetchall()]
    if not values:
        return
    middle = values[len(values) // 2]
    text = str(middle) if isinstance(middle, int | float) else "'" + str(middle) + "'"
    for where in (f'"{name}" = {text}', f'NOT ("{name}" = {text})'):
        assert set(read(served_demo, layer, where=where).index) == numbers(
            served_demo, layer, where
        )


def test_the_catalogue(served_demo: Served) -> None:
    frame = read(served_demo, "catalogue", PAGE_SIZE="9")
    layers = json.loads(served_demo.gis("layers", "list", "--json").stdout)
    assert {f"layer:{one['id']}" for one in layers} <= set(frame["id"])
