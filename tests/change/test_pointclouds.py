"""Point clouds as surface models: what is read, left out and refused, and what the engine finds."""

from __future__ import annotations

import json
import struct
from datetime import date
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from scene import GSD, NORTH, WEST, planted, tally
from scipy import ndimage

from gis.change.engines import DsmEngine
from gis.change.pair import pair_of
from gis.change.pointclouds import NODATA, open_cloud, write_surface
from gis.change.rasters import describe
from gis.cli.main import main
from gis.errors import CoordError, SourceError, UnknownFrame

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


AUTZEN = ("g_imagery", "lidar_autzen", "autzen_trim.laz")


def squeezed(path: Path, points: Any) -> Path:
    """The same points as a compressed file."""
    with laspy.open(las(path.with_suffix(".las"), points)) as reader:
        reader.read().write(path, laz_backend=laspy.LazBackend.Lazrs)
    return path


def test_a_compressed_cloud_is_read_as_if_it_were_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    points = np.column_stack([rng.uniform(0, 20, (500, 2)), rng.uniform(50, 60, 500),
                              rng.choice([2, 6, 7], 500)])  # fmt: skip
    packed, plain = squeezed(tmp_path / "b.laz", points), las(tmp_path / "a.las", points)
    assert open_cloud(packed).compressed
    said, z = surface(packed, tmp_path / "b.tif")
    same, whole = surface(plain, tmp_path / "a.tif")
    assert said == same
    assert (z == whole).all()
    assert 0 < said["left_out"] < 500


def test_a_compressed_cloud_cut_short_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    path = squeezed(tmp_path / "b.laz", np.column_stack([rng.uniform(0, 99, (9000, 3)),
                                                         np.full(9000, 2)]))  # fmt: skip
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(SourceError) as refused:
        surface(path, tmp_path / "b.tif")
    assert "cut off" in refused.value.en


def test_a_cloud_that_only_claims_to_be_compressed_is_refused(tmp_path: Path) -> None:
    path = las(tmp_path / "a.las", [(0.0, 0.0, 1.0, 2), (2.0, 2.0, 1.0, 2)])
    raw = path.read_bytes()
    path.write_bytes(raw[:104] + b"\x80" + raw[105:])
    with pytest.raises(SourceError):
        surface(path, tmp_path / "a.tif")


def autzen(shared_data: Path, out: Path, day: date) -> dict[str, Any]:
    """The real cloud, in feet of Oregon, as a metric surface model."""
    cloud = open_cloud(shared_data.joinpath(*AUTZEN))
    return write_surface(
        cloud, out, crs="EPSG:2994", to="EPSG:3740", gsd_m=1.0, taken_on=day, datum=None
    )


def test_real_lidar_in_feet_becomes_metres(shared_data: Path, tmp_path: Path) -> None:
    said = autzen(shared_data, tmp_path / "a.tif", date(2010, 4, 15))
    assert (said["points"], said["frame"]) == (110_000, "EPSG:3740")
    assert said["height_unit"] == pytest.approx(0.3048)
    found = describe(tmp_path / "a.tif", "dsm")
    assert found.frame.unit == "metre"
    # 1177 by 563 feet, in another projection
    assert found.width == pytest.approx(1177.5 * 0.3048, abs=8)
    assert found.height == pytest.approx(562.7 * 0.3048, abs=15)
    with rasterio.open(tmp_path / "a.tif") as data:
        z = data.read(1, masked=True)
    # 406.26 to 520.51 feet
    assert z.max() == pytest.approx(520.51 * 0.3048, abs=0.01)
    assert z.min() == pytest.approx(406.26 * 0.3048, abs=0.1)  # the highest point of its cell


def test_changes_planted_in_real_lidar_are_found(shared_data: Path, tmp_path: Path) -> None:
    """What stands and grows there stays; three houses of 8 m are set on open ground, and the
    points of one roof are taken down."""
    autzen(shared_data, tmp_path / "dsm_20100415.tif", date(2010, 4, 15))
    rng = np.random.default_rng(1)
    with rasterio.open(tmp_path / "dsm_20100415.tif") as data:
        z, profile = data.read(1), data.profile
        tags, transform = data.tags(), data.transform
    known = z != NODATA
    open_ground = ndimage.binary_erosion(
        known & (ndimage.maximum_filter(z, 21) - ndimage.minimum_filter(z, 21) < 1.5),
        np.ones((17, 17), bool),
    )
    later, truth = z.copy(), []
    for _ in range(3):
        row, column = rng.choice(np.argwhere(open_ground))
        house = (slice(row - 7, row + 7), slice(column - 6, column + 6))
        later[house] += np.float32(8.0)
        open_ground[row - 40 : row + 40, column - 40 : column + 40] = False
        west, north = transform.c + column - 6.0, transform.f - row + 7.0
        truth.append(("construction", shapely.box(west, north - 14, west + 12, north), 8.0))
    later[known] += rng.normal(0, 0.05, int(known.sum())).astype("f4")
    with rasterio.open(tmp_path / "dsm_20110415.tif", "w", **profile) as out:
        out.write(later, 1)
        out.update_tags(**{**tags, "TIFFTAG_DATETIME": "2011:04:15 00:00:00"})
    models = (describe(tmp_path / f"dsm_{day}.tif", "dsm") for day in ("20100415", "20110415"))
    found = DsmEngine().candidates(pair_of(None, None, *models))
    counts = tally(list(found.items), truth)
    assert len(truth) == 3
    assert (counts["recall"], counts["precision"], counts["kinds"]) == (1.0, 1.0, 1.0)
    assert all(c.delta_h_m == pytest.approx(8.0, abs=0.3) for c in found.items)


@pytest.mark.parametrize(
    ("how", "error", "word"),
    [
        ({"crs": None}, UnknownFrame, "--crs"),  # its own text names no datum
        ({"crs": "EPSG:2994"}, SourceError, "--to"),  # in feet
        ({"crs": "EPSG:4547", "to": "EPSG:3740"}, CoordError, "EPSG:4547"),
    ],
)
def test_a_cloud_whose_frame_does_not_fit_says_so(
    shared_data: Path, tmp_path: Path, how: dict[str, Any], error: Any, word: str
) -> None:
    cloud = open_cloud(shared_data.joinpath(*AUTZEN))
    with pytest.raises(error) as refused:
        write_surface(
            cloud, tmp_path / "a.tif", gsd_m=1.0, taken_on=date(2010, 4, 15), datum=None, **how
        )
    assert word in refused.value.en


def test_a_cloud_that_states_no_frame_asks_for_one(tmp_path: Path) -> None:
    cloud = open_cloud(las(tmp_path / "a.las", [(0.0, 0.0, 1.0, 2), (2.0, 2.0, 1.0, 2)]))
    with pytest.raises(SourceError) as refused:
        write_surface(
            cloud, tmp_path / "a.tif", crs=None, gsd_m=1.0, taken_on=date(2024, 6, 10), datum=None
        )
    assert "--crs" in refused.value.en
