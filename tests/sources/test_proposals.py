"""A folder as a department sends it: each part is named, read, and given a layer or a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from source_files import spreadsheet, write_named, zipped

from gis.errors import SourceError
from gis.layers import Registry
from gis.sources import propose

POINTS = (
    "标识码,部件分类,部件名称,状态,主管部门,经度,纬度\n"
    "4117020121000001,0121,路灯,完好,城管,114,33\n"
)
PIPES = (
    "管段编号,管线种类,起点点号,终点点号,起点东坐标,起点北坐标,终点东坐标,终点北坐标\n"
    "P1,给水,A,B,500000,3650000,500010,3650000\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "交付"
    (root / "城管").mkdir(parents=True)
    (root / "城管" / "部件.csv").write_text(POINTS, "gb18030")
    (root / "城管" / "部件.xlsx").write_bytes(
        spreadsheet([line.split(",") for line in POINTS.splitlines()])
    )
    (root / "管线.csv").write_text(PIPES, "utf-8")
    write_named(root / "名单.shp", encoding="GB18030")
    (root / "杂.zip").write_bytes(zipped({"a.csv": POINTS.encode(), "b.csv": PIPES.encode()}))
    (root / "坏.zip").write_bytes(zipped({"../a.csv": b"x"}))
    (root / "说明.docx").write_bytes(b"x")
    (root / "别处.csv").symlink_to("/etc/passwd")
    return root


def test_each_part_gets_its_layer(folder: Path, registry: Registry) -> None:
    found = {str(Path(p.path).relative_to(folder)): p for p in propose(folder, registry)}
    assert set(found) == {
        "城管/部件.csv", "城管/部件.xlsx", "管线.csv", "名单.shp", "杂.zip|a.csv", "杂.zip|b.csv",
        "坏.zip",
    }  # fmt: skip
    layers = {name: p.layer for name, p in found.items()}
    assert layers["城管/部件.csv"] == layers["城管/部件.xlsx"] == "components"
    assert layers["杂.zip|a.csv"] == "components"
    assert layers["管线.csv"] == layers["杂.zip|b.csv"] == "pipe_segments"
    assert found["城管/部件.csv"].encoding == "gb18030"
    assert found["名单.shp"].frame == "EPSG:4490"
    assert found["名单.shp"].geometry == ("Point",)
    assert "not safe" in (found["坏.zip"].refused or "")


def test_nothing_to_read(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(SourceError):
        propose(tmp_path, registry)


def test_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gis.cli.main import main

    shutil.rmtree(folder / "城管")
    done = CliRunner().invoke(main, ["ingest", str(folder), "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    parts = json.loads(done.stdout)["parts"]
    assert [Path(p["path"]).name for p in parts if p["layer"] == "pipe_segments"] == [
        "管线.csv",
        "杂.zip|b.csv",
    ]
    refused = CliRunner().invoke(main, ["ingest", str(folder)])
    assert refused.exit_code == 2
