"""`gis ingest` as a process of its own, on a test database, and files for it to take in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from postgis import PROJECT

GIS = Path(sys.executable).with_name("gis")


def components(path: Path, rows: int, state: str) -> Path:
    """Street furniture as CSV, and one row of an unknown class, which ends in quarantine."""
    lines = ["标识码,部件分类,状态,经度,纬度"]
    lines += [
        f"4117020121{i:06d},0121,{state},{114.0 + i % 1000 * 1e-5:.7f},{32.95 + i * 1e-7:.7f}"
        for i in range(rows)
    ]
    lines.append("4117020121999999,9999,完好,114.0,33.0")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def start(
    url: str, path: Path, as_of: str | None = None, layer: str = "components"
) -> subprocess.Popen[str]:
    """The command, under way in a process group of its own."""
    words = [str(GIS), "ingest", str(path), "--layer", layer, "--crs", "EPSG:4490"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {
        "GIS_DATABASE_URL": url,
        "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"),
    }
    return subprocess.Popen(
        [*words, *(["--as-of", as_of] if as_of else []), "--json"],
        env=env, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
