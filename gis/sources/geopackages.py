"""What may stand in a GeoPackage besides tables: nothing that runs when it is read.

A view is a program: one without end would hold the reading process until it is ended for its time.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from gis.errors import SourceError

# the views of GeoPackage 1.0 over its own tables, which old programs still write
HARMLESS = re.compile(
    r"(?i)CREATE VIEW \"?\w+\"? AS SELECT (?:(?!\bFROM\b|\(|\bSELECT\b).)+ "
    r"FROM \"?gpkg_\w+\"?\s*;?"
)
STEPS = 1_000_000  # of the database's machine, for a list of names


def refuse_programs(path: Path, called: str) -> None:
    """Raises SourceError for a GeoPackage with views, or with tables that a module makes up. A
    file that is no whole database is left to its reader."""
    try:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as file:
            file.set_progress_handler(lambda: 1, STEPS)
            found = file.execute(
                "SELECT name, type, sql FROM sqlite_master WHERE type = 'view' OR (type = 'table'"
                " AND sql LIKE 'CREATE VIRTUAL%' AND sql NOT LIKE '%USING rtree%')"
            ).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return
    for name, kind, text in found:
        if kind == "view" and HARMLESS.fullmatch(" ".join(str(text).split())):
            continue
        raise SourceError(
            zh=f"{called} 里的 {str(name)[:60]} 是视图或虚拟表，拒收。请把它导出为普通表再送",
            en=f"{called} holds {str(name)[:60]}, a view or virtual table: refused. Export it as a "
            "table and send that",
            source=called,
            unsafe="program",
        )
