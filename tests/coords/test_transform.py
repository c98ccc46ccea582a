"""Transformations: PROJ's traps as assertions, accuracies, refusals, a second implementation."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.exceptions import ProjError
from pyproj.transformer import TransformerGroup

from gis.coords import Area, find_transformation, norm_frame
from gis.coords.frames import BD09, GCJ02, STORAGE
from gis.errors import NoAccurateTransform

CITY_AREA = Area(113.1, 32.2, 115.3, 33.6)
CITY = AreaOfInterest(113.1, 32.2, 115.3, 33.6)
CENTRE = np.array([[114.022, 32.98]])


class TestTrapsOfProj:
    """What PROJ does by itself. Should an upgrade change a row, this says so, and
    `gis/coords/transform.py` is to be read again."""

    @pytest.mark.parametrize("pair", [(4610, 4490), (4214, 4490), (4326, 4490), (4610, 4326)])
    def test_null_shift_by_default(self, pair):
        group = TransformerGroup(*pair, always_xy=True)
        assert len(group.transformers) == 1
        assert "Ballpark" in group.transformers[0].description
        assert group.transformers[0].accuracy == -1
        assert group.best_available
        assert not group.unavailable_operations
        assert group.transformers[0].transform(114.0, 33.0) == (114.0, 33.0)

    @pytest.mark.parametrize(("pair", "north"), [((2362, 4547), -1.70), ((2435, 4547), -64.8)])
    def test_old_planes_move_by_the_ellipsoid_only(self, pair, north):
        way = Transformer.from_crs(*pair, always_xy=True)
        false_easting = 38_500_000 if pair[0] == 2362 else 500_000
        east, moved = way.transform(false_easting, 3_650_000.0)
        assert east == pytest.approx(500_000, abs=1)
        assert abs(moved - 3_650_000) == pytest.approx(abs(north), abs=0.2)

    def test_only_best_does_not_refuse(self):
        Transformer.from_crs(4610, 4490, only_best=True, always_xy=True)

    def test_area_of_interest_alone_does_not_refuse(self):
        Transformer.from_crs(4610, 4490, area_of_interest=CITY, always_xy=True)

    @pytest.mark.parametrize("pair", [(4610, 4490), (4326, 4490)])
    def test_without_ballpark_it_refuses(self, pair):
        with pytest.raises(ProjError):
            Transformer.from_crs(*pair, allow_ballpark=False, always_xy=True)
        group = TransformerGroup(*pair, allow_ballpark=False, always_xy=True)
        assert not group.transformers
        assert group.best_available  # empty, and yet

    def test_beijing54_answers_with_the_tarim_basin(self):
        way = Transformer.from_crs(4214, 4326, allow_ballpark=False, always_xy=True)
        assert way.accuracy >= 0 or way.description
        moved = np.array(way.transform(114.022, 32.98)) - CENTRE[0]
        assert 0.0003 < np.hypot(*moved) < 0.001  # some 50 m, by an operation 3,000 km away
        with pytest.raises(ProjError):
            Transformer.from_crs(4214, 4326, allow_ballpark=False, area_of_interest=CITY)

    def test_heights_pass_through(self):
        way = Transformer.from_crs("EPSG:4490+5737", 4480, always_xy=True)
        assert way.transform(114.0, 33.0, 80.0)[2] == 80.0
        with pytest.raises(ProjError):
            Transformer.from_crs("EPSG:4490+5737", 4480, allow_ballpark=False)

    def test_axis_orders(self):
        def first(code):
            return CRS.from_epsg(code).axis_info[0].direction

        assert [first(c) for c in (4490, 4610, 4214, 4326, 4547, 4526, 2362)] == ["north"] * 7
        assert [first(c) for c in (3857, 32650)] == ["east"] * 2

    def test_without_always_xy_nonsense_and_no_error(self):
        lat, lon = Transformer.from_crs(4547, 4490).transform(502_117.9, 3_654_210.4)
        assert (round(lat), round(lon)) != (33, 114)
        assert np.isfinite([lat, lon]).all()

    def test_an_unstripped_zone_prefix_is_infinity_and_no_error(self):
        way = Transformer.from_crs(4547, 4490, always_xy=True)
        assert way.transform(38_501_868.0, 3_654_210.4) == (np.inf, np.inf)

    def test_minus_one_means_exact_here(self):
        assert Transformer.from_crs(4547, 4490, always_xy=True).accuracy == -1


@pytest.mark.parametrize(
    ("source", "target", "accuracy"),
    [
        (4547, 4490, 0.0),
        (4526, 4547, 0.0),
        (4508, 4526, 0.0),
        (4480, 4490, 0.0),
        (4326, 4490, 1.0),
        (32650, 4490, 1.0),
        (3857, 4547, 1.0),
        (4490, 4326, 1.0),
        ("gcj02", 4490, 5.0),
        ("bd09", 4547, 5.0),
        ("bd09mc", 4326, 5.0),
        ("gcj02", "bd09", 5.0),
        (4490, "gcj02", 5.0),
        (28992, 4326, 1.0),
        (28992, 4490, 2.0),
        (28992, "gcj02", 6.0),
    ],
)
def test_accuracy_is_stated(source, target, accuracy):
    way = find_transformation(source, target)
    assert way.accuracy_m == accuracy
    assert way.steps
    assert all("m)" in step for step in way.steps)


@pytest.mark.parametrize(
    ("source", "target"),
    [(4610, 4490), (4214, 4490), (4214, 4326), (4610, 4326), (2362, 4547), (2414, 4490),
     (2435, 4526), (4490, 4610), (4555, 4490), (4214, "gcj02"), (4610, 28992)],
)  # fmt: skip
@pytest.mark.parametrize("area", [None, CITY_AREA])
def test_old_datums_are_refused_with_the_way_forward(source, target, area):
    with pytest.raises(NoAccurateTransform, match="gis coords fit") as caught:
        find_transformation(source, target, area=area)
    assert caught.value.missing in ("control points", "operation")


def test_inside_an_old_datum_projection_is_exact():
    way = find_transformation(2362, 4610)
    assert way.accuracy_m == 0.0
    assert find_transformation(2362, 2383).apply(
        np.array([[38_500_000.0, 3.65e6]])
    ) == pytest.approx(np.array([[500_000.0, 3.65e6]]))


def test_a_published_operation_counts_only_where_it_is_valid():
    tarim = find_transformation(4214, 4326, area=Area(80, 38, 84, 41))
    assert tarim.accuracy_m == 1.0
    assert "Tarim" in tarim.steps[0] or "Beijing 1954 to WGS 84" in tarim.steps[0]
    with pytest.raises(NoAccurateTransform):
        find_transformation(4214, 4326, area=CITY_AREA)


def test_missing_grids_lower_the_accuracy_and_warn_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_transformation(27700, 4326).accuracy_m == 2.0


def test_a_transformation_is_built_once():
    assert find_transformation(4526, "EPSG:4490") is find_transformation("epsg:4526", STORAGE)


def test_zone_shift_is_a_subtraction():
    pair = np.array([[38_502_117.9, 3_654_210.4]])
    ours = find_transformation(4526, 4547).apply(pair)[0]
    assert ours == pytest.approx([502_117.9, 3_654_210.4], abs=1e-8)
    direct = Transformer.from_crs(4526, 4547, always_xy=True).transform(*pair[0])
    assert ours == pytest.approx(direct, abs=1e-7)


def test_rows_that_fail_are_nan_and_spare_the_others():
    way = find_transformation(4547, 4490)
    out = way.apply(
        np.array([[502_117.9, 3_654_210.4], [38_501_868.0, 3_654_210.4], [np.nan, 1.0]])
    )
    assert np.isfinite(out[0]).all()
    assert np.isnan(out[1:]).all()


def test_gcj02_shift_of_the_centre():
    shifted = find_transformation(4547, "gcj02").apply(
        find_transformation(4490, 4547).apply(CENTRE)
    )
    assert shifted[0] == pytest.approx([114.027880125465, 32.978165411182], abs=1e-9)


PAIRS = [4490, 4547, 4526, 4508, 4509, 4326, 3857, 32649, 32650, "gcj02", "bd09", "bd09mc"]


@given(
    lon=floats(113.1, 115.3),
    lat=floats(32.2, 33.6),
    first=sampled_from(PAIRS),
    second=sampled_from(PAIRS),
)
@settings(max_examples=300, deadline=None)
def test_there_and_back_again(lon, lat, first, second):
    start = find_transformation(4490, first).apply(np.array([[lon, lat]]))
    there = find_transformation(first, second).apply(start)
    back = find_transformation(second, first).apply(there)
    home = find_transformation(first, 4490).apply(back)
    assert home[0] == pytest.approx([lon, lat], abs=1e-9)


OVER_CHINA = [4490, 4326, 3857, "gcj02", "bd09", "bd09mc", "zone", "zone6", "utm"]


def frame_for(name: int | str, lon: float) -> int | str:
    """The frame, or the zone of a longitude: 3-degree with prefix, 6-degree with prefix, UTM."""
    zones = {"zone": 4513 + round(lon / 3.0) - 25, "zone6": 4491 + int(lon // 6.0) + 1 - 13,
             "utm": 32600 + int(lon // 6.0) + 31}  # fmt: skip
    return zones.get(str(name), name)


@given(
    lon=floats(73.6, 134.9),
    lat=floats(18.0, 53.5),
    first=sampled_from(OVER_CHINA),
    second=sampled_from(OVER_CHINA),
)
@settings(max_examples=400, deadline=None)
def test_there_and_back_again_over_china(lon, lat, first, second):
    first, second = frame_for(first, lon), frame_for(second, lon)
    start = find_transformation(4490, first).apply(np.array([[lon, lat]]))
    assert np.isfinite(start).all()
    there = find_transformation(first, second).apply(start)
    back = find_transformation(second, first).apply(there)
    home = find_transformation(first, 4490).apply(back)
    assert home[0] == pytest.approx([lon, lat], abs=1e-9)


@pytest.mark.parametrize("first", PAIRS)
@pytest.mark.parametrize("second", PAIRS)
def test_every_pair_over_the_whole_city(first, second):
    """Not a sample: each pair on a mesh over the city, A to B to A."""
    lon, lat = np.meshgrid(np.linspace(113.0, 115.3, 24), np.linspace(32.2, 33.6, 15))
    start = find_transformation(4490, first).apply(np.column_stack([lon.ravel(), lat.ravel()]))
    there = find_transformation(first, second).apply(start)
    back = find_transformation(second, first).apply(there)
    limit = 1e-9 if np.abs(start).max() < 360 else 1e-4  # degrees, or metres
    assert np.abs(back - start).max() < limit


def test_plane_distance_is_true():
    """4547 against the geodesic of PROJ's own geod: 1 km along the parallel and the meridian."""
    geod = CRS.from_epsg(4490).get_geod()
    lon, lat, _ = geod.fwd([114.022, 114.022], [32.98, 32.98], [90, 0], [1000, 1000])
    plane = find_transformation(4490, 4547).apply(np.column_stack([[114.022, *lon], [32.98, *lat]]))
    assert np.hypot(*(plane[1:] - plane[0]).T) == pytest.approx([1000.0, 1000.0], abs=0.01)


@pytest.mark.parametrize("code", [4526, 4547, 4549, 4508, 4497])
def test_another_build_of_proj_agrees(code):
    """Debian's PROJ, by GDAL's command: another version, other data, other glue."""
    corners = np.array(
        [[113.2, 32.3], [115.2, 32.3], [115.2, 33.6], [113.2, 33.6], [114.022, 32.98]]
    )
    if code == 4497:
        corners = corners - [2.0, 0.0]
    ours = find_transformation(4490, code).apply(corners)
    theirs = proj_command(corners, code)
    assert ours == pytest.approx(theirs, abs=1e-3)


def proj_command(lonlat, code):
    if shutil.which("gdaltransform") is None:
        pytest.fail("gdaltransform is missing: run scripts/setup.sh test")
    command = ["gdaltransform", "-s_srs", "OGC:CRS84", "-t_srs", f"EPSG:{code}", "-output_xy"]
    lines = "\n".join(f"{lon} {lat}" for lon, lat in lonlat)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return np.array([[float(v) for v in line.split()] for line in done.stdout.splitlines()])


def test_frames_are_the_same_value_however_written():
    assert norm_frame("gcj-02") is GCJ02
    assert norm_frame("BD09") is BD09
