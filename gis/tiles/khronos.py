"""Khronos' glTF validator, where Node and the map page's packages are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import orjson

from gis.errors import TileError
from gis.tiles.check import Problem


def available(modules: Path) -> bool:
    """Whether it can run: `modules` is a `node_modules` folder."""
    return shutil.which("node") is not None and (modules / "gltf-validator").is_dir()


def validate(folder: Path, contents: Sequence[str], modules: Path) -> list[Problem]:
    """Errors and warnings of every content (paths relative to `folder`).

    Raises TileError where the validator itself fails."""
    names = "\n".join(str((folder / name).absolute()) for name in contents)
    with as_file(files("gis.tiles").joinpath("khronos.cjs")) as script:
        done = subprocess.run(
            ["node", str(script), str(modules.absolute())],
            input=names,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["?"]
        raise TileError(
            zh=f"glTF 校验器运行失败：{reason[0]}", en=f"the glTF validator failed: {reason[0]}"
        )
    found = orjson.loads(done.stdout)
    return [
        Problem(name, issue)
        for name, (_, issues) in zip(contents, found, strict=True)
        for issue in issues
    ]
