"""Migrations: numbered, recorded, never edited; layer tables follow their definitions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gis.errors import Conflict, LayerError, StoreError, Unreachable
from gis.layers.model import Field, Label, Layer
from gis.settings import Settings
from gis.store import Store, open_store, prepare
from gis.store.migrate import applied, migrate, pending, shipped
from gis.store.tables import ensure_layer


@pytest.fixture
def empty(server) -> Iterator[str]:
    """Address of a database nobody has initialised."""
    with server.copy("template0") as url:
        yield url


@pytest.fixture
def conn(empty: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty, autocommit=True) as opened:
        yield opened


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name.lstrip('_')}.sql").write_text(text)
    return tmp_path


def test_preparing_twice_changes_nothing(empty: str, registry) -> None:
    first = prepare(empty, registry)
    assert first[0] == "migration 001_core"
    assert "created buildings" in first
    assert prepare(empty, registry) == []


def test_several_prepare_at_once(empty: str, registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: prepare(empty, registry), range(4)))
    assert sorted(map(bool, done)) == [False, False, False, True]


def test_a_failing_file_leaves_nothing(conn: psycopg.Connection, tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, _001_a="CREATE TABLE a (n int)", _002_b="CREATE TABLE b (n int); SELECT 1/0"
    )
    with pytest.raises(psycopg.Error):
        migrate(conn, shipped(folder))
    assert set(applied(conn)) == {1}
    assert conn.execute("SELECT to_regclass('a'), to_regclass('b')").fetchone() == ("a", None)
    (tmp_path / "002_b.sql").write_text("CREATE TABLE b (n int)")
    assert [m.number for m in migrate(conn, shipped(folder))] == [2]


def test_an_edited_old_file_is_refused(conn: psycopg.Connection, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, _001_a="CREATE TABLE a (n int)")
    migrate(conn, shipped(folder))
    (tmp_path / "001_a.sql").write_text("CREATE TABLE a (n bigint)")
    with pytest.raises(Conflict) as caught:
        migrate(conn, shipped(folder))
    assert caught.value.number == 1


def test_a_database_from_the_future_is_refused(conn: psycopg.Connection, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, _001_a="SELECT 1", _002_b="SELECT 2")
    migrate(conn, shipped(folder))
    (tmp_path / "002_b.sql").unlink()
    with pytest.raises(Conflict) as caught:
        pending(conn, shipped(folder))
    assert caught.value.numbers == [2]


def test_two_files_of_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        shipped(folder_of(tmp_path, _001_a="SELECT 1", _001_b="SELECT 2"))
    assert caught.value.number == 1


def test_an_uninitialised_database_says_so(empty: str) -> None:
    with pytest.raises(StoreError, match="gis init") as caught:
        open_store(Settings(database_url=empty))
    assert caught.value.pending == len(shipped())


def test_an_absent_server_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        open_store(Settings(database_url=f"postgresql://postgres@/x?host={tmp_path}"))


def test_a_restarted_server_costs_nobody_an_error(store: Store) -> None:
    with store.reading() as conn:
        pid = conn.info.backend_pid
    with psycopg.connect(store.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    with store.reading() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


# --- layer tables ----------------------------------------------------------------------


@pytest.fixture
def trees() -> Layer:
    label = Label(zh="树", en="Trees")
    return Layer(
        id="trees",
        title=label,
        theme="component",
        geometry="Point",
        key=("tree_id",),
        accuracy_m=1.0,
        classification="public",
        owner=label,
        fields=(
            Field(name="tree_id", title=label, type="text"),
            Field(name="height_m", title=label, type="number"),
        ),
    )


def test_a_new_field_is_added(store: Store, trees: Layer) -> None:
    label = trees.title
    with store.connection() as conn:
        assert ensure_layer(conn, trees) == ["created trees"]
        assert ensure_layer(conn, trees) == []
        more = replace(trees, fields=(*trees.fields, Field(name="seen", title=label, type="date")))
        assert ensure_layer(conn, more) == ["added trees.seen"]
        conn.execute("SELECT tree_id, height_m, seen FROM gis.trees")


def test_nothing_is_dropped_silently(store: Store, trees: Layer) -> None:
    with store.connection() as conn:
        ensure_layer(conn, trees)
        fewer = replace(trees, fields=trees.fields[:1])
        with pytest.raises(Conflict) as caught:
            ensure_layer(conn, fewer)
        assert caught.value.field == "height_m"
        changed = replace(trees, fields=(trees.fields[0], replace(trees.fields[1], type="text")))
        with pytest.raises(Conflict) as caught:
            ensure_layer(conn, changed)
        assert caught.value.field == "height_m"
        for other in (replace(trees, geometry="Polygon"), replace(trees, key=("height_m",))):
            with pytest.raises(Conflict):
                ensure_layer(conn, other)


def test_names_the_store_needs_are_refused(store: Store, trees: Layer) -> None:
    taken = Field(name="valid", title=trees.title, type="text")
    with store.connection() as conn, pytest.raises(LayerError) as caught:
        ensure_layer(conn, replace(trees, fields=(*trees.fields, taken)))
    assert caught.value.reserved == ["valid"]
