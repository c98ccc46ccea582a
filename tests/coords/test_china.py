"""GCJ-02, BD-09, BD-09MC: reference values, exact inverses, the edge of the box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis.strategies import floats

from gis.coords import china
from gis.coords.frames import CHINA_BOX

CITY = (floats(113.1, 115.3), floats(32.2, 33.6))
CHINA = (floats(73.5, 135.0), floats(18.0, 53.5))


def one(function, lon, lat):
    out = function(np.array([lon]), np.array([lat]))
    return np.array([float(out[0][0]), float(out[1][0])])


def test_reference_values_hold(vectors):
    """40-digit arithmetic, and three other libraries that agree with it."""
    seen = 0
    for row in vectors("gcj_bd_vectors.csv"):
        wgs, gcj = (
            np.array([float(row[f"{k}_lon"]), float(row[f"{k}_lat"])]) for k in ("wgs", "gcj")
        )
        if "outside" in row["source"]:
            assert np.isnan(one(china.gcj02_from_wgs84, *wgs)).all(), row["source"]
            if "just" not in row["source"]:  # those next to the box are images of points in it
                assert np.isnan(one(china.wgs84_from_gcj02, *wgs)).all(), row["source"]
            continue
        bd = np.array([float(row["bd_lon"]), float(row["bd_lat"])])
        assert one(china.gcj02_from_wgs84, *wgs) == pytest.approx(gcj, abs=2e-12)
        assert one(china.bd09_from_gcj02, *gcj) == pytest.approx(bd, abs=2e-12)
        assert one(china.bd09_from_wgs84, *wgs) == pytest.approx(bd, abs=2e-12)
        assert one(china.wgs84_from_gcj02, *gcj) == pytest.approx(wgs, abs=1e-10)
        assert one(china.gcj02_from_bd09, *bd) == pytest.approx(gcj, abs=1e-11)
        assert one(china.wgs84_from_bd09, *bd) == pytest.approx(wgs, abs=1e-10)
        seen += 1
    assert seen >= 50


def transcription(lon, lat):
    """The public formula as it is usually printed: a second writing of it, term by term."""
    x, y = lon - 105.0, lat - 35.0
    sin, pi = np.sin, np.pi
    both = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(abs(x)) + both
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(abs(x)) + both
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    rad = np.radians(lat)
    magic = 1 - 0.00669342162296594323 * sin(rad) ** 2
    north = north * 180 / (6378245 * (1 - 0.00669342162296594323) / magic**1.5 * pi)
    east = east * 180 / (6378245 / np.sqrt(magic) * np.cos(rad) * pi)
    return np.array([lon + east, lat + north])


@given(lon=floats(*CHINA_BOX[::2]), lat=floats(*CHINA_BOX[1::2]))
def test_the_fast_sines_are_the_formula(lon, lat):
    assert one(china.gcj02_from_wgs84, lon, lat) == pytest.approx(
        transcription(lon, lat), abs=5e-13
    )


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (china.gcj02_from_wgs84, china.wgs84_from_gcj02),
        (china.bd09_from_gcj02, china.gcj02_from_bd09),
        (china.bd09_from_wgs84, china.wgs84_from_bd09),
        (china.bd09mc_from_bd09, china.bd09_from_bd09mc),
    ],
)
class TestInverse:
    @given(lon=CITY[0], lat=CITY[1])
    def test_in_the_city(self, there, back, lon, lat):
        assert one(back, *one(there, lon, lat)) == pytest.approx([lon, lat], abs=1e-11)

    @given(lon=CHINA[0], lat=CHINA[1])
    @settings(max_examples=300)
    def test_in_china(self, there, back, lon, lat):
        # the bands of Baidu's own table do not quite meet there
        assume(back is not china.bd09_from_bd09mc or abs(lat - 15.0 * round(lat / 15.0)) > 1e-6)
        assert one(back, *one(there, lon, lat)) == pytest.approx([lon, lat], abs=1e-9)


def test_baidu_metres_where_the_bands_do_not_meet():
    """No y gives latitude 45 exactly: the nearest is 5 mm off, and it is what comes back."""
    lat = np.concatenate([45.0 + np.linspace(-1e-6, 1e-6, 401), [15.0, 30.0, 45.0]])
    lon = np.full_like(lat, 100.0)
    _, back = china.bd09_from_bd09mc(*china.bd09mc_from_bd09(lon, lat))
    assert np.abs(back - lat).max() < 5e-8
    outside = (lat < 44.9999999465) | ((lat > 45.0000000321) & (lat < 46))
    assert np.abs(back - lat)[outside & (lat > 44)].max() < 1e-9


def test_every_edge_of_the_box_comes_back():
    """Two widely used libraries hang here: their box test stands inside the repetition."""
    west, south, east, north = CHINA_BOX
    steps = np.linspace(0.0, 1.0, 500)
    lon = np.r_[
        np.full(500, west),
        np.full(500, east),
        west + (east - west) * steps,
        west + (east - west) * steps,
    ]
    lat = np.r_[
        south + (north - south) * steps,
        south + (north - south) * steps,
        np.full(500, south),
        np.full(500, north),
    ]
    back = china.wgs84_from_gcj02(*china.gcj02_from_wgs84(lon, lat))
    assert np.abs(np.array(back) - [lon, lat]).max() < 1e-9


def test_outside_china_is_refused_not_passed_through():
    lon, lat = (
        np.array([139.6917, 114.0, np.nan, np.inf, 200.0]),
        np.array([35.69, 33.0, 33.0, 33.0, 95.0]),
    )
    for function in (
        china.gcj02_from_wgs84,
        china.wgs84_from_gcj02,
        china.bd09_from_gcj02,
        china.gcj02_from_bd09,
        china.bd09mc_from_bd09,
    ):
        x, y = function(lon, lat)
        assert np.isnan(x).tolist() == [True, False, True, True, True]
        assert np.isnan(y).tolist() == [True, False, True, True, True]


def test_baidu_metres_of_the_city_centre():
    """Against Baidu's other published table (degrees to metres), which is 16 mm away here."""
    x, y = one(china.bd09mc_from_bd09, 114.034351683352, 32.984198246936)
    # the table's band from 30 degrees
    c = (
        0.00220636496208,
        111320.7020209128,
        51751.86112841131,
        3796837.749470245,
        992013.7397791013,
        -1221952.21711287,
        1340652.697009075,
        -620943.6990984312,
        144416.9293806241,
        37.5,
    )
    t = 32.984198246936 / c[9]
    assert x == pytest.approx(c[0] + c[1] * 114.034351683352, abs=0.02)
    assert y == pytest.approx(sum(c[2 + k] * t**k for k in range(7)), abs=0.02)


def test_any_shape_goes():
    lon, lat = np.full((3, 4), 114.0), np.full((3, 4), 33.0)
    assert china.gcj02_from_wgs84(lon, lat)[0].shape == (3, 4)
    assert china.gcj02_from_wgs84(np.array([]), np.array([]))[0].shape == (0,)
