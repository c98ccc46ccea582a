"""What an alert keeps of the run that raised it, beside its pictures: JSON, for ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from gis.change.engines.contract import Candidate
from gis.change.facts import Facts
from gis.change.known import Verdict
from gis.change.polygons import to_storage
from gis.store import RunHead


def record_of(
    change: Candidate,
    outline: shapely.MultiPolygon,
    verdict: Verdict,
    facts: Facts,
    head: RunHead,
) -> dict[str, Any]:
    """Reasons with their figures, what was measured, the pixels' outline, and every row that was
    consulted with its content on that date: rules and place, each with layer, key, version and
    delivery. `layers` says which delivery each layer's state came from, so that also "there was
    no permit" can be looked up. outline: EPSG:4490."""
    county, parcel = facts.place_of(change)
    refs = (
        *(ref for reason in verdict.reasons for ref in reason.consulted),
        *verdict.consulted,
        *(ref for ref in (county, parcel) if ref is not None),
    )
    [mask] = to_storage(np.array([change.mask], dtype=object), facts.frame)
    return {
        "judged_as_of": head.parameters["law_as_of"],
        "rules_version": head.rules_version,
        "reasons": [reason.to_json() for reason in verdict.reasons],
        "skipped": {code: {"zh": zh, "en": en} for code, (zh, en) in verdict.skipped.items()},
        "change": {
            "kind": change.kind,
            "stage": change.stage,
            "score": change.score,
            "area_m2": change.area_m2,
            "area_band_m2": change.area_band_m2,
            "delta_h_m": change.delta_h_m,
            "delta_h_band_m": change.delta_h_band_m,
            "height_m": change.height_m,
            "height_sigma_m": change.height_sigma_m,
            "measures": dict(change.measures),
        },
        "mask": shapely.geometry.mapping(shapely.set_precision(mask, 1e-9)),
        "layers": {layer: source.delivery for layer, source in sorted(facts.sources.items())},
        "consulted": [facts.content(ref, outline) for ref in dict.fromkeys(refs)],
    }
