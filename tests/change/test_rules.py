"""The rules over plain values: each reason, its band, and what can't be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from gis.change.engines import Candidate
from gis.change.known import Known, Rows, RuleSet, Verdict
from gis.change.rules import judge, load_rules
from gis.errors import ConfigError
from gis.layers import Registry

RULES = Path(__file__).resolve().parents[2] / "config" / "rules.yml"
DAY = date(2024, 6, 10)
FAR = shapely.box(9000, 9000, 9100, 9100)
PLACE = shapely.box(0, 0, 20, 10)  # 200 m², metres
AROUND = PLACE.buffer(2)
ALL = frozenset({"farmland", "ecological", "town_boundary"})


def change(kind: Any = "construction", **given_: Any) -> Candidate:
    figures: dict[str, Any] = {
        "mask": PLACE, "outline": PLACE, "kind": kind, "stage": None, "score": 0.9,
        "area_m2": 200.0, "area_band_m2": 30.0, "delta_h_m": 9.0, "delta_h_band_m": 0.6,
        "height_m": 9.0, "height_sigma_m": 0.4,
    }  # fmt: skip
    return Candidate(**(figures | given_))


def rows(layer: str, shapes: list[shapely.Polygon], present: bool = True, **columns: Any) -> Rows:
    n = len(shapes)
    geometry = np.empty(n, dtype=object)
    geometry[:] = shapes
    return Rows(
        layer=layer,
        key=np.arange(1, n + 1),
        version_id=np.arange(101, n + 101),
        geometry=geometry,
        columns=columns,
        present=present,
        accuracy_m=1.0,
    )


def permits(*of: tuple[shapely.Polygon, float | None, date, date | None]) -> Rows:
    shapes, heights, issued, ends = zip(*of, strict=True) if of else ((), (), (), ())
    return rows(
        "planning_permits", list(shapes), height_max_m=heights, issued_on=issued, expires_on=ends,
        kind=["construction"] * len(shapes),
    )  # fmt: skip


def lines(**of: shapely.Polygon) -> Rows:
    return rows("red_lines", list(of.values()), kind=list(of))


def permit(
    shape: shapely.Polygon = AROUND,
    height: float | None = 12.0,
    issued: date = date(2023, 1, 1),
    ends: date | None = date(2026, 1, 1),
) -> tuple[shapely.Polygon, float | None, date, date | None]:
    return shape, height, issued, ends


TOWN = shapely.box(-500, -500, 500, 500)


def known(
    permits_: Rows | None = None,
    red: Rows | None = None,
    loaded: frozenset[str] = ALL,
    **more: Any,
) -> Known:
    given_: dict[str, Any] = {
        "parcels": rows("parcels", [FAR]),
        "plan": rows("land_use_plan", [FAR], land_use=["0103"]),
        "standing": rows("buildings", []),
        "built": np.array([PLACE], dtype=object),
    }
    return Known(
        at=DAY,
        permits=permits(permit()) if permits_ is None else permits_,
        red_lines=lines(town_boundary=TOWN) if red is None else red,
        lines_loaded=loaded,
        position_error_m=0.5,
        **(given_ | more),
    )


@pytest.fixture(scope="module")
def rules(registry: Registry) -> RuleSet:
    return load_rules(RULES, reasons=list(registry.codelists["alert_reason"].codes))


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_permitted_building_is_no_suspect(rules: RuleSet) -> None:
    verdict = judge(change(), known(), rules)
    assert codes(verdict) == []
    assert verdict.skipped == {}
    assert ("planning_permits", 1, 101) in verdict.consulted


@pytest.mark.parametrize(
    ("permit_", "expected"),
    [
        (permit(), []),
        (permit(FAR), ["no_permit"]),
        (permit(ends=date(2024, 6, 9)), ["no_permit"]),  # ended the day before the image
        (permit(ends=date(2024, 6, 10)), []),  # its last day
        (permit(ends=None), []),  # no end stated
        (permit(issued=date(2024, 6, 11)), ["no_permit"]),  # granted the day after
        (permit(issued=date(2024, 6, 10)), []),
        (permit(shapely.box(0, 0, 5.9, 10)), ["no_permit"]),  # 29.5 % of the place
        (permit(shapely.box(0, 0, 6.1, 10)), []),  # 30.5 %
    ],
)
@pytest.mark.parametrize("kind", ["construction", "added_storey"])
def test_no_permit(rules: RuleSet, permit_: Any, expected: list[str], kind: str) -> None:
    found = codes(judge(change(kind), known(permits(permit_)), rules))
    assert [code for code in found if code == "no_permit"] == expected


def test_two_permits_cover_together(rules: RuleSet) -> None:
    both = permits(permit(shapely.box(0, 0, 4, 10)), permit(shapely.box(16, 0, 20, 10)))
    assert codes(judge(change(), known(both), rules)) == ["exceeds_permit"]
    all_of_it = permits(permit(shapely.box(0, 0, 9, 10)), permit(shapely.box(9, 0, 20, 10)))
    assert codes(judge(change(), known(all_of_it), rules)) == []


def test_an_expired_permit_is_among_what_was_consulted(rules: RuleSet) -> None:
    [reason] = judge(change(), known(permits(permit(ends=date(2024, 6, 9)))), rules).reasons
    assert reason.consulted == (("planning_permits", 1, 101),)
    assert reason.figures == {"cover": 0.0, "min_cover": 0.3, "area_m2": 200.0}
    assert reason.to_json()["title"]["zh"] == "未批先建"


@pytest.mark.parametrize(
    ("height", "sigma", "limit", "expected"),
    [
        (12.7, 0.4, 12.0, []),  # within two standard errors
        (12.9, 0.4, 12.0, ["over_height"]),
        (12.9, 0.5, 12.0, []),  # the same height, less certain
        (30.0, 0.4, None, []),  # a permit that states none: can't be judged
        (None, None, 12.0, []),
    ],
)
def test_over_height(
    rules: RuleSet, height: float | None, sigma: float | None, limit: float | None,
    expected: list[str],
) -> None:  # fmt: skip
    tall = change(height_m=height, height_sigma_m=sigma)
    verdict = judge(tall, known(permits(permit(height=limit))), rules)
    assert codes(verdict) == expected
    assert ("over_height" in verdict.skipped) == (height is None or limit is None)


def test_the_highest_limit_counts_but_not_a_neighbours(rules: RuleSet) -> None:
    tall = change(height_m=20.0)
    half = permits(
        permit(shapely.box(0, 0, 10, 10)), permit(shapely.box(10, 0, 20, 10), height=21.0)
    )
    assert codes(judge(tall, known(half), rules)) == []
    brushing = permits(permit(), permit(shapely.box(19.8, 0, 60, 10), height=60.0))
    assert codes(judge(tall, known(brushing), rules)) == ["over_height"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (PLACE.buffer(5), ["farmland"]),
        (shapely.box(-10, -10, 2.5, 20), ["farmland"]),  # 25 m², the band is 11 x 1.12 m
        (shapely.box(-10, -10, 1.0, 20), []),  # 10 m², within the band
        (FAR, []),
    ],
)
def test_farmland_beyond_the_band(
    rules: RuleSet, shape: shapely.Polygon, expected: list[str]
) -> None:
    red = lines(town_boundary=TOWN, farmland=shape)
    assert codes(judge(change(), known(red=red), rules)) == expected


def test_storeys_take_no_more_farmland(rules: RuleSet) -> None:
    red = lines(town_boundary=TOWN, farmland=PLACE.buffer(5), ecological=PLACE.buffer(5))
    assert codes(judge(change("added_storey"), known(red=red), rules)) == ["ecological"]


@pytest.mark.parametrize(
    ("town", "expected"),
    [
        (TOWN, []),
        (shapely.box(0, 0, 18.8, 10).buffer(0), []),  # 12 m² outside, within the band
        (shapely.box(-9, -9, 10, 19), ["town_boundary"]),  # half of it outside
        (FAR, ["town_boundary"]),  # the boundary is out of sight
    ],
)
def test_outside_the_town_boundary(
    rules: RuleSet, town: shapely.Polygon, expected: list[str]
) -> None:
    verdict = judge(change(), known(red=lines(town_boundary=town)), rules)
    assert codes(verdict) == expected
    if expected:
        [reason] = verdict.reasons
        assert reason.consulted == (("red_lines", 1, 101),)  # the boundary it lies outside of


def test_what_was_not_loaded_is_not_held_against_anybody(rules: RuleSet) -> None:
    empty = rows("planning_permits", [], present=False)
    nothing = rows("red_lines", [], present=False)
    plan = rows("land_use_plan", [], present=False)
    verdict = judge(change(), known(empty, nothing, frozenset(), plan=plan), rules)
    assert codes(verdict) == []
    assert set(verdict.skipped) == {rule.code for rule in rules.rules}
    assert all("2024-06-10" in en for _, en in verdict.skipped.values())


def test_a_kind_of_red_line_that_was_not_loaded_is_skipped_alone(rules: RuleSet) -> None:
    red = lines(ecological=PLACE.buffer(5))
    verdict = judge(change(), known(red=red, loaded=frozenset({"ecological"})), rules)
    assert codes(verdict) == ["ecological"]
    assert set(verdict.skipped) == {"farmland", "town_boundary"}


def test_permits_that_lie_elsewhere_are_loaded_all_the_same(rules: RuleSet) -> None:
    elsewhere = replace(permits(), columns={"issued_on": [], "expires_on": [], "kind": []})
    assert codes(judge(change(), known(elsewhere), rules)) == ["no_permit"]


def test_a_demolition_has_no_reasons(rules: RuleSet) -> None:
    red = lines(farmland=PLACE.buffer(5), ecological=PLACE.buffer(5))
    verdict = judge(change("demolition"), known(permits(permit(FAR)), red), rules)
    assert verdict.reasons == ()
    assert verdict.skipped == {}


@given(
    west=st.floats(-30, 30), south=st.floats(-30, 30), w=st.floats(0.1, 60), h=st.floats(0.1, 60),
    more=st.floats(0, 20),
)  # fmt: skip
def test_a_larger_permit_never_makes_a_suspect(
    rules: RuleSet, west: float, south: float, w: float, h: float, more: float
) -> None:
    shape = shapely.box(west, south, west + w, south + h)
    assume(abs(shape.intersection(PLACE).area / PLACE.area - 0.3) > 1e-9)
    larger = shapely.box(west - more, south - more, west + w + more, south + h + more)
    small = codes(judge(change(), known(permits(permit(shape))), rules))
    large = codes(judge(change(), known(permits(permit(larger))), rules))
    assert ("no_permit" not in large) or ("no_permit" in small)


# --- more than, beside, after and against what was permitted ------------------------------


@pytest.mark.parametrize(
    ("permit_", "expected"),
    [
        (permit(shapely.box(-2, -2, 14, 12)), ["exceeds_permit"]),  # 60 m², the band is 12.3
        (permit(shapely.box(-2, -2, 17.9, 12)), ["exceeds_permit"]),  # 21 m²
        (permit(shapely.box(-2, -2, 18.1, 12)), []),  # 19 m²: below min_excess_m2
        (permit(PLACE), []),  # as permitted
        (permit(PLACE.buffer(-0.5)), []),  # 29 m² all round, but the band is 63
        (permit(shapely.box(-2, -2, 5.9, 12)), ["no_permit"]),  # nothing to exceed
    ],
)
def test_more_than_was_permitted(rules: RuleSet, permit_: Any, expected: list[str]) -> None:
    assert codes(judge(change(), known(permits(permit_)), rules)) == expected


def test_the_excess_is_a_figure(rules: RuleSet) -> None:
    wide = permits(permit(shapely.box(-2, -2, 14, 12)))
    [reason] = judge(change(), known(wide), rules).reasons
    assert reason.figures["excess_m2"] == pytest.approx(60)
    assert reason.figures["permitted_m2"] == pytest.approx(140)
    assert reason.figures["band_m2"] == pytest.approx(11 * np.hypot(0.5, 1.0))
    assert reason.consulted == (("planning_permits", 1, 101),)


PARCEL = shapely.box(-10, -10, 100, 30)
WEST_OF_IT = shapely.box(60, 0, 80, 10)  # where the permit is: 40 m from the place


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["no_permit", "off_site"]),
        ({"parcels": rows("parcels", [FAR])}, ["no_permit"]),  # no parcel here
        ({"parcels": rows("parcels", [shapely.box(-10, -10, 50, 30)])}, ["no_permit"]),
        ({"parcels": rows("parcels", [shapely.box(-10, -10, 69, 30)])}, ["no_permit"]),  # 45 %
        ({"standing": rows("buildings", [WEST_OF_IT])}, ["no_permit"]),  # the permit was used
        ({"standing": rows("buildings", [shapely.box(60, 0, 61, 10)])}, ["no_permit", "off_site"]),
        ({"built": np.array([PLACE, WEST_OF_IT], dtype=object)}, ["no_permit"]),
    ],
)
def test_beside_its_permit(rules: RuleSet, more: dict[str, Any], expected: list[str]) -> None:
    at = {"parcels": rows("parcels", [PARCEL])} | more
    assert codes(judge(change(), known(permits(permit(WEST_OF_IT)), **at), rules)) == expected


def test_a_permit_that_ended_is_not_built_beside(rules: RuleSet) -> None:
    old = permits(permit(WEST_OF_IT, ends=date(2024, 6, 9)))
    at: dict[str, Any] = {"parcels": rows("parcels", [PARCEL])}
    assert codes(judge(change(), known(old, **at), rules)) == ["no_permit"]


def test_off_site_names_the_permit_and_the_parcel(rules: RuleSet) -> None:
    at: dict[str, Any] = {"parcels": rows("parcels", [PARCEL])}
    reason = judge(change(), known(permits(permit(WEST_OF_IT)), **at), rules).reasons[1]
    assert reason.consulted == (("planning_permits", 1, 101), ("parcels", 1, 101))
    assert reason.figures["distance_m"] == pytest.approx(40)


def temporary(ends: date, kind: str = "temporary", shape: shapely.Polygon = AROUND) -> Rows:
    return rows(
        "planning_permits", [shape], height_max_m=[12.0], issued_on=[date(2022, 1, 1)],
        expires_on=[ends], kind=[kind],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("permits_", "expected"),
    [
        (temporary(date(2024, 6, 9)), ["no_permit", "overdue"]),  # ended the day before
        (temporary(DAY), []),  # its last day
        (temporary(date(2023, 1, 1), "construction"), ["no_permit"]),
        (temporary(date(2023, 1, 1), shape=shapely.box(0, 0, 5.9, 10)), ["no_permit"]),
        (temporary(date(2023, 1, 1), shape=FAR), ["no_permit"]),
    ],
)
def test_past_a_temporary_term(rules: RuleSet, permits_: Rows, expected: list[str]) -> None:
    assert codes(judge(change(), known(permits_), rules)) == expected


def test_days_past_the_term(rules: RuleSet) -> None:
    reason = judge(change(), known(temporary(date(2024, 5, 31))), rules).reasons[1]
    assert reason.figures["days_overdue"] == 10


@pytest.mark.parametrize(
    ("use", "shape", "expected"),
    [
        ("0103", AROUND, ["no_permit", "land_use_mismatch"]),
        ("1401", shapely.box(-10, -10, 2.5, 20), ["no_permit", "land_use_mismatch"]),  # 25 m²
        ("1401", shapely.box(-10, -10, 1.0, 20), ["no_permit"]),  # 10 m², within the band
        ("0701", AROUND, ["no_permit"]),
        ("16", AROUND, ["no_permit"]),
    ],
)
def test_against_the_plan(
    rules: RuleSet, use: str, shape: shapely.Polygon, expected: list[str]
) -> None:
    plan = rows("land_use_plan", [shape], land_use=[use])
    assert codes(judge(change(), known(permits(permit(FAR)), plan=plan), rules)) == expected


def test_a_permit_outweighs_the_plan(rules: RuleSet) -> None:
    plan = rows("land_use_plan", [AROUND], land_use=["1401"])
    verdict = judge(change(), known(plan=plan), rules)
    assert codes(verdict) == []
    assert ("land_use_plan", 1, 101) in verdict.consulted


def test_layers_that_only_some_rules_need(rules: RuleSet) -> None:
    verdict = judge(
        change(),
        known(
            permits(permit(FAR)),
            parcels=rows("parcels", [], present=False),
            plan=rows("land_use_plan", [], present=False),
        ),
        rules,
    )
    assert codes(verdict) == ["no_permit"]
    assert set(verdict.skipped) == {"off_site", "land_use_mismatch"}


# --- the file ------------------------------------------------------------------------------


def edited(tmp_path: Path, edit: Any) -> Path:
    doc = yaml.safe_load(RULES.read_text("utf-8"))
    edit(doc)
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(doc, allow_unicode=True), "utf-8")
    return path


@pytest.mark.parametrize(
    "edit",
    [
        lambda doc: doc.pop("version"),
        lambda doc: doc["rules"][0].pop("min_cover"),
        lambda doc: doc["rules"][0].update(min_covr=0.3),
        lambda doc: doc["rules"][0].update(code="no_such_reason", red_line="farmland"),
        lambda doc: doc["rules"][2].update(red_line="swamp"),
        lambda doc: doc["rules"][2].update(side="beside"),
        lambda doc: doc["rules"][5].pop("min_excess_m2"),
        lambda doc: doc["rules"][8].update(excluded="0103"),
        lambda doc: doc.update(alert_prefix="A-B"),
        lambda doc: doc.update(min_score="high"),
        lambda doc: doc["due_days"].update(forgotten=3),
        lambda doc: doc["due_days"].update(review="ten"),
        lambda doc: doc["due_days"].update(review=-1),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, registry: Registry, edit: Any) -> None:
    reasons = list(registry.codelists["alert_reason"].codes)
    with pytest.raises(ConfigError) as refused:
        load_rules(edited(tmp_path, edit), reasons=reasons)
    assert refused.value.path == str(tmp_path / "rules.yml")


def test_no_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_rules(tmp_path / "absent.yml", reasons=[])
    (tmp_path / "rules.yml").write_text("rules: [", "utf-8")
    with pytest.raises(ConfigError):
        load_rules(tmp_path / "rules.yml", reasons=[])


def test_every_rule_has_its_law_and_a_known_code(rules: RuleSet, registry: Registry) -> None:
    assert {rule.code for rule in rules.rules} == set(registry.codelists["alert_reason"].codes)
    assert all(rule.law.zh and rule.law.en for rule in rules.rules)
    kinds = set(registry.codelists["change_kind"].codes)
    assert all(set(rule.kinds) <= kinds for rule in rules.rules)
