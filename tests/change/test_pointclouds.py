"""Point clouds as surface models: what is read, left out and refused, and what the engine finds."""

from __future__ import annotations

import json
import struct
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from scene import GSD, NORTH, WEST, planted, tally

from gis.change.engines import DsmEngine
from gis.change.pair import pair_of
from gis.change.pointclouds import NODATA, open_cloud, write_surface
from gis.change.rasters import describe
from gis.cli.main import main
from gis.errors import SourceError

Points = list[tuple[float, float, float, int]]  # x, y, z, class byte


def las(path: Path, points: Any, *, format_: int = 0, minor: int = 2, bits: int = 0) -> Path:
    """A LAS file by the letter of the specification, point formats 0 and 6."""
    table = np.asarray(points, dtype=float)
    size, record = (375, 30) if minor >= 4 else (227, 20)
    low, high = table[:, :3].min(0), table[:, :3].max(0)
    offset, scale = np.floor(low), 0.001
    head = bytearray(size)
    struct.pack_into("<4s20xBB", head, 0, b"LASF", 1, minor)
    legacy = 0 if minor >= 4 else len(table)
    struct.pack_into("<HIIBHI", head, 94, size, size, 0, format_ | bits, record, legacy)
    struct.pack_into("<3d3d", head, 131, scale, scale, scale, *offset)
    struct.pack_into("<6d", head, 179, high[0], low[0], high[1], low[1], high[2], low[2])
    if minor >= 4:
        struct.pack_into("<Q", head, 247, len(table))
    rows = np.zeros((len(table), record), dtype=np.uint8)
    rows[:, :12] = np.round((table[:, :3] - offset) / scale).astype("<i4").view(np.uint8)
    if format_ >= 6:
        rows[:, 16] = table[:, 3].astype(np.uint8) & 0x1F
        rows[:, 15] = (table[:, 3].astype(np.uint8) >> 7) << 2
    else:
        rows[:, 15] = table[:, 3].astype(np.uint8)
    path.write_bytes(bytes(head) + rows.tobytes())
    return path


def surface(path: Path, out: Path, gsd: float = 0.5) -> tuple[dict[str, Any], Any]:
    said = write_surface(
        open_cloud(path), out, crs="EPSG:4547", gsd_m=gsd, taken_on=date(2024, 6, 10), datum=None
    )
    with rasterio.open(out) as data:
        return said, data.read(1)


@pytest.mark.parametrize(("format_", "minor"), [(0, 2), (6, 4)])
def test_the_highest_point_of_a_cell_without_noise(
    tmp_path: Path, format_: int, minor: int
) -> None:
    points = [
        (0.1, 0.1, 5.0, 2), (0.2, 0.2, 9.0, 6), (0.3, 0.3, 40.0, 7),  # noise
        (0.3, 0.3, 50.0, 0x80 | 6),  # withheld
        (1.2, 0.1, 3.0, 2), (0.1, 1.2, 4.0, 2),
    ]  # fmt: skip
    path = las(tmp_path / "a.las", points, format_=format_, minor=minor)
    said, z = surface(path, tmp_path / "a.tif", 1.0)
    assert z.tolist() == [[4.0, 4.0], [9.0, 3.0]]  # the empty corner took its neighbour's
    assert (said["points"], said["left_out"], said["cells"]) == (6, 2, 4)


def test_a_wide_gap_stays_a_gap_and_the_grid_is_whole(tmp_path: Path) -> None:
    points = [(500_000.3, 3_600_000.4, 80.0, 2), (500_010.3, 3_600_000.4, 81.0, 2)]
    said, z = surface(las(tmp_path / "a.las", points), tmp_path / "a.tif")
    assert z.shape == (1, 21)
    assert (z[0, :3] == 80).all()
    assert (z[0, 3:18] == NODATA).all()
    assert said["empty"] == pytest.approx(15 / 21, abs=1e-3)
    found = describe(tmp_path / "a.tif", "dsm")
    assert (found.west, found.north, found.gsd_m) == (500_000.0, 3_600_000.5, 0.5)
    assert (found.frame.name, found.taken_on) == ("EPSG:4547", date(2024, 6, 10))


