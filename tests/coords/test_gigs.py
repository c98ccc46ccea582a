"""GIGS through our own door: every conversion and projection method, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gis.coords import Area, find_transformation
from gis.errors import NoAccurateTransform

sys.path.insert(0, str(Path(__file__).parent))
import gigs

pytestmark = pytest.mark.skipif(not gigs.DATA.is_dir(), reason="the GIGS files are not here")
DOC = Path(__file__).resolve().parents[2] / "docs" / "coords-gigs.md"


@pytest.mark.parametrize("procedure", gigs.PROCEDURES, ids=lambda p: f"{p.number} {p.method}")
def test_procedure(procedure: gigs.Procedure) -> None:
    checks = list(gigs.all_checks(procedure))
    assert sum(len(check.given) for check in checks) >= 10
    for check in checks:
        errors = gigs.errors_m(check)
        assert (errors <= check.tolerance_m).all(), (check.source, check.target, errors.max())


def test_every_conversion_file_is_run_or_listed() -> None:
    run = {p.gie for p in gigs.PROCEDURES}
    files = {p.name for p in (gigs.DATA / "proj_gie_gigs").glob("51*.gie*")}
    assert files - run == {"5111.2.gie.failing"}
    tables = {t for p in gigs.PROCEDURES for t in p.tables}
    there = {
        p.stem.removeprefix("GIGS_conv_")
        for p in (gigs.DATA / "gigs_iogp_dev").glob("GIGS_conv_*output*.txt")
    }
    assert {name for name in there - tables if "USGS" not in name} == set()


def test_5201_geographic_to_geocentric() -> None:
    errors = gigs.geocentric_errors_m()
    assert len(errors) == 27
    assert errors.max() < 0.01


@pytest.mark.parametrize("number", sorted(gigs.SEVEN))
def test_datum_transformations_with_given_parameters(number: str) -> None:
    errors = gigs.seven_errors_m(number)
    assert len(errors) >= 5
    assert errors.max() < 0.03


def test_5208_longitude_rotation() -> None:
    errors = gigs.rotation_errors_m()
    assert len(errors) >= 10
    assert errors.max() < 0.01


@pytest.mark.parametrize(
    ("source", "target"), [(4277, 4326), (4313, 4326), (4289, 4326), (4267, 4269), (4202, 4283)]
)
def test_datum_shifts_over_the_whole_earth_are_refused(source: int, target: int) -> None:
    with pytest.raises(NoAccurateTransform):
        find_transformation(source, target, area=Area(-180.0, -80.0, 180.0, 80.0))


def test_the_page_is_what_the_run_says() -> None:
    assert DOC.read_text("utf-8") == gigs.page()
