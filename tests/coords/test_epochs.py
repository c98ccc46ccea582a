"""ITRF at an epoch to CGCS2000: PROJ's plate model agrees, accuracies grow with the years."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from

from gis.coords import find_transformation, norm_frame, normalise, to_metric
from gis.coords.epochs import EURASIA_MAS_PER_YEAR, NAMES, carried
from gis.errors import NoAccurateTransform, UnknownFrame

CENTRE = np.array([[114.022, 32.98]])
EURASIA = "+proj=helmert +drx=-0.000085 +dry=-0.000531 +drz=0.00077 +convention=position_vector"


def by_proj(lonlat: np.ndarray, years: float) -> np.ndarray:
    """The same motion as a PROJ pipeline with time."""
    pipeline = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart "
        f"+ellps=GRS80 +step {EURASIA} +t_epoch=2000 +step +inv +proj=cart +ellps=GRS80 "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    zero = np.zeros(len(lonlat))
    out = pipeline.transform(lonlat[:, 0], lonlat[:, 1], zero, zero + 2000.0 + years)
    return np.column_stack(out[:2])


@given(lon=floats(73.5, 135.0), lat=floats(18.0, 53.5), years=floats(-15.0, 60.0))
@settings(max_examples=200, deadline=None)
def test_the_plate_moves_as_in_proj(lon: float, lat: float, years: float) -> None:
    place = np.array([[lon, lat]])
    assert carried(place, years) == pytest.approx(by_proj(place, years), abs=1e-11)


def test_the_parameters_are_those_of_projs_own_file() -> None:
    text = (Path(pyproj.datadir.get_data_dir()) / "ITRF2014").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("<EURA>"))
    stated = [float(part.split("=")[1]) for part in line.split() if part.startswith("+dr")]
    assert stated == pytest.approx([v / 1000.0 for v in EURASIA_MAS_PER_YEAR])


def test_ties_between_the_frames_are_projs() -> None:
    """ITRF2014 at 2024.5: PROJ's 14 parameters to ITRF97, then the plate, written apart."""
    group = pyproj.transformer.TransformerGroup(7912, 7908, always_xy=True, allow_ballpark=False)
    x, y, _, _ = group.transformers[0].transform(114.022, 32.98, 0.0, 2024.5)
    expected = by_proj(np.array([[x, y]]), -24.5)
    found = find_transformation("ITRF2014@2024.5", 4490).apply(CENTRE)
    assert found == pytest.approx(expected, abs=1e-11)


@given(
    lon=floats(113.1, 115.3),
    lat=floats(32.2, 33.6),
    name=sampled_from(sorted(NAMES)),
    epoch=floats(1990.0, 2050.0),
)
@settings(max_examples=100, deadline=None)
def test_there_and_back(lon: float, lat: float, name: str, epoch: float) -> None:
    place, frame = np.array([[lon, lat]]), f"{name}@{epoch:.2f}"
    there = find_transformation(4490, frame).apply(place)
    assert find_transformation(frame, 4490).apply(there) == pytest.approx(place, abs=1e-11)


def test_accuracy_grows_with_the_years_and_is_said() -> None:
    way = find_transformation("ITRF2014@2024.5", 4490)
    assert way.accuracy_m == pytest.approx(0.01 + 0.245)
    assert "2024.5" in way.steps[0]
    assert "plate motion" in way.steps[0]
    moved = to_metric(way.apply(CENTRE), 4547) - to_metric(CENTRE, 4547)
    assert 0.6 < float(np.hypot(*moved[0])) < 0.8  # 27 mm a year, eastwards since then
    assert find_transformation("ITRF97@2000", 4490).accuracy_m == 0.0


def test_a_plane_on_an_itrf_and_two_epochs() -> None:
    way = find_transformation("ITRF2014@2010", "ITRF2014@2020")
    moved = to_metric(way.apply(CENTRE), 4547) - to_metric(CENTRE, 4547)
    assert float(np.hypot(*moved[0])) == pytest.approx(0.28, abs=0.03)
    assert find_transformation("ITRF2014@2020", 4547).accuracy_m == pytest.approx(0.21)
    # without an epoch nobody knows where the plate was: metres, as EPSG states them
    assert find_transformation("ITRF2014", 4490).accuracy_m > 1.0


def test_geometries_too() -> None:
    moved = normalise(shapely.points(CENTRE), "ITRF2014@2024.5")
    assert moved.accuracy_m == pytest.approx(0.255)
    there = find_transformation("ITRF2014@2024.5", 4490).apply(CENTRE)
    assert shapely.get_coordinates(moved.geometry) == pytest.approx(there, abs=1e-12)


@pytest.mark.parametrize("text", ["gcj02@2024", "ITRF2014@", "ITRF2014@1800", "ITRF2014@2024-05"])
def test_no_such_epoch(text: str) -> None:
    with pytest.raises(UnknownFrame):
        norm_frame(text)


@pytest.mark.parametrize("text", ["EPSG:4490@2020", "EPSG:4610@2020"])
def test_frames_that_do_not_move(text: str) -> None:
    with pytest.raises(NoAccurateTransform):
        find_transformation(text, 4490)
