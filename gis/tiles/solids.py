"""Rows of a layer to one mesh in a tile's frame, with a reason for each that can't be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords.heights import HeightOffset, ellipsoidal_from_1985
from gis.store import FeatureRows
from gis.tiles.extrude import extrude
from gis.tiles.mesh import Floats, Mesh
from gis.tiles.placement import TileFrame
from gis.tiles.recipe import Recipe
from gis.tiles.tube import tube

PIPE_SIDES = 8
SHAFT_SIDES = 12
NO_VALUE = "no_value"  # a height, depth or diameter is missing or impossible
NOT_MEANT = "not_meant"  # the recipe takes only others
NO_SHAPE = "no_shape"  # the geometry has no area or no length, or its triangles do not cover it


@dataclass(frozen=True, slots=True)
class Solids:
    """`mesh` numbers its features 0…n-1, which are rows `drawn` (n,). `left_out`: key -> why."""

    mesh: Mesh
    drawn: NDArray[np.int64]
    left_out: dict[int, str]


def make_solids(
    rows: FeatureRows, recipe: Recipe, frame: TileFrame, offset: HeightOffset | None
) -> Solids:
    """Raises NoAccurateTransform where the city states no undulation."""
    zmin, zmax = z_range(rows.geometry)
    meant = recipe.meant(rows.columns, len(rows))
    known = recipe.extent(rows.columns, zmin, zmax).known
    at = np.flatnonzero(known & meant)
    mesh, done = _mesh(rows, recipe, frame, offset, at)
    drawn = at[done]
    number = np.cumsum(done) - 1
    left_out = dict.fromkeys(rows.key[~known].tolist(), NO_VALUE)
    left_out |= dict.fromkeys(rows.key[at[~done]].tolist(), NO_SHAPE)
    left_out |= dict.fromkeys(rows.key[~meant].tolist(), NOT_MEANT)
    renumbered = Mesh(mesh.positions, mesh.normals, mesh.triangles, number[mesh.feature])
    return Solids(renumbered, drawn, left_out)


def z_range(geometry: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Lowest and highest z of each geometry; NaN where it has none."""
    points, owner = shapely.get_coordinates(geometry, include_z=True, return_index=True)
    known = np.isfinite(points[:, 2])
    z, owner = points[known, 2], owner[known]
    low, high = np.full(len(geometry), np.inf), np.full(len(geometry), -np.inf)
    np.minimum.at(low, owner, z)
    np.maximum.at(high, owner, z)
    empty = np.isinf(low)
    low[empty], high[empty] = np.nan, np.nan
    return low, high


def _mesh(
    rows: FeatureRows,
    recipe: Recipe,
    frame: TileFrame,
    offset: HeightOffset | None,
    at: NDArray[np.int64],
) -> tuple[Mesh, NDArray[np.bool_]]:
    geometry = rows.geometry[at]
    values = {name: column[at] for name, column in recipe.read(rows.columns, len(rows)).items()}
    if recipe.kind == "extrude":
        lon, lat = _centres(geometry)
        low = ellipsoidal_from_1985(values["base_m"], lon, lat, offset)
        return extrude(geometry, low, low + values["height_m"], frame)
    if recipe.kind == "tube":
        radius = values["diameter_mm"] / 2000
        return tube(_axes(geometry, recipe.axis_radii * radius, frame, offset), radius, PIPE_SIDES)
    lon, lat = _centres(geometry)
    ground = ellipsoidal_from_1985(values["ground_m"], lon, lat, offset)
    ends = np.stack(
        [
            frame.of_degrees(lon, lat, ground),
            frame.of_degrees(lon, lat, ground - values["depth_m"]),
        ],
        axis=1,
    )
    shafts = shapely.linestrings(ends)
    return tube(np.asarray(shafts, object), values["diameter_m"] / 2, SHAFT_SIDES)


def _centres(geometry: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Middle of each extent: one undulation a solid, so that its floor stays level."""
    bounds = shapely.bounds(geometry)
    return (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2


def _axes(
    geometry: NDArray[np.object_], raise_m: Floats, frame: TileFrame, offset: HeightOffset | None
) -> NDArray[np.object_]:
    """Pipe axes in the tile's frame; z in `geometry` is of the city's datum."""
    points, owner = shapely.get_coordinates(geometry, include_z=True, return_index=True)
    lon, lat = points[:, 0], points[:, 1]
    height = ellipsoidal_from_1985(points[:, 2] + raise_m[owner], lon, lat, offset)
    local = shapely.force_3d(geometry)
    return np.asarray(shapely.set_coordinates(local, frame.of_degrees(lon, lat, height)), object)
