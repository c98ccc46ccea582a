"""The order of axes, by two other witnesses: PROJ's authority order, and PostGIS."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pyproj
import pytest
import shapely

from gis.api.axes import axes_of, box_of, flip, offered
from gis.api.refusals import Refused
from gis.layers import Registry
from gis.store import Store

ITEMS = "/collections/buildings/items"
URI = "http://www.opengis.net/def/crs/EPSG/0/{}"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CODES = [4490, 4326, 3857, 4547, 4526]
BOX = (114.0005, 32.9805, 114.0041, 32.9832)  # cuts no house at its edges


def sql(store: Store, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(store.url) as conn:
        return conn.execute(query, values).fetchall()


def in_authority_order(code: int, lon: float, lat: float) -> tuple[float, float]:
    crs = pyproj.CRS.from_epsg(code)
    # CGCS2000 and WGS 84 are one to a metre, and one in the tiles and pages
    base = crs.geodetic_crs.to_2d() if code not in (4490, 4326) else crs
    return pyproj.Transformer.from_crs(base, crs).transform(lat, lon)  # type: ignore[no-any-return]


def test_the_city_answers_in_its_own_planes(registry: Registry) -> None:
    assert [axes.uri for axes in offered("EPSG:4547")] == [CRS84, *map(URI.format, CODES)]
    assert [a.north_first for a in offered("EPSG:4547")] == [False, True, True, False, True, True]
    assert [a.epsg for a in offered("EPSG:32650")] == [4490, 4490, 4326, 3857, 32650]


@pytest.mark.parametrize("code", CODES)
def test_items_come_in_the_authoritys_order(client: httpx.Client, city: Store, code: int) -> None:
    answer = client.get(ITEMS, params={"crs": URI.format(code), "limit": 5})
    assert answer.headers["content-crs"] == f"<{URI.format(code)}>"
    for feature in answer.json()["features"]:
        [(lon, lat)] = sql(
            city,
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_PointN(ST_ExteriorRing(geom), 2) AS p"
            " FROM gis.buildings WHERE key = %s AND upper_inf(valid)) AS t",
            feature["id"],
        )
        expected = in_authority_order(code, lon, lat)
        tolerance = 2e-7 if code in (4490, 4326) else 0.001
        assert feature["geometry"]["coordinates"][0][1] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("code", CODES)
def test_a_box_is_read_in_the_authoritys_order(
    client: httpx.Client, city: Store, code: int
) -> None:
    west, south, east, north = BOX
    low, high = in_authority_order(code, west, south), in_authority_order(code, east, north)
    text = ",".join(map(repr, (*low, *high)))
    page = client.get(ITEMS, params={"bbox": text, "bbox-crs": URI.format(code)}).json()
    x0, y0, x1, y1 = (*low, *high) if code == 3857 else (low[1], low[0], high[1], high[0])
    with psycopg.connect(city.url) as conn:
        rows = conn.execute(
            "SELECT key FROM gis.buildings WHERE upper_inf(valid) AND ST_Intersects("
            "ST_Transform(ST_SetSRID(geom, %(from)s), %(to)s::int),"
            " ST_MakeEnvelope(%(x0)s, %(y0)s, %(x1)s, %(y1)s, %(to)s::int)) ORDER BY key",
            {"from": 4326 if code in (3857, 4326) else 4490, "to": code,
             "x0": x0, "y0": y0, "x1": x1, "y1": y1},
        ).fetchall()  # fmt: skip
    assert [f["id"] for f in page["features"]] == [key for (key,) in rows]
    assert 0 < len(rows) < 60


def test_the_default_is_longitude_first(client: httpx.Client) -> None:
    page = client.get(ITEMS, params={"bbox": ",".join(map(str, BOX))}).json()
    assert page["features"]
    lon, lat = page["features"][0]["geometry"]["coordinates"][0][0]
    assert 113 < lon < 115
    assert 32 < lat < 34
    swapped = client.get(ITEMS, params={"bbox": "32.98,114,32.99,114.01"})
    assert swapped.status_code == 400  # not an empty page
    assert "order" in swapped.json()["en"]


@pytest.mark.parametrize(
    "text",
    ["EPSG:4547", "[EPSG:4547]", "urn:ogc:def:crs:EPSG::4547", "epsg:4547",
     "https://www.opengis.net/def/crs/EPSG/0/4547"],
)  # fmt: skip
def test_other_spellings_mean_the_same(registry: Registry, text: str) -> None:
    assert axes_of("crs", text, registry.city).uri == URI.format(4547)


@pytest.mark.parametrize("text", ["EPSG:2154", "", "4547", "EPSG:99999", "CRS83"])
def test_other_systems_are_refused_with_a_list(registry: Registry, text: str) -> None:
    with pytest.raises(Refused) as refused:
        axes_of("crs", text, registry.city)
    assert refused.value.facts["parameter"] == "crs"
    assert URI.format(4547) in refused.value.en


def test_the_whole_world_in_a_plane_is_cut_to_where_the_plane_means_something(
    client: httpx.Client,
) -> None:
    world = {"bbox": "-1e7,-1e7,1e7,1e7", "bbox-crs": URI.format(4547), "resulttype": "hits"}
    assert client.get(ITEMS, params=world).json()["numberMatched"] == 60
    nowhere = world | {"bbox": "-1e7,-1e7,-9e6,-9e6"}
    assert client.get(ITEMS, params=nowhere).json()["numberMatched"] == 0


def test_a_box_in_a_plane_is_no_box_in_degrees(registry: Registry) -> None:
    axes = axes_of("bbox-crs", "EPSG:4547", registry.city)
    shape = box_of("3600000,400000,3700000,600000", axes)
    assert isinstance(shape, shapely.Polygon)
    to_plane = pyproj.Transformer.from_crs(4490, 4547, always_xy=True)
    corners = shapely.transform(
        shape, lambda xy: list(zip(*to_plane.transform(*xy.T), strict=True))
    )
    assert corners.bounds == pytest.approx((400000, 3600000, 600000, 3700000), abs=0.01)
    assert corners.symmetric_difference(shapely.box(*corners.bounds)).area < 2e-4 * corners.area
    point = box_of("3650000,500000,3650000,500000", axes)
    assert isinstance(point, shapely.Point)


def test_flip_keeps_heights_and_goes_into_collections() -> None:
    geometry: dict[str, Any] = {
        "type": "GeometryCollection",
        "geometries": [
            {"type": "Point", "coordinates": [1, 2, 3]},
            {"type": "MultiPolygon", "coordinates": [[[[1, 2], [3, 4], [5, 6], [1, 2]]]]},
            {"type": "LineString", "coordinates": []},
        ],
    }
    flip(geometry)
    assert geometry["geometries"][0]["coordinates"] == [2, 1, 3]
    assert geometry["geometries"][1]["coordinates"] == [[[[2, 1], [4, 3], [6, 5], [2, 1]]]]
    flip(None)
