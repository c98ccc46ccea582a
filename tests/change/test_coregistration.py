"""Rasters of two dates that lie off one another: how far is told, and moved only where it helps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scene import GSD, Scene, planted, tally, write
from scipy import ndimage

from gis.change.coregistration import registered_models, registered_photos
from gis.change.engines import DsmEngine
from gis.change.pair import Pair, pair_of
from gis.change.rasters import describe


def moved(scene: Scene, east_px: float, south_px: float) -> Scene:
    """The later date read off by so many pixels."""

    def shift(z: np.ndarray) -> np.ndarray:
        away = (*([0] * (z.ndim - 2)), south_px, east_px)
        return ndimage.shift(z, away, order=1, mode="nearest")

    return replace(scene, after=shift(scene.after), colour_after=shift(scene.colour_after))


def textured(scene: Scene) -> Scene:
    """Ground that is not of one tone."""
    rng = np.random.default_rng(5)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, scene.before.shape), 2.0)
    grain = (18 * grain / grain.std()).astype("f4")
    return replace(
        scene, colour_before=scene.colour_before + grain, colour_after=scene.colour_after + grain
    )


def pair_in(scene: Scene, folder: Path, **how: float) -> Pair:
    files = write(scene, folder, **how)
    return pair_of(
        describe(files["before"], "image"),
        describe(files["after"], "image"),
        describe(files["dsm_before"], "dsm"),
        describe(files["dsm_after"], "dsm"),
    )


@pytest.fixture(scope="module")
def scene() -> Scene:
    return textured(planted(600, seed=3))


@pytest.mark.parametrize(
    ("east", "south", "sigma", "hang"),
    [(1.0, 0.0, 0.3, 0.0), (1.5, -0.7, 0.3, 0.0), (-2.3, 0.4, 0.5, 3.0), (1.0, 0.0, 1.0, 3.0)],
)
def test_planted_shifts_are_told_to_a_fifth_of_a_pixel(
    scene: Scene, tmp_path: Path, east: float, south: float, sigma: float, hang: float
) -> None:
    pair = pair_in(moved(scene, east, south), tmp_path, sigma=sigma, correlation_px=hang)
    models, of_models = registered_models(pair)
    photos, of_photos = registered_photos(pair)
    for found in (of_models, of_photos):
        assert found.applied, found
        assert found.east_m is not None
        assert found.north_m is not None
        assert found.east_m / GSD == pytest.approx(east, abs=0.2)
        assert -found.north_m / GSD == pytest.approx(south, abs=0.2)
    assert models.dsm_moved == (of_models.east_m, of_models.north_m)
    assert photos.photo_moved == (of_photos.east_m, of_photos.north_m)
    assert len(of_models.notes()) == 1


@pytest.mark.parametrize(("sigma", "hang"), [(0.0, 0.0), (0.3, 0.0), (1.0, 3.0)])
def test_what_lies_right_is_left_alone(
    scene: Scene, tmp_path: Path, sigma: float, hang: float
) -> None:
    pair = pair_in(scene, tmp_path, sigma=sigma, correlation_px=hang)
    for registered in (registered_models, registered_photos):
        same, found = registered(pair)
        assert same is pair
        assert not found.applied
        assert found.notes() == []


def test_ground_without_slopes_tells_nothing(tmp_path: Path) -> None:
    flat = planted(200, seed=3)
    level = np.full_like(flat.before, 80.0)
    flat = replace(flat, before=level, after=level.copy())
    same, found = registered_models(pair_in(flat, tmp_path, sigma=0.01))
    assert same.dsm_moved == (0.0, 0.0)
    assert found.east_m is None


def test_the_engine_moves_the_later_model_and_says_so(scene: Scene, tmp_path: Path) -> None:
    pair = pair_in(moved(scene, 2.0, -1.5), tmp_path, sigma=0.3)
    found = DsmEngine().candidates(pair)
    assert any("moved back" in en for _, en in found.notes)
    assert found.model["coregistration"]["applied"]
    figures = tally(list(found.items), scene.truth)
    assert figures["recall"] == 1.0
    assert figures["precision"] >= 0.9
