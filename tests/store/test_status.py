"""`gis status` and the commands on the ledger, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from store_trials import FRAME, day, make_rows

from gis.layers import Registry
from gis.layers.batch import Reject
from gis.store import DeliveryHead, Store, begin, status
from gis.store.translate import without_password

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def loaded(store: Store, registry: Registry) -> Store:
    """Two deliveries of place names, one row refused."""
    layer = registry.get("place_names")
    for n in (1, 2):
        head = DeliveryHead(
            layer=layer, source="地名.csv", digest="d", mode="full", frame=FRAME, as_of=day(n)
        )
        with begin(store, head) as loading:
            names = [{"place_id": f"p{i}", "name": f"地名{n}", "kind": "village"} for i in range(3)]
            loading.add(make_rows(layer, names[n - 1 :]))
            loading.reject([Reject(row=9, code="bad", zh="坏", en="bad", raw={"名称": "x"})])
            loading.apply()
    return store


def gis(store: Store, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("gis")), *words],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "GIS_DATABASE_URL": store.url, "GIS_HOME": str(home),
             "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_status_says_what_is_there(loaded: Store, registry: Registry) -> None:
    told = status(loaded, registry)
    assert [line["id"] for line in told["layers"]] == list(registry.layers)
    (names,) = (line for line in told["layers"] if line["id"] == "place_names")
    assert names == {
        "id": "place_names", "features": 2, "versions": 5, "deliveries": 2, "quarantined": 2,
    }  # fmt: skip
    assert told["database"]["postgis"].startswith("3.")
    assert told["database"]["migration"] >= 1
    assert told["alerts"] == {}
    assert told["disk_mb"] > 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s%20ecret@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u@/d?host=/run", "postgresql://u@/d?host=/run"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_the_commands_talk_json(loaded: Store, tmp_path: Path) -> None:
    def run(*words: str) -> object:
        done = gis(loaded, tmp_path, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert run("init")["done"] == []
    assert {"id": "place_names", "features": 2, "versions": 5, "deliveries": 2,
            "quarantined": 2} in run("status")["layers"]  # fmt: skip
    newest, oldest = run("deliveries", "list", "--layer", "place_names")
    assert (newest["changed"], newest["closed"], oldest["new"]) == (2, 1, 3)
    assert run("deliveries", "show", str(newest["id"]))["refused"][0]["code"] == "bad"
    assert run("quarantine", "list")[0]["rows"] == 1
    assert run("quarantine", "list", str(oldest["id"]))[0]["raw"] == {"名称": "x"}
    out = tmp_path / "out.csv"
    assert run("quarantine", "export", str(oldest["id"]), str(out))["rows"] == 1
    assert "名称" in out.read_text("utf-8-sig")
    assert run("deliveries", "undo", str(newest["id"]))["undone_at"] is not None


def test_the_commands_fail_with_their_exit_codes(loaded: Store, tmp_path: Path) -> None:
    for words, code in (
        (("deliveries", "show", "99"), 4),
        (("deliveries", "undo", "1"), 4),
        (("deliveries", "list", "--layer", "nope"), 3),
        (("quarantine", "export", "1", "out.docx"), 3),
        (("db", "start"), 2),
        (("db", "stop"), 2),
    ):
        done = gis(loaded, tmp_path, *words)
        assert done.returncode == code, (words, done.stderr)
        assert "错误：" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_embedded_database_by_hand(state_folder: Path) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("gis")), *words],
            cwd=PROJECT,
            env={"PATH": "/usr/bin:/bin", "GIS_HOME": str(state_folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = run("db", "start").strip()
    assert run("db", "url").strip() == url
    assert "created buildings" in run("init")
    assert json.loads(run("status", "--json"))["database"]["url"] == url
    assert run("db", "psql", "-Atc", "SELECT count(*) FROM gis.buildings").strip() == "0"
    assert json.loads(run("db", "stop", "--json")) == {"stopped": True}
    assert json.loads(run("db", "stop", "--json")) == {"stopped": False}
