"""What was written: the deliveries in the order they arrive, images, readings, truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

Mode = Literal["full", "upsert", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDelivery:
    """One file on its way in. `crs` is what the accompanying letter says (None: the file says it
    itself), `encoding` None: to be found out."""

    path: Path
    layer: str
    crs: str | None
    as_of: date
    mode: Mode
    department: str
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """deliveries: oldest first; images: ortho_before, ortho_after, dsm_before, dsm_after;
    control_points: name of the local frame -> file; readings: CSVs of observations;
    truth: folder with changes.geojson and rows.json."""

    deliveries: tuple[DemoDelivery, ...]
    images: Mapping[str, Path]
    control_points: Mapping[str, Path]
    readings: tuple[Path, ...]
    truth: Path

    def write(self, folder: Path) -> None:
        """manifest.json in `folder`, with paths relative to it."""

        def name(path: Path) -> str:
            return path.relative_to(folder).as_posix()

        record = {
            "deliveries": [
                {
                    "path": name(d.path), "layer": d.layer, "crs": d.crs,
                    "as_of": d.as_of.isoformat(), "mode": d.mode, "department": d.department,
                    "encoding": d.encoding,
                }
                for d in self.deliveries
            ],
            "images": {key: name(path) for key, path in self.images.items()},
            "control_points": {key: name(path) for key, path in self.control_points.items()},
            "readings": [name(path) for path in self.readings],
            "truth": name(self.truth),
        }  # fmt: skip
        text = json.dumps(record, ensure_ascii=False, indent=1)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
