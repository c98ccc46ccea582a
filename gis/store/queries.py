"""SQL by name: `sql/queries/<name>.sql`, read once, with identifiers composed in.

A file opens with one comment line that says why it exists. Identifiers stand as `{name}` and
are given here; values stand as `%(name)s` and go to `execute`. Text that passes through
`format` doubles its own braces (`'{{}}'::jsonb`).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from psycopg.sql import SQL, Composable, Composed, Identifier

SCHEMA = "gis"
FOLDER = files("gis.store").joinpath("sql")


def query(name: str, /, **parts: Composable) -> Composed:
    """The statement of `sql/queries/<name>.sql` with its identifiers filled in."""
    return SQL(_text(name)).format(**parts)


def layer_table(layer_id: str) -> Identifier:
    """Schema-qualified name of a layer's table."""
    return Identifier(SCHEMA, layer_id)


@cache
def _text(name: str) -> str:
    return FOLDER.joinpath("queries", f"{name}.sql").read_text("utf-8")
