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


def test_the_layer_in_the_documentation_is_a_layer() -> None:
    import re

    import yaml

    from gis.layers import load_registry
    from gis.layers.registry import parse_layer

    text = (ROOT / "docs" / "layers.md").read_text("utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.S)
    registry = load_registry(ROOT / "config", ROOT / "data")
    layer = parse_layer("layers.md", yaml.safe_load(example), set(registry.codelists))
    assert layer.id == "street_trees"


def test_every_check_and_kind_of_style_is_documented() -> None:
    from gis.layers import load_registry
    from gis.layers.checks import ATTRIBUTE_CHECKS, GEOMETRY_CHECKS

    text = (ROOT / "docs" / "layers.md").read_text("utf-8")
    kinds = {
        str(layer.style["kind"])
        for layer in load_registry(ROOT / "config", ROOT / "data").layers.values()
    }
    wanted = {*GEOMETRY_CHECKS, *ATTRIBUTE_CHECKS, *kinds}
    assert [word for word in sorted(wanted) if word not in text] == []
