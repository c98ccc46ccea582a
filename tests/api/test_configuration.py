"""config/pygeoapi.yml, `gis config` and how `gis serve` refuses to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from served import GIS, free_port, wait_ready

from gis.api.config import check_config, read_config, write_config
from gis.cli.main import main
from gis.errors import ConfigError
from gis.layers import Registry
from gis.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder of one's own, as it ships."""
    ignored = shutil.ignore_patterns("frames")
    return Path(shutil.copytree(PROJECT / "config", tmp_path / "config", ignore=ignored))


def gis(folder: Path, *words: str, **env: str) -> Result:
    given = {
        "GIS_CONFIG": str(folder),
        "GIS_DATA": str(PROJECT / "data"),
        "GIS_HOME": str(folder.parent / "home"),
        **env,
    }
    return CliRunner().invoke(main, words, env=given)


def test_the_committed_file_is_what_the_layers_give(registry: Registry) -> None:
    assert (PROJECT / "config" / "pygeoapi.yml").read_text("utf-8") == write_config(
        registry, Settings()
    )


def test_the_text_depends_on_nothing_else(registry: Registry) -> None:
    elsewhere = Settings(port=9999, host="0.0.0.0", home=Path("/nowhere"), timezone="UTC")
    assert write_config(registry, elsewhere) == write_config(registry, Settings())
    public = write_config(registry, Settings(public_url="https://map.example/"))
    assert "https://map.example\n" in public


def test_pygeoapi_takes_it(registry: Registry) -> None:
    from pygeoapi.config import validate_config

    assert validate_config(read_config(write_config(registry, Settings())))


def test_write_then_check_then_a_changed_layer(folder: Path) -> None:
    (folder / "pygeoapi.yml").unlink()
    missing = gis(folder, "config", "check")
    assert missing.exit_code == 2
    assert "gis config write" in missing.output
    assert gis(folder, "config", "write").exit_code == 0
    good = gis(folder, "config", "check", "--json")
    assert (good.exit_code, json.loads(good.stdout)["current"]) == (0, True)
    layer = folder / "layers" / "roads.yml"
    layer.write_text(layer.read_text("utf-8").replace("zh: 道路,", "zh: 城市道路,"), "utf-8")
    stale = gis(folder, "config", "check")
    assert stale.exit_code == 2
    assert "gis config write" in stale.output


def test_a_new_layer_is_a_collection_after_a_write(folder: Path) -> None:
    text = (folder / "layers" / "roads.yml").read_text("utf-8")
    (folder / "layers" / "lanes.yml").write_text(text.replace("id: roads", "id: lanes"), "utf-8")
    out = folder / "other.yml"
    assert gis(folder, "config", "write", "--out", str(out)).exit_code == 0
    assert "lanes" in yaml.safe_load(out.read_text("utf-8"))["resources"]


def test_the_line_that_differs_is_named(registry: Registry, folder: Path) -> None:
    path = folder / "pygeoapi.yml"
    lines = path.read_text("utf-8").splitlines()
    lines[6] += " # by hand"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ConfigError) as stale:
        check_config(registry, Settings(config=folder))
    assert stale.value.facts["line"] == 7


def test_serve_refuses_a_stale_configuration(folder: Path) -> None:
    (folder / "pygeoapi.yml").write_text("server: {}\n", "utf-8")
    refused = gis(folder, "serve")
    assert refused.exit_code == 2
    assert "gis config write" in refused.stderr


def test_serve_refuses_without_a_database(folder: Path) -> None:
    nobody = "postgresql://nobody@127.0.0.1:1/nothing"
    refused = gis(folder, "serve", GIS_DATABASE_URL=nobody)
    assert refused.exit_code == 4
    assert "error:" in refused.stderr


def test_serve_refuses_a_port_in_use(folder: Path, store: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = gis(folder, "serve", "--port", port, GIS_DATABASE_URL=store.url)
    assert refused.exit_code == 2
    assert port in refused.stderr
    assert "占用" in refused.stderr
    assert "Traceback" not in refused.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_answers_and_ends_when_told(
    folder: Path, store: Any, number: signal.Signals
) -> None:
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")} | {
        "GIS_CONFIG": str(folder),
        "GIS_DATA": str(PROJECT / "data"),
        "GIS_DATABASE_URL": store.url,
    }
    log = folder.parent / "serve.log"
    with log.open("wb") as out:
        words = [str(GIS), "serve", "--port", str(port)]
        process = subprocess.Popen(words, env=env, stdout=out, stderr=out)
    try:
        wait_ready(f"http://127.0.0.1:{port}", process, log)
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
    said = log.read_text("utf-8")
    assert f"http://127.0.0.1:{port}/map" in said
    assert "Traceback" not in said
