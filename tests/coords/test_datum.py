"""Seven parameters: PROJ agrees, planted ones come back, the points decide the convention."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from, tuples

from gis.cli.main import main
from gis.coords import (
    ControlPoint,
    LocalFrame,
    SevenParameters,
    find_transformation,
    fit_seven,
    frame_from_seven,
    norm_frame,
    through_seven,
)
from gis.errors import CoordError

# Invented: parameters of about the size that old Chinese datums have.
SEVEN = SevenParameters(
    shift=(-18.7, 96.3, 71.2),
    rotation=(0.55, -0.41, 0.33),
    scale_ppm=-2.1,
    convention="coordinate_frame",
)
XIAN_PLANE, XIAN = norm_frame(2362), norm_frame(4610)
numbers = floats(-100.0, 100.0)
angles = floats(-3.0, 3.0)


def cart(lonlat: np.ndarray, height: np.ndarray, ellipsoid: str) -> np.ndarray:
    way = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=cart {ellipsoid}"
    )
    return np.column_stack(way.transform(lonlat[:, 0], lonlat[:, 1], height))


@given(
    shift=tuples(numbers, numbers, numbers),
    rotation=tuples(angles, angles, angles),
    ppm=floats(-20.0, 20.0),
    convention=sampled_from(["position_vector", "coordinate_frame"]),
)
@settings(max_examples=100, deadline=None)
def test_proj_agrees(shift, rotation, ppm, convention) -> None:
    seven = SevenParameters(shift=shift, rotation=rotation, scale_ppm=ppm, convention=convention)
    xyz = cart(np.array([[114.0, 33.0], [113.2, 32.3]]), np.array([80.0, 0.0]), "+ellps=krass")
    (x, y, z), (rx, ry, rz) = shift, rotation
    theirs = pyproj.Transformer.from_pipeline(
        f"+proj=helmert +x={x} +y={y} +z={z} +rx={rx} +ry={ry} +rz={rz} +s={ppm} "
        f"+convention={convention}"
    )
    assert seven.apply(xyz) == pytest.approx(np.column_stack(theirs.transform(*xyz.T)), abs=1e-6)
    assert seven.invert(seven.apply(xyz)) == pytest.approx(xyz, abs=1e-6)


@given(
    shift=tuples(numbers, numbers, numbers),
    rotation=tuples(angles, angles, angles),
    ppm=floats(-20.0, 20.0),
)
@settings(max_examples=60, deadline=None)
def test_planted_parameters_come_back(shift, rotation, ppm) -> None:
    """About the points' centre all seven are told apart; without noise they come back."""
    rng = np.random.default_rng(1)
    old = cart(rng.uniform([113, 32], [115, 34], (12, 2)), rng.uniform(0, 500, 12), "+ellps=krass")
    planted = SevenParameters(
        shift=shift,
        rotation=rotation,
        scale_ppm=ppm,
        convention="position_vector",
        pivot=tuple(old.mean(axis=0).tolist()),
    )
    found, error_m = fit_seven(old, planted.apply(old))
    assert found.shift == pytest.approx(planted.shift, abs=1e-4)
    assert found.rotation == pytest.approx(planted.rotation, abs=1e-4)
    assert found.scale_ppm == pytest.approx(planted.scale_ppm, abs=1e-3)
    assert error_m < 1e-4


def test_the_stated_error_is_what_new_points_show() -> None:
    rng = np.random.default_rng(2)
    old = cart(rng.uniform([113, 32], [115, 34], (60, 2)), rng.uniform(0, 300, 60), "+ellps=krass")
    new = SEVEN.apply(old) + rng.normal(0.0, 0.02, old.shape)
    found, error_m = fit_seven(old[:15], new[:15])
    shown = np.linalg.norm(found.apply(old[15:]) - new[15:], axis=1)
    assert error_m == pytest.approx(np.sqrt(np.mean(shown**2)), rel=0.5)


def checks(n: int = 6, seven: SevenParameters = SEVEN, noise_m: float = 0.01) -> list[ControlPoint]:
    """Points known in the old plane (north first, as sheets write) and in EPSG:4547."""
    rng = np.random.default_rng(4)
    old = rng.uniform([113.6, 32.7], [114.4, 33.3], (n, 2))
    known = find_transformation(4490, 4547).apply(through_seven(old, seven, XIAN, norm_frame(4490)))
    known += rng.normal(0.0, noise_m, known.shape)
    plane = find_transformation(XIAN, XIAN_PLANE).apply(old)
    return [
        ControlPoint(name=f"K{i}", x=y, y=x, east=e, north=m)
        for i, ((x, y), (e, m)) in enumerate(zip(plane.tolist(), known.tolist(), strict=True))
    ]


