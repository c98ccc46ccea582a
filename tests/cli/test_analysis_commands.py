"""`gis site-check`, `gis plan-statistics`, `gis plan-conflicts`: results, files, exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from planned_city import box, fill_plans
from postgis import PROJECT

from gis.layers import Registry
from gis.store import Store

GIS = Path(sys.executable).with_name("gis")
SITE = shapely.to_wkt(box(50, 50, 450, 250), rounding_precision=10)


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        fill_plans(store, registry)
        yield store


def run(city: Store, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {"GIS_CONFIG": str(PROJECT / "config"), "GIS_DATA": str(PROJECT / "data")}
    env |= {"GIS_DATABASE_URL": city.url, "GIS_HOME": str(home)}
    return subprocess.run(
        [str(GIS), *words], env=env, cwd=PROJECT, capture_output=True, text=True, check=False
    )


def answer(city: Store, home: Path, *words: str) -> Any:
    done = run(city, home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_site_check_of_text_and_file(city: Store, tmp_path: Path) -> None:
    page = tmp_path / "告知单.html"
    by_text = answer(city, tmp_path, "site-check", SITE, "--reach", "30", "--html", str(page))
    assert by_text["summary"]["forbidden"]
    assert by_text["reach_m"] == 30
    assert "地块一次性告知" in page.read_text("utf-8")
    file = tmp_path / "site.geojson"
    shape = shapely.geometry.mapping(shapely.from_wkt(SITE))
    feature = {"type": "Feature", "properties": {}, "geometry": shape}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    words = ("site-check", str(file), "--frame", "EPSG:4490", "--as-of", "2023-07-01")
    by_file = answer(city, tmp_path, *words)
    assert by_file["as_of"] == "2023-07-01T00:00:00+08:00"
    assert by_file["site"]["area_m2"] == pytest.approx(by_text["site"]["area_m2"], abs=0.01)


def test_statistics_write_a_table_and_a_page(city: Store, tmp_path: Path) -> None:
    table, page = tmp_path / "统计.csv", tmp_path / "统计.html"
    found = answer(
        city, tmp_path, "plan-statistics", "--level", "1", "--csv", str(table), "--html", str(page)
    )
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
    assert sum(round(float(row["area_m2"]) * 100) for row in rows) == found["total_m2"] * 100
    assert "规划统计" in page.read_text("utf-8")


def test_conflicts_write_geojson(city: Store, tmp_path: Path) -> None:
    out = tmp_path / "冲突.geojson"
    found = answer(city, tmp_path, "plan-conflicts", "--rule", "use_differs", "--out", str(out))
    assert [row["rule"] for row in found["rules"]] == ["use_differs"]
    assert json.loads(out.read_text("utf-8"))["type"] == "FeatureCollection"


@pytest.mark.parametrize(
    "words",
    [
        ("site-check", "POINT((1 1))"),
        ("site-check", "nothing.shp"),
        ("site-check", SITE, "--frame", "EPSG:99999"),
        ("site-check", SITE, "--as-of", "2023-01-01/2024-01-01"),
        ("site-check", SITE, "--html", "/nothing/there.html"),
        ("plan-statistics", "--since", "yesterday"),
        ("plan-conflicts", "--rule", "nothing"),
    ],
)  # fmt: skip
def test_what_is_refused(city: Store, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(city, tmp_path, *words)
    assert done.returncode == 3, done.stderr
    assert "错误：" in done.stderr
    assert "Traceback" not in done.stderr
