"""The pipe surveyors' own plane, and the control points that tie it to CGCS2000."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.features import as_objects
from gis.demo.site import CENTRE, Geometries, Site

FRAME = "zmd"
ROTATION_DEG = 1.2  # local axes against the plane of EPSG:4547, clockwise
LOCAL_CENTRE = (52_056.0, 150_530.0)  # local east and north of the site's centre
NOISE_M = 0.013
GROSS_M = 0.6
GROSS_AT = 7  # the point that was written down wrong


def to_local(geometry: Geometries) -> Geometries:
    """Site metres -> local plane, east first; heights untouched, None stays None."""
    angle = np.radians(ROTATION_DEG)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = xy[:, :2] @ turn.T + LOCAL_CENTRE
        return np.column_stack([flat, xy[:, 2:]])

    if shapely.has_z(geometry).any():
        moved: Geometries = shapely.transform(geometry, move, include_z=True)
    else:
        moved = shapely.transform(geometry, move)
    return moved


def control_points(site: Site) -> list[tuple[str, float, float, float, float]]:
    """name, x_local (north, as surveyors have it), y_local (east), E and N of EPSG:4547."""
    rng = site.rng("control points")
    angle = np.arange(9) * 2.4  # spread over the city, no two alike
    reach = 1200.0 + 270.0 * np.arange(9)
    inner = np.column_stack([reach * np.cos(angle), 0.85 * reach * np.sin(angle)])
    around = np.linspace(0.0, 2 * np.pi, 8, endpoint=False) + 0.3
    outer = np.column_stack([5000.0 * np.cos(around), 4600.0 * np.sin(around)])
    xy = np.concatenate([inner, outer])  # the pipes lie between the outer ones
    xy = np.round(xy + rng.uniform(-90, 90, xy.shape), 3)
    local = shapely.get_coordinates(to_local(as_objects([shapely.Point(p) for p in xy])))
    local += rng.normal(0, NOISE_M, local.shape)
    local[GROSS_AT] += np.array([0.48, -0.36])
    rows = zip(local, xy + CENTRE, strict=True)
    return [
        (f"ZMD{i:02d}", round(n, 3), round(e, 3), round(east, 3), round(north, 3))
        for i, ((e, n), (east, north)) in enumerate(rows, start=1)
    ]
