"""Statements asked from an event loop: the same answers as by the pool, and what breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from gis.errors import Busy, StoreError
from gis.store import Store
from gis.store.lines import MOST_PREPARED, LineBroken, Lines, spoken


def asking(store: Store, work: Any, size: int = 2) -> Any:
    async def run() -> Any:
        lines = Lines(store, size)
        await lines.open()
        try:
            return await work(lines)
        finally:
            lines.close()

    return asyncio.run(run())


def test_a_composed_statement_as_the_server_takes_it() -> None:
    said = spoken("SELECT %(b)s, %(a)s, %(b)s, 7 %% 2, '%%s'")
    assert (said.text, said.names) == (b"SELECT $1, $2, $1, 7 % 2, '%s'", ("b", "a"))


@pytest.mark.parametrize("times", [1, 5], ids=["as it is", "prepared"])
def test_values_go_and_come(store: Store, times: int) -> None:
    values = {"n": 5, "t": "江'%", "x": 1.5, "b": b"\0\1", "keys": [1, 2**40], "none": None}
    text = (
        "SELECT %(n)s + 1, %(t)s::text, %(x)s * 2, %(b)s::bytea, %(keys)s::bigint[], %(none)s::int"
    )

    async def work(lines: Lines) -> Any:
        return [await lines.ask(text, values) for _ in range(times)]

    expected = (b"6", "江'%".encode(), b"3", b"\\x0001", b"{1,1099511627776}", None)
    assert asking(store, work) == [[expected]] * times


def test_a_large_value_and_a_large_answer(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        text = "SELECT length(%(t)s::text), repeat('x', 3000000) FROM generate_series(1, 2)"
        return await lines.ask(text, {"t": "y" * 5_000_000})

    found = asking(store, work)
    assert [(row[0], len(row[1])) for row in found] == [(b"5000000", 3_000_000)] * 2


def test_many_at_once_each_get_their_own(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        async def one(i: int) -> int:
            [row] = await lines.ask("SELECT %(i)s::int, pg_sleep(0.001)", {"i": i})
            return int(row[0] or -1)

        return await asyncio.gather(*(one(i) for i in range(200)))

    assert asking(store, work) == list(range(200))


def test_more_texts_than_the_server_is_to_keep(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        for _ in range(4):
            for i in range(MOST_PREPARED + 20):
                assert await lines.ask(f"SELECT {i}", {}) == [(str(i).encode(),)]
        [row] = await lines.ask("SELECT count(*) FROM pg_prepared_statements", {})
        return int(row[0])

    assert asking(store, work, size=1) <= MOST_PREPARED


def test_an_error_is_ours_and_the_line_goes_on(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        for text in ("SELECT 1 / 0", "SELEKT", "SELECT 1 / 0"):
            with pytest.raises(StoreError):
                await lines.ask(text, {})
        return await lines.ask("SELECT 1", {})

    assert asking(store, work, size=1) == [(b"1",)]


def test_what_takes_too_long_is_busy(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        with pytest.raises(Busy):
            await lines.ask("SELECT pg_sleep(30)", {})
        return await lines.ask("SELECT 1", {})

    with Store.open(store.url, timeout_s=0.2) as bounded:
        assert asking(bounded, work, size=1) == [(b"1",)]


@pytest.mark.parametrize("when", ["while it waits", "in the middle of an answer"])
def test_a_connection_that_ends_says_so_and_is_mended(store: Store, when: str) -> None:
    async def work(lines: Lines) -> Any:
        [row] = await lines.ask("SELECT pg_backend_pid()", {})
        text = "SELECT 1" if when == "while it waits" else "SELECT pg_sleep(20)"
        asked = None
        if when != "while it waits":
            asked = asyncio.create_task(lines.ask(text, {}))
            await asyncio.sleep(0.1)
        with psycopg.connect(store.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [int(row[0] or 0)])
        await asyncio.sleep(0.1)
        with pytest.raises(LineBroken):
            await (asked or lines.ask(text, {}))
        await asyncio.sleep(0.3)
        return await lines.ask("SELECT 2", {})

    assert asking(store, work, size=1) == [(b"2",)]


def test_who_gives_up_waiting_spoils_nothing(store: Store) -> None:
    async def work(lines: Lines) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lines.ask("SELECT pg_sleep(20)", {}), 0.1)
        await asyncio.sleep(0.3)
        return await lines.ask("SELECT 3", {})

    assert asking(store, work, size=1) == [(b"3",)]
