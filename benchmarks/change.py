"""Change detection: seconds and memory a square kilometre, and what it finds in generated cities.

    python benchmarks/change.py [--seeds 1 2 3] [--side 1500 3000 8000]
    python benchmarks/change.py --noise       # the table of docs/change.md, as Markdown

Cost: the dsm engine over two surface models and two photos of 0.5 m, written here; each size in a
process of its own, so that peak memory is that size's. It should not grow with the size. CPU time
is this process's own, and includes the digests of the files. Quality: the engine's candidates
against the truth of small generated cities (matched = half in common, each once).
`--noise`: the tests' pieces of town with planted changes, under growing noise; 95 % intervals by
Wilson.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from rasterio.windows import Window

from gis.change.engines import DsmEngine
from gis.change.pair import Pair, pair_of
from gis.change.polygons import to_storage
from gis.change.rasters import describe
from gis.change.score import Place, Score, interval, score
from gis.demo import write_city

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "change"))
import scene  # the tests' pieces of town

GSD = 0.5
WEST, NORTH = 502_000.0, 3_651_000.0
STRIP = 512
HOUSE, PITCH = 30, 80  # pixels: a house of 15 m every 40 m
NOISES: dict[str, dict[str, Any]] = {
    "0.3 m, white": {"sigma": 0.3},
    "0.3 m, over 1 m": {"sigma": 0.3, "correlation_px": 2.0},
    "0.3 m, shifted by a pixel": {"sigma": 0.3, "shift_px": 1},
    "0.5 m, over 1.5 m": {"sigma": 0.5, "correlation_px": 3.0},
    "0.5 m, over 1.5 m, shifted": {"sigma": 0.5, "correlation_px": 3.0, "shift_px": 1},
    "0.8 m, over 1.5 m": {"sigma": 0.8, "correlation_px": 3.0},
    "1.0 m, white": {"sigma": 1.0},
    "1.0 m, over 1.5 m": {"sigma": 1.0, "correlation_px": 3.0},
}
CHANGED = 40  # one house in so many is new, one is gone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--side", type=int, nargs="*", default=[1500, 3000, 8000])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--noise", action="store_true")
    asked = parser.parse_args()
    if asked.noise:
        print_noise(asked.seeds)
        return
    if asked.measure:
        print(json.dumps(measured(asked.measure)))
        return
    print(f"{'pixels':>8} {'km2':>6} {'changes':>8} {'cpu s':>7} {'cpu s/km2':>10} {'peak MB':>8}")
    for side in asked.side:
        with tempfile.TemporaryDirectory() as folder:
            write_pair(Path(folder), side)
            words = [sys.executable, __file__, "--measure", folder]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            got = json.loads(done.stdout)
        print(
            f"{side:>8} {got['km2']:>6.2f} {got['found']:>8} {got['cpu_s']:>7.1f} "
            f"{got['cpu_s'] / got['km2']:>10.2f} {got['peak_mb']:>8}"
        )
    print(f"\n{'city':>8} {'true':>6} {'found':>6} {'precision':>10} {'recall':>7} {'kinds':>6}")
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            got = of_city(Path(folder), seed)
        print(
            f"{f'seed {seed}':>8} {got.true:>6} {got.found:>6} {got.precision:>10.3f} "
            f"{got.recall:>7.3f} {got.kinds:>6}"
        )


def print_noise(seeds: list[int]) -> None:
    """Precision, recall and F1 of the engine under each of NOISES, over the scenes of `seeds`."""
    print(f"{len(seeds)} scenes each, seeds {seeds}\n")
    print("| noise of each model | photos | changes | precision | recall | F1 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, how in NOISES.items():
        for photos in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                true, found, hit = under_noise(Path(folder), seeds, how, photos=photos)
            f1 = 2 * hit / (true + found)
            print(
                f"| {name} | {'with' if photos else 'without'} | {true} | {_share(hit, found)} "
                f"| {_share(hit, true)} | {f1:.2f} |"
            )


def under_noise(
    folder: Path, seeds: list[int], how: dict[str, Any], *, photos: bool
) -> tuple[int, int, int]:
    """True changes, found ones, and matches (0.3 of intersection over union) over the scenes."""
    true = found = hit = 0
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        town = scene.planted(seed=seed)
        files = scene.write(town, place, seed=seed, **how)
        kept = ("dsm_before", "dsm_after", *(("before", "after") if photos else ()))
        got = {name: files[name] for name in kept}
        pair = pair_of(
            describe(got["before"], "image") if photos else None,
            describe(got["after"], "image") if photos else None,
            describe(got["dsm_before"], "dsm"),
            describe(got["dsm_after"], "dsm"),
        )
        items = list(DsmEngine().candidates(pair).items)
        counts = scene.tally(items, town.truth)
        true, found = true + len(town.truth), found + len(items)
        hit += round(counts["recall"] * len(town.truth))
    return true, found, hit


def _share(part: int, whole: int) -> str:
    low, high = interval(part, whole) or (0.0, 1.0)
    return f"{part / whole if whole else 1.0:.2f} ({low:.2f}–{high:.2f})"


def measured(folder: Path) -> dict[str, Any]:
    """Cost of one search, in this process."""
    began = time.process_time()
    found = DsmEngine().candidates(pair_in(folder))
    return {
        "km2": found.searched_m2 / 1e6,
        "found": len(found.items),
        "cpu_s": time.process_time() - began,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> int:
    """Not ru_maxrss: that of a child begins at what its parent held."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def pair_in(folder: Path) -> Pair:
    return pair_of(
        describe(folder / "ortho_20230415.tif", "image"),
        describe(folder / "ortho_20240610.tif", "image"),
        describe(folder / "dsm_20230415.tif", "dsm"),
        describe(folder / "dsm_20240610.tif", "dsm"),
    )


