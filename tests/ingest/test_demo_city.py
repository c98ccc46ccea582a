"""Every file of the generated city goes in, and exactly the rows known to be broken stay out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from postgis import Server

from gis.cli.coords import fit_points, write_frame
from gis.demo import Manifest, write_city
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry
from gis.sources import load_local_frames
from gis.store import Store, quarantine_rows

pytestmark = pytest.mark.xdist_group("city")


@dataclass(frozen=True)
class CityIn:
    """The small city, written and ingested."""

    store: Store
    manifest: Manifest
    folder: Path
    reports: dict[str, LoadReport]  # by path relative to the folder
    truth: dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def city_in(
    server: Server, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CityIn]:
    folder = tmp_path_factory.mktemp("city")
    manifest = write_city(folder, seed=1, size="small")
    config = tmp_path_factory.mktemp("config")
    for name, points in manifest.control_points.items():
        frame = fit_points(points, name, None, 0.05, False, "Asia/Shanghai")
        write_frame(frame, config / "frames" / f"{name}.yml")
    local = load_local_frames(config / "frames")
    with server.copy() as url, Store.open(url, timezone="Asia/Shanghai") as store:
        reports = {}
        for d in manifest.deliveries:
            request = IngestRequest(
                path=d.path,
                layer=d.layer,
                crs=d.crs or "auto",
                as_of=str(d.as_of),
                mode=d.mode,
                department=d.department,
            )
            name = d.path.relative_to(folder).as_posix()
            reports[name] = ingest(store, registry, request, local)
        truth = json.loads((folder / "truth" / "rows.json").read_text("utf-8"))
        yield CityIn(store, manifest, folder, reports, truth)


def test_every_row_is_accounted_for(city_in: CityIn) -> None:
    for name, truth in city_in.truth.items():
        assert city_in.reports[name].rows_in == truth["rows_in"], name


def test_the_broken_rows_and_no_others_are_refused(city_in: CityIn) -> None:
    wrong = {}
    for name, truth in city_in.truth.items():
        delivery = city_in.reports[name].delivery
        assert delivery is not None
        found = {(r["row"], r["code"]) for r in quarantine_rows(city_in.store, delivery)}
        known = {(b["row"], b["code"]) for b in truth["broken"]}  # type: ignore[attr-defined]
        if found != known:
            wrong[name] = {"missed": sorted(known - found), "too many": sorted(found - known)}
    assert wrong == {}


def test_frames_and_accuracies(city_in: CityIn) -> None:
    frames = {
        name: (r.frame.name, r.frame.how, r.accuracy_m) for name, r in city_in.reports.items()
    }
    assert frames["规划/控规地块.shp"] == ("EPSG:4526", "declared", 0.0)
    assert frames["规划/三区三线.shp"] == ("EPSG:4526", "given", 0.0)
    assert frames["不动产/建筑物_2023.gpkg"] == ("EPSG:4547", "declared", 0.0)
    assert frames["管线/管线段.csv"][:2] == ("local:zmd", "given")
    assert 0 < frames["管线/管线段.csv"][2] < 0.05
    assert frames["物联/设备_数据局.csv"] == ("gcj02", "given", 5.0)
    parcel = next(name for name in frames if name.endswith(".txt"))
    assert frames[parcel][:2] == ("EPSG:4526", "declared")