class TestFrame:
    @pytest.mark.parametrize("said", ["position_vector", "coordinate_frame"])
    def test_the_points_decide_the_convention(self, said) -> None:
        frame = frame_from_seven(
            replace(SEVEN, convention=said), "x", source=XIAN_PLANE, points=checks(), target=4547
        )
        assert "coordinate_frame" in frame.warnings[0]
        assert frame.first_is_north
        assert frame.accuracy_m < 0.03
        assert LocalFrame.from_json(yaml.safe_load(yaml.safe_dump(frame.to_json()))) == frame

    def test_places_far_from_the_points_are_where_the_parameters_say(self) -> None:
        frame = frame_from_seven(SEVEN, "x", source=XIAN_PLANE, points=checks(), target=4547)
        old = np.array([[113.5, 32.6], [114.5, 33.4], [114.0, 33.0]])
        plane = find_transformation(XIAN, XIAN_PLANE).apply(old)
        found = find_transformation("local:x", 4490, local={"x": frame}).apply(plane)
        expected = through_seven(old, SEVEN, XIAN, norm_frame(4490))
        assert np.abs(found - expected).max() * 111_320 < frame.accuracy_m

    def test_wrong_parameters_are_refused(self) -> None:
        wrong = replace(SEVEN, shift=(-18.7, 96.3, 51.2))
        with pytest.raises(CoordError) as caught:
            frame_from_seven(wrong, "x", source=XIAN_PLANE, points=checks(), target=4547)
        assert caught.value.error_m > 1.0

    def test_parameters_so_noisy_that_the_sign_can_not_be_told(self) -> None:
        small = replace(SEVEN, rotation=(0.0005, 0.0, 0.0))
        with pytest.raises(CoordError):
            frame_from_seven(
                small, "x", source=XIAN_PLANE, points=checks(6, small, 0.03), target=4547
            )
        none = replace(SEVEN, rotation=(0.0, 0.0, 0.0))
        frame = frame_from_seven(none, "x", source=XIAN_PLANE, points=checks(6, none), target=4547)
        assert frame.accuracy_m < 0.03

    @pytest.mark.parametrize(("source", "n"), [(4610, 6), (2362, 1)])
    def test_degrees_and_single_points_are_refused(self, source, n) -> None:
        with pytest.raises(CoordError):
            frame_from_seven(
                SEVEN, "x", source=norm_frame(source), points=checks()[:n], target=4547
            )


@pytest.mark.parametrize(
    "change",
    [
        {"shift": (1e5, 0.0, 0.0)},
        {"shift": (np.nan, 0.0, 0.0)},
        {"rotation": (100.0, 0.0, 0.0)},
        {"scale_ppm": 1e6},
    ],
)
def test_numbers_that_are_no_parameters(change) -> None:
    with pytest.raises(CoordError):
        replace(SEVEN, **change)


def test_too_few_points_for_a_fit() -> None:
    with pytest.raises(CoordError) as caught:
        fit_seven(np.ones((3, 3)), np.ones((3, 3)))
    assert caught.value.points == 3


def test_as_a_person_types_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIS_CONFIG", str(tmp_path))
    path = tmp_path / "检核点.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "x_local", "y_local", "E_4547", "N_4547"])
        writer.writerows([p.name, p.x, p.y, p.east, p.north] for p in checks())
    words = ["coords", "fit", str(path), "--name", "xian80", "--from", "EPSG:2362"]
    seven = ["--seven", "-18.7,96.3,71.2,0.55,-0.41,0.33,-2.1"]
    result = CliRunner().invoke(main, [*words, *seven])
    assert result.exit_code == 0, result.output
    assert "coordinate_frame" in result.output
    assert (tmp_path / "frames" / "xian80.yml").exists()
    bad = CliRunner().invoke(main, [*words, "--force", "--seven", "1,2,3"])
    assert bad.exit_code == 3
    assert "--seven TX" in bad.output
