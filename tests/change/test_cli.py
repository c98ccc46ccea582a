"""`gis detect` and `gis alerts` as a person types them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from city import PROJECT, fill, suspects, write
from click.testing import CliRunner, Result
from painted import pair_in, town

from gis.cli.main import main
from gis.layers import Registry
from gis.store import Store, show_alert

Gis = Callable[..., Result]


@pytest.fixture
def gis(store: Store, tmp_path: Path) -> Gis:
    env = {
        "GIS_DATABASE_URL": store.url,
        "GIS_HOME": str(tmp_path / "home"),
        "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"),
    }

    def run(*words: object, code: int = 0, **more: str) -> Result:
        done = CliRunner().invoke(main, [str(w) for w in words], env=env | more)
        assert done.exit_code == code, done.output
        return done

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    paths = write(suspects(), tmp_path_factory.mktemp("cli"), sigma=0.2)
    return [w for name, path in paths.items() for w in (f"--{name.replace('_', '-')}", str(path))]


def test_detect_then_work_on_an_alert(
    gis: Gis, store: Store, registry: Registry, files: list[str], tmp_path: Path
) -> None:
    fill(store, registry)
    out = tmp_path / "changes.geojson"
    report = json.loads(gis("detect", *files, "--out", out, "--json").stdout)
    assert {k: report[k] for k in ("engine", "before", "after")} == {
        "engine": "dsm", "before": "ortho_20230415", "after": "ortho_20240610",
    }  # fmt: skip
    assert (report["candidates"], report["alerts"], report["suppressed"]) == (4, 3, 0)
    assert report["km2"] == pytest.approx(0.0625, abs=0.001)
    assert report["seconds"] > 0
    assert len(json.loads(out.read_text("utf-8"))["features"]) == 4

    listed = json.loads(gis("alerts", "list", "--reason", "farmland", "--json").stdout)
    [alert] = listed
    assert alert["reasons"] == ["no_permit", "farmland"]
    shown = json.loads(
        gis("alerts", "show", alert["key"], "--chips", tmp_path / "p", "--json").stdout
    )
    assert shown["alert_id"] == alert["alert_id"]
    assert len(shown["chip_files"]) == 3
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in shown["chip_files"])

    words = ("--state", "to_check", "--note", "派单至东风街道", "--by", "李工")
    gis("alerts", "update", alert["alert_id"], *words)
    text = gis("alerts", "show", alert["alert_id"]).stdout
    assert "占用永久基本农田" in text
    assert "suspected → to_check 李工 派单至东风街道" in text
    assert alert["alert_id"] in gis("alerts", "list", "--state", "to_check").stdout
    assert alert["alert_id"] not in gis("alerts", "list", "--overdue").stdout

    given = json.loads(gis("alerts", "assign", "王工", "--county", "411702", "--json").stdout)
    assert len(given["assigned"]) == 3
    assert len(json.loads(gis("alerts", "list", "--assignee", "王工", "--json").stdout)) == 3
    assert "assigned → 王工" in gis("alerts", "show", alert["alert_id"]).stdout
    stats = json.loads(gis("alerts", "stats", "--json").stdout)
    assert (stats["total"]["found"], stats["by_reason"]["farmland"]["found"]) == (3, 1)
    assert "farmland" in gis("alerts", "stats").stdout

    page, package = tmp_path / "case.html", tmp_path / "field.gpkg"
    gis("alerts", "show", alert["alert_id"], "--html", page)
    assert "占用永久基本农田" in page.read_text("utf-8")
    written = json.loads(gis("alerts", "export", package, "--state", "to_check", "--json").stdout)
    assert written == {"file": str(package), "alerts": 1}
    assert package.read_bytes().startswith(b"SQLite format 3")
    assert "实地核查" in gis("detect", *files).stdout  # the clue is to be checked in the field


@pytest.mark.parametrize(
    "words",
    [
        ("alerts", "show", "ZMD-2024-000001"),
        ("alerts", "update", "1", "--state", "to_check", "--note", "x"),
        ("alerts", "list", "--state", "guilty"),
        ("alerts", "list", "--reason", "ugly"),
        ("alerts", "assign", "王工"),
        ("alerts", "assign", "王工", "ZMD-2024-000001"),
        ("alerts", "assign", "王工", "ZMD-2024-000001", "--county", "411702"),
        ("alerts", "export", "nothing.gpkg"),
        ("detect", "--dsm-before", "absent.tif", "--dsm-after", "absent.tif"),
        ("detect",),
    ],
)
def test_one_clear_message_and_exit_3(gis: Gis, words: tuple[str, ...]) -> None:
    done = gis(*words, code=3)
    assert done.stdout == ""
    assert done.stderr.startswith("错误：")
    assert "Traceback" not in done.stderr


def test_photos_alone(gis: Gis, store: Store, registry: Registry, tmp_path: Path) -> None:
    """Alerts of the net keep how far the place lies from what it knows; the screen raises none."""
    fill(store, registry)
    pair = pair_in(tmp_path, town(4711)[0])
    assert pair.before is not None
    assert pair.after is not None
    words = ("--before", pair.before.path, "--after", pair.after.path)
    by_net = json.loads(gis("detect", *words, "--engine", "net", "--json").stdout)
    assert by_net["engine"] == "net"
    assert by_net["alerts"] > 0
    key = json.loads(gis("alerts", "list", "--json").stdout)[0]["key"]
    [evidence] = show_alert(store, key)["evidence"]
    assert evidence["record"]["change"]["measures"]["in_domain"] in (0.0, 1.0)
    assert evidence["record"]["change"]["delta_h_m"] is None
    screened = json.loads(gis("detect", *words, "--engine", "screen", "--json").stdout)
    assert screened["candidates"] > 0
    assert screened["alerts"] == 0
    assert any("low confidence" in note["en"] for note in screened["notes"])


def test_photos_that_the_net_does_not_know(gis: Gis, files: list[str]) -> None:
    error = json.loads(gis("detect", *files, "--engine", "net", "--json", code=3).stdout)
    assert error["error"]["code"] == "ChangeError"
    assert error["error"]["facts"]["problem"] == "domain"


def test_a_wrong_rules_file_and_a_missing_folder_are_configuration(
    gis: Gis, files: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "config"
    shutil.copytree(PROJECT / "config", config)
    (config / "rules.yml").write_text("rules: []", "utf-8")
    assert "rules.yml" in gis("detect", *files, code=2, GIS_CONFIG=str(config)).stderr
    gis("detect", *files, "--out", tmp_path / "no" / "folder.geojson", code=2)


def test_no_database_is_exit_4(gis: Gis, files: list[str]) -> None:
    gis("detect", *files, code=4, GIS_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")


def test_help_has_an_example(gis: Gis) -> None:
    for words in (("detect",), ("alerts", "list"), ("alerts", "show"), ("alerts", "update")):
        assert "example:  gis" in gis(*words, "--help").stdout
