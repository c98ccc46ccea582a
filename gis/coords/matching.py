"""How well places lie on what the city already knows: its roads, boundaries, parcels.

Distances are measured in a metric plane to the segments of the reference. What a distance means
is learnt from decoys: the same places moved by random vectors, as far off as any wrong frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords.frames import Area
from gis.coords.normalise import to_metric

Floats = NDArray[np.float64]

SAMPLE = 3000
NEAR_M = 10.0
DECOYS, DECOY_ROWS = 60, 400
DECOY_MIN_M, DECOY_MAX_M = 1500.0, 5000.0
SEARCH_M, SEARCH_STEP_M, SEARCH_ROWS = 180.0, 12.0, 150
RIVAL_FROM_M, RIVAL_TO_M, RIVAL_STEP_M, RIVAL_ROWS, RIVALS = 40.0, 600.0, 24.0, 60, 6
RIVAL_SHARE = 0.75
SCAN_LIMIT_M = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """median_m: distance to the reference; share: of the rows within 10 m; rows: measured;
    shift_m: systematic displacement found (east, north), with shift_error_m; spread_m: extent."""

    median_m: float
    share: float
    rows: int
    spread_m: float
    shift_m: tuple[float, float]
    shift_error_m: float

    @property
    def offset_m(self) -> float:
        """Length of the systematic displacement."""
        return math.hypot(*self.shift_m)


class Reference:
    """Segments of the city's own lines, ready for nearest-distance questions."""

    def __init__(self, geometry: NDArray[np.object_], metric_epsg: int, near: Area) -> None:
        """geometry: shapely, CGCS2000 degrees; polygons count by their boundaries, points as
        places. Only what lies within 0.1 degree of `near` is used."""
        kept = np.asarray(geometry, dtype=object)
        kept = kept[~(shapely.is_missing(kept) | shapely.is_empty(kept))]
        box = near.padded(0.1)
        kept = kept[shapely.intersects(kept, shapely.box(box.west, box.south, box.east, box.north))]
        self.starts, self.ends = _segments(kept, metric_epsg)
        self.metric_epsg = metric_epsg
        pairs = np.stack([self.starts, self.ends], axis=1)
        self._tree = shapely.STRtree(np.atleast_1d(np.asarray(shapely.linestrings(pairs))))

    def __len__(self) -> int:
        return len(self.starts)

    def metric(self, lonlat: Floats) -> Floats:
        """Places in the metric plane, shape (n, 2), metres, east first."""
        return to_metric(lonlat, self.metric_epsg)

    def vectors(self, xy: Floats) -> Floats:
        """From each place (metric plane) to the nearest point of the reference, metres."""
        nearest = self._tree.nearest(shapely.points(xy))
        start, way = self.starts[nearest], self.ends[nearest] - self.starts[nearest]
        length = np.maximum(np.sum(way * way, axis=1), 1e-12)
        along = np.clip(np.sum((xy - start) * way, axis=1) / length, 0.0, 1.0)
        return np.asarray(start + along[:, None] * way - xy)

    def distances(self, xy: Floats) -> Floats:
        """From each place (metric plane) to the reference, metres."""
        return np.asarray(np.hypot(*self.vectors(xy).T))

    def match(self, lonlat: Floats) -> Match | None:
        """How well places in CGCS2000 degrees lie on the reference; None without any."""
        xy = self._places(lonlat, SAMPLE)
        if len(xy) == 0 or len(self) == 0:
            return None
        vectors = self.vectors(xy)
        distances = np.hypot(*vectors.T)
        shift, error = _systematic(self, xy, vectors)
        return Match(
            median_m=float(np.median(distances)),
            share=float(np.mean(distances < NEAR_M)),
            rows=len(xy),
            spread_m=_spread(xy),
            shift_m=shift,
            shift_error_m=error,
        )

    def smallest_decoy_m(self, lonlat: Floats) -> float:
        """The smallest median distance that the same places reach in a wrong position."""
        return float(np.median(self._decoys(lonlat), axis=1).min())

    def _decoys(self, lonlat: Floats) -> Floats:
        """Distances of the places under each of the wrong positions, shape (60, n)."""
        xy = self._places(lonlat, DECOY_ROWS)
        rng = np.random.default_rng(20090101)  # fixed: the same file gets the same answer
        angles = rng.uniform(0.0, 2.0 * np.pi, DECOYS)
        lengths = rng.uniform(DECOY_MIN_M, DECOY_MAX_M, DECOYS)
        moves = np.column_stack([lengths * np.cos(angles), lengths * np.sin(angles)])
        moved = (xy[None, :, :] + moves[:, None, :]).reshape(-1, 2)
        return np.asarray(self.distances(moved).reshape(DECOYS, -1))

    def luckiest_share(self, lonlat: Floats) -> float:
        """The largest share within 10 m that the same places reach in a wrong position: near 1
        where the reference is so dense that everything lies on it."""
        return float(np.mean(self._decoys(lonlat) < NEAR_M, axis=1).max())

    def best_shift(self, lonlat: Floats) -> tuple[float, float]:
        """The translation within 180 m that brings the places nearest to the reference, metres."""
        xy = self._places(lonlat, SEARCH_ROWS)
        moves, cost = self._scan(xy, SEARCH_M, SEARCH_STEP_M)
        best = moves[int(np.argmin(cost))]
        return float(best[0]), float(best[1])

    def rival_m(self, lonlat: Floats, share: float) -> float:
        """The smallest median distance that another translation, of 40 to 600 m, reaches: small
        where the reference repeats itself (a lattice of streets) and so can't tell a shift.

        share: of the places within 10 m as they lie. A rival must bring nearly as many there:
        moved along the streets of one direction, these stay where they are and half look well."""
        moves, cost = self._scan(self._places(lonlat, RIVAL_ROWS), RIVAL_TO_M, RIVAL_STEP_M)
        far = np.hypot(*moves.T) > RIVAL_FROM_M
        best = np.flatnonzero(far)[np.argsort(cost[far])[:RIVALS]]
        xy = self._places(lonlat, DECOY_ROWS)
        found = []
        for move in moves[best]:
            back, _ = _systematic(self, xy + move, self.vectors(xy + move))
            there = move - np.array(back)
            distance = self.distances(xy + there)
            if np.hypot(*there) > RIVAL_FROM_M and np.mean(distance < NEAR_M) > RIVAL_SHARE * share:
                found.append(float(np.median(distance)))
        return min(found, default=math.inf)

    def _places(self, lonlat: Floats, size: int) -> Floats:
        xy = self.metric(lonlat[np.isfinite(lonlat).all(axis=1)])
        return sampled(xy[np.isfinite(xy).all(axis=1)], size)

    def _scan(self, xy: Floats, reach_m: float, step_m: float) -> tuple[Floats, Floats]:
        """Translations on a grid, and the mean distance (at most 40 m counted) under each."""
        # beyond the limit the tree need not look: three times as fast as asking for the nearest
        steps = np.arange(-reach_m, reach_m + 1, step_m)
        moves = np.array([(e, n) for e in steps for n in steps])
        moved = (xy[None, :, :] + moves[:, None, :]).reshape(-1, 2)
        distances = np.full(len(moved), SCAN_LIMIT_M)
        (row, _), distance = self._tree.query_nearest(
            shapely.points(moved),
            max_distance=SCAN_LIMIT_M,
            return_distance=True,
            all_matches=False,
        )
        distances[row] = distance
        return moves, np.asarray(distances.reshape(len(moves), -1).mean(axis=1))


