"""How polygons that should share their edges do: which do not, and the holes between them.

GEOS validates a coverage some twenty times as fast as PostGIS compares neighbours pair by pair, so
what is looked at closely is only what this singles out. Strip by strip: memory does not grow with
the layer.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from gis.store.queries import query

A_STRIP = 40_000  # features
HALO_DEG = 0.005  # about 500 m: a hole that is wider is nobody's slip


def survey_coverage(connection: psycopg.Connection, features: int) -> None:
    """Fill the temporary tables `suspect` (id) and `hole` (polygons) from `standing` (id, geom),
    of which there are `features`."""
    connection.execute(query("coverage_create"))
    if not features:
        return
    strips = math.ceil(features / A_STRIP)
    shares = [i / strips for i in range(strips)]
    row = connection.execute(query("coverage_strips"), {"shares": shares}).fetchone()
    assert row is not None  # an aggregate has one row
    wests, south, east, north = row
    edges = [*wests, east + HALO_DEG]
    for west, until in pairwise(edges):
        box = (west - HALO_DEG, south - HALO_DEG, until + HALO_DEG, north + HALO_DEG)
        _survey(connection, box, (west, until))


def _survey(
    connection: psycopg.Connection,
    box: tuple[float, float, float, float],
    own: tuple[float, float],
) -> None:
    west, south, east, north = box
    around = {"west": west, "south": south, "east": east, "north": north}
    with connection.cursor(binary=True) as cur:
        found = cur.execute(query("coverage_strip"), around).fetchall()
    if not found:
        return
    ids = np.array([id_ for id_, _ in found], dtype=np.int64)
    shapes = np.asarray(shapely.from_wkb([wkb for _, wkb in found]), dtype=object)
    del found
    bad = ~shapely.is_empty(shapely.coverage_invalid_edges(shapes))
    holes = _holes(shapes, bad)
    ends = shapely.bounds(holes).reshape(-1, 4)
    # whole inside what was read, and of this strip: others see it with all its neighbours
    mine = (ends[:, 0] >= own[0]) & (ends[:, 0] < own[1]) & (ends[:, 2] < east)
    kept = shapely.to_wkb(holes[mine]).tolist()
    connection.execute(query("coverage_add"), {"suspects": ids[bad].tolist(), "holes": kept})


def _holes(shapes: NDArray[np.object_], bad: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Holes in the union, as polygons. A coverage without faults unites at a fraction of the
    price; the features that have some are added to it one way that bears them."""
    covered = shapely.union_all([shapely.coverage_union_all(shapes[~bad]), *shapes[bad]])
    parts = shapely.get_parts(covered)
    holed = parts[shapely.get_num_interior_rings(parts) > 0]
    rings = [shapely.Polygon(ring) for part in holed for ring in part.interiors]
    holes: NDArray[np.object_] = np.empty(len(rings), dtype=object)
    holes[:] = rings
    return holes
