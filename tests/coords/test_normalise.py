"""Arrays of geometries into storage; heights; Earth-centred coordinates; angles."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis.strategies import floats
from pyproj import Transformer

from gis.coords import (
    HeightOffset,
    degrees_from_packed,
    east_first,
    ecef_from_lonlat,
    ellipsoidal_from_1985,
    fit_offset,
    from_metric,
    norm_frame,
    normal_1985_from_ellipsoidal,
    normalise,
    parse_angle,
    to_metric,
)
from gis.errors import CoordError, NoAccurateTransform, OutsideFrame

E, N = 38_502_117.9, 3_654_210.4


def geometries(*items):
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


class TestNormalise:
    def test_every_kind_of_geometry_keeps_its_shape(self):
        ring = [(E, N), (E + 100, N), (E + 100, N + 100), (E, N)]
        hole = [(E + 50, N + 10), (E + 90, N + 10), (E + 90, N + 40), (E + 50, N + 10)]
        given_ = geometries(
            shapely.Point(E, N), shapely.Point(E, N, 81.5), shapely.LineString(ring),
            shapely.LineString([(E, N, 80.0), (E + 50, N, np.nan)]), shapely.Polygon(ring, [hole]),
            shapely.MultiPolygon([shapely.Polygon(ring)]), None, shapely.Point(),
            shapely.GeometryCollection([shapely.Point(E, N), shapely.LineString(ring)]),
        )  # fmt: skip
        out = normalise(given_, 4526)
        assert out.accuracy_m == 0.0
        assert not out.failed.any()
        assert out.geometry[6] is None
        assert out.geometry[7].is_empty
        for before, after in zip(given_, out.geometry, strict=True):
            if before is None or before.is_empty:
                continue
            assert after.geom_type == before.geom_type
            assert after.has_z == before.has_z
            here = shapely.get_coordinates(after)
            assert to_metric(here, 4526) == pytest.approx(shapely.get_coordinates(before), abs=1e-5)
        assert out.geometry[1].z == 81.5
        assert np.isnan(shapely.get_coordinates(out.geometry[3], include_z=True)[1, 2])

    def test_the_input_is_not_changed(self):
        given_ = geometries(shapely.Point(E, N))
        normalise(given_, 4526)
        assert (given_[0].x, given_[0].y) == (E, N)

    def test_failed_rows_are_marked_and_spare_the_others(self):
        out = normalise(
            geometries(
                shapely.Point(E, N), shapely.Point(N, E), shapely.Point(E - 38e6, N), None,
                shapely.LineString([(E, N), (np.inf, N)]), shapely.Point(E + 1, N),
            ),
            4526,
        )  # fmt: skip
        assert out.failed.tolist() == [False, True, True, False, True, False]
        assert [g is None for g in out.geometry] == [False, True, True, True, True, False]

    def test_all_failed_and_none_at_all(self):
        assert normalise(geometries(shapely.Point(1, 1)), 4526).failed.all()
        assert normalise(geometries(shapely.Point(1, 1)), 28992).failed.all() is not None
        assert len(normalise(geometries(), 4526).geometry) == 0
        assert not normalise(geometries(None, None), "gcj02").failed.any()

    def test_foreign_frame_uses_the_datas_own_area(self):
        """Otterlo: RD New through WGS 84; the town hall of Ede from the Dutch base register."""
        out = normalise(geometries(shapely.Point(183_500, 454_500)), 28992)
        assert out.accuracy_m == 2.0
        assert len(out.steps) == 2
        assert (out.geometry[0].x, out.geometry[0].y) == pytest.approx((5.80, 52.08), abs=0.02)

    def test_gcj02(self):
        out = normalise(geometries(shapely.Point(114.027880125465, 32.978165411182)), "gcj02")
        assert (out.geometry[0].x, out.geometry[0].y) == pytest.approx((114.022, 32.98), abs=1e-9)
        assert out.accuracy_m == 5.0

    def test_old_datum_is_refused(self):
        with pytest.raises(NoAccurateTransform):
            normalise(geometries(shapely.Point(E, N)), 2362)


def test_metric_there_and_back():
    lonlat = np.array([[114.022, 32.98], [113.2, 33.5]])
    assert from_metric(to_metric(lonlat, 4547), 4547) == pytest.approx(lonlat, abs=1e-11)
    assert np.isnan(from_metric(np.array([[38_500_000.0, 3.65e6]]), 4547)).all()


@given(lon=floats(-180, 180), lat=floats(-90, 90), h=floats(-500, 9000))
def test_ecef_against_proj(lon, lat, h):
    way = Transformer.from_pipeline("+proj=cart +ellps=GRS80")
    theirs = way.transform(np.radians(lon), np.radians(lat), h, radians=True)
    ours = ecef_from_lonlat(np.array([lon]), np.array([lat]), np.array([h]))[0]
    assert ours == pytest.approx(
        theirs, abs=1e-3
    )  # CGCS2000 and GRS80 differ by 0.1 mm at the pole


class TestHeights:
    LON, LAT = (
        np.array([113.9, 114.1, 114.0, 114.2, 113.8]),
        np.array([32.9, 33.0, 33.1, 32.8, 33.0]),
    )

    def test_constant(self):
        offset = HeightOffset(at_origin=-14.0)
        up = ellipsoidal_from_1985(np.array([80.0]), np.array([114.0]), np.array([33.0]), offset)
        assert up.tolist() == [66.0]
        assert normal_1985_from_ellipsoidal(up, np.array([114.0]), np.array([33.0]), offset) == 80.0

    def test_nothing_stated_is_refused(self):
        for convert in (ellipsoidal_from_1985, normal_1985_from_ellipsoidal):
            with pytest.raises(NoAccurateTransform) as caught:
                convert(np.array([80.0]), np.array([114.0]), np.array([33.0]), None)
            assert caught.value.missing == "geoid_undulation_m"

    def test_plane_is_recovered(self):
        normal = np.full(5, 80.0)
        truth = HeightOffset(
            at_origin=-14.0, lon0=114.0, lat0=33.0, east_slope=1.5, north_slope=-2.0
        )
        measured = ellipsoidal_from_1985(normal, self.LON, self.LAT, truth)
        found = fit_offset(self.LON, self.LAT, measured, normal, "levelled")
        assert found.undulation(self.LON, self.LAT) == pytest.approx(
            truth.undulation(self.LON, self.LAT)
        )
        assert found.accuracy_m == 0.01

    def test_weak_sets_are_refused(self):
        with pytest.raises(CoordError):
            fit_offset(self.LON[:3], self.LAT[:3], self.LON[:3], self.LAT[:3], "x")
        line = np.linspace(114.0, 114.1, 6)
        with pytest.raises(CoordError):
            fit_offset(line, line - 81.0, line, line, "x")

    @pytest.mark.parametrize("value", [500.0, np.nan])
    def test_absurd_constants_are_refused(self, value):
        with pytest.raises(CoordError):
            HeightOffset(at_origin=value)


class TestAngles:
    @pytest.mark.parametrize(
        "text",
        ["114.022", "114°01′19.2″", "114°1'19.2\"", "114 01 19.2", "114:01:19.2", "114°01.32′",
         "东经114度1分19.2秒", "114°01′19.2″E", "E114.022", " 114d01m19.2s "],
    )  # fmt: skip
    def test_spellings(self, text):
        assert parse_angle(text) == pytest.approx(114.022, abs=1e-9)

    @pytest.mark.parametrize(
        "text", ["114°01′19.2″W", "-114.022", "W 114 01 19.2", "-114°01′19.2″"]
    )
    def test_west(self, text):
        assert parse_angle(text) == pytest.approx(-114.022, abs=1e-9)

    @pytest.mark.parametrize(
        "text", ["", "abc", "114°61′00″", "114°01′60.5″", "nan", "inf", "1,5", "1 2 3 4"]
    )
    def test_nonsense(self, text):
        with pytest.raises(CoordError):
            parse_angle(text)

    def test_packed(self):
        out = degrees_from_packed(np.array([38.0605, 114.01192, -38.0605, 38.61, 38.0060]))
        assert out[:3] == pytest.approx(
            [38 + 6 / 60 + 5 / 3600, 114.022, -(38 + 6 / 60 + 5 / 3600)]
        )
        assert np.isnan(out[3:]).all()


class TestAxisOrder:
    def test_numbers_decide(self):
        pairs = np.array([[N, E], [N + 1, E], [N, E + 5]])
        out, swapped = east_first(pairs, norm_frame(4526), "t")
        assert swapped
        assert out[0].tolist() == [E, N]
        assert not east_first(out, norm_frame(4526), "t")[1]

    def test_some_broken_rows_do_not_hide_it(self):
        pairs = np.vstack([np.full((30, 2), [N, E]), [[E, N]]])
        assert east_first(pairs, norm_frame(4526), "t")[1]

    @pytest.mark.parametrize(
        ("pair", "frame", "says"),
        [
            ([502_117.9, N], 4526, "no zone prefix"), ([E, N], 4547, "zone prefix 38"),
            ([114.0, 33.0], 4547, "degrees"), ([502_117.9, N], 4490, "metres"),
        ],
    )  # fmt: skip
    def test_the_error_says_what_it_looks_like(self, pair, frame, says):
        with pytest.raises(OutsideFrame, match=says) as caught:
            east_first(np.array([pair]), norm_frame(frame), "t")
        assert caught.value.frame == norm_frame(frame).name
