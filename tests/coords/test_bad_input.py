"""Bad coordinates, one by one: a clear error that names the row, or a quarantined row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from gis.cli.coords import fit_points
from gis.cli.main import main
from gis.coords import find_transformation, normalise, outside
from gis.errors import CoordError, OneMapError, SourceError, UnknownFrame
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry
from gis.store import Store, quarantine_rows

GOOD = (114.0, 33.0)
HEADER = "标识码,部件分类,经度,纬度"


@pytest.fixture
def deliver(store: Store, registry: Registry, tmp_path: Path) -> Callable[..., LoadReport]:
    def run(*pairs: str, header: str = HEADER, crs: str = "EPSG:4490") -> LoadReport:
        rows = [f"4117020121{i:06d},0121,{pair}" for i, pair in enumerate(pairs)]
        path = tmp_path / "部件.csv"
        path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
        return ingest(store, registry, IngestRequest(path=path, layer="components", crs=crs), {})

    return run


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        ("nan,33.0", "bad_value"),
        ("114.0,inf", "bad_value"),
        ("114.0,-Infinity", "bad_value"),
        ("114.0,95.0", "outside_city"),  # no such latitude
        ("254.0,33.0", "outside_city"),  # no such longitude in the frame
        ("2.35,48.86", "outside_city"),  # another city, and outside the frame's area of use
        ("33.0,114.0", "swapped_axes"),
        (",33.0", "null_geometry"),
        ("东,北", "bad_value"),
        ("114.0,33.0,7.0", "bad_value"),  # three values where two were promised
    ],
)
def test_a_bad_row_is_quarantined_with_its_number(
    deliver: Callable[..., LoadReport], store: Store, pair: str, code: str
) -> None:
    report = deliver("114.0,33.0", "114.01,33.0", pair, "114.02,33.0")
    assert (report.rows_in, report.accepted, report.quarantined) == (4, 3, 1)
    assert report.delivery is not None
    [row] = quarantine_rows(store, report.delivery)
    assert (row["row"], row["code"]) == (3, code)


def test_a_plane_number_outside_its_zone(deliver: Callable[..., LoadReport], store: Store) -> None:
    """38 in front where the frame has no prefix: one row is quarantined, a whole file refused."""
    header = "标识码,部件分类,东坐标,北坐标"
    report = deliver("502000,3650000", "38502100,3650000", header=header, crs="EPSG:4547")
    assert report.delivery is not None
    [row] = quarantine_rows(store, report.delivery)
    assert row["row"] == 2
    with pytest.raises(CoordError) as caught:
        deliver("38502000,3650000", "38502100,3650000", header=header, crs="EPSG:4547")
    assert "EPSG:4526" in str(caught.value.likely)


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, HEADER + "\n"])
def test_an_empty_file(store: Store, registry: Registry, tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(text, "utf-8")
    for crs in ("auto", "EPSG:4490"):
        with pytest.raises(SourceError):
            ingest(store, registry, IngestRequest(path=path, layer="components", crs=crs), {})


def test_rows_with_their_axes_mixed_are_told_apart_and_refused(
    deliver: Callable[..., LoadReport],
) -> None:
    """Half a file latitude first: no row of it can be trusted without a word from the sender."""
    pairs = [f"{GOOD[0] + i / 1000},{GOOD[1]}" for i in range(30)]
    turned = [f"{GOOD[1]},{GOOD[0] + i / 1000}" for i in range(30)]
    with pytest.raises(CoordError) as caught:
        deliver(*pairs, *turned)
    assert "1-30" in str(caught.value.mixed)
    assert "31-60" in str(caught.value.mixed)


@pytest.mark.parametrize("frame", [4490, 4326, 4547, 4526, 3857, "gcj02", "bd09", "bd09mc"])
@pytest.mark.parametrize("bad", [(np.nan, 33.0), (114.0, np.inf), (1e30, 1e30), (-np.inf, np.nan)])
def test_no_number_becomes_a_place(frame: int | str, bad: tuple[float, float]) -> None:
    """Through the door for arrays: the bad row is NaN, its neighbour untouched."""
    good = find_transformation(4490, frame).apply(np.array([GOOD]))
    both = np.vstack([good, [bad]])
    assert outside(both, find_transformation(frame, 4490).source).tolist() == [False, True]
    moved = find_transformation(frame, 4490).apply(both)
    assert moved[0] == pytest.approx(GOOD, abs=1e-9)
    if not np.isfinite(bad).all():
        assert np.isnan(moved[1]).all()


def test_shapes_with_a_bad_vertex_fail_whole() -> None:
    line = shapely.LineString([(114.0, 33.0), (114.1, 33.1)])
    line = shapely.set_coordinates(line, np.array([[114.0, 33.0], [np.nan, np.nan]]))
    found = normalise(np.array([line, shapely.Point(GOOD)]), 4490)
    assert found.failed.tolist() == [True, False]
    assert found.geometry[0] is None


class TestControlFiles:
    def write(self, tmp_path: Path, *rows: str) -> Path:
        path = tmp_path / "控制点.csv"
        path.write_text("\n".join(["name,x_local,y_local,E_4547,N_4547", *rows]), "utf-8")
        return path

    def rows(self, n: int) -> list[str]:
        rng = np.random.default_rng(3)
        known = rng.uniform([498_000, 3_646_000], [508_000, 3_656_000], (n, 2))
        return [f"K{i},{e - 4e5:.3f},{m - 3.6e6:.3f},{e:.3f},{m:.3f}"
                for i, (e, m) in enumerate(known.tolist())]  # fmt: skip

    def test_two_points(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, *self.rows(2))
        with pytest.raises(CoordError) as caught:
            fit_points(path, "x", None, 0.05, False, "Asia/Shanghai")
        assert caught.value.points == 2

    def test_a_gross_error_is_named(self, tmp_path: Path) -> None:
        rows = self.rows(9)
        parts = rows[4].split(",")
        rows[4] = ",".join([*parts[:3], f"{float(parts[3]) + 3.0:.3f}", parts[4]])
        frame = fit_points(self.write(tmp_path, *rows), "x", None, 0.05, False, "Asia/Shanghai")
        assert [p.name for p in frame.dropped] == ["K4"]

    def test_a_short_row_and_a_word(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, *self.rows(4), "K9,1,2,3")
        with pytest.raises(OneMapError) as caught:
            fit_points(path, "x", None, 0.05, False, "Asia/Shanghai")
        assert "6" in caught.value.en  # the line
        path = self.write(tmp_path, *self.rows(4), "K9,1,2,甲,4")
        with pytest.raises(CoordError) as caught:
            fit_points(path, "x", None, 0.05, False, "Asia/Shanghai")
        assert caught.value.row == 5


@pytest.mark.parametrize("words", [
    ["convert", "--from", "4490", "--to", "4547", "--", "nan", "33"],
    ["convert", "--from", "4490", "--to", "4547", "--", "114", "inf"],
    ["convert", "--from", "4490", "--to", "4547", "--", "114", "95"],
    ["grid", "114", "95"], ["grid", "nan", "33"],
])  # fmt: skip
def test_on_the_command_line(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["coords", *words])
    assert result.exit_code == 3, result.output
    assert "error:" in result.output


def test_a_file_that_says_nothing_and_holds_five_rows(deliver: Callable[..., LoadReport]) -> None:
    with pytest.raises(UnknownFrame):
        deliver(*[f"{GOOD[0] + i / 1000},{GOOD[1]}" for i in range(5)], crs="auto")
