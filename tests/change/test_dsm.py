"""The dsm engine on scenes whose changes are known, and on files it must refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.env import get_gdal_config
from rasterio.errors import NotGeoreferencedWarning
from scene import GSD, NORTH, WEST, Scene, box, change, planted, stand, tally, town, tree, write

from gis.change.engines import Candidates, DsmEngine, engine_of
from gis.change.pair import CACHE_MB, Box, Pair, pair_of, sheets
from gis.change.rasters import Raster, describe
from gis.coords import from_epsg
from gis.errors import ChangeError, CoordError, SourceError


def opened(paths: dict[str, Path], photos: bool = True) -> Pair:
    def read(name: str, kind: Any) -> Raster | None:
        return describe(paths[name], kind) if photos or kind == "dsm" else None

    return pair_of(
        read("before", "image"),
        read("after", "image"),
        read("dsm_before", "dsm"),
        read("dsm_after", "dsm"),
    )


def found(scene: Scene, folder: Path, photos: bool = True, **how: Any) -> Candidates:
    return DsmEngine().candidates(opened(write(scene, folder, **how), photos))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return planted()


@pytest.mark.parametrize(
    ("how", "least"),
    [
        ({"sigma": 0.0}, 1.0),
        ({"sigma": 0.3}, 1.0),
        ({"sigma": 0.3, "correlation_px": 2.0}, 1.0),
        ({"sigma": 0.3, "offset_m": 0.4, "tilt": 0.002}, 1.0),
        ({"sigma": 0.3, "shift_px": 1}, 0.95),
        ({"sigma": 0.5, "correlation_px": 3.0}, 0.9),
    ],
    ids=["clean", "white", "correlated", "tilted", "shifted", "rough"],
)
def test_finds_what_was_planted_and_nothing_else(
    scene: Scene, tmp_path: Path, how: dict[str, float], least: float
) -> None:
    result = found(scene, tmp_path, **how)
    figures = tally(list(result.items), scene.truth)
    assert figures["precision"] >= least, result.rejected
    assert figures["recall"] >= least
    assert figures["kinds"] >= least


@pytest.mark.parametrize(
    ("kind", "height"),
    [("construction", 3.4), ("construction", 21.0), ("demolition", 8.0), ("added_storey", 3.1)],
)
def test_measures_height_and_area(tmp_path: Path, kind: str, height: float) -> None:
    scene = town(400)
    shape = box(100, 60, 20, 14, 12)
    change(scene, kind, shape, height)
    [item] = found(scene, tmp_path, sigma=0.2).items
    signed = -height if kind == "demolition" else height
    assert item.kind == kind
    assert item.delta_h_m == pytest.approx(signed, abs=0.5)
    assert item.area_m2 == pytest.approx(shape.area, rel=0.1)
    assert item.height_m is not None
    stands = {"demolition": 0.0, "added_storey": 9.0 + height}.get(kind, height)
    assert item.height_m == pytest.approx(stands, abs=0.8)
    drawn = item.outline.intersection(shape).area / item.outline.union(shape).area
    assert drawn > 0.9
    assert len(item.outline.exterior.coords) == 5  # a rectangle, not pixel steps


def test_growing_trees_are_no_buildings(tmp_path: Path) -> None:
    scene = town(400, trees=0)
    for x in range(30, 180, 30):
        tree(scene, x, 62, 4.0, 2.0, 7.0)
    result = found(scene, tmp_path)
    assert result.items == ()
    blind = found(scene, tmp_path, photos=False)  # told by their roughness alone
    assert blind.rejected["vegetation"] >= 4
    assert any("roughness" in en for _, en in blind.notes)


def test_cranes_and_lorries_are_no_buildings(tmp_path: Path) -> None:
    scene = town(400)
    stand(scene, box(100, 62, 2.4, 12.0), 3.6, "after")
    stand(scene, box(60, 62, 4.5, 11.0), 40.0, "after")  # a crane's tower and cabin
    result = found(scene, tmp_path)
    assert result.items == ()
    assert result.rejected["slender"] == 1


def test_restless_surroundings_ask_for_more(tmp_path: Path) -> None:
    """What stands out from calm ground does not stand out from water that dances by a metre."""
    scene = town(800, trees=0)
    pond = box(200, 200, 120, 120)
    water = scene.mask(pond)
    for z in (scene.before, scene.after):
        waves = np.kron(scene.rng.normal(0, 1.0, (100, 100)), np.ones((8, 8)))
        z[water] = (80 + waves[water]).astype("f4")
    result = found(scene, tmp_path, sigma=0.1, photos=False)
    assert result.rejected["restless"] >= 5
    assert not [c for c in result.items if pond.buffer(-20).contains(c.mask)]


def test_earth_dug_out_all_around_is_no_demolition(tmp_path: Path) -> None:
    scene = town(400, trees=0)
    pit = scene.mask(box(100, 62, 40, 16))
    scene.after[pit] -= 4.0
    result = found(scene, tmp_path)
    assert result.items == ()
    assert result.rejected["ground"] == 1


def test_missing_pixels_are_no_change(scene: Scene, tmp_path: Path) -> None:
    result = found(scene, tmp_path, holes=True)
    strip = shapely.box(WEST + 100 * GSD, NORTH - scene.size * GSD, WEST + 110 * GSD, NORTH)
    inside = [c for c in result.items if c.mask.intersection(strip).area > 1]
    assert all(any(c.mask.intersects(shape) for _, shape, _ in scene.truth) for c in inside)
    whole = found(scene, tmp_path)
    assert result.searched_m2 == pytest.approx(
        whole.searched_m2 - 10 * scene.size * GSD**2, rel=1e-9
    )


def places(result: Candidates) -> list[tuple[bytes, str, float]]:
    return [(shapely.to_wkb(c.mask), c.kind, c.area_m2) for c in result.items]


def test_windows_leave_no_trace(scene: Scene, tmp_path: Path) -> None:
    pair = opened(write(scene, tmp_path, sigma=0.3))
    whole = DsmEngine(window_px=4096).candidates(pair)
    assert len(whole.items) > 5
    for window_px in (256, 512):
        cut = DsmEngine(window_px=window_px).candidates(pair)
        assert places(cut) == places(whole)
        assert cut.rejected == whole.rejected


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_part_finds_what_lies_well_inside_it(data: st.DataObject, part_pair: Pair) -> None:
    """A search of part of the grid gives the same places as a search of all, away from its rim."""
    every = DsmEngine().candidates(part_pair)
    side = part_pair.grid.width
    top = data.draw(st.integers(0, side - 200))
    left = data.draw(st.integers(0, side - 200))
    part = Box(top, left, data.draw(st.integers(top + 100, side)),
               data.draw(st.integers(left + 100, side)))  # fmt: skip
    some = DsmEngine().candidates(part_pair, part)
    grid = part_pair.grid
    inner = shapely.box(
        grid.west + (part.left + 2) * GSD, grid.north - (part.bottom - 2) * GSD,
        grid.west + (part.right - 2) * GSD, grid.north - (part.top + 2) * GSD,
    )  # fmt: skip
    assert [p for p in places(every) if inner.contains(shapely.from_wkb(p[0]))] == [
        p for p in places(some) if inner.contains(shapely.from_wkb(p[0]))
    ]


@pytest.fixture(scope="module")
def part_pair(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return opened(write(scene, tmp_path_factory.mktemp("part"), sigma=0.2))


def test_a_large_place_is_measured_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = town(600, trees=0)
    change(scene, "construction", box(150, 150, 160, 90), 9.0)
    paths = write(scene, tmp_path, sigma=0.2)
    [whole] = DsmEngine().candidates(opened(paths)).items
    monkeypatch.setattr("gis.change.engines.surface.MOST_PX", 100)
    [thin] = DsmEngine().candidates(opened(paths)).items
    assert thin.area_m2 == pytest.approx(whole.area_m2)
    assert thin.delta_h_m == pytest.approx(whole.delta_h_m, abs=0.2)
    assert thin.height_m == pytest.approx(whole.height_m, abs=0.4)


def test_other_pixel_sizes_and_offsets_are_resampled(scene: Scene, tmp_path: Path) -> None:
    paths = write(scene, tmp_path, sigma=0.2)
    moved = tmp_path / "dsm_moved_20240610.tif"
    with rasterio.open(paths["dsm_after"]) as data:
        profile, z = data.profile, data.read(1)
        profile["transform"] = rasterio.Affine(GSD, 0, WEST + 0.2, 0, -GSD, NORTH - 0.2)
        with rasterio.open(moved, "w", **profile) as out:
            out.write(z, 1)
    result = DsmEngine().candidates(opened(paths | {"dsm_after": moved}))
    assert any("resampled" in en for _, en in result.notes)
    assert tally(list(result.items), scene.truth)["recall"] >= 0.95


def test_gdal_may_cache_so_much_and_no_more(part_pair: Pair) -> None:
    with sheets(part_pair):
        assert get_gdal_config("GDAL_CACHEMAX") == CACHE_MB * 1024 * 1024


# --- files that must be refused ------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return opened(write(town(200), tmp_path))


def problem(pair: Pair, **changed: Any) -> Any:
    files = {n: getattr(pair, n) for n in ("before", "after", "dsm_before", "dsm_after")}
    with pytest.raises(ChangeError) as refused:
        pair_of(**files | changed)
    return refused.value.problem


def test_refuses_files_that_do_not_go_together(pair: Pair) -> None:
    later, earlier = pair.dsm_after, pair.dsm_before
    assert later is not None
    assert earlier is not None
    assert problem(pair, before=None, dsm_before=None) == "missing"
    assert problem(pair, before=pair.after, after=pair.before,
                   dsm_before=later, dsm_after=earlier) == "dates"  # fmt: skip
    assert problem(pair, dsm_after=replace(later, gsd_m=1.5)) == "pixel_size"
    assert problem(pair, dsm_after=replace(later, datum="WGS 84 ellipsoid")) == "height_datum"
    assert problem(pair, dsm_after=replace(later, west=later.west + 5000)) == "overlap"
    assert problem(pair, dsm_after=replace(later, taken_on=earlier.taken_on.replace(2025))) == (
        "epoch"
    )


def test_refuses_mixed_heights_that_no_file_states(tmp_path: Path) -> None:
    pair = opened(write(town(200), tmp_path, offset_m=-13.8, datum=""))
    with pytest.raises(ChangeError) as refused:
        DsmEngine().candidates(pair)
    assert refused.value.problem == "height_datum"


def test_each_engine_by_its_name_and_no_other(pair: Pair) -> None:
    for name, engine in (("auto", "dsm"), ("dsm", "dsm"), ("net", "net"), ("screen", "screen")):
        assert engine_of(name, pair).name == engine
    with pytest.raises(ChangeError) as refused:
        engine_of("magic", pair)
    assert refused.value.problem == "engine"
    photos = replace(pair, dsm_before=None, dsm_after=None)
    with pytest.raises(ChangeError) as without:
        DsmEngine().candidates(photos)
    assert without.value.problem == "missing"


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"crs": None}, SourceError),
        ({"crs": "EPSG:4490"}, (SourceError, CoordError)),
        ({"transform": rasterio.Affine(0.5, 0.1, WEST, 0.1, -0.5, NORTH)}, SourceError),
        ({"transform": rasterio.Affine(0.5, 0, WEST, 0, -0.8, NORTH)}, SourceError),
    ],
    ids=["no frame", "degrees", "turned", "oblong"],
)
def test_refuses_a_wrong_grid(tmp_path: Path, extra: dict[str, Any], error: Any) -> None:
    path = tmp_path / "dsm_20240610.tif"
    profile = {
        "driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "float32",
        "crs": "EPSG:4547", "transform": rasterio.Affine(0.5, 0, WEST, 0, -0.5, NORTH),
    }  # fmt: skip
    with rasterio.open(path, "w", **(profile | extra)) as data:
        data.write(np.zeros((1, 40, 40), np.float32))
    with pytest.raises(error):
        describe(path, "dsm")


def test_refuses_what_is_no_raster(tmp_path: Path) -> None:
    path = tmp_path / "dsm_20240610.tif"
    with pytest.raises(SourceError):
        describe(path, "dsm")
    path.write_bytes(b"II*\x00 not a tiff at all")
    with pytest.raises(SourceError):
        describe(path, "dsm")


@pytest.mark.parametrize("broken", ["dsm_before", "before"])
def test_a_file_cut_short_is_named(tmp_path: Path, broken: str) -> None:
    scene = town(400)
    change(scene, "construction", box(100, 60, 20, 14), 9.0)
    paths = write(scene, tmp_path)
    whole = paths[broken].read_bytes()
    pair = opened(paths)
    paths[broken].write_bytes(whole[: len(whole) // 3])
    with pytest.raises(SourceError) as refused:
        DsmEngine().candidates(pair)
    assert refused.value.file == paths[broken].name


def test_refuses_a_photo_as_surface_model_and_a_file_without_a_date(tmp_path: Path) -> None:
    paths = write(town(100), tmp_path)
    with pytest.raises(SourceError) as refused:
        describe(paths["after"], "dsm")
    assert refused.value.bands == 3
    bare = tmp_path / "dsm.tif"
    with rasterio.open(paths["dsm_after"]) as data, rasterio.open(bare, "w", **data.profile) as out:
        out.write(data.read())
    with pytest.raises(ChangeError) as undated:
        describe(bare, "dsm")
    assert undated.value.problem == "date"
    other = tmp_path / "dsm_20200101.tif"
    other.write_bytes(paths["dsm_after"].read_bytes())
    with pytest.raises(ChangeError):  # the name and the tag differ
        describe(other, "dsm")


# --- what must not matter ------------------------------------------------------------------


def test_swapping_the_dates_swaps_construction_and_demolition(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    there = found(scene, tmp_path, sigma=0.3)
    swapped = replace(
        scene, before=scene.after, after=scene.before,
        colour_before=scene.colour_after, colour_after=scene.colour_before,
    )  # fmt: skip
    back = found(swapped, tmp_path / "back", sigma=0.3)
    other = {"construction": "demolition", "added_storey": "demolition"}
    for item in there.items:
        [twin] = [c for c in back.items if c.mask.intersection(item.mask).area > 0.5 * c.area_m2]
        if item.kind == "demolition":
            assert twin.kind in other
        else:
            assert twin.kind == other[item.kind]
        assert item.delta_h_m is not None
        assert twin.delta_h_m == pytest.approx(-item.delta_h_m, abs=0.3)
    assert len(there.items) == len(back.items)


@settings(max_examples=4, deadline=None)
@given(east=st.integers(-40_000, 40_000), north=st.integers(-40_000, 40_000))
def test_moving_both_dates_moves_what_is_found(
    east: int, north: int, part_pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("moved")
    files = []
    for raster in (part_pair.before, part_pair.after, part_pair.dsm_before, part_pair.dsm_after):
        assert raster is not None
        with rasterio.open(raster.path) as data:
            profile, pixels, tags = data.profile, data.read(), data.tags()
        where = rasterio.Affine(GSD, 0, WEST + east / 2, 0, -GSD, NORTH + north / 2)
        with rasterio.open(folder / raster.path.name, "w", **profile | {"transform": where}) as out:
            out.write(pixels)
            out.update_tags(**tags)
        files.append(describe(folder / raster.path.name, raster.kind))
    here, there = (DsmEngine().candidates(p) for p in (part_pair, pair_of(*files)))
    assert len(here.items) == len(there.items) > 5
    for a, b in zip(here.items, there.items, strict=True):
        assert a.kind == b.kind
        moved = shapely.affinity.translate(a.mask, east / 2, north / 2)
        assert moved.equals_exact(b.mask, 1e-6)


def test_noise_that_hangs_together_hides_small_things_not_large_ones(tmp_path: Path) -> None:
    """At 1 m, a low shed of 300 m² is seen; and with nothing there, nothing is."""
    empty, built = town(800, seed=9), town(800, seed=9)
    change(built, "construction", box(200, 62, 25, 12), 4.0)
    (tmp_path / "empty").mkdir()
    nothing = found(empty, tmp_path / "empty", sigma=1.0, correlation_px=3.0)
    assert nothing.items == ()
    assert nothing.rejected["unsure"] >= 1
    [shed] = found(built, tmp_path, sigma=1.0, correlation_px=3.0).items
    assert shed.kind == "construction"
    assert shed.area_m2 == pytest.approx(300, rel=0.4)


def test_noise_beyond_what_was_measured_is_said(tmp_path: Path) -> None:
    """In the run's record and in each candidate, that is in each alert."""
    scene = town(600)
    change(scene, "construction", box(100, 60, 40, 30), 25.0)
    wild, calm = tmp_path / "wild", tmp_path / "calm"
    for folder, sigma, inside in ((wild, 2.0, False), (calm, 0.3, True)):
        folder.mkdir()
        result = found(scene, folder, sigma=sigma, correlation_px=2.0)
        assert result.model["domain"] == {"inside": inside}
        assert any("measured on" in en for _, en in result.notes) != inside
        assert [c.measures["in_domain"] for c in result.items] == [float(inside)]


