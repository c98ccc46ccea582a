"""What a score has been worth: officers' verdicts turn scores into shares that were confirmed.

    found = calibrate(verdicts, in_force=rules.calibration)
    found.better                        # on verdicts it was not made from
    found.calibration.certainty("dsm", "construction", 0.7)

Isotonic regression (pool adjacent violators) by engine and kind of change: a higher score never
means less. Each block counts one true and one false alert more than it has, so that three
confirmed ones are no certainty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from gis.errors import ConfigError

FILE = "calibration.yml"
LEAST, LEAST_OF_EACH = 40, 5  # verdicts a stratum needs, and of the rarer kind
FOLDS = 5
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertVerdict:
    """An alert that was confirmed or dismissed. score: as the engine gave it."""

    alert_id: str
    engine: str
    kind: str
    score: float
    confirmed: bool

    @property
    def stratum(self) -> str:
        return f"{self.engine}/{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Scores, rising, and the share that was confirmed at each; n: verdicts behind it."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]
    n: int

    def at(self, score: float) -> float:
        """The share at a score. Below all that was ever looked at nobody knows: no more than the
        score itself."""
        share = float(np.interp(score, self.scores, self.shares))
        return min(score, share) if score < self.scores[0] else share


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A curve for each stratum (engine/kind of change). version: of what it was made from."""

    version: str
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def certainty(self, engine: str, kind: str, score: float) -> float:
        """What the score has been worth; the score itself in a stratum without a curve."""
        curve = self.curves.get(f"{engine}/{kind}")
        return score if curve is None else curve.at(score)

    def to_yaml(self) -> str:
        """The text of the file."""
        strata = {
            name: {"scores": list(c.scores), "shares": list(c.shares), "verdicts": c.n}
            for name, c in sorted(self.curves.items())
        }
        head = "# 由 gis detect calibrate --write 写出 / written by gis detect calibrate --write\n"
        return head + yaml.safe_dump({"version": self.version, "strata": strata}, sort_keys=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A stratum's figures. brier_…: mean squared error of the certainty on verdicts it was not
    made from, by the raw score, by what is in force, by the new curve; threshold: the raw score
    from which on the new certainty reaches the rules' least; None: nowhere, or too few verdicts."""

    verdicts: int
    confirmed: int
    brier_raw: float
    brier_now: float
    brier_new: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The new calibration and how it did; `better`: closer than what is in force, held out."""

    calibration: Calibration
    reports: Mapping[str, Report]
    better: bool


def calibrate(
    verdicts: Sequence[AlertVerdict], in_force: Calibration | None, min_score: float
) -> Calibrated:
    """A curve for each stratum that has verdicts enough. What is in force is asked about the very
    verdicts it was made from as well, so that a new one has to be better by more than luck."""
    curves, reports, errors = {}, {}, [np.empty((0, 2))]
    for name in sorted({v.stratum for v in verdicts}):
        mine = [v for v in verdicts if v.stratum == name]
        scores = np.array([v.score for v in mine])
        true = np.array([v.confirmed for v in mine], dtype=float)
        now = scores if in_force is None else np.array(
            [in_force.certainty(v.engine, v.kind, v.score) for v in mine]
        )  # fmt: skip
        reports[name] = Report(
            verdicts=len(mine), confirmed=int(true.sum()), brier_raw=_brier(scores, true),
            brier_now=_brier(now, true),
        )  # fmt: skip
        if len(mine) < LEAST or min(true.sum(), len(mine) - true.sum()) < LEAST_OF_EACH:
            continue
        held_out = _held_out([v.alert_id for v in mine], scores, true)
        curves[name] = curve = _curve(scores, true)
        errors.append(np.stack([(now - true) ** 2, (held_out - true) ** 2], axis=1))
        reports[name] = replace(
            reports[name],
            brier_new=_brier(held_out, true),
            threshold=_threshold(curve, min_score),
        )
    every = np.concatenate(errors)
    better = bool(len(every)) and bool(every[:, 1].mean() < every[:, 0].mean())
    return Calibrated(
        calibration=Calibration(version=_version(verdicts), curves=curves),
        reports=reports,
        better=better,
    )


def load_calibration(path: Path) -> Calibration | None:
    """The calibration in force; None where there is no file. Raises ConfigError."""
    if not path.is_file():
        return None
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        return Calibration(
            version=str(document["version"]),
            curves={str(n): _read_curve(part) for n, part in document["strata"].items()},
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError,
            AttributeError) as exc:  # fmt: skip
        raise ConfigError(
            zh=f"校准文件 {path} 有误：{exc}。请重新生成：gis detect calibrate --write，或移走它",
            en=f"the calibration {path} is wrong: {exc}. Make it again with gis detect calibrate "
            f"--write, or move it away",
            path=str(path),
        ) from exc


def _read_curve(part: Mapping[str, Any]) -> Curve:
    scores, shares = (tuple(map(float, part[name])) for name in ("scores", "shares"))
    rising = all(a <= b for xs in (scores, shares) for a, b in pairwise(xs))
    if not scores or len(scores) != len(shares) or not rising:
        raise ValueError("scores and shares are lists of one length that rise")
    if not all(0 <= x <= 1 for x in (*scores, *shares)):
        raise ValueError("scores and shares lie from 0 to 1")
    return Curve(scores=scores, shares=shares, n=int(part["verdicts"]))


def _curve(scores: Floats, true: Floats) -> Curve:
    at, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=true) / counts
    fitted = isotonic_regression(means, weights=counts)
    xs, ys = [], []
    for start, end in zip(fitted.blocks[:-1], fitted.blocks[1:], strict=True):
        n = int(counts[start:end].sum())
        share = (float(fitted.x[start]) * n + 1) / (n + 2)
        for x in dict.fromkeys((float(at[start]), float(at[end - 1]))):
            xs.append(round(x, 6))
            ys.append(share)
    # small blocks are drawn to the middle, and may no longer rise
    rising = np.maximum.accumulate(ys).round(6).tolist()
    return Curve(scores=tuple(xs), shares=tuple(rising), n=len(scores))


def _held_out(names: Sequence[str], scores: Floats, true: Floats) -> Floats:
    """Each verdict's certainty by a curve made without its fold; folds go by the alert's number,
    so that the same verdicts always give the same figures."""
    folds = np.array([hashlib.sha256(n.encode()).digest()[0] % FOLDS for n in names])
    found = np.empty(len(scores))
    for fold in range(FOLDS):
        out = folds == fold
        if out.all():
            return scores
        if out.any():
            curve = _curve(scores[~out], true[~out])
            found[out] = [curve.at(float(s)) for s in scores[out]]
    return found


def _threshold(curve: Curve, least: float) -> float | None:
    grid = np.arange(101) / 100
    reached = [float(x) for x in grid if curve.at(float(x)) >= least]
    return reached[0] if reached else None


def _brier(given: Floats, true: Floats) -> float:
    return round(float(np.mean((given - true) ** 2)), 4)


def _version(verdicts: Sequence[AlertVerdict]) -> str:
    text = "\n".join(sorted(f"{v.alert_id} {v.stratum} {v.score} {v.confirmed}" for v in verdicts))
    return f"{len(verdicts)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