def of_city(folder: Path, seed: int) -> Score:
    """The engine's candidates in a small generated city against its truth."""
    manifest = write_city(folder, seed=seed, size="small")
    pair = pair_in(next(iter(manifest.images.values())).parent)
    found = DsmEngine().candidates(pair)
    outlines = to_storage(np.array([c.outline for c in found.items], dtype=object), found.frame)
    places = [
        Place(id=str(i), geometry=shape, kind=c.kind, reasons=frozenset())
        for i, (c, shape) in enumerate(zip(found.items, outlines, strict=True))
    ]
    features = json.loads((manifest.truth / "changes.geojson").read_text("utf-8"))["features"]
    true = [
        Place(
            id=f["properties"]["change_id"],
            geometry=shapely.from_geojson(json.dumps(f["geometry"])),
            kind=f["properties"]["kind"],
            reasons=frozenset(),
        )
        for f in features
    ]
    return score(places, true, "EPSG:4547")


def write_pair(folder: Path, side: int) -> None:
    """Houses on a slope, one in CHANGED new and one gone; noise of 0.3 m on each model."""
    for epoch, day in enumerate(("20230415", "20240610")):
        profile = {
            "driver": "GTiff", "width": side, "height": side, "crs": "EPSG:4547", "tiled": True,
            "transform": Affine(GSD, 0, WEST, 0, -GSD, NORTH), "blockxsize": 256,
            "blockysize": 256,
        }  # fmt: skip
        model = rasterio.open(
            folder / f"dsm_{day}.tif", "w", count=1, dtype="float32", nodata=-9999.0, **profile
        )
        photo = rasterio.open(folder / f"ortho_{day}.tif", "w", count=3, dtype="uint8", **profile)
        rng = np.random.default_rng(epoch)
        with model, photo:
            photo.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
            for top in range(0, side, STRIP):
                heights, colours = _strip(top, min(STRIP, side - top), side, epoch, rng)
                window = Window(0, top, side, heights.shape[0])
                model.write(heights, 1, window=window)
                photo.write(colours, window=window)


def _strip(top: int, rows: int, side: int, epoch: int, rng: np.random.Generator) -> Any:
    y, x = np.mgrid[top : top + rows, :side]
    number = (y // PITCH) * (side // PITCH + 1) + x // PITCH
    roof = (y % PITCH < HOUSE) & (x % PITCH < HOUSE)
    new, gone = number % CHANGED == 3, number % CHANGED == 17
    roof &= ~new if epoch == 0 else ~gone
    heights = 80 + 0.002 * x + np.where(roof, 6.0 + number % 5 * 3.0, 0.0)
    heights += rng.normal(0, 0.3, heights.shape)
    grey = np.where(roof, 150, 110) + rng.normal(0, 5, heights.shape)
    colours = np.repeat(grey.clip(1, 255).astype("u1")[None], 3, axis=0)
    return heights.astype("f4"), colours


if __name__ == "__main__":
    main()