def test_the_engine_finds_what_two_clouds_show(tmp_path: Path) -> None:
    """Points of 8 a square metre with 5 cm of noise, at other places in each epoch."""
    scene = planted(500, seed=3)
    rasters = {}
    for epoch, day in (("before", date(2023, 4, 15)), ("after", date(2024, 6, 10))):
        rng = np.random.default_rng(len(epoch))
        x, y = rng.uniform(0, 500 * GSD, (2, int(8 * (500 * GSD) ** 2)))
        z = getattr(scene, epoch)[(y / GSD).astype(int), (x / GSD).astype(int)]
        z = z + rng.normal(0, 0.05, len(x))
        table = np.column_stack([WEST + x, NORTH - y, z, np.full(len(x), 1)])
        cloud = open_cloud(las(tmp_path / f"{epoch}.las", table))
        out = tmp_path / f"dsm_{epoch}.tif"
        write_surface(cloud, out, crs="EPSG:4547", gsd_m=GSD, taken_on=day, datum=None)
        rasters[epoch] = describe(out, "dsm")
    found = DsmEngine().candidates(pair_of(None, None, rasters["before"], rasters["after"]))
    counts = tally(list(found.items), scene.truth)
    assert len(scene.truth) >= 3
    assert counts["recall"] == 1.0
    assert counts["precision"] >= 0.7  # no photos: some trees that grew are among them


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda raw: b"LASX" + raw[4:], "no LAS"),
        (lambda raw: raw[:60], "no LAS"),
        (lambda raw: raw[:-5], "cut off"),
        (lambda raw: raw[:107] + bytes(4) + raw[111:], "no points"),
        (lambda raw: raw[:104] + b"\x80" + raw[105:], "LAZ"),
        (lambda raw: raw[:104] + b"\x0b" + raw[105:], "no points"),
    ],
)
def test_what_can_not_be_read_is_said(tmp_path: Path, change: Any, word: str) -> None:
    path = las(tmp_path / "a.las", [(0.0, 0.0, 1.0, 2), (2.0, 2.0, 1.0, 2)])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(SourceError) as refused:
        open_cloud(path)
    assert word in refused.value.en
    with pytest.raises(SourceError):
        open_cloud(tmp_path / "absent.las")


def test_bounds_that_are_none(tmp_path: Path) -> None:
    path = las(tmp_path / "a.las", [(0.0, 0.0, 1.0, 2), (2.0, 2.0, 1.0, 2)])
    raw = bytearray(path.read_bytes())
    struct.pack_into("<d", raw, 179, float("nan"))
    path.write_bytes(raw)
    with pytest.raises(SourceError):
        surface(path, tmp_path / "a.tif")


def test_the_command(tmp_path: Path) -> None:
    points = [(500_000.3, 3_600_000.4, 80.0, 2), (500_001.3, 3_600_002.4, 81.0, 2)]
    path = las(tmp_path / "a.las", points)
    words = ["detect", "surface", str(path), str(tmp_path / "a.tif"), "--crs", "EPSG:4547"]
    done = CliRunner().invoke(main, [*words, "--date", "2024-06-10", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["points"] == 2
    assert describe(tmp_path / "a.tif", "dsm").width == 3
    path.write_bytes(b"LASX")
    assert CliRunner().invoke(main, [*words, "--date", "2024-06-10"]).exit_code == 3


def test_real_lidar_is_compressed_and_says_so(shared_data: Path) -> None:
    with pytest.raises(SourceError) as refused:
        open_cloud(shared_data / "g_imagery" / "lidar_autzen" / "autzen_trim.laz")
    assert "LAZ" in refused.value.en
