"""The generated pages say what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GENERATED = sorted(p.name for p in (ROOT / "docs" / "reference").glob("*.md"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as a process of its own writes them: click keeps what other tests have made."""
    folder = tmp_path_factory.mktemp("docs")
    program = [sys.executable, str(ROOT / "docs" / "generate.py"), str(folder)]
    subprocess.run(program, check=True, cwd=ROOT)
    return folder / "reference"


@pytest.mark.parametrize("name", GENERATED)
def test_generated_page_is_current(name: str, written: Path) -> None:
    page = ROOT / "docs" / "reference" / name
    stale = f"docs/reference/{name} is stale: run `make docs`"
    assert page.read_text("utf-8") == (written / name).read_text("utf-8"), stale


def test_every_generated_page_is_there(written: Path) -> None:
    assert sorted(p.name for p in written.glob("*.md")) == GENERATED


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


def test_the_walk_names_files_that_are_there() -> None:
    import re

    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`(gis/[\w/]+(?:\.py|/))`", text)
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []
