"""Detection of what is newly registered in the layer `imagery`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from city import PROJECT, fill, rules, suspects, write
from click.testing import CliRunner, Result

from gis.change import detect
from gis.change.watching import waiting
from gis.cli.main import main
from gis.ingest import IngestRequest, ingest
from gis.layers import Registry
from gis.store import Store, list_alerts, undo

Files = dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write(suspects(), tmp_path_factory.mktemp("watched"), sigma=0.2)


def register(store: Store, registry: Registry, *paths: Path) -> None:
    for path in paths:
        request = IngestRequest(path=path, layer="imagery", mode="upsert")
        assert ingest(store, registry, request, {}).accepted == 1


def test_a_pair_waits_until_it_was_compared(store: Store, registry: Registry, files: Files) -> None:
    folder = files["before"].parent
    fill(store, registry)

    def now() -> list[tuple[Path | None, ...]]:
        return [
            (r.before, r.after, r.dsm_before, r.dsm_after)
            for r in waiting(store, registry, rules(registry), folder)
        ]

    assert now() == []
    register(store, registry, files["dsm_after"])
    assert now() == []  # nothing to compare it with
    register(store, registry, files["dsm_before"], files["before"])
    models = (files["dsm_before"], files["dsm_after"])
    assert now() == [(None, None, *models)]  # one photo alone is of no use
    register(store, registry, files["after"])
    assert now() == [(files["before"], files["after"], *models)]
    [request] = waiting(store, registry, rules(registry), folder)
    report = detect(store, registry, request)
    assert report.alerts == 3
    assert now() == []
    undo(store, report.delivery)
    assert len(now()) == 1  # a run taken back is made again
    assert list(waiting(store, registry, rules(registry), folder.parent)) == []  # files elsewhere


def test_the_command_looks_once(store: Store, registry: Registry, files: Files) -> None:
    fill(store, registry)
    register(store, registry, *files.values())
    env = {
        "GIS_DATABASE_URL": store.url,
        "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"),
    }

    def look() -> Result:
        words = ["detect", "watch", str(files["before"].parent), "--once", "--json"]
        return CliRunner().invoke(main, words, env=env)

    [run] = json.loads(look().stdout)["runs"]
    assert run["alerts"] == 3 == len(list_alerts(store))
    assert json.loads(look().stdout)["runs"] == []
