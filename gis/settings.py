"""The one table of settings: environment `GIS_*` over the defaults below.

Only `gis.cli` and the ASGI entry point call `Settings.from_env(os.environ)`; everybody else
is handed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from gis.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is the environment variable `GIS_<FIELD>`; its help is in the metadata."""

    home: Path = field(
        default=Path(".gis"),
        metadata={"help": "state folder: embedded database, caches, built tiles, demo files"},
    )
    config: Path = field(
        default=Path("config"), metadata={"help": "folder of layers/, frames/, city.yml"}
    )
    data: Path = field(
        default=Path("data"), metadata={"help": "folder of code lists and other shipped data"}
    )
    database_url: str | None = field(
        default=None,
        metadata={"help": "an existing PostGIS (postgresql://…); unset = embedded cluster"},
    )
    host: str = field(default="127.0.0.1", metadata={"help": "address the server listens on"})
    port: int = field(default=8080, metadata={"help": "port the server listens on"})
    public_url: str | None = field(
        default=None, metadata={"help": "address clients use, when a proxy stands before us"}
    )
    timezone: str = field(
        default="Asia/Shanghai", metadata={"help": "time zone of dates without one"}
    )
    web: Path = field(default=Path("web/dist"), metadata={"help": "folder of the built map page"})

    @classmethod
    def env_names(cls) -> set[str]:
        """Every environment variable that is read."""
        return {f"GIS_{f.name.upper()}" for f in fields(cls)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Settings from `env`. Raises ConfigError for a value that is not of its type."""
        values: dict[str, object] = {}
        for f in fields(cls):
            text = env.get(f"GIS_{f.name.upper()}", "").strip()
            if text:
                values[f.name] = _parse(f.name, text)
        return cls(**values)  # type: ignore[arg-type]  # each value parsed to its field's type


def _parse(name: str, text: str) -> object:
    if name in ("home", "config", "data", "web"):
        return Path(text)
    if name == "port":
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise ConfigError(
                zh=f"GIS_PORT={text} 不是端口号（1–65535）。请改正该环境变量",
                en=f"GIS_PORT={text} is not a port (1-65535). Correct the variable",
                setting="GIS_PORT",
                value=text,
            )
        return int(text)
    return text
