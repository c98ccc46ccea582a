"""The city's local frames, as `gis coords fit` saved them in `config/frames/*.yml`."""

from __future__ import annotations

from pathlib import Path

import yaml

from gis.coords import LocalFrame
from gis.errors import ConfigError


def load_local_frames(folder: Path) -> dict[str, LocalFrame]:
    """Frame by name; empty where the folder is not there. Raises ConfigError naming a bad file."""
    frames = {}
    for file in sorted(folder.glob("*.yml")):
        try:
            frame = LocalFrame.from_json(yaml.safe_load(file.read_text("utf-8")))
        except Exception as exc:  # whatever is wrong with the file, the file is named
            raise ConfigError(
                zh=f"{file.name} 不是地方坐标系文件：{exc}。请用 gis coords fit 重新生成",
                en=f"{file.name} is no local frame: {exc}. Make it again with gis coords fit",
                path=str(file),
            ) from exc
        frames[frame.name.removeprefix("local:")] = frame
    return frames
