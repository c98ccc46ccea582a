"""What a person gets for bad input: one message in two languages, the right exit code, and a
database that is as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from postgis import PROJECT

from gis.store import Store, list_deliveries

GIS = Path(sys.executable).with_name("gis")
CSV = "标识码,部件分类,经度,纬度\n4117020121000001,0121,114.0,33.0\n"


def run(url: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {"GIS_CONFIG": str(PROJECT / "config"), "GIS_DATA": str(PROJECT / "data")}
    env |= {"GIS_DATABASE_URL": url, **settings}
    return subprocess.run(
        [str(GIS), *words], env=env, cwd=PROJECT, capture_output=True, text=True, check=False
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The message's two lines; nothing else may stand on stderr but progress."""
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert lines[-2].startswith("错误：")
    assert lines[-1].startswith("error: ")
    return lines[-2:]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "部件.csv"
    path.write_text(CSV, "utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "words", "code", "named"),
    [
        (None, ("--layer", "components"), "SourceError", "nowhere.csv"),
        (b"\x00\x01\x02rubbish" * 40, ("--layer", "components"), "SourceError", "broken.csv"),
        (CSV.encode(), ("--layer", "no_such_layer"), "UnknownLayer", "no_such_layer"),
        (CSV.encode(), ("--layer", "components"), "UnknownFrame", "--crs"),
        (CSV.encode(), ("--layer", "components", "--crs", "EPSG:4547"), "CoordError", "EPSG:4547"),
        (CSV.encode(), ("--layer", "components", "--crs", "mars"), "UnknownFrame", "mars"),
        ("名称,经度,纬度\n路灯,114,33\n".encode(),
         ("--layer", "components", "--crs", "EPSG:4490"), "LayerError", "component_code"),
        (CSV.encode(), ("--layer", "components", "--crs", "EPSG:4490", "--as-of", "去年"),
         "LayerError", "去年"),
    ],
)  # fmt: skip
def test_a_delivery_that_is_refused_whole(
    store: Store, tmp_path: Path, content: bytes | None, words: tuple[str, ...], code: str,
    named: str,
) -> None:  # fmt: skip
    path = tmp_path / ("nowhere.csv" if content is None else "broken.csv")
    if content is not None:
        path.write_bytes(content)
    done = run(store.url, "ingest", str(path), *words)
    assert done.returncode == 3, done.stderr
    assert any(named in line for line in said(done)), done.stderr
    as_json = run(store.url, "ingest", str(path), *words, "--json")
    error = json.loads(as_json.stdout)["error"]
    if code == "CoordError":
        assert error["code"] in ("FrameMismatch", "OutsideFrame")
    else:
        assert error["code"] == code
    assert list_deliveries(store) == []


def test_an_unreachable_database(table: Path) -> None:
    nobody = "postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=2"
    done = run(nobody, "ingest", str(table), "--layer", "components", "--crs", "EPSG:4490")
    assert done.returncode == 4
    assert "127.0.0.1" in "".join(said(done))


def test_a_database_that_was_never_initialised(server, table: Path) -> None:
    with server.copy("template0") as url:
        done = run(url, "ingest", str(table), "--layer", "components", "--crs", "EPSG:4490")
    assert done.returncode == 4
    assert "gis init" in said(done)[1]


def test_a_wrong_setting_and_a_missing_folder(store: Store, tmp_path: Path) -> None:
    done = run(store.url, "status", GIS_PORT="eighty")
    assert done.returncode == 2
    assert "GIS_PORT" in said(done)[1]
    done = run(store.url, "layers", "list", GIS_CONFIG=str(tmp_path / "none"))
    assert done.returncode == 2
    assert "GIS_CONFIG" in said(done)[1]


def test_a_layer_definition_that_is_wrong(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "trees.yml"
    path.write_text("id: trees\ntitle: 树\ntheme: forest\n", "utf-8")
    done = run(store.url, "layers", "check", str(path))
    assert done.returncode == 3
    assert "theme" in said(done)[1]