# --- photos that come otherwise ------------------------------------------------------------


@pytest.mark.parametrize("how", ["16-bit", "four bands", "palette"])
def test_photos_beside_models_may_come_otherwise(tmp_path: Path, how: str) -> None:
    """Colour tells plants at any depth; a palette has none, and that is said."""
    scene = town(400, trees=20)
    change(scene, "construction", box(100, 62, 20, 14), 9.0)
    files = write(scene, tmp_path, sigma=0.2)
    for epoch in ("before", "after"):
        with rasterio.open(files[epoch]) as data:
            profile, pixels, tags = data.profile, data.read(), data.tags()
        if how == "16-bit":
            pixels = pixels.astype("u2") * 200
        elif how == "four bands":
            pixels = np.concatenate([pixels, pixels[:1]])
        else:
            pixels = pixels[:1]
        profile |= {"count": len(pixels), "dtype": pixels.dtype, "photometric": "minisblack"}
        if how == "palette":
            profile["photometric"] = "palette"
        with rasterio.open(files[epoch], "w", **profile) as out:
            out.write(pixels)
            out.update_tags(**tags)
            if how == "palette":
                out.write_colormap(1, {i: (i, i, i, 255) for i in range(256)})
    result = DsmEngine().candidates(opened(files))
    [item] = [c for c in result.items if c.kind == "construction"]
    assert item.area_m2 == pytest.approx(280, rel=0.1)
    assert any("no colour" in en for _, en in result.notes) == (how == "palette")


def test_another_frame_and_another_extent(pair: Pair) -> None:
    assert pair.dsm_after is not None
    other = from_epsg(4548)
    assert problem(pair, dsm_after=replace(pair.dsm_after, frame=other)) == "frame"
    assert pair.before is not None
    assert problem(pair, before=replace(pair.before, frame=other)) == "frame"
    west = pair.dsm_after.west + 40 * GSD
    part = pair_of(pair.before, pair.after, pair.dsm_before, replace(pair.dsm_after, west=west))
    assert (part.grid.west, part.grid.width) == (west, 160)  # what both show


def test_a_file_with_a_frame_but_no_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dsm_20240610.tif"
    profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "float32"}
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", crs="EPSG:4547", **profile) as out,
    ):
        out.write(np.zeros((1, 40, 40), np.float32))
    with pytest.raises(SourceError) as refused:
        describe(path, "dsm")
    assert refused.value.missing == "georeference"
