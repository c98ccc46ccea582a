"""The law changes after the run: the old evidence stands, a new run can go by the new law."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from city import BARE, FIELD, HIGH, PERMITTED, day, deliver, fill, permit, run, suspects, write

from gis.coords import from_epsg, normalise
from gis.layers import Registry
from gis.store import Store, list_alerts, show_alert

TODAY = datetime.now(UTC).date() + timedelta(days=1)  # whatever the zone


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(suspects(), tmp_path_factory.mktemp("later"), sigma=0.2)


def place_of(alert: dict[str, Any]) -> str:
    from shapely import points

    at = normalise(points([[alert["lon"], alert["lat"]]]), from_epsg(4490), target=from_epsg(4547))
    shapes = {"BARE": BARE, "FIELD": FIELD, "HIGH": HIGH, "PERMITTED": PERMITTED}
    return next(name for name, shape in shapes.items() if shape.contains(at.geometry[0]))


def digests(store: Store) -> dict[str, str]:
    """Of all evidence of each alert's first run, pictures by their names."""
    found = {}
    for alert in list_alerts(store):
        [*_, first] = show_alert(store, alert["key"])["evidence"]
        text = json.dumps(first, default=str, sort_keys=True)
        found[place_of(alert)] = hashlib.sha256(text.encode()).hexdigest()
    return found


def test_a_permit_changed_after_the_run_changes_no_evidence_but_a_new_run(
    store: Store, registry: Registry, files: dict[str, Path]
) -> None:
    fill(store, registry)
    run(store, registry, files)
    assert set(digests(store)) == {"BARE", "FIELD", "HIGH"}
    before = digests(store)
    # a year later BARE gets a permit, and PERMITTED loses its own
    later = [
        permit("建字2", HIGH.buffer(3), 40.0, expires_on=None),
        permit("建字9", BARE.buffer(3), expires_on=None),
    ]
    deliver(store, registry, "planning_permits", later, day(2025, 6, 11))
    assert digests(store) == before

    # by the law of the image's date nothing is different
    again = run(store, registry, files)
    assert len(again.stored.again) == 3
    assert again.stored.new == ()

    # by the law of today it is
    new = run(store, registry, files, law_on=TODAY)
    assert len(new.stored.new) == 1
    now = {place_of(alert): alert for alert in list_alerts(store)}
    assert set(now) == {"BARE", "FIELD", "HIGH", "PERMITTED"}
    raised = show_alert(store, now["PERMITTED"]["key"])
    assert raised["properties"]["reasons"] == ["no_permit"]
    judged = raised["evidence"][0]["record"]["judged_as_of"]
    assert date.fromisoformat(judged[:10]) == TODAY
    assert raised["evidence"][0]["parameters"]["law_as_of"] == judged
    assert now["BARE"]["alert_id"] not in new.stored.again, "it has a permit now"
    bare = show_alert(store, now["BARE"]["key"])
    assert [step["event"] for step in bare["trail"]] == ["raised", "again"]
    assert {name: digests(store)[name] for name in before} == before
