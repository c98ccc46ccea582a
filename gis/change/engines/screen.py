"""Differencing of colour and texture of two photographs: a weak engine, and it says so.

It sees that a place looks different, not that something was built. Light and season are evened
out over the whole pair, plants and shadows left out; what remains is ranked, and scores so low
that it raises no alert by the shipped rules: a list to look through, where nothing better is to be
had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gis.change.coregistration import registered_photos
from gis.change.engines.contract import Candidates, Kind
from gis.change.engines.net import missing_notes, stretch_notes
from gis.change.engines.patches import PhotoLimits, both_tones, search_of
from gis.change.noise import spread
from gis.change.pair import Box, Grid, Pair, Sheets, sheets
from gis.change.photos import Tones, cloud_notes, coloured, spread_tiles
from gis.change.progress import Forgetful, Journal
from gis.change.vegetation import green

Floats = NDArray[np.float32]
BLUR_PX, TEXTURE_PX = 5, 9
SIGMAS = 2.0  # of the difference, all bands together: best on painted pairs (scripts/train_net)
DARK = 0.5  # times the median brightness: shadow
MOST_SCORE = 0.3  # below the rules' min_score: no alert
WEAK = (
    "screen 引擎只比较颜色与纹理，把握低：候选供浏览，不成线索",
    "the screen engine compares colour and texture only, with low confidence: its candidates are "
    "to look through and raise no alert",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evened:
    """Light and season of the later photograph against the earlier one, by band: after is like
    gain * before + offset; noise: spread of what remains where nothing changed. dark: brightness
    below which a pixel is shadow, of each."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    noise: NDArray[np.float64]
    texture_noise: float
    dark: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenEngine:
    """`min_area_m2`: of a place. `journal`: what is done already."""

    min_area_m2: float = 80.0
    journal: Journal = field(default_factory=Forgetful)

    name = "screen"
    version = "1"

    def candidates(self, pair: Pair, window: Box | None = None) -> Candidates:
        """See `Engine`. Raises ChangeError (`problem`: missing, colour, nodata)."""
        photos = coloured(pair, self.name)
        pair, shift = registered_photos(pair)
        grid = pair.grid
        box = (window or grid.box).within(grid.box)
        limits = PhotoLimits(sure=0.5, min_area_m2=self.min_area_m2)
        with sheets(pair) as open_sheets:
            tones = both_tones(open_sheets, grid)
            evened = even(open_sheets, grid, tones)
            search = search_of(
                open_sheets, grid, box, limits, tones,
                lambda before, after: look(before, after, evened), lambda photo: None,
            )  # fmt: skip
            found = search.found(box, self.journal)
            items = [
                search.candidate(outline, _kind(came), MOST_SCORE * sure, {"sure": sure})
                for came, outline, sure, _ in search.places(found)
            ]
        pixels = max(found.searched_px + found.missing_px + max(found.cloudy), 1)
        shares = [(p, n / pixels) for p, n in zip(photos, found.cloudy, strict=True)]
        stretched = [p for p, t in zip(photos, tones, strict=True) if t.stretched]
        return Candidates(
            engine=self.name,
            version=self.version,
            frame=photos[1].frame,
            position_error_m=search.position_error_m,
            items=tuple(sorted(items, key=lambda c: c.mask.bounds)),
            searched_m2=found.searched_px * grid.gsd_m**2,
            rejected=dict(sorted(found.rejected.items())),
            model={
                "gain": [round(float(v), 3) for v in evened.gain],
                "noise": [round(float(v), 2) for v in evened.noise],
                "coregistration": shift.to_json(),
                "limits": asdict(limits),
            },
            notes=(
                *pair.notes,
                WEAK,
                *shift.notes(),
                *stretch_notes(stretched),
                *missing_notes(found, pixels),
                *cloud_notes(shares),
            ),
        )


def even(read: Sheets, grid: Grid, tones: tuple[Tones, Tones]) -> Evened:
    """From tiles spread evenly. Robust: what changed in up to a quarter of them does not count."""
    assert read.before is not None  # the engine checked
    assert read.after is not None
    befores, afters, textures = [], [], []
    for box in spread_tiles(grid):
        a, b = (
            t.scaled(s.read(box)) for t, s in zip(tones, (read.before, read.after), strict=True)
        )
        seen = np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)
        if seen.mean() < 0.5:
            continue
        a, b = (np.nan_to_num(v, nan=float(np.nanmedian(v))) for v in (a, b))
        befores.append(_blurred(a)[:, seen])
        afters.append(_blurred(b)[:, seen])
        textures.append((_texture(b) - _texture(a))[seen])
    if not befores:
        befores = afters = [np.full((3, 2), 127.0, np.float32)]
        textures = [np.zeros(2, np.float32)]
    a, b = np.concatenate(befores, axis=1), np.concatenate(afters, axis=1)
    gain = np.array([max(spread(y), 1.0) / max(spread(x), 1.0) for x, y in zip(a, b, strict=True)])
    gain = np.clip(gain, 0.4, 2.5)
    offset = np.array([np.median(y) - g * np.median(x) for x, y, g in zip(a, b, gain, strict=True)])
    rest = b - (gain[:, None] * a + offset[:, None])
    return Evened(
        gain=gain,
        offset=offset,
        noise=np.array([max(spread(r), 3.0) for r in rest]),
        texture_noise=max(spread(np.concatenate(textures)), 0.05),
        dark=(DARK * float(np.median(a)), DARK * float(np.median(b))),
    )


def look(before: Floats, after: Floats, evened: Evened) -> tuple[Floats, Floats]:
    """How different, 0 to 1 (a half at SIGMAS): where it did not turn green, and where it did."""
    a, b = _blurred(before), _blurred(after)
    expected = evened.gain[:, None, None] * a + evened.offset[:, None, None]
    colour = (((b - expected) / evened.noise[:, None, None]) ** 2).mean(axis=0)
    texture = ((_texture(after) - _texture(before)) / evened.texture_noise) ** 2
    apart = np.sqrt(colour + 0.25 * texture) / SIGMAS
    sure = (apart**2 / (1.0 + apart**2)).astype(np.float32)
    was, now = green(before), green(after)
    hidden = (was & now) | (a.mean(axis=0) < evened.dark[0]) | (b.mean(axis=0) < evened.dark[1])
    sure[hidden] = 0.0
    went = now & ~was
    return np.where(went, np.float32(0), sure), np.where(went, sure, np.float32(0))


def _kind(came: bool) -> Kind:
    return "construction" if came else "demolition"


def _blurred(photo: Floats) -> Floats:
    done: Floats = ndimage.uniform_filter(photo, (0, BLUR_PX, BLUR_PX))
    return done


def _texture(photo: Floats) -> Floats:
    """Logarithm of the grey levels' deviation near each pixel."""
    grey = photo.mean(axis=0).astype(np.float64)
    mean = ndimage.uniform_filter(grey, TEXTURE_PX)
    square = ndimage.uniform_filter(grey * grey, TEXTURE_PX)
    rough: Floats = np.log(np.sqrt(np.maximum(square - mean**2, 0.0)) + 2.0).astype(np.float32)
    return rough
