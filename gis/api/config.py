"""`config/pygeoapi.yml`: what is published, written from the layer registry.

The file holds nothing that depends on the data, the machine or the moment, so the same registry
always gives the same text, and a difference means that somebody forgot `gis config write`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gis.api.axes import CRS84, EPSG, STORAGE_EPSG, offered
from gis.errors import ConfigError
from gis.layers import Label, Layer, Registry
from gis.settings import Settings
from gis.store.vectortiles import DEEPEST

FILE = "pygeoapi.yml"
HEAD = (
    "# 由 gis config write 按图层定义写出；请改 config/layers/*.yml，不要改本文件。\n"
    "# Written by `gis config write` from the layer definitions: edit those, not this file.\n"
)
DEFAULT_ITEMS, MOST_ITEMS = 100, 10_000
GRID = "WebMercatorQuad"
MVT = "application/vnd.mapbox-vector-tile"
# Process id -> the class that carries it.
PROCESSES = {
    "locate": "gis.api.processes.locate.LocateProcess",
    "site-check": "gis.api.processes.site_check.SiteCheckProcess",
    "plan-statistics": "gis.api.processes.statistics.StatisticsProcess",
    "plan-conflicts": "gis.api.processes.conflicts.ConflictsProcess",
}
LICENSE = "https://www.apache.org/licenses/LICENSE-2.0"


def write_config(registry: Registry, settings: Settings) -> str:
    """The text of `config/pygeoapi.yml`: every layer a collection of features and vector tiles;
    what else can be asked."""
    return HEAD + yaml.safe_dump(
        _document(registry, settings), allow_unicode=True, sort_keys=False, width=100
    )


def read_config(text: str) -> dict[str, Any]:
    """The configuration as pygeoapi takes it."""
    document = yaml.safe_load(text)
    assert isinstance(document, dict)  # the text is ours
    return document


def check_config(registry: Registry, settings: Settings) -> bool:
    """Whether the file is there. Raises ConfigError where it says something else than the
    registry would give, with the first line that differs."""
    path = settings.config / FILE
    if not path.is_file():
        return False
    wanted = write_config(registry, settings).splitlines()
    have = _lines(path)
    if have == wanted:
        return True
    pairs = zip([*have, ""], [*wanted, ""], strict=False)
    line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), len(wanted))
    raise ConfigError(
        zh=f"{path} 与图层定义不一致（第 {line} 行起）。请运行：gis config write",
        en=f"{path} is not what the layer definitions give (from line {line}). "
        f"Run: gis config write",
        path=str(path),
        line=line,
    )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            zh=f"{path} 无法读取：{exc}。请运行：gis config write",
            en=f"{path} can't be read: {exc}. Run: gis config write",
            path=str(path),
        ) from exc


def _document(registry: Registry, settings: Settings) -> dict[str, Any]:
    return {
        "server": _server(settings),
        "logging": {"level": "CRITICAL"},  # what pygeoapi logs, the door answers and counts
        "metadata": _metadata(registry, settings),
        "resources": {
            **{layer.id: _collection(layer, registry) for layer in registry.layers.values()},
            **{
                name: {"type": "process", "processor": {"name": carrier}}
                for name, carrier in PROCESSES.items()
            },
        },
    }


def public_url(settings: Settings) -> str:
    """The address in documents that no request has asked for."""
    plain = Settings()
    return (settings.public_url or f"http://{plain.host}:{plain.port}").rstrip("/")


def _server(settings: Settings) -> dict[str, Any]:
    plain = Settings()  # where we listen is the command's business, not what is published
    return {
        "bind": {"host": plain.host, "port": plain.port},
        "url": public_url(settings),
        "mimetype": "application/json; charset=UTF-8",
        "encoding": "utf-8",
        # without territories: pygeoapi can't answer a plain "zh" where only zh-CN is offered
        "languages": ["zh", "en"],
        "pretty_print": False,
        # pygeoapi wants a background for its pages; ours show none
        "map": {"url": f"{public_url(settings)}/map", "attribution": "One Map"},
        "limits": {
            "default_items": DEFAULT_ITEMS,
            "max_items": MOST_ITEMS,
            "on_exceed": "throttle",
        },
    }


def _metadata(registry: Registry, settings: Settings) -> dict[str, Any]:
    city = registry.city.name
    return {
        "identification": {
            "title": {"zh": f"{city.zh}一张图", "en": f"One Map of {city.en}"},
            "description": {
                "zh": "城市时空地理信息服务：规划、管线、不动产、部件、物联网与变化线索",
                "en": "Spatio-temporal GIS service of a city: plans, pipes, property, components, "
                "sensors and change",
            },
            "keywords": {"zh": ["一张图", "时空", "城市"], "en": ["One Map", "city", "time"]},
            "keywords_type": "theme",
            "terms_of_service": LICENSE,
            "url": public_url(settings),
        },
        "license": {"name": "Apache-2.0", "url": LICENSE},
        "provider": {"name": {"zh": city.zh, "en": city.en}, "url": public_url(settings)},
        "contact": {"name": f"{city.zh}一张图 One Map of {city.en}"},
    }


def _collection(layer: Layer, registry: Registry) -> dict[str, Any]:
    city = registry.city
    collection: dict[str, Any] = {
        "type": "collection",
        "title": _both(layer.title),
        "description": {
            "zh": f"{layer.title.zh}（{layer.owner.zh}），精度要求 {layer.accuracy_m:g} 米",
            "en": f"{layer.title.en} ({layer.owner.en}), required accuracy {layer.accuracy_m:g} m",
        },
        "keywords": {"zh": [layer.title.zh, layer.theme], "en": [layer.title.en, layer.theme]},
        "extents": {"spatial": {"bbox": list(city.bbox), "crs": CRS84}},
        "providers": [
            {
                "type": "feature",
                "name": "gis.api.providers.features.OneMapProvider",
                "data": layer.id,
                "id_field": "id",
                "storage_crs": f"{EPSG}{STORAGE_EPSG}",
                "crs": [axes.uri for axes in offered(city.metric_frame)],
                "default": True,
            },
            {
                "type": "tile",
                "name": "gis.api.providers.tiles.OneMapTileProvider",
                "data": layer.id,
                "options": {
                    "schemes": [GRID],
                    "zoom": {"min": 0, "max": DEEPEST},
                },
                "format": {"name": "mvt", "mimetype": MVT},
            },
        ],
    }
    return collection


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}
