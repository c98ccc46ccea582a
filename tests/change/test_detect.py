"""The walk: files and a filled store in, alerts with evidence out; what a second run does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rasterio
import shapely
from city import (
    BARE,
    FIELD,
    HIGH,
    PERMITTED,
    PROJECT,
    day,
    deliver,
    fill,
    permit,
    run,
    suspects,
    write,
)
from city import rules as read_rules
from psycopg.errors import IntegrityConstraintViolation
from psycopg.sql import SQL, Identifier
from rasterio.io import MemoryFile
from scene import box, change, stand, town

from gis.coords import from_epsg, normalise
from gis.errors import ChangeError, Conflict
from gis.layers import Registry
from gis.store import (
    Instant,
    LayerQuery,
    Store,
    chip,
    count,
    history,
    list_alerts,
    list_deliveries,
    show_alert,
    undo,
    update_alert,
)

Files = dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write(suspects(), tmp_path_factory.mktemp("suspects"), sigma=0.2)


def placed(row: dict[str, Any]) -> shapely.Point:
    point = shapely.points([[row["lon"], row["lat"]]])
    return normalise(point, from_epsg(4490), target=from_epsg(4547)).geometry[0]


def by_place(store: Store) -> dict[str, dict[str, Any]]:
    """Alerts by the name of the place they lie on."""
    names = {"BARE": BARE, "FIELD": FIELD, "HIGH": HIGH, "PERMITTED": PERMITTED}
    return {
        name: row
        for row in list_alerts(store)
        for name, shape in names.items()
        if shape.contains(placed(row))
    }


def test_raises_what_the_rules_say_and_nothing_else(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    report = run(store, registry, files)
    found = by_place(store)
    assert {name: row["reasons"] for name, row in found.items()} == {
        "BARE": ["no_permit"],
        "FIELD": ["no_permit", "farmland"],
        "HIGH": ["over_height"],
    }
    assert report.candidates == 4
    assert report.alerts == len(list_alerts(store)) == 3
    assert report.skipped == {}
    assert found["BARE"]["parcel_code"] == "411702001001GB00001W00000000"
    assert found["FIELD"]["parcel_code"] is None
    assert {row["county_code"] for row in found.values()} == {"411702"}
    assert {row["state"] for row in found.values()} == {"suspected"}
    assert {row["image_date"] for row in found.values()} == {date(2024, 6, 10)}
    assert sorted(row["alert_id"] for row in found.values()) == [
        f"ZMD-2024-00000{i}" for i in (1, 2, 3)
    ]
    assert found["BARE"]["area_m2"] == pytest.approx(BARE.area, rel=0.1)
    # an alert begins with its image: as of the day before there was none
    layer = registry.get("alerts")
    assert count(store, LayerQuery(layer=layer, when=Instant(day(2024, 6, 9)))) == 0
    assert count(store, LayerQuery(layer=layer, when=Instant(day(2024, 6, 10)))) == 3


def test_judges_by_what_was_in_force_on_the_image_date(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    # after the image: a permit for BARE, and PERMITTED loses its own
    later = [permit("建字2", HIGH.buffer(3), 40.0), permit("建字9", BARE.buffer(3))]
    deliver(store, registry, "planning_permits", later, day(2024, 6, 11))
    run(store, registry, files)
    assert set(by_place(store)) == {"BARE", "FIELD", "HIGH"}


def test_a_permit_that_ended_the_day_before_is_none(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    ended = [
        permit("建字1", PERMITTED.buffer(3), expires_on=date(2024, 6, 9)),
        permit("建字2", HIGH.buffer(3), 40.0, expires_on=date(2024, 6, 10)),
    ]
    deliver(store, registry, "planning_permits", ended, day(2024, 1, 1))
    run(store, registry, files)
    assert set(by_place(store)) == {"BARE", "FIELD", "PERMITTED"}


def test_without_layers_nobody_is_a_suspect(store: Store, registry: Registry, files: Files) -> None:
    report = run(store, registry, files)
    assert report.candidates == 4
    assert report.alerts == 0
    assert set(report.skipped) == {rule.code for rule in read_rules(registry).rules}
    # permits that came after the image say nothing about it
    deliver(store, registry, "planning_permits", [permit("建字1", PERMITTED)], day(2024, 7, 1))
    assert "no_permit" in run(store, registry, files).skipped


def test_evidence_shows_what_was_seen(store: Store, registry: Registry, files: Files) -> None:
    numbers = fill(store, registry)
    run(store, registry, files)
    key = by_place(store)["HIGH"]["key"]
    case = show_alert(store, key)
    [reason] = case["reasons"]
    assert reason["figures"]["permitted_m"] == 15.0
    assert reason["figures"]["height_m"] == pytest.approx(24.0, abs=0.8)
    assert reason["consulted"][0]["layer"] == "planning_permits"
    seen = {row["layer"]: row for row in case["consulted"]}
    assert set(seen) == {"planning_permits", "red_lines", "admin_areas", "land_use_plan"}
    assert seen["planning_permits"]["properties"]["permit_no"] == "建字2"
    assert seen["planning_permits"]["properties"]["height_max_m"] == 15.0
    assert seen["planning_permits"]["delivery"] == numbers["planning_permits"]
    assert seen["planning_permits"]["cut"] is False
    assert seen["red_lines"]["cut"] is True  # the boundary is far larger than the place
    [evidence] = case["evidence"]
    assert evidence["record"]["layers"]["planning_permits"] == numbers["planning_permits"]
    assert evidence["record"]["judged_as_of"].startswith("2024-06-10T00:00:00+08:00")
    inputs = evidence["inputs"]
    assert set(inputs) == {"before", "after", "dsm_before", "dsm_after"}
    assert all(len(raster["digest"]) == 64 for raster in inputs.values())
    assert evidence["image_date"] == date(2024, 6, 10)
    assert evidence["before_date"] == date(2023, 4, 15)
    assert evidence["rules_version"] == read_rules(registry).version


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pictures_show_the_place_with_its_outline(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    run(store, registry, files)
    key = by_place(store)["BARE"]["key"]
    assert show_alert(store, key)["chips"] == ["after", "before", "dsm"]
    pictures = {}
    for name in ("before", "after", "dsm"):
        png = chip(store, key, name)
        assert png is not None
        assert png.startswith(b"\x89PNG")
        with MemoryFile(png) as memory, memory.open() as data:
            pictures[name] = data.read()
    for picture in pictures.values():
        _, rows, columns = picture.shape
        assert rows == columns > 150
        drawn = (picture.T == (255, 0, 200)).all(axis=-1)
        assert 100 < drawn.sum() < 0.1 * rows * columns
    middle = pictures["dsm"][:, 100:-100, 100:-100].reshape(3, -1).mean(axis=1)
    assert middle[0] > 200 > 60 > middle[2]  # risen: red
    assert chip(store, key, "nothing") is None


def test_evidence_survives_the_undoing_of_a_permit(
    store: Store, registry: Registry, files: Files
) -> None:
    numbers = fill(store, registry)
    run(store, registry, files)
    key = by_place(store)["HIGH"]["key"]
    before = show_alert(store, key)
    undo(store, numbers["planning_permits"])
    after = show_alert(store, key)
    assert after["consulted"] == before["consulted"]
    assert after["reasons"] == before["reasons"]
    # and the rules now see that nothing was loaded
    assert "no_permit" in run(store, registry, files).skipped


def test_the_same_run_again_changes_no_alert(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    first = run(store, registry, files)
    alerts = list_alerts(store)
    again = run(store, registry, files)
    assert again.stored.new == ()
    assert sorted(again.stored.again) == sorted(first.stored.new)
    assert list_alerts(store) == alerts
    layer = registry.get("alerts")
    for row in alerts:
        assert len(history(store, layer, row["key"])) == 1
        case = show_alert(store, row["key"])
        assert [step["event"] for step in case["trail"]] == ["raised", "again"]
        assert len(case["evidence"]) == 2
    newest = list_deliveries(store, "alerts")[0]
    assert (newest["new"], newest["changed"], newest["unchanged"]) == (0, 0, 3)
    with store.reading() as conn:  # pictures are kept once
        assert conn.execute("SELECT count(*) FROM onemap.alert_chip").fetchone() == (9,)


def step(store: Store, key: int, *states: str) -> None:
    for state in states:
        update_alert(store, key, state, f"到 {state}", "李工")


def later_image(folder: Path, height: float) -> Files:
    """A third date: BARE stands as before, or higher."""
    scene = suspects()
    stand(scene, BARE, height, "after")
    paths = write(scene, folder, sigma=0.2, seed=5)
    for name in ("dsm", "ortho"):
        old = folder / f"{name}_20240610.tif"
        new = folder / f"{name}_20250301.tif"
        old.rename(new)
        with rasterio.open(new, "r+") as data:
            data.update_tags(TIFFTAG_DATETIME="2025:03:01 10:00:00")
        paths["after" if name == "ortho" else "dsm_after"] = new
    return paths


def test_dismissed_is_suppressed_until_it_changes_again(
    store: Store, registry: Registry, files: Files, tmp_path: Path
) -> None:
    fill(store, registry)
    run(store, registry, files)
    key = by_place(store)["BARE"]["key"]
    number = by_place(store)["BARE"]["alert_id"]
    step(store, key, "to_check", "field_check", "dismissed")

    same = run(store, registry, files)  # the same images
    assert same.stored.suppressed == (number,)
    assert same.alerts == 2
    (tmp_path / "as-before").mkdir()
    unchanged = run(store, registry, later_image(tmp_path / "as-before", 6.0))
    assert unchanged.stored.suppressed == (number,)
    assert show_alert(store, key)["properties"]["state"] == "dismissed"

    (tmp_path / "higher").mkdir()
    higher = run(store, registry, later_image(tmp_path / "higher", 12.5))
    assert higher.stored.reopened == (number,)
    case = show_alert(store, key)
    assert case["properties"]["state"] == "suspected"
    assert case["properties"]["image_date"] == date(2025, 3, 1)
    assert case["properties"]["delta_h_m"] == pytest.approx(12.5, abs=0.5)
    assert [s["event"] for s in case["trail"]] == [
        "raised", "state", "state", "state", "suppressed", "suppressed", "reopened",
    ]  # fmt: skip


def test_a_running_case_keeps_its_state_when_seen_again(
    store: Store, registry: Registry, files: Files, tmp_path: Path
) -> None:
    fill(store, registry)
    run(store, registry, files)
    key = by_place(store)["BARE"]["key"]
    step(store, key, "to_check", "field_check")
    run(store, registry, later_image(tmp_path, 12.5))
    case = show_alert(store, key)
    assert case["properties"]["state"] == "field_check"
    assert case["properties"]["note"] == "到 field_check"
    assert case["properties"]["delta_h_m"] == pytest.approx(12.5, abs=0.5)
    assert len(list_alerts(store)) == 3


def test_an_older_pair_does_not_undo_what_a_newer_one_said(
    store: Store, registry: Registry, files: Files, tmp_path: Path
) -> None:
    fill(store, registry)
    run(store, registry, later_image(tmp_path, 12.5))
    older = run(store, registry, files)
    assert older.stored.new == ()
    row = by_place(store)["BARE"]
    assert row["image_date"] == date(2025, 3, 1)
    assert row["delta_h_m"] == pytest.approx(12.5, abs=0.5)


def test_undoing_a_run_takes_its_alerts_back_but_not_their_record(
    store: Store, registry: Registry, files: Files
) -> None:
    fill(store, registry)
    report = run(store, registry, files)
    undo(store, report.delivery)
    assert list_alerts(store) == []
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM onemap.alert_evidence").fetchone() == (3,)
    again = run(store, registry, files)
    assert again.stored.new == tuple(f"ZMD-2024-00000{i}" for i in (4, 5, 6))  # never given twice


# --- one transaction -----------------------------------------------------------------------


def everything(store: Store) -> list[Any]:
    tables = ("alert_run", "alert_evidence", "alert_chip", "alert_trail", "alert_number",
              "delivery")  # fmt: skip
    with store.reading() as conn:
        return [
            conn.execute(SQL("SELECT count(*) FROM {}").format(Identifier(*table))).fetchone()
            for table in (*(("onemap", name) for name in tables), ("gis", "alerts"))
        ]


KILLED = """
import os, signal, sys
from pathlib import Path
url, here, *paths = sys.argv[1:]
sys.path.insert(0, here)
import gis.store.alert_runs
from city import PROJECT, run
from gis.layers import load_registry
from gis.store import Store

