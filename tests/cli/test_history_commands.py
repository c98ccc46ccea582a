"""The commands on history: what they print, what they write, and that a bad word is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from postgis import PROJECT
from small_city import FIRST, SECOND, building, deliver

from gis.layers import Registry
from gis.store import Store

GIS = Path(sys.executable).with_name("gis")


@pytest.fixture
def city(store: Store, registry: Registry) -> Store:
    """Three buildings; at the second date one is gone and one is higher."""
    layer = registry.layers["buildings"]
    deliver(store, layer, [building(i) for i in (1, 2, 3)], FIRST)
    deliver(store, layer, [building(2), building(3, height_m=99.5)], SECOND)
    return store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration, to write into."""
    return Path(shutil.copytree(PROJECT / "config", tmp_path / "config"))


def run(city: Store, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {"GIS_CONFIG": str(config), "GIS_DATA": str(PROJECT / "data")}
    env |= {"GIS_DATABASE_URL": city.url, "GIS_HOME": str(config.parent / "home")}
    return subprocess.run(
        [str(GIS), *words], env=env, cwd=PROJECT, capture_output=True, text=True, check=False
    )


def answer(city: Store, config: Path, *words: str) -> Any:
    done = run(city, config, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_diff_counts_and_writes(city: Store, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "changes.geojson"
    words = ("deliveries", "diff", "buildings", "--from", "2023-06-01", "--to", "2024-06-01")
    told = answer(city, config, *words, "--out", str(out))
    assert (told["new"], told["changed"], told["closed"]) == (0, 1, 1)
    changes = [f["properties"]["_change"] for f in json.loads(out.read_text())["features"]]
    assert sorted(changes) == ["changed", "closed"]
    only = answer(city, config, *words, "--where", "building_id=B00003")
    assert (only["changed"], only["closed"]) == (1, 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("diff", "buildings", "--from", "someday"), 3),
        (("diff", "nope", "--from", "2023-06-01"), 3),
        (("diff", "buildings", "--from", "2023-06-01", "--where", "use"), 3),
        (("diff", "buildings", "--from", "2023-06-01", "--out", "/nowhere/x.geojson"), 3),
        (("diff", "buildings", "--from", "2025-01-01", "--to", "2024-01-01"), 3),
        (("report", "99"), 4),
    ],
)
def test_what_cannot_be_is_said(
    city: Store, config: Path, words: tuple[str, ...], code: int
) -> None:
    done = run(city, config, "deliveries", *words)
    assert done.returncode == code
    assert "错误：" in done.stderr
    assert "Traceback" not in done.stderr


def test_report_as_page_and_data(city: Store, config: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    told = answer(city, config, "deliveries", "report", "2", "--html", str(page))
    assert (told["rows_in"], told["figures"]["closed"]) == (2, 1)
    assert "数据质量报告" in page.read_text("utf-8")


def test_overdue(city: Store, config: Path) -> None:
    for file in (config / "layers").iterdir():
        lines = file.read_text("utf-8").splitlines()
        kept = [line for line in lines if not line.startswith("update_days:")]
        file.write_text("\n".join(kept), "utf-8")
    assert answer(city, config, "deliveries", "overdue") == []
    for name in ("buildings", "roads"):
        with (config / "layers" / f"{name}.yml").open("a", encoding="utf-8") as file:
            file.write("\nupdate_days: 30\n")
    late, never = answer(city, config, "deliveries", "overdue")
    assert (late["layer"], late["update_days"]) == ("buildings", 30)
    assert late["overdue_days"] > 30
    assert (never["layer"], never["updated"]) == ("roads", None)


def test_documents(city: Store, config: Path, tmp_path: Path) -> None:
    photo = tmp_path / "楼.jpg"
    photo.write_bytes(b"\xff\xd8\xff a photo")
    words = ("--layer", "buildings", "--key", "B00003")
    kept = answer(city, config, "documents", "add", str(photo), *words)
    assert (config.parent / "home" / "documents" / kept["digest"][:2] / kept["digest"]).is_file()
    assert [d["id"] for d in answer(city, config, "documents", "list", *words)] == [kept["id"]]
    answer(city, config, "documents", "remove", str(kept["id"]), "--person", "李工")
    assert answer(city, config, "documents", "list") == []
    for wrong in ((), ("--layer", "buildings"), (*words, "--place-code", "N49")):
        assert run(city, config, "documents", "add", str(photo), *wrong).returncode == 3
