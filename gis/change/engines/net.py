"""A small Siamese network on two photographs: what stands in one and not in the other.

Trained by `scripts/train_net` on painted pairs only (docs/model-card.md). It knows no heights. A
domain gate stands before it: where most of a pair does not look like what it was trained on, the
engine refuses; where some of it doesn't, what is found there is labelled and scores too low to
raise an alert.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gis.change.coregistration import registered_photos
from gis.change.domain import Domain, Likeness, features
from gis.change.engines.contract import Candidate, Candidates
from gis.change.engines.patches import Found, PhotoLimits, Search, both_tones, search_of
from gis.change.pair import Box, Pair, sheets
from gis.change.photos import cloud_notes, coloured
from gis.change.progress import Forgetful, Journal
from gis.errors import ChangeError

Floats = NDArray[np.float32]
WEIGHTS = Path(__file__).parent / "weights"
THREADS = 2
LEAST_INSIDE = 0.5  # share of patches that must look like what was trained on
STRANGE_SCORE = 0.3  # at most, of what is found outside the domain: below the rules' min_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What stands beside the weights. experimental: it scores below the mark on pairs that
    it was not trained on, and is never chosen by itself."""

    version: str
    digest: str
    sure: float
    experimental: bool
    domain: Domain


@cache
def card() -> Card:
    """The card of the weights that are shipped. Raises ChangeError where they are not those that
    the card was written for."""
    doc = json.loads((WEIGHTS / "net.json").read_text("utf-8"))
    digest = hashlib.sha256((WEIGHTS / "net.onnx").read_bytes()).hexdigest()
    if digest != doc["sha256"]:
        raise ChangeError(
            zh="net 引擎的权重文件与其说明不符，可能损坏。请重新安装",
            en="the weights of the net engine are not those of their card. Install it anew",
            problem="weights",
        )
    return Card(
        version=doc["version"],
        digest=digest,
        sure=float(doc["sure"]),
        experimental=bool(doc["experimental"]),
        domain=Domain.from_json(doc["domain"]),
    )


