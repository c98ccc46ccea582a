"""The catalogue's facts: what each layer is made of, whose it is, and whether it is out of date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from gis.errors import ConfigError
from gis.layers.model import Layer
from gis.store.ledger import list_deliveries
from gis.store.pool import Layers, Store
from gis.store.query import LayerQuery, count

CYCLES_FILE = "updates.yml"
LONGEST_CYCLE = 36_525  # days, a century


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """A layer with its lineage: the deliveries in force, newest first. `cycle_days`: how often
    it should be delivered, None = nobody said."""

    layer: Layer
    features: int
    deliveries: tuple[Mapping[str, Any], ...]
    cycle_days: int | None = None

    @property
    def updated(self) -> datetime | None:
        """The date the data is of: the newest delivery's; None where there is none."""
        return self.deliveries[0]["as_of"] if self.deliveries else None

    @property
    def accuracy_m(self) -> float | None:
        """The worst accuracy of what was delivered, metres."""
        stated = [d["frame"].get("accuracy_m") for d in self.deliveries]
        return max((float(a) for a in stated if a is not None), default=None)

    def overdue_days(self, now: datetime) -> int | None:
        """Whole days since a delivery was due; None where it is not, or no cycle is stated. A
        layer that was never delivered is due from the start: None as well, see `updated`."""
        if self.cycle_days is None or self.updated is None:
            return None
        late = now - self.updated - timedelta(days=self.cycle_days)
        return late.days if late >= timedelta(days=1) else None


def layer_records(
    store: Store, registry: Layers, cycles: Mapping[str, int] | None = None
) -> list[LayerRecord]:
    """Every layer of the registry, in its order. `cycles`: layer -> days, from `load_cycles`."""
    in_force: dict[str, list[Mapping[str, Any]]] = {}
    for line in list_deliveries(store):
        if line["undone_at"] is None:
            in_force.setdefault(line["layer"], []).append(line)
    return [
        LayerRecord(
            layer=layer,
            features=count(store, LayerQuery(layer=layer)),
            deliveries=tuple(in_force.get(layer.id, ())),
            cycle_days=(cycles or {}).get(layer.id),
        )
        for layer in registry.layers.values()
    ]


def load_cycles(folder: Path, registry: Layers) -> dict[str, int]:
    """Layer -> days between deliveries, from `updates.yml` in the folder of configuration; empty
    where there is no such file. Raises ConfigError for another layer or what is no number of
    days."""
    file = folder / CYCLES_FILE
    if not file.is_file():
        return {}
    try:
        stated = yaml.safe_load(file.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(
            zh=f"{file} 无法读取：{exc}。请改正该文件",
            en=f"{file} can't be read: {exc}. Correct the file",
            path=str(file),
        ) from exc
    if not isinstance(stated, dict):
        raise _wrong(file, str(stated)[:80])
    for layer, days in stated.items():
        whole = isinstance(days, int) and not isinstance(days, bool)
        if layer not in registry.layers or not (whole and 0 < days <= LONGEST_CYCLE):
            raise _wrong(file, f"{layer}: {days}")
    return dict(stated)


def _wrong(file: Path, what: str) -> ConfigError:
    return ConfigError(
        zh=f"{file.name} 的“{what}”有误：应为 图层: 天数，例如 buildings: 365",
        en=f"{file.name}: {what!r} is wrong; write layer: days, such as buildings: 365",
        path=str(file),
    )
