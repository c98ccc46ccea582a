"""The engines that look at photographs alone, and the gate that asks whether they may."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from painted import DAYS, GSD, NORTH, WEST, drawn, overlap, pair_in, town, write
from PIL import Image

from gis.change.domain import Domain, features
from gis.change.engines import NetEngine, ScreenEngine, engine_of
from gis.change.engines import net as net_module
from gis.change.engines.net import WEIGHTS, card
from gis.change.pair import Box, Pair, pair_of
from gis.change.rasters import describe
from gis.change.rules import load_rules
from gis.errors import ChangeError

PROJECT = Path(__file__).resolve().parents[2]
ENGINES = [NetEngine(), ScreenEngine()]


@pytest.fixture(scope="module")
def painted() -> tuple[Any, Any]:
    return town(4711)


@pytest.fixture(scope="module")
def pair(painted: Any, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair_in(tmp_path_factory.mktemp("photos"), painted[0])


def places(found: Any) -> list[tuple[bytes, str, float]]:
    return [(shapely.to_wkb(c.mask), c.kind, c.area_m2) for c in found.items]


# --- what they find ------------------------------------------------------------------------


def test_the_net_finds_houses_that_came_and_went(painted: Any, pair: Pair) -> None:
    _, (was, now) = painted
    found = NetEngine().candidates(pair)
    came = [c for c in found.items if c.kind == "construction"]
    went = [c for c in found.items if c.kind == "demolition"]
    assert overlap(came, now & ~was) > 0.5
    assert overlap([*came, *went], was != now) > 0.5
    assert all(c.delta_h_m is None and c.height_m is None for c in found.items)
    assert all(0 < c.score <= 1 for c in found.items)
    assert found.model["domain"]["inside_share"] > 0.5
    assert {"sure", "domain_distance", "in_domain"} <= set(found.items[0].measures)


def test_swapping_the_dates_swaps_what_came_and_went(painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    (tmp_path / "there").mkdir()
    (tmp_path / "back").mkdir()
    there = NetEngine().candidates(pair_in(tmp_path / "there", images))
    back = NetEngine().candidates(pair_in(tmp_path / "back", images[::-1]))
    shape = images.shape[-2:]
    for kind, other in (("construction", "demolition"), ("demolition", "construction")):
        first = drawn([c for c in there.items if c.kind == kind], shape)
        second = drawn([c for c in back.items if c.kind == other], shape)
        assert first.any()
        # not to the pixel: light is evened, and shifts told, from the later to the earlier date
        assert (first & second).sum() > 0.9 * (first | second).sum()


def test_the_same_photo_twice_has_no_change(painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    same = pair_in(tmp_path, [images[1], images[1]])
    for engine in ENGINES:
        assert engine.candidates(same).items == ()


@pytest.mark.parametrize("engine", ENGINES, ids=["net", "screen"])
def test_a_part_finds_what_the_whole_finds_there(engine: Any, pair: Pair) -> None:
    """The lattice of patches hangs on the grid, not on what is searched."""
    whole = engine.candidates(pair)
    part = Box(100, 60, 530, 400)
    some = engine.candidates(pair, part)
    inner = shapely.box(WEST + 62 * GSD, NORTH - 528 * GSD, WEST + 398 * GSD, NORTH - 102 * GSD)
    within = [p for p in places(whole) if inner.contains(shapely.from_wkb(p[0]))]
    assert within
    assert within == [p for p in places(some) if inner.contains(shapely.from_wkb(p[0]))]


def test_moving_both_photos_moves_what_is_found(painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here = NetEngine().candidates(pair_in(tmp_path / "a", images))
    away = rasterio.Affine(GSD, 0, WEST + 1234.0, 0, -GSD, NORTH - 567.5)
    there = NetEngine().candidates(pair_in(tmp_path / "b", images, transform=away))
    assert len(here.items) == len(there.items) > 0
    for a, b in zip(here.items, there.items, strict=True):
        moved = shapely.affinity.translate(a.mask, 1234.0, -567.5)
        assert moved.equals_exact(b.mask, 1e-6)


def test_what_the_screen_finds_raises_no_alert(pair: Pair) -> None:
    found = ScreenEngine().candidates(pair)
    doc = (PROJECT / "config" / "rules.yml").read_text("utf-8")
    limit = float(doc.split("min_score:")[1].split()[0])
    assert found.items
    assert max(c.score for c in found.items) < limit
    assert any("low confidence" in en for _, en in found.notes)


# --- which engine --------------------------------------------------------------------------


def test_auto_never_takes_an_experimental_net(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    known = card()
    monkeypatch.setattr("gis.change.engines.card", lambda: replace(known, experimental=True))
    with pytest.raises(ChangeError) as refused:
        engine_of("auto", pair)
    assert refused.value.problem == "engine"
    assert engine_of("net", pair).name == "net"
    monkeypatch.setattr("gis.change.engines.card", lambda: replace(known, experimental=False))
    assert engine_of("auto", pair).name == "net"
    monkeypatch.setattr("gis.change.engines.net.card", lambda: replace(known, experimental=True))
    notes = NetEngine().candidates(pair).notes
    assert any("experimental" in en for _, en in notes)


def test_the_weights_are_those_of_the_card_and_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (WEIGHTS / "net.onnx").stat().st_size <= 2_000_000
    for name in ("net.onnx", "net.json"):
        (tmp_path / name).write_bytes((WEIGHTS / name).read_bytes())
    doc = json.loads((tmp_path / "net.json").read_text())
    (tmp_path / "net.json").write_text(json.dumps({**doc, "sha256": "0" * 64}))
    monkeypatch.setattr(net_module, "WEIGHTS", tmp_path)
    with pytest.raises(ChangeError) as refused:
        card.__wrapped__()
    assert refused.value.problem == "weights"


def test_rules_leave_room_for_what_is_labelled() -> None:
    """A strange or weak candidate scores below what an alert needs."""
    rules = load_rules(PROJECT / "config" / "rules.yml", reasons=_reasons())
    assert rules.min_score > net_module.STRANGE_SCORE


def _reasons() -> list[str]:
    import yaml

    doc = yaml.safe_load((PROJECT / "config" / "rules.yml").read_text("utf-8"))
    return [rule["code"] for rule in doc["rules"]]


# --- the gate ------------------------------------------------------------------------------


def refused(images: Any, folder: Path, **extra: Any) -> Any:
    with pytest.raises(ChangeError) as error:
        NetEngine().candidates(pair_in(folder, images, **extra))
    return error.value


def test_noise_is_no_photograph(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    assert refused(rng.integers(0, 255, (2, 3, 400, 400), np.uint8), tmp_path).problem == "domain"


def test_an_old_survey_map_is_no_photograph(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "g_imagery" / "rasters_learn"
    with zipfile.ZipFile(folder / "georef.zip") as packed:
        scan = Image.open(io.BytesIO(packed.read("georef/1853survey.jpg"))).convert("RGB")
    pixels = np.asarray(scan).transpose(2, 0, 1)[:, 300:900, 300:900]
    error = refused([pixels, pixels[:, ::-1]], tmp_path)
    assert error.problem == "domain"
    assert error.share < 0.5


@pytest.mark.parametrize("gsd", [0.1, 2.0])
def test_pixels_of_another_size_are_refused(painted: Any, tmp_path: Path, gsd: float) -> None:
    where = rasterio.Affine(gsd, 0, WEST, 0, -gsd, NORTH)
    error = refused(painted[0], tmp_path, transform=where)
    assert (error.problem, error.gsd_m) == ("domain", gsd)


def test_real_photographs_are_inside(shared_data: Path) -> None:
    """LEVIR-CD: never trained on, 0.5 m, houses."""
    folder = shared_data / "g_imagery" / "cd_levir"
    far = []
    for path in sorted((folder / "label").glob("*.png")):
        for epoch in ("A", "B"):
            with Image.open(folder / epoch / path.name) as photo:
                pixels = np.asarray(photo.convert("RGB"), dtype=np.float32).transpose(2, 0, 1)
            figures = features(pixels)
            assert figures is not None
            far.append(card().domain.distance(figures))
    assert np.mean(np.array(far) <= card().domain.limit) >= 0.9


def test_strange_places_are_labelled_and_raise_no_alert(painted: Any, tmp_path: Path) -> None:
    """One patch of several is inverted: what is found there is marked."""
    images = np.concatenate([painted[0], painted[0]], axis=-1).copy()
    rng = np.random.default_rng(2)
    dirt = rng.integers(0, 256, (2, 3, 576, 440), np.uint8)
    images[..., 896:] = images[..., 896:] // 3 + dirt[..., : images.shape[-1] - 896] // 3 * 2
    found = NetEngine(min_area_m2=5.0).candidates(pair_in(tmp_path, images))
    assert 0.5 <= found.model["domain"]["inside_share"] < 1.0
    assert any("outside the net's domain" in en for _, en in found.notes)
    strange = [c for c in found.items if not c.measures["in_domain"]]
    assert all(c.score <= net_module.STRANGE_SCORE for c in strange)
    assert any(c.measures["in_domain"] for c in found.items)


def test_a_domain_comes_back_from_its_card() -> None:
    rng = np.random.default_rng(3)
    made = Domain.of(rng.normal(0, 1, (500, 4)), (0.3, 0.9))
    back = Domain.from_json(made.to_json())
    near, far = np.zeros(4), np.full(4, 5.0)
    assert back.distance(near) < 1 < back.limit < back.distance(far)
    assert back.distance(far) == pytest.approx(made.distance(far), rel=1e-3)
    assert back.knows_pixels_of(0.5)
    assert not back.knows_pixels_of(1.0)


# --- files that come otherwise -------------------------------------------------------------


def twelve_bits(images: Any) -> Any:
    return (images.astype(np.uint16) * 11 + 300).astype(np.uint16)


def test_sixteen_bits_are_stretched_and_it_is_said(
    painted: Any, pair: Pair, tmp_path: Path
) -> None:
    images, (was, now) = painted
    found = NetEngine().candidates(pair_in(tmp_path, twelve_bits(images)))
    assert sum("more than 8 bits" in en for _, en in found.notes) == 2
    assert overlap(list(found.items), was != now) > 0.4


def test_a_fourth_band_is_left_out(painted: Any, pair: Pair, tmp_path: Path) -> None:
    images, _ = painted
    infrared = np.full_like(images[:, :1], 200)
    four = np.concatenate([images, infrared], axis=1)
    found = NetEngine().candidates(pair_in(tmp_path, four))
    assert places(found) == places(NetEngine().candidates(pair))


@pytest.mark.parametrize("engine", ENGINES, ids=["net", "screen"])
def test_a_palette_and_grey_photo_are_refused(engine: Any, painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    grey = images[:, :1].copy()
    colours = {i: (i, 255 - i, 0, 255) for i in range(256)}
    for name, extra in (("palette", {"palette": colours}), ("grey", {})):
        (tmp_path / name).mkdir()
        with pytest.raises(ChangeError) as error:
            engine.candidates(pair_in(tmp_path / name, grey, **extra))
        assert error.value.problem == "colour"
        assert "-expand rgb" in error.value.en


@pytest.mark.parametrize("engine", ENGINES, ids=["net", "screen"])
def test_stripes_without_value_are_no_change(engine: Any, painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    striped = images.copy()
    striped[1, :, :, 200:260] = 0  # as fill without a nodata tag comes
    found = engine.candidates(pair_in(tmp_path, striped))
    strip = shapely.box(WEST + 200 * GSD, NORTH - 576 * GSD, WEST + 260 * GSD, NORTH)
    assert all(c.mask.intersection(strip).area == 0 for c in found.items)
    assert any("no value" in en for _, en in found.notes)
    assert found.searched_m2 == pytest.approx((576 - 60) * 576 * GSD**2, rel=0.02)


@pytest.mark.parametrize("engine", ENGINES, ids=["net", "screen"])
def test_cloud_is_no_change(engine: Any, tmp_path: Path) -> None:
    images, _ = town(4711, side=3)
    cloudy = images.copy()
    y, x = np.mgrid[:864, :864]
    inside = np.hypot(y - 430, x - 430) < 220
    cloudy[1][:, inside] = 240
    found = engine.candidates(pair_in(tmp_path, cloudy))
    cloud = shapely.Point(WEST + 215, NORTH - 215).buffer(90)
    assert not [c for c in found.items if c.mask.intersection(cloud).area > 0.5 * c.area_m2]
    assert any("cloud" in en and "after" in en for _, en in found.notes)


def test_nothing_but_fill_is_refused(tmp_path: Path) -> None:
    empty = np.zeros((2, 3, 100, 100), np.uint8)
    assert refused(empty, tmp_path).problem == "nodata"


def test_one_photo_alone_is_refused(pair: Pair) -> None:
    for engine in ENGINES:
        with pytest.raises(ChangeError) as error:
            engine.candidates(replace(pair, before=None))
        assert error.value.problem == "missing"


def test_photos_that_lie_apart_or_the_wrong_way_round(painted: Any, tmp_path: Path) -> None:
    images, _ = painted
    first = describe(write(tmp_path, "before", images[0], DAYS["before"]), "image")
    second = describe(write(tmp_path, "after", images[1], DAYS["after"]), "image")
    with pytest.raises(ChangeError) as error:
        pair_of(second, first, None, None)
    assert error.value.problem == "dates"
    with pytest.raises(ChangeError) as error:
        pair_of(first, replace(second, west=second.west + 9000), None, None)
    assert error.value.problem == "overlap"
    undated = tmp_path / "plain.tif"
    undated.write_bytes(first.path.read_bytes())
    with pytest.raises(ChangeError) as error:
        describe(undated, "image")
    assert error.value.problem == "date"
    assert describe(undated, "image", taken_on=date(2020, 1, 2)).taken_on == date(2020, 1, 2)