def sampled(rows: NDArray[np.float64], size: int) -> Floats:
    """At most `size` rows, evenly taken from all of them."""
    return rows if len(rows) <= size else rows[np.linspace(0, len(rows) - 1, size).astype(np.int64)]


def _segments(geometry: NDArray[np.object_], metric_epsg: int) -> tuple[Floats, Floats]:
    """Starts and ends of all segments in the metric plane; a lone point is a segment of itself."""
    parts = shapely.get_parts(geometry)
    while np.any(shapely.get_type_id(parts) > shapely.GeometryType.POLYGON):
        parts = shapely.get_parts(parts)  # collections inside collections
    points = parts[shapely.get_dimensions(parts) == 0]
    parts = parts[shapely.get_dimensions(parts) > 0]
    areas = shapely.get_dimensions(parts) == 2
    rings = shapely.get_parts(shapely.boundary(parts[areas]))
    lines = np.concatenate([parts[~areas], rings])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    plane = to_metric(xy, metric_epsg) if len(xy) else np.empty((0, 2))
    joined = line[1:] == line[:-1]
    alone = shapely.get_coordinates(points)
    alone = to_metric(alone, metric_epsg) if len(alone) else np.empty((0, 2))
    starts = np.concatenate([plane[:-1][joined], alone]) if len(plane) else alone
    ends = np.concatenate([plane[1:][joined], alone]) if len(plane) else alone
    known = np.isfinite(starts).all(axis=1) & np.isfinite(ends).all(axis=1)
    return starts[known], ends[known]


def _systematic(
    reference: Reference, xy: Floats, vectors: Floats
) -> tuple[tuple[float, float], float]:
    """The displacement all places share, by least squares of their distances across the
    reference's direction (a place can slide along a line unseen), in three passes; and its
    standard error, metres."""
    shift, error = np.zeros(2), math.inf
    for _ in range(3):
        distance = np.hypot(*vectors.T)
        near = distance < max(3.0 * float(np.median(distance)), 1.0)
        near &= distance > 1e-9
        if near.sum() < 10:
            return (float(shift[0]), float(shift[1])), error if error < math.inf else 0.0
        normal = vectors[near] / distance[near, None]
        squares = normal.T @ normal
        if np.linalg.cond(squares) > 1e6:
            return (float(shift[0]), float(shift[1])), math.inf
        step = np.linalg.solve(squares, normal.T @ distance[near])
        left = distance[near] - normal @ step
        error = math.sqrt(float(np.mean(left**2) * np.trace(np.linalg.inv(squares))))
        shift = shift + step
        vectors = reference.vectors(xy + shift)
    # the data lie at minus what would move them onto the reference
    return (float(-shift[0]), float(-shift[1])), error


def _spread(xy: Floats) -> float:
    """Diagonal of the box that holds the middle 90 % of the places, metres."""
    low, high = np.percentile(xy, [5, 95], axis=0)
    return float(np.hypot(*(high - low)))
