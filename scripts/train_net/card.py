"""Put trained weights beside the engine `net`, with their card: threshold, domain, digests.

    python scripts/train_net/card.py NET.onnx --banks BANK … --held BANK --version 1 [--fit]

Run with the program's own Python. The threshold is the one that is best on the held bank (painted,
not trained on); the domain is that of the banks trained on. `--fit` says that the net passed the
mark on pairs it was not trained on; without it the engine calls itself experimental.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from gis.change.domain import Domain, features
from gis.change.engines.net import WEIGHTS

GSD_M = (0.25, 1.0)  # painted at 0.3 to 0.9 m; a little beyond is let through
LEAN_PX = 6
PATCHES = 800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--banks", type=Path, nargs="+", required=True)
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--fit", action="store_true")
    asked = parser.parse_args()
    sure, held = threshold(asked.onnx, asked.held)
    raw = asked.onnx.read_bytes()
    card = {
        "version": asked.version,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "sure": sure,
        "experimental": not asked.fit,
        "held_f1": held,
        "trained_on": [json.loads((b / "bank.json").read_text()) for b in asked.banks],
        "domain": Domain.of(known(asked.banks), GSD_M).to_json(),
    }
    WEIGHTS.mkdir(exist_ok=True)
    shutil.copyfile(asked.onnx, WEIGHTS / "net.onnx")
    (WEIGHTS / "net.json").write_text(json.dumps(card, indent=1) + "\n")
    print(f"{len(raw)} bytes, threshold {sure}, F1 on the held bank {held}")


def known(banks: list[Path]) -> Any:
    """Features of patches spread over all banks."""
    images = [np.load(b / "images.npy", mmap_mode="r") for b in banks]
    total = sum(len(i) for i in images)
    found = []
    for bank in images:
        for i in range(0, len(bank), max(1, 2 * total // PATCHES)):
            found += [features(np.asarray(photo, dtype=np.float32)) for photo in bank[i]]
    return np.array([f for f in found if f is not None])


def threshold(onnx: Path, held: Path) -> tuple[float, float]:
    """The best threshold on the held bank, and F1 of pixels there."""
    session = onnxruntime.InferenceSession(onnx.read_bytes(), providers=["CPUExecutionProvider"])
    images = np.load(held / "images.npy", mmap_mode="r")
    houses = np.load(held / "houses.npy", mmap_mode="r")
    levels = np.round(np.arange(0.1, 0.95, 0.05), 2)
    hit, found, true = np.zeros(len(levels)), np.zeros(len(levels)), 0.0
    side = images.shape[-1] // 32 * 32
    for pair, standing in zip(images[..., :side, :side], houses[..., :side, :side], strict=True):
        before, after = ((p / np.float32(255))[None].astype(np.float32) for p in pair)
        outputs = session.run(None, {"before": before, "after": after})
        for logits, was, now in zip(outputs, standing, standing[::-1], strict=True):
            p = 1 / (1 + np.exp(-logits[0, 0]))
            near = _near(was)
            truth, counts = (now > 0) & ~near, ~((now > 0) & near & (was == 0))
            true += truth.sum()
            for k, level in enumerate(levels):
                mark = (p > level) & counts
                hit[k] += (mark & truth).sum()
                found[k] += mark.sum()
    f1 = 2 * hit / (found + true)
    best = int(np.argmax(f1))
    return float(levels[best]), round(float(f1[best]), 4)


def _near(mask: Any) -> Any:
    from scipy import ndimage

    return ndimage.maximum_filter(mask, 2 * LEAN_PX + 1) > 0


if __name__ == "__main__":
    main()
