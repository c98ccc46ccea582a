"""Layers read straight from YAML, until gis.layers.registry lands; then this file goes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gis.layers.model import Check, Field, Label, Layer


@dataclass
class Registry:
    layers: dict[str, Layer]

    def get(self, name: str) -> Layer:
        return self.layers[name]


def load_registry(config: Path, data: Path) -> Registry:
    layers = {}
    for file in sorted((config / "layers").glob("*.yml")):
        d: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        d["title"] = Label(**d["title"])
        d["owner"] = Label(**d["owner"])
        d["key"] = (d["key"],) if isinstance(d["key"], str) else tuple(d["key"])
        d["fields"] = tuple(
            Field(**f | {"title": Label(**f["title"]), "aliases": tuple(f.get("aliases", ()))})
            for f in d["fields"]
        )
        d["checks"] = tuple(
            Check(name=c if isinstance(c, str) else next(iter(c))) for c in d["checks"]
        )
        layers[d["id"]] = Layer(**d)
    return Registry(layers)
