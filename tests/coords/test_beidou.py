"""BeiDou grid codes: the standard's examples, edges by rational arithmetic, a second writing."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import assume, given, settings
from hypothesis.strategies import decimals, floats, integers

from gis.coords import Cell, cells_box, cover, decode_place_code, place_code, place_codes
from gis.coords.beidou import CODE_LENGTHS
from gis.errors import CoordError, OutsideFrame


def test_reference_codes(vectors):
    rows = vectors("beidou_grid_vectors.csv")
    for row in rows:
        code = place_code(float(row["lon"]), float(row["lat"]), int(row["level"]))
        assert code == row["code"], row
        west, south, east, north = decode_place_code(code).bounds
        assert west - 1e-9 <= float(row["lon"]) <= east + 1e-9
        assert south - 1e-9 <= float(row["lat"]) <= north + 1e-9
    assert len(rows) == 35


def by_fractions(lon: Fraction, lat: Fraction, level: int) -> str:
    """The standard's text, figures 1 to 8, in rational arithmetic: written apart from the code."""
    x, y = abs(lon), abs(lat)
    code = ("N" if lat >= 0 else "S") + f"{30 - int(x // 6) if lon < 0 else 31 + int(x // 6):02d}"
    code += "ABCDEFGHIJKLMNOPQRSTUV"[int(y // 4)]
    x, y = x % 6, y % 4
    sizes = [(Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 4), Fraction(1, 6)),
             (Fraction(1, 60), Fraction(1, 60)), (Fraction(4, 3600), Fraction(4, 3600)),
             (Fraction(2, 3600), Fraction(2, 3600))]  # fmt: skip
    sizes += [(Fraction(1, 3600 * n), Fraction(1, 3600 * n)) for n in (4, 32, 256, 2048)]
    for number, (width, height) in enumerate(sizes[: level - 1], start=2):
        i, j = int(x // width), int(y // height)
        x, y = x % width, y % height
        code += str(2 * j + i) if number in (3, 6) else f"{i:X}{j:X}"
    return code


@given(
    lon=decimals("-179.99", "179.99", places=5),
    lat=decimals("-87.99", "87.99", places=5),
    level=integers(1, 10),
)
@settings(max_examples=500)
def test_rational_arithmetic_agrees(lon: Decimal, lat: Decimal, level: int):
    assert place_code(float(lon), float(lat), level) == by_fractions(
        Fraction(lon), Fraction(lat), level
    )


def test_every_second_edge_of_a_degree():
    """Degree-minute-second edges are no binary fractions: floating point puts some a cell short."""
    seconds = np.arange(0, 3600, 2)
    lat = 32 + seconds / 3600.0
    codes = place_codes(np.full(len(lat), 114.0), lat, 6)
    wanted = [by_fractions(Fraction(114), 32 + Fraction(int(s), 3600), 6) for s in seconds]
    assert codes.tolist() == wanted


@given(lon=floats(-179.99, 179.99), lat=floats(-87.99, 87.99), level=integers(1, 10))
def test_codes_decode_to_their_cell(lon, lat, level):
    cell = Cell.of(lon, lat, level)
    assert decode_place_code(cell.code) == cell
    assert len(cell.code) == CODE_LENGTHS[level - 1]
    west, south, east, north = cell.bounds
    assert west - 1e-9 <= lon <= east + 1e-9
    assert south - 1e-9 <= lat <= north + 1e-9


@given(lon=floats(-179.99, 179.99), lat=floats(-87.99, 87.99), level=integers(2, 10))
def test_families(lon, lat, level):
    cell = Cell.of(lon, lat, level)
    parent = cell.parent()
    assert parent == Cell.of(lon, lat, level - 1)
    assert cell in parent.children()
    assert cell.code.startswith(parent.code) or parent.code == cell.code[: len(parent.code)]
    area = sum(shapely.box(*child.bounds).area for child in parent.children())
    assert area == pytest.approx(shapely.box(*parent.bounds).area)


@given(lon=floats(-179.9, 179.9), lat=floats(-80, 80), level=integers(1, 10))
def test_neighbours_touch_and_know_each_other(lon, lat, level):
    cell = Cell.of(lon, lat, level)
    around = cell.neighbours()
    assert len(set(around)) == 8
    assert all(cell in other.neighbours() for other in around)
    assume(abs(lon) < 170)
    west, south, east, north = cell.bounds
    ring = shapely.union_all([shapely.box(*c.bounds) for c in (cell, *around)])
    assert ring.bounds == pytest.approx(
        (2 * west - east, 2 * south - north, 2 * east - west, 2 * north - south)
    )


def test_neighbours_cross_greenwich_the_equator_and_the_date_line():
    assert {c.code[:3] for c in Cell.of(0.001, 0.001, 5).neighbours()} == {
        "N31",
        "N30",
        "S31",
        "S30",
    }
    assert {c.code[1:3] for c in Cell.of(179.999, 10, 5).neighbours()} == {"60", "01"}
    assert len(Cell.of(10, 87.9999, 5).neighbours()) == 5  # nothing beyond 88 degrees


def test_edges_of_the_world():
    assert place_code(0.0, 0.0, 1) == "N31A"
    assert place_code(-0.0, -0.0, 1) == "N31A"
    assert place_code(180.0, 10.0, 1)[1:3] == "60"
    assert place_code(-180.0, 10.0, 1)[1:3] == "01"


@pytest.mark.parametrize(("lon", "lat"), [(10, 88), (10, -90), (181, 10), (np.nan, 1), (1, np.inf)])
def test_no_code_there(lon, lat):
    with pytest.raises(OutsideFrame) as caught:
        place_codes(np.array([114.0, lon]), np.array([33.0, lat]), 8)
    assert caught.value.row == 2


@pytest.mark.parametrize("level", [0, 11, -1])
def test_no_such_level(level):
    with pytest.raises(CoordError):
        place_code(114.0, 33.0, level)


@pytest.mark.parametrize(
    "code",
    ["", "N50", "N50J4", "X50J", "N00J", "N61J", "N50W", "N50JC0", "N50J08", "N50J478", "N50J475A",
     "N50J4755F0", "N50J47539B84", "N5OJ", "N50J47539B8280"],
)  # fmt: skip
def test_wrong_codes_are_refused(code):
    with pytest.raises(CoordError):
        decode_place_code(code)


class TestCover:
    def test_a_polygon(self):
        area = shapely.Polygon([(114.0, 32.9), (114.2, 32.9), (114.0, 33.1)])
        cells = cover(area, 4)
        assert shapely.union_all([shapely.box(*c.bounds) for c in cells]).buffer(1e-9).covers(area)
        assert all(shapely.box(*c.bounds).intersects(area) for c in cells)
        inside = shapely.get_coordinates(
            shapely.points(
                *np.random.default_rng(1).uniform([114.01, 32.91], [114.08, 32.98], (200, 2)).T
            )
        )
        assert {Cell.of(x, y, 4) for x, y in inside} <= set(cells)

    def test_a_line_and_a_point(self):
        assert Cell.of(114.022, 32.985, 8) in cover(shapely.Point(114.022, 32.985), 8)
        assert len(cover(shapely.LineString([(114.001, 32.9012), (114.049, 32.9012)]), 4)) == 3

    def test_nothing(self):
        assert cover(shapely.Polygon(), 4) == ()

    def test_too_many(self):
        with pytest.raises(CoordError) as caught:
            cover(shapely.box(113, 32, 115, 34), 8)
        assert caught.value.level == 8


@given(lon=floats(113.0, 115.3), lat=floats(32.2, 33.6), level=integers(1, 10))
@settings(max_examples=150, deadline=None)
def test_a_cell_as_a_shape_covers_its_children_and_nothing_else(lon, lat, level):
    cell = Cell.of(lon, lat, level)
    assert cell.polygon.bounds == cell.bounds
    if level < 10:
        children = cell.children()
        assert cells_box(child.code for child in children) == pytest.approx(cell.bounds, abs=1e-12)
        assert sum(c.polygon.area for c in children) == pytest.approx(cell.polygon.area, rel=1e-6)
        assert {c.parent() for c in children} == {cell}


def test_box_of_codes():
    cells = Cell.of(114.0, 33.0, 5).neighbours()
    west, south, east, north = cells_box(cell.code for cell in cells)
    assert (east - west, north - south) == pytest.approx((12 / 3600, 12 / 3600))
    with pytest.raises(CoordError):
        cells_box([])
    with pytest.raises(CoordError):
        cells_box(["N50J47", "nonsense"])


@pytest.mark.parametrize("level", range(1, 11))
def test_a_cover_is_complete_at_every_level(level):
    """Random places in a shape about three cells wide: each lies in a cell of its cover."""
    west, south, east, north = Cell.of(114.03, 32.97, level).bounds
    width, height = east - west, north - south
    centre = ((west + east) / 2, (south + north) / 2)
    circle = shapely.Point(*centre).buffer(1.0, quad_segs=16)
    shape = shapely.affinity.scale(circle, 1.3 * width, 1.3 * height)
    codes = {cell.code for cell in cover(shape, level)}
    rng = np.random.default_rng(level)
    places = rng.uniform(shape.bounds[:2], shape.bounds[2:], (300, 2))
    inside = shapely.contains_xy(shape, places)
    assert inside.sum() > 100
    assert {place_code(*place, level) for place in places[inside].tolist()} <= codes
    assert all(decode_place_code(code).polygon.intersects(shape) for code in codes)
