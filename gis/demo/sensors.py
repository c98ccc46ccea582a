"""IoT sites and seven days of their hourly readings."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import shapely

from gis.demo.features import Features
from gis.demo.pipes import Network
from gis.demo.site import Floats, Geometries, Site

CHINA = timezone(timedelta(hours=8))
LAST = datetime(2026, 11, 20, 8, 0, tzinfo=CHINA)  # the last hour that was read
HOURS = 7 * 24

# kind: (how many, prefix, what, unit, alarm above)
KINDS = {
    "manhole_level": (90, "YW", "窨井液位", "m", 1.5),
    "gas": (55, "RQ", "燃气浓度", "%LEL", 20.0),
    "water_pressure": (50, "YL", "供水压力", "MPa", 0.55),
    "parking": (40, "TC", "剩余车位", "个", None),
    "lamp": (55, "LD", "路灯功率", "W", 320.0),
    "air_quality": (10, "KQ", "PM2.5", "μg/m³", 115.0),
}
ON_PIPES = {"manhole_level": "YS", "gas": "TR", "water_pressure": "JS"}

IN_BLOCKS = {
    "parking": ("mall", "hospital", "station", "market", "square", "office", "highrise"),
    "air_quality": ("park", "school", "university", "government", "midrise"),
}


def build_sensors(site: Site, network: Network, components: Features, blocks: Features) -> Features:
    """Points with `thing_id`, `name`, `kind`, `datastream`, `unit`, `alarm_above`."""
    rng = site.rng("sensors")
    share = 0.08 if site.size == "small" else 1.0
    points, rows = [], []
    for kind, (full, prefix, what, unit, alarm) in KINDS.items():
        places, labels = _places(kind, network, components, blocks)
        count = min(max(2, round(full * share)), len(places))
        for n, i in enumerate(rng.choice(len(places), count, replace=False), start=1):
            points.append(shapely.force_2d(places[i]))
            thing = f"ZMD-{prefix}-{n:04d}"
            rows.append((thing, f"{labels[i]}{what}{n}号", kind, f"{thing}-1", unit, alarm))
    columns = ("thing_id", "name", "kind", "datastream", "unit", "alarm_above")
    values = zip(*rows, strict=True)
    return Features(
        np.array(points, dtype=object),
        {
            name: np.array(column, dtype=object)
            for name, column in zip(columns, values, strict=True)
        },
    )


def _places(
    kind: str, network: Network, components: Features, blocks: Features
) -> tuple[Geometries, Geometries]:
    if kind in ON_PIPES:
        mine = network.points.take(network.points["kind"] == ON_PIPES[kind])
        return mine.geometry, mine["road"]
    if kind == "lamp":
        lamps = components.take(components["class_code"] == "0121")
        return lamps.geometry, lamps["name"]
    sites = blocks.take(np.isin(blocks["manner"], IN_BLOCKS[kind]))
    return shapely.point_on_surface(sites.geometry), sites["name"]


def readings(site: Site, sensors: Features) -> tuple[list[str], list[str], Floats]:
    """datastream, time (ISO 8601, +08:00) and value of each reading, in time order.

    Each kind has its own day: levels rise after rain, pressure falls at meal times, car parks
    fill in the morning, lamps burn at night. Some sites raise an alarm, some have gaps, some are
    stuck at one value."""
    rng = site.rng("readings")
    hours = np.arange(float(HOURS))
    times = [(LAST - timedelta(hours=int(HOURS - 1 - h))).isoformat() for h in hours]
    clock = np.array([(LAST.hour - (HOURS - 1 - h)) % 24 for h in hours], dtype=float)
    values = np.array([_curve(kind, clock, hours, rng) for kind in sensors["kind"]])
    present = rng.random(values.shape) > 0.004
    for i in rng.choice(len(sensors), max(1, len(sensors) // 25), replace=False):
        start = int(rng.integers(10, HOURS - 40))
        present[i, start : start + int(rng.integers(5, 30))] = False  # no radio for a while
    for i in rng.choice(len(sensors), max(1, len(sensors) // 40), replace=False):
        start = int(rng.integers(20, HOURS - 30))
        values[i, start:] = values[i, start]  # the sensor is stuck
    hour, thing = np.nonzero(present.T)
    streams = sensors["datastream"]
    return [streams[t] for t in thing], [times[h] for h in hour], np.round(values[thing, hour], 3)


def _curve(kind: str, clock: Floats, hours: Floats, rng: np.random.Generator) -> Floats:
    noise = rng.normal(0, 1, len(hours))
    morning, evening = _bump(clock, 7.5, 1.6), _bump(clock, 19.0, 2.2)
    if kind == "manhole_level":
        rain = sum(size * np.exp(-np.maximum(hours - at, 0) / 9.0) * (hours >= at)
                   for at, size in ((52, 0.5), (118, 1.0)))  # fmt: skip
        low = rng.uniform(0.15, 0.4) + 0.06 * (morning + evening)
        return np.maximum(low + rain * rng.uniform(0.2, 1.35) + 0.012 * noise, 0.02)
    if kind == "gas":
        level = np.abs(0.6 + 0.4 * noise) + 0.4 * evening
        if rng.random() < 0.06:  # a leak that somebody closes after some hours
            start = int(rng.integers(60, 150))
            level[start : start + 9] += rng.uniform(14, 38) * np.exp(
                -np.arange(9)[: len(level) - start] / 4
            )
        return np.asarray(level)
    if kind == "water_pressure":
        return np.asarray(rng.uniform(0.33, 0.46) - 0.05 * morning - 0.06 * evening + 0.004 * noise)
    if kind == "parking":
        size = int(rng.integers(80, 600))
        full = 0.25 + 0.55 * _bump(clock, 11.0, 3.0) + 0.4 * _bump(clock, 19.5, 2.0)
        return np.asarray(np.clip(np.round(size * (1 - full + 0.03 * noise)), 0, size))
    if kind == "lamp":
        dark = (clock >= 18) | (clock < 6)
        power = rng.choice([150.0, 250.0])
        broken = rng.random() < 0.05
        late = np.where((clock >= 0) & (clock < 5), 0.5, 1.0)  # dimmed after midnight
        return np.asarray(np.where(dark & (not broken), power * late + 1.5 * noise, 0.0))
    slow = np.cumsum(rng.normal(0, 2.2, len(hours)))
    level = 52 + slow + 14 * morning + 16 * evening + 3 * noise
    return np.maximum(level, 6.0)


def _bump(clock: Floats, at: float, width: float) -> Floats:
    gap = np.abs((clock - at + 12) % 24 - 12)
    return np.asarray(np.exp(-0.5 * (gap / width) ** 2))
