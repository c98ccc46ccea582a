"""Images: their outline, date and facts, and the file that is kept of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin

from gis.errors import SourceError
from gis.layers import Registry
from gis.sources import open_delivery
from gis.sources.cogs import keep_image, kept_image
from gis.sources.rasters import acquired_on

WEST, NORTH, GSD = 505_000.0, 3_652_000.0, 2.0
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a GeoTIFF of an array (bands, rows, columns)."""

    def write(values: NDArray[Any], name: str = "ortho_20240610.tif", **profile: Any) -> Path:
        bands, height, width = values.shape
        profile = {"crs": "EPSG:4547", "transform": from_origin(WEST, NORTH, GSD, GSD), **profile}
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=bands,
            dtype=values.dtype, **profile,
        ) as out:  # fmt: skip
            out.write(values)
        return path

    return write


def row_of(path: Path, registry: Registry) -> tuple[dict[str, Any], shapely.Polygon]:
    delivery = open_delivery(path, layer=registry.get("imagery"))
    [raw] = delivery.batches()
    return {name: column[0] for name, column in raw.columns.items()}, raw.geometry[0]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_outline_is_that_of_the_valid_pixels(make: Make, registry: Registry) -> None:
    values = np.full((1, 300, 400), -9999.0, dtype=np.float32)
    values[0, 100:200, 50:250] = 80.0
    values[0, 150, 150] = -9999.0  # a hole
    values[0, 10, 390] = 80.0  # a speckle
    row, outline = row_of(make(values, nodata=-9999.0), registry)
    valid = shapely.box(WEST + 50 * GSD, NORTH - 200 * GSD, WEST + 250 * GSD, NORTH - 100 * GSD)
    assert outline.symmetric_difference(valid).area < 0.02 * valid.area
    assert not outline.interiors
    assert row["nodata"] == "-9999.0"
    assert row["dtype"] == "float32"
    assert row["kind"] == "dsm"


def test_a_large_image_is_outlined_from_afar(make: Make, registry: Registry) -> None:
    values = np.zeros((1, 2200, 3000), dtype=np.uint8)
    values[0, :, :1500] = 9
    _, outline = row_of(make(values, nodata=0, tiled=True), registry)
    assert outline.bounds == pytest.approx(
        (WEST, NORTH - 2200 * GSD, WEST + 1500 * GSD, NORTH), abs=3 * GSD * 3
    )


def test_without_nodata_the_outline_is_the_whole(make: Make, registry: Registry) -> None:
    row, outline = row_of(make(np.zeros((3, 30, 40), dtype=np.uint8)), registry)
    assert outline.equals(shapely.box(WEST, NORTH - 60, WEST + 80, NORTH))
    assert row["acquired_on"] == date(2024, 6, 10)
    assert row["kind"] == "ortho"


def test_no_georeference_is_refused(make: Make, registry: Registry) -> None:
    path = make(np.zeros((3, 30, 40), dtype=np.uint8), crs=None)
    with pytest.raises(SourceError, match="georeference"):
        open_delivery(path, layer=registry.get("imagery"))


@pytest.mark.parametrize(
    ("tag", "name", "day"),
    [
        ("2023:04:15 10:40:00", "x.tif", date(2023, 4, 15)),
        ("", "ortho_2024-06-10.tif", date(2024, 6, 10)),
        ("", "ortho_20230230.tif", None),  # no such day
        ("", "ortho.tif", None),
    ],
)
def test_the_day_it_was_taken(tag: str, name: str, day: date | None) -> None:
    assert acquired_on(tag, name) == day


def test_the_kept_file_has_the_same_pixels(make: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    values = rng.integers(200, 3000, (4, 600, 700)).astype(np.uint16)
    path = make(values, nodata=0)
    kept = keep_image(path, "GeoTIFF", tmp_path / "kept", digest(path))
    with rasterio.open(kept.path) as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.overviews(1) == [2, 4]
        np.testing.assert_array_equal(image.read(), values)
        assert image.crs.to_epsg() == 4547
        assert image.nodata == 0
    assert kept.size == (700, 600)
    assert kept.stretch is not None
    low, high = kept.stretch[0]
    assert low == pytest.approx(256, abs=15)  # 2 and 98 of 100 between 200 and 3000
    assert high == pytest.approx(2944, abs=15)
    assert kept_image(tmp_path / "kept", digest(path)) == kept
    assert {p.suffix for p in (tmp_path / "kept").iterdir()} == {".tif", ".json"}


def test_a_frame_that_only_the_sender_knows_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "dem.asc"
    head = "ncols 3\nnrows 2\nxllcorner 505000\nyllcorner 3652000\ncellsize 2\nNODATA_value -1\n"
    path.write_text(head + "1 2 3\n4 5 -1\n")
    kept = keep_image(path, "ASC", tmp_path / "kept", digest(path), epsg=4547)
    assert kept.epsg == 4547
    with rasterio.open(kept.path) as image:
        assert image.read(1).tolist() == [[1, 2, 3], [4, 5, -1]]
        assert image.bounds == (505_000, 3_652_000, 505_006, 3_652_004)


def test_a_damaged_image_is_not_kept(make: Make, tmp_path: Path) -> None:
    path = make(np.zeros((3, 600, 600), dtype=np.uint8), compress="deflate")
    whole = path.read_bytes()
    path.write_bytes(whole[:600] + b"\xff" * (len(whole) - 600))
    with pytest.raises(SourceError) as caught:
        keep_image(path, "GeoTIFF", tmp_path / "kept", digest(path))
    assert str(tmp_path) not in str(caught.value)
    assert list((tmp_path / "kept").iterdir()) == []
