"""When two geometries are the same thing written with other digits."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

LARGEST_M = 0.01
METRES_PER_DEGREE = 111_320.0  # of latitude, and the most a degree of longitude can be


def tolerance_m(accuracy_m: float) -> float:
    """How far a vertex may move and still be the same: a tenth of the layer's accuracy, at
    most a centimetre."""
    return min(LARGEST_M, accuracy_m / 10)


def alike(
    old: NDArray[np.object_], new: NDArray[np.object_], tolerance: float
) -> NDArray[np.bool_]:
    """Which pairs have the same vertices in the same structure, each within `tolerance` metres.

    Geometries in degrees, z in metres, arrays of one length. A ring may start at another
    vertex or run the other way round. Degrees of longitude are taken as long as degrees of
    latitude, so east-west the test is a little stricter than said.
    """
    degrees = tolerance / METRES_PER_DEGREE
    same: NDArray[np.bool_] = np.asarray(shapely.equals_exact(old, new, degrees))
    same &= _same_heights(old, new, same, tolerance)
    rest = np.flatnonzero(~same)
    if rest.size:
        a, b = shapely.normalize(old[rest]), shapely.normalize(new[rest])
        again = np.asarray(shapely.equals_exact(a, b, degrees))
        same[rest] = again & _same_heights(a, b, again, tolerance)
    return same


def _same_heights(
    a: NDArray[np.object_], b: NDArray[np.object_], flat: NDArray[np.bool_], tolerance: float
) -> NDArray[np.bool_]:
    """Of the pairs that are `flat`ly the same, those whose heights are as well."""
    result: NDArray[np.bool_] = flat & (shapely.has_z(a) == shapely.has_z(b))
    solid = np.flatnonzero(result & shapely.has_z(a))
    if solid.size:
        za, index = shapely.get_coordinates(a[solid], include_z=True, return_index=True)
        zb = shapely.get_coordinates(b[solid], include_z=True)
        far = np.abs(za[:, 2] - zb[:, 2]) > tolerance
        far |= np.isnan(za[:, 2]) != np.isnan(zb[:, 2])
        result[solid[np.unique(index[far])]] = False
    return result
