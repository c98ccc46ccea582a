"""Writes the pages of docs/ that are read off the code: settings, commands, errors, layers.

`make docs` runs it; `tests/test_docs.py` fails while a page differs from what this writes.
"""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import fields
from pathlib import Path

import click

from gis import errors
from gis.cli.main import COMMANDS, main
from gis.layers import load_registry
from gis.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
os.environ["COLUMNS"] = "100"  # help texts are as wide as the terminal otherwise
HEAD = "<!-- written by `make docs`; edit the code, not this page -->\n\n"


def settings_page() -> str:
    """One section a setting."""
    parts = [HEAD, "# Settings\n\nEnvironment variables, read once at start.\n"]
    for f in fields(Settings):
        default = "unset" if f.default is None else f"`{f.default}`"
        parts.append(f"\n### `GIS_{f.name.upper()}`\n\n{f.metadata['help']}. Default: {default}.\n")
    return "".join(parts)


def commands_page() -> str:
    """`--help` of every command, groups before their members."""
    parts = [HEAD, "# Commands\n"]
    context = click.Context(main, info_name="gis")
    for name in COMMANDS:
        command = main.get_command(context, name)
        if command is not None:
            parts += _help_of(command, context, name)
    return "".join(parts)


def _help_of(command: click.Command, parent: click.Context, name: str) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100)
    parts = [f"\n## `{context.command_path}`\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            inner = command.get_command(context, member)
            if inner is not None:
                parts += _help_of(inner, context, member)
    return parts


def errors_page() -> str:
    """The error tree as a table."""
    rows = [HEAD, "# Errors\n\n| class | HTTP | exit | meaning |\n| --- | --- | --- | --- |\n"]
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.OneMapError):
            line = (cls.__doc__ or "").strip().splitlines()[0]
            rows.append(f"| `{cls.__name__}` | {cls.http_status} | {cls.exit_code} | {line} |\n")
    return "".join(rows)


def layers_page() -> str:
    """The layers that ship, with their fields."""
    registry = load_registry(ROOT / "config", ROOT / "data")
    parts = [HEAD, "# Layers that ship\n\nEach is one file in `config/layers/`; see `layers.md`.\n"]
    for layer in registry.layers.values():
        due = f", due every {layer.update_days} days" if layer.update_days else ""
        parts.append(
            f"\n## `{layer.id}` {layer.title.zh} / {layer.title.en}\n\n"
            f"{layer.theme}, {layer.geometry}, key {', '.join(layer.key)}, "
            f"accuracy {layer.accuracy_m} m, {layer.classification}, "
            f"owner {layer.owner.zh} / {layer.owner.en}{due}\n\n"
            "| field | title | type | taken from |\n| --- | --- | --- | --- |\n"
        )
        for f in layer.fields:
            kind = f"code `{f.codelist}`" if f.codelist else f.type
            unit = f" ({f.unit})" if f.unit else ""
            parts.append(
                f"| `{f.name}`{' *' if f.required else ''} | {f.title.zh} / {f.title.en}{unit} "
                f"| {kind} | {', '.join(f.aliases)} |\n"
            )
    return "".join(parts)


PAGES = {
    "reference/settings.md": settings_page,
    "reference/commands.md": commands_page,
    "reference/errors.md": errors_page,
    "reference/layers.md": layers_page,
}

if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    for name, page in PAGES.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(), encoding="utf-8")
