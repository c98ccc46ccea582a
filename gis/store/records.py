"""The catalogue's facts: what each layer is made of, whose it is, and whether it is out of date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gis.layers.model import Layer
from gis.store.ledger import list_deliveries
from gis.store.pool import Layers, Store
from gis.store.query import LayerQuery, count


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """A layer with its lineage: the deliveries in force, newest first."""

    layer: Layer
    features: int
    deliveries: tuple[Mapping[str, Any], ...]

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
        """Whole days since a delivery was due; None where it is not, or the layer states no
        `update_days`. One that was never delivered is due from the start: None as well, see
        `updated`."""
        if self.layer.update_days is None or self.updated is None:
            return None
        late = now - self.updated - timedelta(days=self.layer.update_days)
        return late.days if late >= timedelta(days=1) else None


def layer_records(store: Store, registry: Layers) -> list[LayerRecord]:
    """Every layer of the registry, in its order."""
    in_force: dict[str, list[Mapping[str, Any]]] = {}
    for line in list_deliveries(store):
        if line["undone_at"] is None:
            in_force.setdefault(line["layer"], []).append(line)
    return [
        LayerRecord(
            layer=layer,
            features=count(store, LayerQuery(layer=layer)),
            deliveries=tuple(in_force.get(layer.id, ())),
        )
        for layer in registry.layers.values()
    ]
