"""Verdicts teach what scores are worth: curves that rise, held-out figures, a file in force."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from city import fill, run, suspects, write
from city import rules as read_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.change.calibration import (
    LEAST,
    AlertVerdict,
    Calibration,
    Curve,
    calibrate,
    load_calibration,
)
from gis.errors import ConfigError
from gis.layers import Registry
from gis.store import Store, alert_verdicts, list_alerts, show_alert, undo, update_alert


def verdicts(n: int, share: Any, engine: str = "dsm", seed: int = 1) -> list[AlertVerdict]:
    """So many, of which a share of the score is confirmed."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.35, 1.0, n)
    return [
        AlertVerdict(alert_id=f"T-{i:05}", engine=engine, kind="construction", score=float(score),
                     confirmed=bool(rng.random() < share(score)))
        for i, score in enumerate(scores)
    ]  # fmt: skip


def test_an_engine_that_claims_too_much_is_taken_down() -> None:
    """Half of what it says is what is true; on verdicts held out the curve is closer."""
    found = calibrate(verdicts(600, lambda s: s / 2), None, 0.35)
    report = found.reports["dsm/construction"]
    assert found.better
    assert report.brier_new is not None
    assert report.brier_new < report.brier_raw - 0.05
    for score in (0.5, 0.7, 0.9):
        worth = found.calibration.certainty("dsm", "construction", score)
        assert worth == pytest.approx(score / 2, abs=0.12)
    assert report.threshold is not None
    assert 0.55 < report.threshold < 0.85, "what is worth .35 is a raw score of .7"
    assert found.calibration.certainty("net", "construction", 0.5) == 0.5, "nobody has looked"


def test_what_is_right_already_is_not_replaced() -> None:
    first = calibrate(verdicts(600, lambda s: s / 2), None, 0.35)
    again = calibrate(verdicts(600, lambda s: s / 2), first.calibration, 0.35)
    assert not again.better, "in force is what was made of these very verdicts"
    honest = calibrate(verdicts(400, lambda s: s, seed=3), None, 0.35)
    report = honest.reports["dsm/construction"]
    assert report.brier_new == pytest.approx(report.brier_raw, abs=0.03)


def test_few_verdicts_are_no_curve() -> None:
    few = calibrate(verdicts(LEAST - 1, lambda s: s / 2), None, 0.35)
    assert few.calibration.curves == {}
    assert not few.better
    one_sided = calibrate(verdicts(200, lambda s: 1.0), None, 0.35)
    assert one_sided.calibration.curves == {}
    assert calibrate([], None, 0.35).reports == {}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=LEAST, max_size=120))
def test_a_higher_score_never_means_less(pairs: list[tuple[float, bool]]) -> None:
    made = [
        AlertVerdict(alert_id=str(i), engine="dsm", kind="demolition", score=s, confirmed=c)
        for i, (s, c) in enumerate(pairs)
    ]
    found = calibrate(made, None, 0.35).calibration
    worth = [found.certainty("dsm", "demolition", x) for x in np.linspace(0, 1, 41)]
    assert all(0 <= a <= 1 for a in worth)
    assert all(a <= b + 1e-9 for a, b in pairwise(worth))


def test_the_file_comes_back(tmp_path: Path) -> None:
    found = calibrate(verdicts(300, lambda s: s / 2), None, 0.35).calibration
    path = tmp_path / "calibration.yml"
    assert load_calibration(path) is None
    path.write_text(found.to_yaml(), "utf-8")
    assert load_calibration(path) == found


@pytest.mark.parametrize("text", [
    "", "[]", "version: 1",
    "version: 1\nstrata: {a: {scores: [1, 0], shares: [0, 1], verdicts: 1}}",
    "version: 1\nstrata: {a: {scores: [], shares: [], verdicts: 1}}",
    "version: 1\nstrata: {a: {scores: [0.5], shares: [2], verdicts: 1}}", "version: [", "\x00",
])  # fmt: skip
def test_a_broken_file_is_told_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError):
        load_calibration(path)


def test_it_is_in_force_and_on_record(store: Store, registry: Registry, tmp_path: Path) -> None:
    """The alert's score is what the raw one is worth; the evidence keeps both, with the version;
    what is worth too little raises nothing; verdicts go by the raw score."""
    files = write(suspects(), tmp_path, sigma=0.2)
    fill(store, registry)
    curve = Curve(scores=(0.2, 1.0), shares=(0.4, 0.5), n=99)
    rules = replace(
        read_rules(registry),
        calibration=Calibration(version="99-x", curves={"dsm/construction": curve}),
    )
    run_with(store, registry, files, rules)
    alerts = list_alerts(store)
    assert len(alerts) == 3
    for alert in alerts:
        record = show_alert(store, alert["key"])["evidence"][0]["record"]
        assert record["calibration"]["version"] == "99-x"
        assert record["calibration"]["score"] == record["change"]["score"]
        assert alert["score"] == round(record["calibration"]["certainty"], 3) <= 0.5
    low = replace(curve, shares=(0.1, 0.2))
    never = replace(
        rules, calibration=Calibration(version="99-y", curves={"dsm/construction": low})
    )
    assert run_with(store, registry, files, never).alerts == 0
    key = alerts[0]["key"]
    for state in ("to_check", "field_check", "confirmed"):
        update_alert(store, key, state, "查", by="李工")
    [row] = alert_verdicts(store)
    assert row["confirmed"]
    assert row["score"] > 0.5, "the engine's own score, not what it was worth"
    assert (row["engine"], row["kind"]) == ("dsm", "construction")
    undo(store, show_alert(store, key)["trail"][-1]["delivery"])
    assert alert_verdicts(store) == []


def run_with(store: Store, registry: Registry, files: Any, rules: Any) -> Any:
    from gis.change import DetectRequest, detect

    return detect(store, registry, DetectRequest(rules=rules, **files))


def test_without_a_file_scores_are_the_engine_s(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    fill(store, registry)
    run(store, registry, write(suspects(), tmp_path, sigma=0.2))
    for alert in list_alerts(store):
        record = show_alert(store, alert["key"])["evidence"][0]["record"]
        assert record["calibration"] is None
        assert alert["score"] == round(record["change"]["score"], 3)
