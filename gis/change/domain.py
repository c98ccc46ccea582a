"""Does a photograph look like what an engine has learnt from? A net is worthless where it does
not, and does not say so itself.

Each patch becomes a few figures (brightness, contrast and likeness of the bands, how much of the
texture is fine and how much coarse), and these a distance (Mahalanobis) from the patches the net
was trained on. The limit is the distance that one in a hundred of those lies beyond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vector = NDArray[np.float64]
SCALES = (1, 2, 4, 8)  # pixels of a grey picture averaged, for the texture
NAMES = (
    "red", "green", "blue", "contrast", "red_green", "green_blue", "colourfulness",
    "texture_1", "texture_2", "texture_4", "texture_8", "peakedness",
)  # fmt: skip
LEAST_SEEN = 0.2  # a patch with less ground than that is not judged
BEYOND = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What is known. mean, inverse: of the features of the training patches, and of their
    covariance; limit: of the distance; gsd_m: least and greatest pixel size trained on."""

    mean: Vector
    inverse: NDArray[np.float64]
    limit: float
    gsd_m: tuple[float, float]

    @classmethod
    def of(cls, patches: NDArray[np.float64], gsd_m: tuple[float, float]) -> Domain:
        """From the features of training patches, shape (n, features)."""
        mean = patches.mean(axis=0)
        covariance = np.cov(patches.T) + 1e-6 * np.eye(patches.shape[1])
        inverse = np.asarray(np.linalg.inv(covariance), np.float64)
        away = patches - mean
        distances = np.sqrt(np.einsum("ni,ij,nj->n", away, inverse, away))
        return cls(
            mean=mean,
            inverse=inverse,
            limit=float(np.quantile(distances, 1 - BEYOND)),
            gsd_m=gsd_m,
        )

    @classmethod
    def from_json(cls, doc: Mapping[str, Any]) -> Domain:
        return cls(
            mean=np.array(doc["mean"]),
            inverse=np.array(doc["inverse"]),
            limit=float(doc["limit"]),
            gsd_m=(float(doc["gsd_m"][0]), float(doc["gsd_m"][1])),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(NAMES),
            "mean": [round(float(v), 6) for v in self.mean],
            "inverse": [[round(float(v), 5) for v in row] for row in self.inverse],
            "limit": round(self.limit, 3),
            "gsd_m": list(self.gsd_m),
        }

    def distance(self, features: Vector) -> float:
        """Deviations from the middle of what is known, all features together."""
        away = features - self.mean
        return float(np.sqrt(max(float(away @ self.inverse @ away), 0.0)))

    def knows_pixels_of(self, gsd_m: float) -> bool:
        """Whether pixels of that size were trained on."""
        return self.gsd_m[0] <= gsd_m <= self.gsd_m[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Of all patches of a run. share: how many lie inside; median: of their distances."""

    share: float
    median: float
    limit: float
    patches: int
    pixels_known: bool

    @classmethod
    def of(cls, distances: Sequence[float], domain: Domain, gsd_m: float) -> Likeness:
        known = np.array(distances)
        return cls(
            share=float((known <= domain.limit).mean()) if known.size else 1.0,
            median=float(np.median(known)) if known.size else 0.0,
            limit=domain.limit,
            patches=int(known.size),
            pixels_known=domain.knows_pixels_of(gsd_m),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "inside_share": round(self.share, 3),
            "median_distance": round(self.median, 2),
            "limit": round(self.limit, 2),
            "patches": self.patches,
            "pixel_size_known": self.pixels_known,
        }


def features(colours: Floats) -> Vector | None:
    """Figures of one patch, float32 (3, rows, columns), 0 to 255, NaN where there is no value;
    None where hardly any ground is seen. Order: NAMES."""
    seen = np.isfinite(colours).all(axis=0)
    if seen.mean() < LEAST_SEEN:
        return None
    whole = colours if seen.all() else colours[:, seen]
    red, green, blue = (band.ravel() / np.float32(255.0) for band in whole)
    grey = colours.mean(axis=0) / np.float32(255.0)
    grey[~seen] = grey[seen].mean()
    contrast = float(grey.std()) + 1e-3
    texture = _texture(grey)
    away = (grey - grey.mean()) / contrast
    return np.array([
        red.mean(), green.mean(), blue.mean(), np.log(contrast),
        (red - green).std() / contrast, (green - blue).std() / contrast,
        np.log(float(np.mean(np.abs(red - green) + np.abs(green - blue))) + 0.01),
        *np.log(texture / contrast + 1e-3), np.log1p(float((away * away * away * away).mean())),
    ])  # fmt: skip


def _texture(grey: Floats) -> Vector:
    """How much neighbours differ, at each of SCALES."""
    found = []
    for scale in SCALES:
        rows, cols = (n // scale for n in grey.shape)
        blocks = grey[: rows * scale, : cols * scale].reshape(rows, scale, cols, scale)
        coarse = blocks.mean(axis=(1, 3))
        across, down = np.diff(coarse, axis=1), np.diff(coarse, axis=0)
        found.append(np.sqrt((across**2).mean() + (down**2).mean()))
    return np.array(found, dtype=np.float64)
