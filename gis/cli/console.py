"""How every command talks: result on stdout, progress and messages on stderr, exit codes.

A command file looks like this:

    @command("list")                        # adds --json, help texts, error handling
    @click.option("--layer")
    def list_(console: Console, layer: str | None) -> None:
        ...
        console.emit(rows, table=("layer", "features"))
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gis.errors import OneMapError
from gis.settings import Settings

JSON_HELP = "结果为一个 JSON 文档 / one JSON document"


@dataclass(frozen=True, slots=True)
class Console:
    """What a command is given: the settings, and the way to speak."""

    settings: Settings
    json: bool

    def emit(self, result: Any, *, text: str | None = None, table: Table | None = None) -> None:
        """Print the command's one result: JSON with --json, else `table` or `text`."""
        if self.json:
            text = json.dumps(result, ensure_ascii=False, indent=2, default=_plain)
            sys.stdout.write(text + "\n")
        elif table is not None:
            RichConsole(file=sys.stdout).print(table)
        else:
            sys.stdout.write((text if text is not None else _as_text(result)) + "\n")

    def say(self, zh: str, en: str) -> None:
        """A line for people, on stderr."""
        sys.stderr.write(f"{zh} / {en}\n")

    @contextmanager
    def progress(
        self, zh: str, en: str, total: int | None = None
    ) -> Iterator[Callable[[int], None]]:
        """A bar on stderr where it is a terminal; yields `advance(n)`."""
        shown = RichConsole(file=sys.stderr)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=shown, disable=not shown.is_terminal) as bar:
            task = bar.add_task(f"{zh} {en}", total=total)
            yield lambda n: bar.advance(task, n)


def rows_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """A table of `rows`, one column per name; None shows as nothing."""
    table = Table(*columns)
    for row in rows:
        values = (row.get(name) for name in columns)
        table.add_row(*("" if v is None else str(v) for v in values))
    return table


def command(name: str, **attrs: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A click command whose function gets a `Console` first, with `--json` and exit codes.

    The function's docstring is its help: Chinese and English line, then an example.
    """

    def wrap(function: Callable[..., None]) -> click.Command:
        @click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
        @functools.wraps(function)
        def run(as_json: bool, **arguments: Any) -> None:
            with exit_codes(as_json):
                function(Console(Settings.from_env(os.environ), as_json), **arguments)

        made = cast("Callable[[Callable[..., None]], click.Command]", click.command(name, **attrs))
        return made(run)

    return wrap


@contextmanager
def exit_codes(as_json: bool) -> Iterator[None]:
    """Turn our errors into one clear message and the exit code of their class."""
    try:
        yield
    except OneMapError as error:
        if as_json:
            sys.stdout.write(json.dumps({"error": error.to_json()}, ensure_ascii=False) + "\n")
        sys.stderr.write(f"错误：{error.zh}\nerror: {error.en}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("已中断，数据库保持原状 / interrupted, the database is as it was\n")
        sys.exit(130)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _as_text(result: Any) -> str:
    if isinstance(result, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in result.items())
    return str(result)
