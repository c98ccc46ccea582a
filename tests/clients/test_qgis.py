"""QGIS itself, without a screen: the project opens, every layer reads, pictures lie right."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import shapely
import yaml
from PIL import Image
from psycopg.sql import SQL, Identifier
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from served import PROJECT, Served

pytestmark = pytest.mark.xdist_group("served")

SCRIPT = Path(__file__).with_name("seen_by_qgis.py")
PLANE = 4547
THEN = "2023-07-01"
SIDE_M = 700


@pytest.fixture(scope="module")
def box(served_demo: Served) -> tuple[float, float, float, float]:
    """A square around the middle of the buildings, metres in the city's plane, east first."""
    [(x, y)] = sql(
        served_demo,
        "SELECT ST_X(c), ST_Y(c) FROM (SELECT ST_Transform(ST_Centroid(ST_Collect(geom)), 4547)"
        " AS c FROM gis.buildings WHERE upper_inf(valid)) AS middle",
    )
    x, y = round(x), round(y)
    return x - SIDE_M / 2, y - SIDE_M / 2, x + SIDE_M / 2, y + SIDE_M / 2


@pytest.fixture(scope="module")
def out(
    served_demo: Served, box: tuple[float, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("qgis")
    project = folder / "city.qgz"
    served_demo.gis("qgis-project", str(project), "--url", served_demo.url)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    words = ["/usr/bin/python3", str(SCRIPT), str(project), *map(str, box), str(folder)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def seen(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "seen.json").read_text("utf-8"))
    return found


def sql(served: Served, statement: Any, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(served.database_url) as conn:
        return conn.execute(statement, values).fetchall()


def layers_of(served: Served) -> list[str]:
    return sorted(row["id"] for row in json.loads(served.gis("layers", "list", "--json").stdout))


def drawn(served: Served, box: tuple[float, ...], at: str | None) -> np.ndarray:
    """What the picture ought to show: rows of the database burnt by GDAL, one pixel a metre."""
    rows = sql(
        served,
        "SELECT ST_AsBinary(ST_Transform(geom, %s)) FROM gis.buildings"
        " WHERE valid @> coalesce(%s::timestamptz, 'infinity')"
        " OR (%s::timestamptz IS NULL AND upper_inf(valid))",
        *(PLANE, at, at),
    )
    shapes = [(shapely.from_wkb(shape), 1) for (shape,) in rows]
    return rasterize(
        shapes, (SIDE_M, SIDE_M), transform=from_bounds(*box, SIDE_M, SIDE_M), dtype="uint8"
    ).astype(bool)


def black(picture: Path) -> np.ndarray:
    return np.asarray(Image.open(picture).convert("L")) < 128


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_the_project_opens_whole(served_demo: Served, seen: dict[str, Any]) -> None:
    assert seen["read"]
    assert seen["crs"] == f"EPSG:{PLANE}"
    assert "驻马店" in seen["title"]
    wanted = {f"onemap_{way}_{n}" for n in layers_of(served_demo) for way in ("now", "history")}
    assert {name for name in seen["layers"] if "_tiles_" not in name} == wanted
    assert all(layer["valid"] for layer in seen["layers"].values()), seen["layers"]
    assert all(name.startswith("onemap_now_") for name in seen["shown"])
    assert not any(seen["errors"].values())


def test_every_collection_reads_as_the_database_has_it(
    served_demo: Served, seen: dict[str, Any]
) -> None:
    for name in layers_of(served_demo):
        table = Identifier("gis", name)
        [(now, ever)] = sql(
            served_demo,
            SQL("SELECT count(*) FILTER (WHERE upper_inf(valid)), count(*) FROM {}").format(table),
        )
        assert seen["layers"][f"onemap_now_{name}"]["features"] == now, name
        assert seen["layers"][f"onemap_history_{name}"]["features"] == ever, name
        assert seen["layers"][f"onemap_history_{name}"]["temporal"], name


def test_columns_have_the_names_departments_know(seen: dict[str, Any]) -> None:
    pipes = seen["layers"]["onemap_now_pipe_segments"]
    named = dict(zip(pipes["fields"], pipes["aliases"], strict=True))
    assert named["diameter_mm"].startswith("管径")
    assert named["kind"] == "管线种类"


def test_layers_are_drawn_in_the_colours_of_their_standards(
    served_demo: Served, seen: dict[str, Any]
) -> None:
    listed = yaml.safe_load((PROJECT / "data/codelists/cjj61_kind.yml").read_text("utf-8"))
    wanted = {str(c["code"]): c["color"] for c in listed["codes"] if "color" in c}
    for way in ("now", "history"):
        pipes = seen["layers"][f"onemap_{way}_pipe_segments"]
        assert pipes["renderer"] == "categorizedSymbol"
        assert {k: v for k, v in pipes["categories"].items() if k} == wanted
    tiles = seen["layers"]["onemap_tiles_pipe_segments"]["styles"]
    assert {(expression, color) for expression, color in tiles if "NOT IN" not in expression} == {
        (f"\"kind\" = '{code}'", color) for code, color in wanted.items()
    }
    assert seen["layers"]["onemap_now_place_names"]["labels"]


def test_the_temporal_controller_spans_the_deliveries(
    served_demo: Served, seen: dict[str, Any]
) -> None:
    [ends] = sql(served_demo, "SELECT min(as_of), max(as_of) FROM onemap.delivery")
    whole = [end.replace(microsecond=0) for end in ends]
    assert [datetime.fromisoformat(moment) for moment in seen["span"]] == whole


@pytest.mark.parametrize(
    ("picture", "at", "least"), [("now", None, 0.97), ("then", THEN, 0.97), ("tiles", None, 0.9)]
)
def test_the_picture_lies_in_the_right_place(
    served_demo: Served, out: Path, box: tuple[float, ...], picture: str, at: str | None,
    least: float,
) -> None:  # fmt: skip
    found, wanted = black(out / f"{picture}.png"), drawn(served_demo, box, at)
    assert wanted.mean() > 0.02
    assert overlap(found, wanted) > least
    shifted = np.roll(found, 3, axis=1)  # three metres off would show
    assert overlap(shifted, wanted) < overlap(found, wanted)


def test_then_is_another_picture_than_now(out: Path) -> None:
    assert (black(out / "then.png") != black(out / "now.png")).sum() > 50
