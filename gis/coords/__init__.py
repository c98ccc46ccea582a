"""Coordinates: any frame in, stated accuracy out, never a silent guess. Pure: no files, no clock.

Pairs are always (x, y) = east or longitude first. `normalise` is the one call most rooms need.
"""

from gis.coords.angles import degrees_from_packed, parse_angle
from gis.coords.axes import axis_order, east_first, outside_error
from gis.coords.beidou import Cell, cells_box, cover, decode_place_code, place_code, place_codes
from gis.coords.china import (
    bd09_from_bd09mc,
    bd09_from_gcj02,
    bd09_from_wgs84,
    bd09mc_from_bd09,
    gcj02_from_bd09,
    gcj02_from_wgs84,
    wgs84_from_bd09,
    wgs84_from_gcj02,
)
from gis.coords.control import Control, control_points, national_plane
from gis.coords.datum import SevenParameters, fit_seven, frame_from_seven, through_seven
from gis.coords.detect import diagnose
from gis.coords.diagnosis import Candidate, Diagnosis
from gis.coords.frames import (
    BD09,
    BD09MC,
    GCJ02,
    STORAGE,
    WGS84,
    Area,
    Frame,
    bounds_of,
    first_axis_is_north,
    from_epsg,
    outside,
)
from gis.coords.geoid import GeoidGrid, geoid_from_gtx
from gis.coords.heights import (
    HeightOffset,
    ellipsoidal_from_1985,
    fit_offset,
    normal_1985_from_ellipsoidal,
)
from gis.coords.local import ControlPoint, LocalFrame, fit_local
from gis.coords.matching import Reference
from gis.coords.normalise import (
    Normalised,
    ecef_from_lonlat,
    from_metric,
    normalise,
    to_metric,
)
from gis.coords.prj import frame_from_prj, projjson_of
from gis.coords.readings import Reading, possible_readings
from gis.coords.screening import Screening, screen
from gis.coords.spelling import norm_frame
from gis.coords.transform import Transformation, find_transformation

__all__ = [
    "Area",
    "Frame",
    "STORAGE",
    "WGS84",
    "GCJ02",
    "BD09",
    "BD09MC",
    "norm_frame",
    "frame_from_prj",
    "projjson_of",
    "Reading",
    "possible_readings",
    "from_epsg",
    "first_axis_is_north",
    "bounds_of",
    "outside",
    "Transformation",
    "find_transformation",
    "Normalised",
    "normalise",
    "to_metric",
    "from_metric",
    "ecef_from_lonlat",
    "ControlPoint",
    "LocalFrame",
    "fit_local",
    "SevenParameters",
    "fit_seven",
    "frame_from_seven",
    "through_seven",
    "diagnose",
    "Diagnosis",
    "Candidate",
    "Reference",
    "Screening",
    "screen",
    "Control",
    "control_points",
    "national_plane",
    "axis_order",
    "east_first",
    "outside_error",
    "parse_angle",
    "degrees_from_packed",
    "HeightOffset",
    "GeoidGrid",
    "geoid_from_gtx",
    "fit_offset",
    "ellipsoidal_from_1985",
    "normal_1985_from_ellipsoidal",
    "Cell",
    "place_code",
    "place_codes",
    "decode_place_code",
    "cover",
    "cells_box",
    "gcj02_from_wgs84",
    "wgs84_from_gcj02",
    "bd09_from_gcj02",
    "gcj02_from_bd09",
    "bd09_from_wgs84",
    "wgs84_from_bd09",
    "bd09_from_bd09mc",
    "bd09mc_from_bd09",
]
