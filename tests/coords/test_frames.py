"""Spellings of frames, .prj texts in the wild, axis order, areas."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import CRS

from gis.coords import (
    Area,
    bounds_of,
    find_transformation,
    first_axis_is_north,
    frame_from_prj,
    norm_frame,
    outside,
)
from gis.coords.frames import STORAGE, from_epsg
from gis.errors import FrameMismatch, UnknownFrame

GEOGCS = (
    'GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",'
    'SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]]'
)
XIAN = (
    'GEOGCS["GCS_Xian_1980",DATUM["D_Xian_1980",SPHEROID["Xian_1980",6378140.0,298.257]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)
BEIJING = (
    'GEOGCS["GCS_Beijing_1954",DATUM["D_Beijing_1954",SPHEROID["Krasovsky_1940",6378245.0,298.3]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)


def projcs(name, geogcs=GEOGCS, easting=500000.0, lon0=114.0, method="Gauss_Kruger", scale=1.0):
    return (
        f'PROJCS["{name}",{geogcs},PROJECTION["{method}"],PARAMETER["False_Easting",{easting}],'
        f'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{lon0}],'
        f'PARAMETER["Scale_Factor",{scale}],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
    )


@pytest.mark.parametrize(
    "spelling",
    [
        4526, "4526", "EPSG:4526", "epsg:4526", "urn:ogc:def:crs:EPSG::4526", " EPSG:4526 ",
        "http://www.opengis.net/def/crs/EPSG/0/4526", "https://www.opengis.net/def/crs/EPSG/0/4526",
        "http://www.opengis.net/gml/srs/epsg.xml#4526", CRS.from_epsg(4526).to_wkt(),
        CRS.from_epsg(4526).to_wkt("WKT1_ESRI"), CRS.from_epsg(4526).to_wkt("WKT1_GDAL"),
    ],
)  # fmt: skip
def test_one_frame_many_spellings(spelling):
    frame = norm_frame(spelling)
    assert frame == norm_frame(4526)
    assert (frame.name, frame.kind, frame.epsg) == ("EPSG:4526", "projected", 4526)
    assert (frame.zone_prefix, frame.unit, frame.accuracy_m) == (38, "metre", 0.0)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("GCJ-02", "gcj02"), ("火星坐标", "gcj02"), ("bd09ll", "bd09"), ("BD09MC", "bd09mc"),
        ("CGCS2000", "EPSG:4490"), ("2000国家大地坐标系", "EPSG:4490"), ("WGS 84", "EPSG:4326"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"), ("OGC:CRS84", "EPSG:4326"),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "EPSG:4326"),
    ],
)  # fmt: skip
def test_names(spelling, name):
    assert norm_frame(spelling).name == name


@pytest.mark.parametrize(
    "spelling",
    ["", "2000", "国家坐标", "EPSG:1", "EPSG:999999", 5737, 4479, "local:none", "EPSG:x"],
)
def test_unknown_is_refused(spelling):
    with pytest.raises(UnknownFrame):
        norm_frame(spelling)


def test_known_codes():
    assert from_epsg(4547).epsg == 4547
    assert from_epsg(7415).unit == "metre"  # compound: its horizontal part
    for code in (5737, 1):  # heights only; nothing at all
        with pytest.raises(UnknownFrame):
            from_epsg(code)


@pytest.mark.parametrize(
    ("code", "north"), [(4490, True), (4547, True), (4326, True), (3857, False), (28992, False)]
)
def test_axis_order_of_the_authority(code, north):
    assert first_axis_is_north(code) is north


@pytest.mark.parametrize(
    ("wkt", "code"),
    [
        (projcs("CGCS2000_3_Degree_GK_CM_114E"), 4547),
        (projcs("CGCS2000_3_Degree_GK_Zone_38", easting=38500000.0), 4526),
        (projcs("Xian_1980_3_Degree_GK_CM_114E", XIAN), 2383),
        (projcs("Xian_1980_3_Degree_GK_Zone_38", XIAN, 38500000.0), 2362),
        (projcs("Beijing_1954_3_Degree_GK_CM_114E", BEIJING), 2435),
        (projcs("Beijing_1954_3_Degree_GK_Zone_38", BEIJING, 38500000.0), 2414),
        (projcs("驻马店城市坐标", method="Transverse_Mercator"), 4547),
        (projcs("x", GEOGCS.replace("GCS_China_Geodetic_Coordinate_System_2000", "GCS_CGCS_2000")
                .replace("D_China_2000", "D_CGCS_2000"), method="Transverse_Mercator"), 4547),
        (projcs("x", GEOGCS.replace("GCS_China_Geodetic_Coordinate_System_2000", "GCS_CGCS_2000")
                .replace("D_China_2000", "D_CGCS_2000"), 38500000.0), 4526),
        (projcs("CGCS2000_GK_Zone_19", easting=19500000.0, lon0=111.0), 4497),
        (GEOGCS, 4490),
        (XIAN, 4610),
        (BEIJING, 4214),
    ],
)  # fmt: skip
def test_prj_in_the_wild(wkt, code):
    assert frame_from_prj(wkt).epsg == code


def test_every_code_of_the_series_is_what_the_table_says():
    """The parameter table of prj.py against EPSG, by each frame's ESRI text under another name."""
    series = ((4513, 4533), (4534, 4554), (4491, 4501), (2349, 2369), (2370, 2390), (2327, 2337),
              (2401, 2421), (2422, 2442), (21413, 21423))  # fmt: skip
    for code in (code for first, last in series for code in (first, (first + last) // 2, last)):
        crs = CRS.from_epsg(code)
        record = crs.to_json_dict()
        record["name"], record["conversion"]["name"] = "local survey", "unnamed"
        del record["id"]
        found = frame_from_prj(CRS.from_json_dict(record).to_wkt("WKT1_ESRI"))
        assert found.epsg is not None
        ours, theirs = bounds_of(found), bounds_of(norm_frame(code))
        assert ours[0] == pytest.approx(theirs[0], abs=1), code
        assert ours[2] == pytest.approx(theirs[2], abs=1), code


@pytest.mark.parametrize(
    "wkt",
    [
        projcs("CGCS2000_3_Degree_GK_CM_114E", easting=38500000.0),
        projcs("CGCS2000_3_Degree_GK_CM_114E", lon0=114.5),
        projcs("CGCS2000_3_Degree_GK_CM_114E", lon0=117.0),
        projcs("Xian_1980_3_Degree_GK_CM_114E"),
        projcs("Beijing_1954_3_Degree_GK_CM_114E", XIAN),
        projcs("CGCS2000_3_Degree_GK_Zone_38", easting=39500000.0, lon0=117.0),
    ],
)
def test_a_name_that_contradicts_its_parameters_is_refused(wkt):
    with pytest.raises(FrameMismatch) as caught:
        frame_from_prj(wkt)
    assert caught.value.declared != caught.value.likely


@pytest.mark.parametrize(
    "wkt",
    [
        "",
        "not a wkt",
        projcs("x", GEOGCS.replace("D_China_2000", "D_unknown").replace(
            "GCS_China_Geodetic_Coordinate_System_2000", "unknown")),
        'LOCAL_CS["Nonearth",UNIT["Meter",1.0]]',
        'ENGCRS["Nonearth",EDATUM["x"],CS[Cartesian,2],AXIS["e",east],AXIS["n",north],LENGTHUNIT["metre",1]]',
    ],
)  # fmt: skip
def test_an_unnamed_datum_is_no_frame(wkt):
    with pytest.raises(UnknownFrame):
        frame_from_prj(wkt)


def test_a_citys_own_meridian_is_usable():
    frame = frame_from_prj(projcs("驻马店 114.5", lon0=114.5))
    assert frame.epsg is None
    way = find_transformation(frame, STORAGE)
    assert way.accuracy_m == 0.0
    assert way.apply(np.array([[500_000.0, 3.65e6]]))[0, 0] == pytest.approx(114.5, abs=1e-12)


def test_towgs84_is_not_a_promise():
    wkt = XIAN.replace("298.257]]", "298.257],TOWGS84[10,20,30,0,0,0,0]]")
    assert frame_from_prj(wkt).epsg == 4610


def test_bounds_catch_wrong_numbers():
    xy = np.array([[502_117.9, 3_654_210.4], [3_654_210.4, 502_117.9], [38_502_117.9, 3_654_210.4],
                   [114.0, 33.0], [np.nan, 1.0]])  # fmt: skip
    assert outside(xy, norm_frame(4547)).tolist() == [False, True, True, True, True]
    assert outside(xy, norm_frame(4526)).tolist() == [True, True, False, True, True]
    assert outside(xy[:, ::-1], norm_frame(4490)).all()
    assert outside(xy, norm_frame("gcj02")).tolist() == [True, True, True, False, True]


def test_areas():
    assert Area(0, 0, 2, 2).intersection(Area(1, 1, 3, 3)) == Area(1, 1, 2, 2)
    assert Area(0, 0, 1, 1).intersection(Area(2, 2, 3, 3)) is None
    assert (
        norm_frame(4547).area == Area(112.5, 0.0, 115.5, 84.0)
        or norm_frame(4547).area.west == 112.5
    )