# rows, run and evidence are written by then, the trail is not
gis.store.alert_runs._run_step = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
registry = load_registry(PROJECT / "config", PROJECT / "data")
with Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
    run(store, registry, dict(zip(("dsm_before", "dsm_after"), map(Path, paths))))
"""


def test_a_killed_run_leaves_nothing(store: Store, registry: Registry, files: Files) -> None:
    fill(store, registry)
    before = everything(store)
    words = [store.url, str(Path(__file__).parent), str(files["dsm_before"]),
             str(files["dsm_after"])]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words], cwd=PROJECT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert everything(store) == before
    assert run(store, registry, files).stored.new[0] == "ZMD-2024-000001"  # no gap either


@pytest.mark.parametrize(
    "table",
    ["alert_run", "alert_evidence", "alert_evidence_chip", "alert_chip", "alert_trail"],
)
def test_the_record_can_only_grow(
    store: Store, registry: Registry, files: Files, table: str
) -> None:
    fill(store, registry)
    run(store, registry, files)
    columns = {"alert_chip": "png", "alert_evidence_chip": "name", "alert_trail": "who",
               "alert_evidence": "record", "alert_run": "engine"}  # fmt: skip
    names = {"t": Identifier("onemap", table), "c": Identifier(columns[table])}
    for statement in ("DELETE FROM {t}", "UPDATE {t} SET {c} = {c}", "TRUNCATE {t} CASCADE"):
        with pytest.raises(Conflict) as refused, store.connection() as conn:
            conn.execute(SQL(statement).format(**names))
        assert isinstance(refused.value.__cause__, IntegrityConstraintViolation)


# --- where, and what is refused ------------------------------------------------------------


def degrees(shape: shapely.Polygon) -> shapely.Polygon:
    return normalise([shape], from_epsg(4547)).geometry[0]


def test_area_as_a_box_a_layer_and_a_file(
    store: Store, registry: Registry, files: Files, tmp_path: Path
) -> None:
    fill(store, registry)
    spot = degrees(BARE.buffer(20))
    named = ",".join(f"{v:.7f}" for v in spot.bounds)
    path = tmp_path / "area.geojson"
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(spot)}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    everywhere = run(store, registry, files)
    for area in (named, str(path), "parcels"):
        report = run(store, registry, files, area=area)
        [item] = report.items
        assert item.change.mask.intersects(BARE)
        assert report.km2 < everywhere.km2 / 4
        assert report.stored.new == ()


@pytest.mark.parametrize("area", ["nowhere", "116,39,116.1,39.1", "place_names", "1,2,3"])
def test_an_area_that_is_none(store: Store, registry: Registry, files: Files, area: str) -> None:
    before = everything(store)
    with pytest.raises(ChangeError) as refused:
        run(store, registry, files, area=area)
    assert refused.value.area == area
    assert everything(store) == before


def test_refused_files_leave_the_store_alone(
    store: Store, registry: Registry, files: Files
) -> None:
    before = everything(store)
    swapped = {"dsm_before": files["dsm_after"], "dsm_after": files["dsm_before"]}
    with pytest.raises(ChangeError) as refused:
        run(store, registry, swapped)
    assert refused.value.problem == "dates"
    with pytest.raises(Conflict):  # an image of the future
        run(store, registry, {n: files[n] for n in swapped}, after_date=date(2999, 1, 1))
    assert everything(store) == before


def test_surface_models_alone_are_enough(store: Store, registry: Registry, files: Files) -> None:
    fill(store, registry)
    report = run(store, registry, {n: files[n] for n in ("dsm_before", "dsm_after")})
    assert {"BARE", "FIELD", "HIGH"} <= set(by_place(store))
    assert any("no colour photos" in en for _, en in report.notes)
    assert show_alert(store, by_place(store)["BARE"]["key"])["chips"] == ["dsm"]
    assert (report.before, report.after) == ("dsm_20230415", "dsm_20240610")


def test_nothing_changed_is_a_run_as_well(store: Store, registry: Registry, tmp_path: Path) -> None:
    scene = suspects()
    scene.after[:] = scene.before
    scene.colour_after[:] = scene.colour_before
    report = run(store, registry, write(scene, tmp_path, sigma=0.2))
    assert (report.candidates, report.alerts) == (0, 0)
    assert list_deliveries(store, "alerts")[0]["accepted"] == 0


@pytest.mark.parametrize(
    ("known", "kind"), [(True, "added_storey"), (False, "construction")], ids=["known", "unknown"]
)
def test_where_no_ground_is_seen_the_register_tells_a_storey(
    store: Store, registry: Registry, tmp_path: Path, known: bool, kind: str
) -> None:
    scene = town(400, trees=0)
    place = box(100, 62, 16, 12)
    change(scene, "added_storey", place, 5.0)
    hidden = scene.mask(place.buffer(30).difference(place.buffer(1.2)))
    scene.before[hidden] = scene.after[hidden] = -9999.0
    if known:
        fields = {"building_id": "B1", "height_m": 9.0, "base_m": 80.0}
        deliver(store, registry, "buildings", [(place, fields)], day(2023, 1, 1))
    [item] = run(store, registry, write(scene, tmp_path, sigma=0.0)).items
    assert item.change.height_m is None
    assert item.change.kind == kind


def test_report_and_geojson(store: Store, registry: Registry, files: Files) -> None:
    fill(store, registry)
    report = run(store, registry, files)
    assert {"run", "engine", "before", "after", "candidates", "alerts", "suppressed", "seconds",
            "km2"} <= set(report.to_json())  # fmt: skip
    written = json.loads(json.dumps(report.to_geojson()))
    assert len(written["features"]) == 4
    for feature in written["features"]:
        assert {"kind", "score", "delta_h_m", "area_m2", "reasons"} <= set(feature["properties"])
        lon, lat = feature["geometry"]["coordinates"][0][0][0]
        assert 114 < lon < 114.1
        assert 32.9 < lat < 33.1
