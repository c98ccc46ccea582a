"""The engines that look at photographs alone, on real pairs that none of them has seen.

    python benchmarks/change_levir.py FOLDER      # A/, B/, label/: the pairs of LEVIR-CD

FOLDER holds pairs of 0.5 m photographs and masks of the houses that came or went (LEVIR-CD, for
research only: read where it lies, never trained on). For each engine, and for the classical ways as
yardsticks: precision, recall and F1 of pixels, all pairs together; 95 % intervals by a bootstrap
over the pairs (2,000 draws). The engines are scored on the places they report, not on raw pixels.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy import ndimage

from gis.change.engines import NetEngine, ScreenEngine
from gis.change.pair import pair_of
from gis.change.rasters import describe

GSD = 0.5
WHERE = Affine(GSD, 0, 502_000.0, 0, -GSD, 3_651_000.0)
DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    names = sorted(p.name for p in (asked.folder / "label").glob("*.png"))
    pairs = [
        (photo(asked.folder / "A" / n), photo(asked.folder / "B" / n), label(asked.folder, n))
        for n in names
    ]
    print(f"{len(pairs)} pairs\n")
    print("| method | precision | recall | F1 | 95 % | CPU s/km² |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, method in METHODS.items():
        began = time.process_time()
        counts = np.array([tally(method(a, b), truth) for a, b, truth in pairs])
        km2 = sum(t.size for _, _, t in pairs) * GSD**2 / 1e6
        cost = (time.process_time() - began) / km2
        hit, found, true = counts.sum(axis=0)
        low, high = interval(counts)
        print(
            f"| {name} | {hit / max(found, 1):.2f} | {hit / true:.2f} | {f1(counts):.2f} "
            f"| {low:.2f}–{high:.2f} | {cost:.1f} |",
            flush=True,
        )


def photo(path: Path) -> Any:
    with rasterio.open(path) as data:
        return data.read()[:3]


def label(folder: Path, name: str) -> Any:
    return photo(folder / "label" / name)[0] > 0


def tally(mask: Any, truth: Any) -> tuple[int, int, int]:
    """Right pixels, found ones, true ones."""
    return int((mask & truth).sum()), int(mask.sum()), int(truth.sum())


def f1(counts: Any) -> float:
    hit, found, true = counts.sum(axis=0)
    return float(2 * hit / max(found + true, 1))


def interval(counts: Any) -> tuple[float, float]:
    """Of F1, pairs drawn again with replacement."""
    rng = np.random.default_rng(0)
    draws = [f1(counts[rng.integers(0, len(counts), len(counts))]) for _ in range(DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def by_engine(engine: Any) -> Any:
    """The places an engine reports, drawn as pixels."""

    def found(before: Any, after: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            pair = pair_of(
                describe(_written(Path(folder), before, "20120101"), "image"),
                describe(_written(Path(folder), after, "20160101"), "image"),
                None,
                None,
            )
            places = engine.candidates(pair).items
        shape = before.shape[1:]
        if not places:
            return np.zeros(shape, dtype=bool)
        return rasterize([(p.mask, 1) for p in places], shape, transform=WHERE).astype(bool)

    return found


def _written(folder: Path, pixels: Any, day: str) -> Path:
    path = folder / f"ortho_{day}.tif"
    profile = {
        "driver": "GTiff", "width": pixels.shape[2], "height": pixels.shape[1], "count": 3,
        "dtype": "uint8", "crs": "EPSG:4547", "transform": WHERE,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(pixels)
        data.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    return path


# --- yardsticks ----------------------------------------------------------------------------


def change_vectors(before: Any, after: Any) -> Any:
    """Length of the difference of evened colours, cut by Otsu (CVA)."""
    a, b = (_evened(v) for v in (before, after))
    return _cut(np.sqrt(((b - a) ** 2).sum(axis=0)))


def likeness(before: Any, after: Any) -> Any:
    """1 - structural similarity of the grey pictures (Wang et al. 2004), cut by Otsu."""
    a, b = (_evened(v).mean(axis=0) for v in (before, after))
    mean_a, mean_b = (ndimage.gaussian_filter(v, 1.5) for v in (a, b))
    var_a = ndimage.gaussian_filter(a * a, 1.5) - mean_a**2
    var_b = ndimage.gaussian_filter(b * b, 1.5) - mean_b**2
    both = ndimage.gaussian_filter(a * b, 1.5) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + 0.1) * (2 * both + 0.3)
    return _cut(1 - alike / ((mean_a**2 + mean_b**2 + 0.1) * (var_a + var_b + 0.3)))


def principal(before: Any, after: Any) -> Any:
    """Principal components of 5 by 5 blocks of the difference, two means (Celik 2009)."""
    apart = np.abs(_evened(after) - _evened(before)).mean(axis=0)
    blocks = np.lib.stride_tricks.sliding_window_view(np.pad(apart, 2, mode="reflect"), (5, 5))
    rows = blocks.reshape(-1, 25)
    rows = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(rows.T @ rows)
    seen = rows @ axes[:, -4:]
    centres = np.stack([seen[apart.ravel() <= np.median(apart)].mean(axis=0),
                        seen[apart.ravel() > np.quantile(apart, 0.9)].mean(axis=0)])  # fmt: skip
    for _ in range(15):
        near = ((seen[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack([seen[near == k].mean(axis=0) for k in (0, 1)])
    return near.reshape(apart.shape).astype(bool)


def _evened(photo_: Any) -> Any:
    x = photo_.astype(np.float64)
    return (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)


def _cut(values: Any) -> Any:
    counts, edges = np.histogram(values, 256)
    below = np.cumsum(counts)
    total = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (total[-1] * below / below[-1] - total) ** 2 / (below * (below[-1] - below))
    return values > edges[int(np.nanargmax(between[:-1])) + 1]


METHODS = {
    "`net`": by_engine(NetEngine()),
    "`screen`": by_engine(ScreenEngine()),
    "CVA, Otsu": change_vectors,
    "SSIM, Otsu": likeness,
    "PCA, two means": principal,
}


if __name__ == "__main__":
    main()
