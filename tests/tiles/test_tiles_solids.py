"""Prisms, tubes and shafts: closed, of the right volume, and refused where they can't be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tile_trials import LAT, LON, METRE, footprint, objects, rows_of, solid_layer

from gis.coords.heights import HeightOffset
from gis.errors import LayerError, NoAccurateTransform, TileError
from gis.layers import Registry
from gis.tiles.extrude import extrude
from gis.tiles.mesh import Mesh
from gis.tiles.placement import TileFrame, geocentric, geodetic
from gis.tiles.recipe import Recipe
from gis.tiles.solids import NO_SHAPE, NO_VALUE, NOT_MEANT, make_solids
from gis.tiles.tube import tube

HERE = TileFrame.at(LON, LAT, 70.0)
OFFSET = HeightOffset(at_origin=-14.0)


def outward_and_closed(mesh: Mesh) -> bool:
    """Every edge is passed once in each direction, vertices taken by where they are."""
    spots = np.round(mesh.positions * 1e6).astype(np.int64)
    _, spot = np.unique(spots, axis=0, return_inverse=True)
    edges: Counter[tuple[int, int]] = Counter()
    for a, b, c in spot.reshape(-1)[mesh.triangles].tolist():
        for one, two in ((a, b), (b, c), (c, a)):
            edges[min(one, two), max(one, two)] += 1 if one < two else -1
    return not any(edges.values())


def in_metres(shape: shapely.Geometry) -> shapely.Geometry:
    """Metres around HERE to degrees."""
    to_degrees = pyproj.Transformer.from_crs(
        f"+proj=ortho +lat_0={LAT} +lon_0={LON} +ellps=WGS84", "EPSG:4326", always_xy=True
    )
    return shapely.transform(shape, lambda p: np.column_stack(to_degrees.transform(*p.T)))


def prism(shape: shapely.Geometry, low: float = 60.0, high: float = 75.0) -> tuple[Mesh, bool]:
    mesh, done = extrude(objects([shape]), np.array([low]), np.array([high]), HERE)
    return mesh, bool(done[0])


@given(lon=st.floats(-180, 180), lat=st.floats(-89.9, 89.9), height=st.floats(-500, 9000))
def test_geocentric_metres_agree_with_proj(lon: float, lat: float, height: float) -> None:
    to_ecef = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
    ours = geocentric(np.array([lon]), np.array([lat]), np.array([height]))
    assert np.linalg.norm(ours[0] - to_ecef.transform(lon, lat, height)) < 1e-6
    back = geodetic(ours)[0]
    turned = (back[0] - lon + 180) % 360 - 180
    assert abs(turned) * np.cos(np.radians(lat)) < 1e-11
    assert back[1:] == pytest.approx([lat, height], abs=1e-6)


@pytest.mark.parametrize(
    "shape",
    [
        shapely.box(-20, -10, 20, 10),
        shapely.box(-20, -10, 20, 10).reverse(),
        shapely.Polygon([(0, 0), (30, 0), (30, 8), (9, 8), (9, 25), (0, 25)]),
        shapely.box(0, 0, 30, 30) - shapely.box(5, 5, 10, 20) - shapely.box(15, 5, 25, 20),
        shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(10, 0, 30, 30)]),
        shapely.Polygon([(0, 0), (0, 0), (9, 0), (9, 0), (9, 9), (4.5, 9), (0, 9)]),
    ],
)
def test_a_prism_is_closed_and_of_its_volume(shape: shapely.Geometry) -> None:
    mesh, done = prism(in_metres(shape))
    assert done
    assert outward_and_closed(mesh)
    # heights are along the ellipsoid's normals: at 70 m above it, 1 in 45,000 larger
    scale = (1 + 67.5 / 6.37e6) ** 2
    assert mesh.volumes(1)[0] == pytest.approx(shape.area * 15 * scale, rel=2e-6)


@given(st.integers(0, 2**32 - 1))
def test_any_footprint_is_closed(seed: int) -> None:
    random = np.random.default_rng(seed)
    shapes = [footprint(i, random) for i in range(6)]
    low = random.uniform(40, 60, 6)
    mesh, done = extrude(objects(shapes), low, low + 10, HERE)
    assert done.all()
    assert outward_and_closed(mesh)
    middle = np.radians(LAT)
    areas = [s.area * (111_319.49 * np.cos(middle)) * 110_950 for s in shapes]
    assert mesh.volumes(6) == pytest.approx(np.array(areas) * 10, rel=0.01)


def test_normals_are_of_the_faces() -> None:
    mesh, _ = prism(in_metres(shapely.box(0, 0, 30, 30) - shapely.box(6, 5, 11, 20)))
    a, b, c = (mesh.positions[mesh.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    twice = np.linalg.norm(face, axis=1)
    wide = twice > 0.1  # a sliver of near collinear corners faces anywhere
    cosine = np.einsum("ij,ikj->ik", face / twice[:, None], mesh.normals[mesh.triangles])[wide]
    assert wide.sum() > 20
    assert cosine.min() > 0.999999


def test_bad_footprints_are_left_out_one_by_one() -> None:
    good = in_metres(shapely.box(0, 0, 10, 10))
    bow = in_metres(shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]))
    spike = shapely.Polygon([(LON, LAT), (LON + METRE, LAT), (LON, LAT)])
    shapes = [good, shapely.Polygon(), spike, None, bow, good]
    mesh, done = extrude(objects(shapes), np.full(6, 60.0), np.full(6, 70.0), HERE)
    assert done.tolist() == [True, False, False, False, True, True]
    assert set(mesh.feature.tolist()) == {0, 4, 5}
    assert outward_and_closed(mesh)
    volumes = mesh.volumes(6)
    assert volumes[[0, 5]] == pytest.approx(1000, rel=1e-4)
    assert volumes[4] == pytest.approx(500, rel=1e-3)  # its two triangles


@pytest.mark.parametrize("sides", [8, 12])
@pytest.mark.parametrize(
    "points",
    [
        [(0, 0, 0), (10, 0, 0)],
        [(0, 0, 0), (10, 0, 0), (10, 10, 0)],
        [(0, 0, 0), (10, 0, 0), (10, 10, 0), (10, 10, -6), (4, 10, -6)],
        [(0, 0, 5), (0, 0, 0), (0, 0, -5)],
        [(0, 0, 0), (10, 0, 0), (0, 0.5, 0), (10, 1, 3)],  # hairpins: cut
        [(0, 0, 0), (10, 0, 0), (10, 0.2, 0), (20, 0.2, 0)],  # a step shorter than the pipe
        [(0, 0, 0), (0, 0, 0), (10, 0, 0), (10, 0, 0), (10, 0, 0), (10, 10, 0)],
    ],
)
def test_a_tube_is_closed_and_of_its_volume(points: list, sides: int) -> None:
    line = shapely.LineString(points)
    radius = 0.4
    mesh, done = tube(objects([line]), np.array([radius]), sides)
    assert done[0]
    assert outward_and_closed(mesh)
    length = np.linalg.norm(np.diff(np.array(points), axis=0), axis=1).sum()
    assert mesh.volumes(1)[0] == pytest.approx(np.pi * radius**2 * length, rel=1e-9)


def test_a_line_without_length_has_no_tube() -> None:
    lines = [shapely.LineString([(1, 1, 1), (1, 1, 1)]), shapely.LineString([(0, 0, 0), (5, 0, 0)])]
    mesh, done = tube(objects(lines), np.full(2, 0.2), 8)
    assert done.tolist() == [False, True]
    assert set(mesh.feature.tolist()) == {1}


def test_z_of_pipes_may_be_axis_invert_or_crown(registry: Registry) -> None:
    base = registry.get("pipe_segments")
    line = shapely.LineString([(LON, LAT, 80.0), (LON + 30 * METRE, LAT, 80.0)])
    columns = {name: [None] for name in base.field_names} | {"diameter_mm": [1000]}
    for z_is, middle in {"axis": 80.0, "invert": 80.5, "crown": 79.5}.items():
        layer = solid_layer(
            geometry="LineStringZ", fields=base.fields, key=("pipe_id",),
            solid={"tube": {"diameter_mm": "diameter_mm", "z_is": z_is}},
        )  # fmt: skip
        solids = make_solids(rows_of([line], columns), Recipe.of(layer), HERE, OFFSET)
        heights = geodetic(HERE.world(solids.mesh.positions))[:, 2] + 14.0
        assert (heights.min() + heights.max()) / 2 == pytest.approx(middle, abs=1e-3), z_is


def test_a_shaft_goes_from_the_ground_to_the_invert(registry: Registry) -> None:
    layer = registry.get("pipe_points")
    columns = {name: [None] * 3 for name in layer.field_names}
    columns |= {"ground_m": [82.5] * 3, "depth_m": [1.5, None, 1.5]}
    columns |= {"fixture": ["JCJ", "JCJ", None]}  # the third is a bend in a pipe
    found = rows_of([shapely.Point(LON, LAT, 81)] * 3, columns)
    solids = make_solids(found, Recipe.of(layer), HERE, OFFSET)
    heights = geodetic(HERE.world(solids.mesh.positions))[:, 2]
    assert (heights.min(), heights.max()) == pytest.approx((67.0, 68.5), abs=1e-6)
    assert solids.mesh.volumes(1)[0] == pytest.approx(np.pi * 0.16 * 1.5, rel=1e-6)
    assert solids.left_out == {2: NO_VALUE, 3: NOT_MEANT}


@pytest.mark.parametrize(
    ("height", "shape", "reason"),
    [
        (None, shapely.box(LON, LAT, LON + METRE, LAT + METRE), NO_VALUE),
        (0.0, shapely.box(LON, LAT, LON + METRE, LAT + METRE), NO_VALUE),
        (-3.0, shapely.box(LON, LAT, LON + METRE, LAT + METRE), NO_VALUE),
        (float("nan"), shapely.box(LON, LAT, LON + METRE, LAT + METRE), NO_VALUE),
        (float("inf"), shapely.box(LON, LAT, LON + METRE, LAT + METRE), NO_VALUE),
        (10.0, shapely.Polygon(), NO_SHAPE),
        (10.0, shapely.Polygon([(LON, LAT), (LON + METRE, LAT), (LON, LAT)]), NO_SHAPE),
    ],
)
def test_what_can_not_be_solid_has_a_reason(
    height: float | None, shape: shapely.Geometry, reason: str
) -> None:
    layer = solid_layer()
    good = shapely.box(LON, LAT, LON + METRE, LAT + METRE)
    columns = {name: [None, None] for name in layer.field_names} | {"height_m": [height, 5.0]}
    solids = make_solids(rows_of([shape, good], columns), Recipe.of(layer), HERE, OFFSET)
    assert solids.left_out == {1: reason}
    assert solids.drawn.tolist() == [1]
    assert set(solids.mesh.feature.tolist()) == {0}


def test_heights_are_never_passed_through() -> None:
    layer = solid_layer()
    columns = {name: [None] for name in layer.field_names} | {"height_m": [5.0]}
    found = rows_of([shapely.box(LON, LAT, LON + METRE, LAT + METRE)], columns)
    with pytest.raises(NoAccurateTransform):
        make_solids(found, Recipe.of(layer), HERE, None)


@pytest.mark.parametrize(
    ("solid", "error"),
    [
        (None, TileError),
        ({}, TileError),
        ({"balloon": {}}, LayerError),
        ({"extrude": {"height_m": "height_m"}}, LayerError),
        ({"extrude": {"base_m": 0, "height_m": "tall"}}, LayerError),
        ({"extrude": {"base_m": 0, "height_m": "a_text"}}, LayerError),
        ({"extrude": {"base_m": 0, "height_m": True}}, LayerError),
        ({"extrude": {"base_m": 0, "height_m": 3, "roof": 1}}, LayerError),
        ({"tube": {"diameter_mm": 100}}, LayerError),
    ],
)
def test_a_wrong_recipe_is_refused(solid: dict | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        Recipe.of(solid_layer(solid=solid))


def test_a_wrong_z_is_refused(registry: Registry) -> None:
    solid = {"tube": {"diameter_mm": 100, "z_is": "middle"}}
    with pytest.raises(LayerError):
        Recipe.of(solid_layer(geometry="LineStringZ", solid=solid))
    assert Recipe.of(registry.get("pipe_segments")).axis_radii == 0
