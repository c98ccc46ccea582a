"""Faults of a geometry that is valid: slivers, repeated vertices, spikes, heights left out; and
mending one that is not.

Lengths are metres on a sphere whose scale is that of the batch's middle latitude (within 1 % over
a prefecture): enough for a threshold, never for an area that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.layers.checklist import number
from gis.layers.model import Check
from gis.layers.registry import Registry
from gis.layers.verdicts import Verdicts

METRES_A_DEGREE = 111_320.0
NO_HEIGHT = (0.0, -9999.0)  # what programs write where nobody measured
Columns = dict[str, NDArray[np.object_]]


def mend(wanted: Check, shapes: NDArray[np.object_], verdicts: Verdicts) -> None:
    """Replace invalid polygons of `shapes`, in place, by the valid one that GEOS makes of them,
    where that is one polygon and its area differs by no more than `max_change` (a share); each is
    remarked on in `verdicts`. The others stay invalid."""
    most = number(wanted, "max_change")
    for i in np.flatnonzero(~shapely.is_valid(shapes) & verdicts.good).tolist():
        before = shapes[i]
        parts = shapely.get_parts(shapely.make_valid(before))
        parts = parts[shapely.get_dimensions(parts) == 2]
        if len(parts) != 1 or shapely.get_dimensions(before) != 2:
            continue
        was, now = float(shapely.area(before)), float(shapely.area(parts[0]))
        if abs(now - was) > most * max(was, now):
            continue
        reason = shapely.is_valid_reason(before)
        shapes[i] = (
            shapely.MultiPolygon([parts[0]]) if before.geom_type == "MultiPolygon" else parts[0]
        )
        verdicts.refuse(
            i,
            "mended_geometry",
            f"几何无效（{reason}），已自动修复入库，面积变化不到 {most:.0%}。"
            f"请在制图软件中改正原件",
            f"the geometry was invalid ({reason}) and has been mended, its area changed by less "
            f"than {most:.0%}. Correct the original in your editor",
        )


def _slivers(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    least = number(wanted, "min_width_m")
    rows = np.flatnonzero(verdicts.good & (shapely.get_dimensions(shapes) == 2))
    if not len(rows):
        return
    flat = shapely.transform(shapes[rows], _scaled(shapes[rows]))
    length = shapely.length(flat)
    width = 2 * shapely.area(flat) / np.where(length > 0, length, 1.0)
    for i, w in zip(rows[width < least].tolist(), width[width < least].tolist(), strict=True):
        verdicts.refuse(
            i,
            "sliver",
            f"图斑平均宽度只有 {w:.3f} m（下限 {least:g} m）。请并入相邻图斑或删去",
            f"the polygon is {w:.3f} m wide on average (the least is {least:g} m). Merge it with "
            f"its neighbour or remove it",
        )


def _duplicate_vertices(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    within = number(wanted, "tolerance_m")
    xy, line, owner = _vertices(shapes)
    if len(xy) < 2:
        return
    step = np.hypot(*np.diff(xy, axis=0).T)
    twice = np.flatnonzero((np.diff(line) == 0) & (step <= within))
    counts = np.bincount(owner[line[twice]], minlength=len(shapes))
    for i in np.flatnonzero(counts & verdicts.good).tolist() if len(twice) else ():
        verdicts.refuse(
            i,
            "duplicate_vertices",
            f"有 {counts[i]} 个顶点与前一点相距不到 {within * 1000:g} mm。请删去重复点",
            f"{counts[i]} vertices lie within {within * 1000:g} mm of the one before. Remove them",
        )


def _spikes(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    sharpest = number(wanted, "max_angle_deg")
    xy, line, owner = _vertices(shapes)
    if len(xy) < 3:
        return
    # a repeated vertex has no direction, and hides the spike it stands on
    keep = np.append(True, (np.diff(line) != 0) | (np.hypot(*np.diff(xy, axis=0).T) > 1e-4))
    xy, line = xy[keep], line[keep]
    step = np.diff(xy, axis=0)
    inside = np.diff(line) == 0
    arriving, leaving, of = _corners(step, inside, line, xy)
    length = np.hypot(*arriving.T) * np.hypot(*leaving.T)
    back = -np.einsum("ij,ij->i", arriving, leaving)
    sharp = back > np.cos(np.radians(sharpest)) * np.where(length > 0, length, np.inf)
    found, first = np.unique(owner[of[sharp]], return_index=True)
    angle = np.degrees(np.arccos(np.clip(back[sharp] / length[sharp], -1, 1)))[first]
    height = np.minimum(np.hypot(*arriving.T), np.hypot(*leaving.T))[sharp][first]
    for i, degrees, metres in zip(found.tolist(), angle.tolist(), height.tolist(), strict=True):
        verdicts.refuse(
            i,
            "spike",
            f"边界有尖刺：夹角 {degrees:.2f}°，长 {metres:.3f} m。请删去尖刺处的顶点",
            f"the outline has a spike of {degrees:.2f}°, {metres:.3f} m long. Remove its vertex",
        )


def _corners(
    step: NDArray[np.float64], inside: NDArray[np.bool_], line: NDArray[np.int64],
    xy: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:  # fmt: skip
    """Step to each vertex and step away from it, with its line; a ring's first vertex too."""
    middle = np.flatnonzero(inside[:-1] & inside[1:])
    starts = np.flatnonzero(np.append(True, np.diff(line) != 0))
    ends = np.append(starts[1:], len(line)) - 1
    ring = (ends - starts >= 3) & (np.abs(xy[starts] - xy[ends]).max(axis=1) < 1e-4)
    arriving = np.concatenate([step[middle], step[ends[ring] - 1]])
    leaving = np.concatenate([step[middle + 1], step[starts[ring]]])
    return arriving, leaving, np.concatenate([line[middle], line[starts[ring]]])