class Network:
    """The weights, ready to run."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        # idle threads would wait busily: twice the processor time for a tenth of the clock's
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            (WEIGHTS / "net.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def look(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """How sure, 0 to 1, that a house came, and that one went."""
        feeds = {
            name: (photo / np.float32(255.0))[None].astype(np.float32)
            for name, photo in (("before", before), ("after", after))
        }
        came, went = (1.0 / (1.0 + np.exp(-v[0, 0])) for v in self._session.run(None, feeds))
        return came.astype(np.float32), went.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class NetEngine:
    """`min_area_m2`: of a place. `journal`: what is done already."""

    min_area_m2: float = 40.0
    journal: Journal = field(default_factory=Forgetful)

    name = "net"

    @property
    def version(self) -> str:
        return card().version

    @cached_property
    def network(self) -> Network:
        return Network()

    def candidates(self, pair: Pair, window: Box | None = None) -> Candidates:
        """See `Engine`. Raises ChangeError (`problem`: missing, colour, nodata, domain)."""
        photos = coloured(pair, self.name)
        pair, shift = registered_photos(pair)
        grid, known = pair.grid, card()
        box = (window or grid.box).within(grid.box)
        limits = PhotoLimits(sure=known.sure, min_area_m2=self.min_area_m2)
        with sheets(pair) as open_sheets:
            search = search_of(
                open_sheets, grid, box, limits, both_tones(open_sheets, grid), self.network.look,
                _apart(known.domain),
            )  # fmt: skip
            found = search.found(box, self.journal)
            likeness = Likeness.of(found.apart, known.domain, grid.gsd_m)
            _gate(likeness, grid.gsd_m, known.domain)
            items = [
                _candidate(search, came, outline, sure, apart, known)
                for came, outline, sure, apart in search.places(found)
            ]
            stretched = [p for p, t in zip(photos, search.tones, strict=True) if t.stretched]
        pixels = max(found.searched_px + found.missing_px + max(found.cloudy), 1)
        shares = [(p, n / pixels) for p, n in zip(photos, found.cloudy, strict=True)]
        return Candidates(
            engine=self.name,
            version=self.version,
            frame=photos[1].frame,
            position_error_m=search.position_error_m,
            items=tuple(sorted(items, key=lambda c: c.mask.bounds)),
            searched_m2=found.searched_px * grid.gsd_m**2,
            rejected=dict(sorted(found.rejected.items())),
            model={
                "weights_sha256": known.digest,
                "experimental": known.experimental,
                "domain": likeness.to_json(),
                "coregistration": shift.to_json(),
                "limits": asdict(limits),
            },
            notes=(
                *pair.notes,
                *shift.notes(),
                *_notes(known, likeness),
                *stretch_notes(stretched),
                *missing_notes(found, pixels),
                *cloud_notes(shares),
            ),
        )


def _apart(domain: Domain) -> Callable[[Floats], float | None]:
    def apart(photo: Floats) -> float | None:
        figures = features(photo)
        return None if figures is None else domain.distance(figures)

    return apart


def _gate(likeness: Likeness, gsd_m: float, domain: Domain) -> None:
    """Refuse a pair that is mostly unlike what the net was trained on."""
    low, high = domain.gsd_m
    if not likeness.pixels_known:
        raise ChangeError(
            zh=f"像元 {gsd_m:g} 米，net 引擎只学过 {low:g}–{high:g} 米的影像。请先重采样或改用 dsm",
            en=f"pixels of {gsd_m:g} m: the net engine was trained on {low:g} to {high:g} m. "
            f"Resample the photos or use dsm",
            problem="domain",
            gsd_m=gsd_m,
        )
    if likeness.share < LEAST_INSIDE:
        raise ChangeError(
            zh=f"影像与 net 引擎学过的不像：{100 * (1 - likeness.share):.0f}% 的图块在其适用域外"
            f"（距离中位数 {likeness.median:.1f}，限值 {likeness.limit:.1f}）。"
            f"请核对影像，或改用 dsm",
            en=f"the photos do not look like what the net engine was trained on: "
            f"{100 * (1 - likeness.share):.0f} % of the patches lie outside its domain (median "
            f"distance {likeness.median:.1f}, limit {likeness.limit:.1f}). Check them, or use dsm",
            problem="domain",
            share=likeness.share,
            median=likeness.median,
        )


def _candidate(
    search: Search, came: bool, outline: Any, sure: float, apart: float, known: Card
) -> Candidate:
    inside = apart <= known.domain.limit
    score = sure if inside else min(sure, STRANGE_SCORE)
    measures = {"sure": sure, "domain_distance": apart, "in_domain": float(inside)}
    return search.candidate(outline, "construction" if came else "demolition", score, measures)


def _notes(known: Card, likeness: Likeness) -> list[tuple[str, str]]:
    notes = []
    if known.experimental:
        notes.append((
            "net 引擎为试验性质：在未学过的影像上准确度低于标准，结果仅供参考",
            "the net engine is experimental: on photos it was not trained on it scores below the "
            "mark",
        ))  # fmt: skip
    if likeness.share < 1.0:
        notes.append((
            f"{100 * (1 - likeness.share):.0f}% 的图块在 net 的适用域外，"
            "其中的候选已标明，不成线索",
            f"{100 * (1 - likeness.share):.0f} % of the patches lie outside the net's domain; what "
            f"is found there is labelled and raises no alert",
        ))  # fmt: skip
    return notes


def stretch_notes(photos: list[Any]) -> list[tuple[str, str]]:
    """What is said of photographs of more than eight bits."""
    return [
        (
            f"{p.name} 超过 8 位，已按 2%–98% 拉伸到 8 位",
            f"{p.name} has more than 8 bits: stretched between its 2nd and 98th percentile",
        )
        for p in photos
    ]


def missing_notes(found: Found, pixels: int) -> list[tuple[str, str]]:
    """What is said where a photograph has no value."""
    share = found.missing_px / pixels
    if share < 0.01:
        return []
    return [
        (
            f"{100 * share:.0f}% 的范围至少一期影像无值，未检测",
            f"{100 * share:.0f} % has no value in one of the photos and was not searched",
        )
    ]
