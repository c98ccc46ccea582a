"""Images kept for showing: each written anew as a cloud optimised GeoTIFF, with what it holds
beside it. Whoever shows images later opens these files only, never a department's own.

    kept = keep_image(path, "GeoTIFF", folder, digest)
    found = kept_image(folder, digest)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gis.errors import SourceError
from gis.sources.drivers import hardened_environment

SCRIPT = Path(__file__).with_name("cog_process.py")
DRIVERS = {"GeoTIFF": "GTiff", "IMG": "HFA", "ASC": "AAIGrid"}
DIGEST = re.compile("[0-9a-f]{64}")
MEMORY = 3 << 29  # bytes of address space
CPU_S = 4 * 3600
FOLDER = "imagery"  # in the state folder


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage:
    """A file of ours. digest: SHA-256 of the file it was made from. size: width, height; transform:
    pixel (column, row) -> easting, northing, the six of an affine; epsg, wkt: the frame as the file
    states it; colours: of each band; palette: index -> RGBA; stretch: of each band the values that
    become black and white, None for 8 bits; bytes: of the file."""

    path: Path
    digest: str
    size: tuple[int, int]
    transform: tuple[float, ...]
    epsg: int | None
    wkt: str | None
    dtype: str
    nodata: str | None
    colours: tuple[str, ...]
    palette: dict[str, list[int]] | None
    stretch: tuple[tuple[float, float], ...] | None
    bytes: int


def keep_image(
    path: Path, kind: str, folder: Path, digest: str, *, epsg: int | None = None
) -> KeptImage:
    """Write the image `path` of the format `kind` into `folder`, once. `digest`: SHA-256 of the
    file; epsg: to be stated where the file itself states no frame.

    Raises SourceError where it can't be read or not be written."""
    there = kept_image(folder, digest)
    if there is not None:
        return there
    folder.mkdir(parents=True, exist_ok=True)
    final, part = _at(folder, digest), folder / f".{digest}.{os.getpid()}.tif"
    request = {
        "source": str(path.absolute()), "driver": DRIVERS[kind], "out": str(part.absolute()),
        "epsg": epsg, "memory": MEMORY, "cpu_s": CPU_S,
    }  # fmt: skip
    try:
        facts = _run(path.name, request)
        os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)
    kept = _image(final, digest, facts)
    beside = final.with_suffix(".json")
    unfinished = beside.with_suffix(f".{os.getpid()}")
    facts = {name: value for name, value in asdict(kept).items() if name not in ("path", "digest")}
    unfinished.write_text(json.dumps(facts), "utf-8")
    os.replace(unfinished, beside)
    return kept


def kept_image(folder: Path, digest: str) -> KeptImage | None:
    """The kept image made from the file of that SHA-256; None where there is none."""
    if not DIGEST.fullmatch(digest):  # it becomes a file's name
        return None
    path = _at(folder, digest)
    try:
        facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return _image(path, digest, facts) if path.is_file() else None


def _at(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.tif"


def _image(path: Path, digest: str, facts: dict[str, Any]) -> KeptImage:
    width, height = facts["size"]
    stretch = facts["stretch"]
    values = {
        **facts,
        "path": path,
        "digest": digest,
        "size": (width, height),
        "transform": tuple(facts["transform"]),
        "colours": tuple(facts["colours"]),
        "stretch": None if stretch is None else tuple((low, high) for low, high in stretch),
    }
    return KeptImage(**values)


def _run(name: str, request: dict[str, Any]) -> dict[str, Any]:
    """What the process answered. Raises SourceError."""
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=hardened_environment(),
        check=False,
    )
    found: dict[str, Any] = {"error": "ended", "reason": ""}
    with contextlib.suppress(ValueError):
        found = json.loads(done.stdout)
    if "error" in found:
        reason = str(found["reason"]).replace(f"{Path(request['source']).parent}{os.sep}", "")
        raise SourceError(
            zh=f"{name} 无法转存为可显示的影像：{reason or '读取中断'}。文件可能损坏，请重新导出",
            en=f"{name} can't be kept as an image: {reason or 'reading broke off'}. It may be "
            "damaged; export it again",
            source=name,
        )
    return found