def _heights_present(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    xyz, of = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    without = ~np.isfinite(xyz[:, 2]) | np.isin(xyz[:, 2], NO_HEIGHT)
    counts = np.bincount(of[without], minlength=len(shapes))
    for i in np.flatnonzero((counts > 0) & verdicts.good).tolist():
        verdicts.refuse(
            i,
            "no_height",
            f"有 {counts[i]} 个点的高程为 0、-9999 或空。请补测高程",
            f"the height of {counts[i]} points is 0, -9999 or none. Add what was measured",
        )


def _scaled(
    shapes: NDArray[np.object_],
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Degrees to metres about the middle of `shapes`."""
    west, south, east, north = shapely.total_bounds(shapes)
    middle = np.array([west + east, south + north]) / 2
    scale = METRES_A_DEGREE * np.array([np.cos(np.radians(middle[1])), 1.0])
    return lambda xy: (xy - middle) * scale


def _vertices(
    shapes: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Vertices of all rings and lines, metres (n, 2); the line each belongs to; and of each line
    the index of its geometry."""
    dimension = shapely.get_dimensions(shapes)
    rings, ring_of = shapely.get_rings(shapes[dimension == 2], return_index=True)
    lines, line_of = shapely.get_parts(shapes[dimension == 1], return_index=True)
    owner = np.concatenate(
        [np.flatnonzero(dimension == 2)[ring_of], np.flatnonzero(dimension == 1)[line_of]]
    )
    both = np.concatenate([rings, lines])
    xy, line = shapely.get_coordinates(both, return_index=True)
    if len(xy):
        xy = _scaled(both)(xy)
    return xy, line, owner


RowCheck = Callable[[Check, NDArray[np.object_], Columns, Registry, Verdicts], None]
SHAPE_CHECKS: Mapping[str, RowCheck] = {
    "slivers": _slivers,
    "duplicate_vertices": _duplicate_vertices,
    "spikes": _spikes,
    "heights_present": _heights_present,
}
