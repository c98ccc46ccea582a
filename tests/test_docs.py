"""The generated pages say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_current(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    page = ROOT / "docs" / name
    assert page.read_text("utf-8") == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_setting_has_help() -> None:
    from dataclasses import fields

    from gis.settings import Settings

    assert [f.name for f in fields(Settings) if not f.metadata.get("help")] == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_readme_links_exist(readme: str) -> None:
    import re

    text = (ROOT / readme).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert links, "a README without a link to the documentation"
    assert [link for link in links if not (ROOT / link).exists()] == []
