"""`gis access`: keys shown once, roles, the chain; who may listen where; what status says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from gis.cli.main import main
from gis.store import Store
from gis.store.access import add_area, digest_of, list_keys

PROJECT = Path(__file__).resolve().parents[2]
Gis = Callable[..., Result]


@pytest.fixture
def gis(store: Store, tmp_path: Path) -> Gis:
    config = tmp_path / "config"
    shutil.copytree(PROJECT / "config", config, ignore=shutil.ignore_patterns("frames"))
    env = {
        "GIS_CONFIG": str(config),
        "GIS_DATA": str(PROJECT / "data"),
        "GIS_HOME": str(tmp_path / "home"),
        "GIS_DATABASE_URL": store.url,
    }
    return lambda *words: CliRunner().invoke(main, words, env=env)


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_shown_once(gis: Gis, store: Store) -> None:
    made = said(gis("access", "keys", "add", "院", "--role", "reader", "--days", "9", "--json"))
    (kept,) = list_keys(store)
    assert kept.digest == digest_of(made["key"])
    listed = gis("access", "keys", "list", "--json")
    assert made["key"] not in listed.output
    assert kept.digest not in listed.output
    said(gis("access", "keys", "revoke", "院", "--person", "李工", "--json"))
    (line,) = said(gis("access", "keys", "list", "--json"))
    assert (line["revoked_by"], line["roles"]) == ("李工", ["reader"])
    told = said(gis("access", "audit", "show", "--json"))
    assert [(e["action"], e["target"]) for e in told] == [
        ("key revoked", "院"),
        ("key added", "院"),
    ]
    assert made["key"] not in str(told)


def test_a_role_that_is_none(gis: Gis, store: Store) -> None:
    assert gis("access", "keys", "add", "院", "--role", "nope").exit_code == 2
    assert list_keys(store) == []


def test_roles_are_told(gis: Gis) -> None:
    found = {line["role"]: line for line in said(gis("access", "roles", "--json"))}
    assert "parcels" not in found["anonymous"]["reads"]
    assert "parcels" in found["reader"]["reads"]
    assert found["editor"]["writes"] == sorted(found["editor"]["writes"]) != []
    assert found["officer"]["officer"] is True


def test_a_broken_chain_is_exit_4(gis: Gis, store: Store) -> None:
    for name in ("a", "b", "c"):
        said(gis("access", "keys", "add", name, "--role", "reader", "--json"))
    whole = said(gis("access", "audit", "verify", "--json"))
    assert whole["entries"] == 3
    assert said(gis("access", "audit", "verify", "--expect", whole["head"], "--json"))["holds"]
    assert gis("access", "audit", "verify", "--expect", "0" * 63 + "1").exit_code == 4
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE onemap.audit DISABLE TRIGGER audit_stays")
        conn.execute("UPDATE onemap.audit SET target = 'x' WHERE id = 2")
    broken = gis("access", "audit", "verify", "--json")
    assert broken.exit_code == 4
    assert json.loads(broken.stdout)["error"]["facts"]["entry"] == 2
    assert said(gis("status", "--json"))["access"]["audit"]["broken"] == 2


def test_area_is_told_and_forgotten(gis: Gis, store: Store) -> None:
    add_area(store, [("key:a", "parcels", 11_068_167_000)])
    (line,) = said(gis("access", "area", "list", "--json"))
    assert (line["caller"], line["layer"]) == ("key:a", "parcels")
    assert said(gis("access", "area", "forget", "key:a", "--json"))["cells"] == 1
    assert said(gis("access", "area", "list", "--json")) == []
    assert said(gis("access", "audit", "show", "--json"))[0]["action"] == "area forgotten"


def test_others_are_let_in_only_where_they_can_be_told_apart(
    gis: Gis, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uvicorn

    started: list[Any] = []
    monkeypatch.setattr(uvicorn, "run", lambda *_, **given: started.append(given["host"]))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name in ("GIS_HOST", "GIS_PORT"):  # which the command sets for its workers
        monkeypatch.setenv(name, "")
    words = ("serve", "--host", "0.0.0.0", "--port", "1", "--json")  # a port nobody may take
    refused = gis(*words)
    assert refused.exit_code == 2, refused.output
    assert json.loads(refused.stdout)["error"]["facts"] == {"host": "0.0.0.0"}
    said(gis("access", "keys", "add", "院", "--role", "reader", "--json"))
    allowed = gis(*words[:3])
    assert allowed.exit_code == 0, allowed.output
    assert started == ["0.0.0.0"]


def test_status_says_who_is_seen_as_whom(gis: Gis) -> None:
    before = said(gis("status", "--json"))["access"]
    assert before["anonymous"] == "everything on this machine"
    said(gis("access", "keys", "add", "院", "--role", "reader", "--json"))
    after = said(gis("status", "--json"))["access"]
    assert (after["anonymous"], after["keys"], after["issuer"]) == ("public", 1, None)
    assert after["audit"]["broken"] is None
