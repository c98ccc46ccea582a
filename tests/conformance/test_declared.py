"""What /conformance declares is what docs/conformance.md and these tests back."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from asking import ok

pytestmark = pytest.mark.xdist_group("conformance")
HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "conformance.md").read_text("utf-8")
REQUIREMENT = re.compile(r"/req/[\w/.-]+\w")
SOURCES = "\n".join(p.read_text("utf-8") for p in sorted(HERE.glob("test_*.py")))
# declared, and tried elsewhere: standard -> where
ELSEWHERE = {
    "ogcapi-features-4": "tests/api/test_editing.py",
    "ogcapi-styles-1": "tests/api/test_styles.py",
    "json-fg-1": "tests/api/test_downloads.py",
    "ogcapi-common-1": "tests/conformance/test_features_core.py",
    "ogcapi-common-2": "tests/conformance/test_features_core.py",
}
HERE_TRIED = (
    *("ogcapi-features-1", "ogcapi-features-2", "ogcapi-features-3", "cql2", "ogcapi-common-3"),
    *("ogcapi-tiles-1", "tms", "ogcapi-records-1", "ogcapi-processes-1"),
)


def test_every_standard_declared_is_tried(client: httpx.Client) -> None:
    declared = ok(client, "/conformance")["conformsTo"]
    standards = {uri.split("/spec/")[1].split("/")[0] for uri in declared}
    assert standards - {*ELSEWHERE, *HERE_TRIED} <= {"ogcapi-maps-1"}
    for place in ELSEWHERE.values():
        assert (HERE.parents[1] / place).is_file()
    for left_out in ("job-list", "advanced-property-roles", "array-functions", "callback"):
        assert not [uri for uri in declared if uri.endswith(f"/{left_out}")]


def test_the_page_has_every_requirement_and_no_other() -> None:
    tried = set(REQUIREMENT.findall(SOURCES))
    told = set(re.findall(r"^\| `(/req/[^`]+)`", PAGE, re.MULTILINE))
    assert told == tried
