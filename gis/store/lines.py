"""`Lines`: a few connections of one event loop, for the statements asked thousands of times.

An answer of ten rows costs the database a tenth of a millisecond; a thread to wait in, a cursor
and typed values cost more than that. Here the loop waits for libpq itself, values come as the
texts they are, and a statement asked again is one that the server knows.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer

from gis.store.pool import USE, Store
from gis.store.translate import pg_errors

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
AGAIN = 3  # a text asked so often is prepared
MOST_PREPARED, MOST_TEXTS = 100, 5_000
GOING = "57P"  # SQLSTATEs of a server that stops or ends the connection
GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)
Cells = tuple[bytes | None, ...]


class LineBroken(Exception):
    """The connection broke, or there is none: whoever asked may ask another way."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the server takes it. names: of its values, in their order."""

    text: bytes
    names: tuple[str, ...]


@lru_cache(maxsize=2048)
def spoken(text: str) -> Statement:
    """A composed statement (`%(name)s`, `%%`) as the server takes it (`$1`, `%`)."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return Statement(PLACE.sub(numbered, text).encode(), tuple(names))


class _Line:
    """One connection; one statement at a time."""

    def __init__(self, conn: psycopg.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._conn, self._pg, self._loop = conn, conn.pgconn, loop
        self._socket = conn.pgconn.socket
        self._pg.nonblocking = 1
        self._waiting: asyncio.Future[pq.abc.PGresult] | None = None
        self._result: pq.abc.PGresult | None = None
        self._prepared: OrderedDict[tuple[bytes, tuple[int, ...]], bytes] = OrderedDict()
        self.broken = False
        loop.add_reader(self._socket, self._readable)

    async def ask(
        self, said: Statement, params: Mapping[str, Any], *, binary: bool, again: bool
    ) -> list[Cells]:
        """Raises psycopg.Error as the driver does, LineBroken where the line is gone."""
        if self.broken:
            raise LineBroken
        given = Transformer(self._conn)
        values = given.dump_sequence(
            [params[name] for name in said.names], [PyFormat.AUTO] * len(said.names)
        )
        types, formats = given.types or (), given.formats or ()
        form = pq.Format.BINARY if binary else pq.Format.TEXT
        if again:
            name = await self._name(said.text, types)
            self._begin()
            self._pg.send_query_prepared(name, values, formats, form)
        else:
            self._begin()
            self._pg.send_query_params(said.text, values, types, formats, form)
        result = await self._answer()
        columns = range(result.nfields)
        return [tuple([result.get_value(r, c) for c in columns]) for r in range(result.ntuples)]

    async def _name(self, text: bytes, types: tuple[int, ...]) -> bytes:
        key = (text, types)
        name = self._prepared.get(key)
        if name is not None:
            return name
        if len(self._prepared) >= MOST_PREPARED:
            self._begin()
            self._pg.send_query_params(b"DEALLOCATE ALL", None)
            await self._answer()
            self._prepared.clear()
        name = b"s%d" % len(self._prepared)
        self._begin()
        self._pg.send_prepare(name, text, types)
        await self._answer()
        self._prepared[key] = name
        return name

    def _begin(self) -> None:
        self._result, self._waiting = None, self._loop.create_future()

    async def _answer(self) -> pq.abc.PGresult:
        assert self._waiting is not None
        try:
            while self._pg.flush():  # a large filter may not fit the socket at once
                await self._writable()
            result = await self._waiting
        except BaseException:
            self.close()  # in the middle of a statement nobody else can use it
            raise
        finally:
            self._waiting = None
        if result.status not in GOOD:
            error = psycopg.errors.error_from_result(result)
            if (error.sqlstate or "").startswith(GOING):
                self.close()
                raise LineBroken from error
            raise error
        return result

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    break
                self._result = result
            else:
                return
        except psycopg.Error:
            self._result = None
            self.close()
        waiting = self._waiting
        if waiting is not None and not waiting.done():
            if self._result is None:
                waiting.set_exception(LineBroken())
            else:
                waiting.set_result(self._result)

    def close(self) -> None:
        """For good."""
        if not self.broken:
            self.broken = True
            self._loop.remove_reader(self._socket)
            self._conn.close()


class Lines:
    """A few connections of the event loop that opened them, first come first served."""

    def __init__(self, store: Store, size: int) -> None:
        self._store, self._size = store, size
        self._free: deque[_Line] = deque()
        self._queue: deque[asyncio.Future[_Line]] = deque()
        self._texts: Counter[bytes] = Counter()
        self._again: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Raises StoreError where the database does not answer."""
        with pg_errors(USE.zh, USE.en):
            for _ in range(self._size):
                self._free.append(await self._made())

    async def ask(
        self, text: str, params: Mapping[str, Any], *, binary: bool = False
    ) -> list[Cells]:
        """The rows of a composed statement, each value in the server's own text (or binary) form;
        None = NULL. Raises StoreError; LineBroken where another way may still answer."""
        if self._closed:
            raise LineBroken
        said = spoken(text)
        if len(self._texts) >= MOST_TEXTS:
            self._texts.clear()
        self._texts[said.text] += 1
        line = await self._line()
        again = self._texts[said.text] >= AGAIN
        try:
            with pg_errors(USE.zh, USE.en):
                return await line.ask(said, params, binary=binary, again=again)
        finally:
            self._back(line)

    def close(self) -> None:
        """End all that is not in use; what is ends when it comes back."""
        self._closed = True
        for line in self._free:
            line.close()
        self._free.clear()
        for waiting in self._queue:
            if not waiting.done():
                waiting.set_exception(LineBroken())

    async def _line(self) -> _Line:
        if self._free:
            return self._free.popleft()
        waiting = asyncio.get_running_loop().create_future()
        self._queue.append(waiting)
        line: _Line = await waiting
        return line

    def _back(self, line: _Line) -> None:
        if self._closed:
            line.close()
        elif line.broken:
            task = asyncio.get_running_loop().create_task(self._mended(line))
            self._again.add(task)
            task.add_done_callback(self._again.discard)
        else:
            self._give(line)

    def _give(self, line: _Line) -> None:
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.done():
                waiting.set_result(line)
                return
        self._free.append(line)

    async def _mended(self, line: _Line) -> None:
        """Another in its place; while the database is away the broken one stands in, so that who
        comes learns of it at once."""
        try:
            line = await self._made()
        except psycopg.Error:
            await asyncio.sleep(0.2)
        if self._closed:
            line.close()
        else:
            self._give(line)

    async def _made(self) -> _Line:
        arguments: Mapping[str, Any] = self._store.arguments
        conn = await asyncio.to_thread(psycopg.connect, self._store.url, **arguments)
        return _Line(conn, asyncio.get_running_loop())
