"""docs/coords.md: its examples run and give what they show; its table names every case."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gis.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "coords.md").read_text("utf-8")
EXAMPLES = re.findall(r"```console\n\$ gis ([^\n]+)\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize(("words", "shown"), EXAMPLES, ids=[words for words, _ in EXAMPLES])
def test_example(words, shown, tmp_path, monkeypatch):
    monkeypatch.setenv("GIS_CONFIG", str(tmp_path))
    assert CliRunner().invoke(main, shlex.split(words)).output == shown


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


def test_the_table_has_every_case_and_no_wrong_answer():
    writers = runpy.run_path(str(ROOT / "benchmarks" / "coords_detect.py"), run_name="cases")[
        "WRITERS"
    ]
    rows = dict(re.findall(r"^\| (.+?) \| (\d+/\d+/\d+ \|.*) \|$", PAGE, re.M))
    assert set(rows) == {*writers, "another city"}
    for name, cells in rows.items():
        for cell in cells.split("|"):
            assert cell.strip().endswith("/0"), name


def test_every_accuracy_on_the_page_is_the_codes():
    from gis.coords import find_transformation

    stated = {"0 m": (4526, 4547), "1 m": (4326, 32650, 3857), "5 m": ("gcj02", "bd09", "bd09mc")}
    for text, frames in stated.items():
        assert f"| {text} |" in PAGE
        assert {find_transformation(f, 4490).accuracy_m for f in frames} == {float(text[0])}
