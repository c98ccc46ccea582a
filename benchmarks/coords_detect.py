"""Which decisions does the frame detection take? One table, one command.

    python benchmarks/coords_detect.py [--full] [--demo] [--seed N]

Files of known truth are made from a generated road network and, where the shared data lie beside
the repository, from the real boundaries of the city's counties: every frame departments deliver
in, as points, lines and polygons, of 20, 500 and 20,000 features, with and without 3 m of noise;
and files whose frame is on no list (old datums, a shifted or turned local plane, another city's
lines), where the only right answer is "unknown". The country's air stations, which lie on no line
at all, are asked for in every frame too. A decision is wrong when the places it gives are
further from the truth than the accuracy it states. `--demo` asks the same of the demo city's own
streets (some minutes more).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import shapely
import shapely.ops

from gis.coords import Area, find_transformation, from_metric, to_metric
from gis.coords.detect import diagnose

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
COUNTIES = SHARED / "a_admin" / "tianditu_cgcs2000" / "district_411700_cgcs2000.geojson"
STATIONS = SHARED / "f_iot" / "cnemc_stations" / "station_info.csv"
CHINA = Area(73.0, 18.0, 135.0, 54.0)
CITY = Area(113.0, 32.2, 115.3, 33.6)
CENTRE = (114.022, 32.98)
LISTED = ("EPSG:4490", "EPSG:4326", "EPSG:4547", "EPSG:4526", "EPSG:4508", "EPSG:4509",
          "EPSG:4497", "EPSG:4498", "EPSG:32649", "EPSG:32650", "EPSG:3857", "gcj02", "bd09",
          "bd09mc")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """`columns` as a file holds them; `lonlat` where they are; `known`: on our list of frames."""

    name: str
    kind: str
    size: int
    noise_m: float
    known: bool
    columns: np.ndarray
    lonlat: np.ndarray


def roads(seed: int, half_m: float = 6000.0) -> list[np.ndarray]:
    """Bent streets of an irregular city, as arrays of metric coordinates (EPSG:4547)."""
    rng = np.random.default_rng(seed)
    centre = to_metric(np.array([CENTRE]), 4547)[0]
    lines = []
    for axis in (0, 1):
        at = -half_m
        while at < half_m:
            at += rng.uniform(90.0, 420.0)
            along = np.arange(-half_m, half_m, rng.uniform(60.0, 140.0))
            bend = np.cumsum(rng.normal(0.0, 4.0, len(along)))
            line = (
                np.column_stack([along, at + bend])
                if axis == 0
                else np.column_stack([at + bend, along])
            )
            first, last = sorted(rng.integers(0, len(along), 2))
            if last - first > 8:
                lines.append(line[first:last] + centre)
    return lines


def counties() -> list[np.ndarray]:
    """The real boundaries of the city's counties, metric; none where the file is not here."""
    if not COUNTIES.exists():
        return []
    found = json.loads(COUNTIES.read_text("utf-8"))["features"]
    shapes = [shapely.from_geojson(json.dumps(f["geometry"])) for f in found]
    rings = shapely.get_parts(shapely.boundary(np.array(shapes)))
    while (shapely.get_type_id(rings) > 1).any() and shapely.get_type_id(rings).max() != 2:
        rings = shapely.get_parts(rings)
    return [to_metric(shapely.get_coordinates(ring), 4547) for ring in rings]


def stations() -> np.ndarray:
    """Air stations of the country, degrees (GCJ-02 as published; they serve as mere points)."""
    if not STATIONS.exists():
        return np.empty((0, 2))
    with STATIONS.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    names = {name.strip().lower(): name for name in rows[0]}
    lon, lat = (next(names[n] for n in names if n.startswith(key)) for key in ("lon", "lat"))
    pairs = np.array([[float(row[lon] or "nan"), float(row[lat] or "nan")] for row in rows])
    return pairs[np.isfinite(pairs).all(axis=1)]


def demo_streets(seed: int) -> list[np.ndarray]:
    """The generated demo city's streets and lanes, metric."""
    from gis.demo.city import design
    from gis.demo.site import CENTRE as MIDDLE
    from gis.demo.site import Site

    found = shapely.get_parts(design(Site.of(seed, "full")).roads.geometry)
    return [shapely.get_coordinates(street) + np.array(MIDDLE) for street in found]


def as_reference(lines: list[np.ndarray]) -> np.ndarray:
    """Shapely lines in CGCS2000 degrees."""
    out = np.empty(len(lines), dtype=object)
    out[:] = [shapely.LineString(from_metric(line, 4547)) for line in lines]
    return out


def features(lines: list[np.ndarray], kind: str, size: int, seed: int) -> np.ndarray:
    """Vertices (metric plane) of `size` features lying along the streets."""
    rng = np.random.default_rng(seed)
    streets = [shapely.LineString(line) for line in lines]
    weights = np.array([street.length for street in streets])
    chosen = rng.choice(len(streets), size, p=weights / weights.sum())
    parts = []
    for i in chosen:
        street = streets[i]
        start = rng.uniform(0.0, street.length)
        if kind == "points":
            parts.append(shapely.get_coordinates(street.interpolate(start)))
            continue
        piece = shapely.ops.substring(street, start, start + rng.uniform(40.0, 200.0))
        if kind == "polygons":
            piece = piece.buffer(4.0, cap_style="flat") if piece.length > 1 else piece
        parts.append(shapely.get_coordinates(piece))
    return np.concatenate(parts)


def in_frame(lonlat: np.ndarray, frame: str) -> np.ndarray:
    return find_transformation(4490, frame).apply(lonlat)


def packed(lonlat: np.ndarray) -> np.ndarray:
    """Degrees as DDD.MMSSssss."""
    tenths = np.rint(lonlat * 36_000_000)
    degrees, rest = np.divmod(tenths, 36_000_000)
    minutes, seconds = np.divmod(rest, 600_000)
    return degrees + minutes / 100 + seconds / 1e8


def turned(lonlat: np.ndarray, move=(0.0, 0.0), degrees=0.0, frame=4547) -> np.ndarray:
    """A plane that is on no list: EPSG:4547 moved and turned about the centre."""
    plane, centre = to_metric(lonlat, frame), to_metric(np.array([CENTRE]), frame)
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return (plane - centre) @ turn + centre + np.array(move)


WRITERS = {
    **{frame: (partial(in_frame, frame=frame), True) for frame in LISTED},
    "EPSG:4526 N,E": (lambda p: in_frame(p, "EPSG:4526")[:, ::-1], True),
    "EPSG:4547 N,E": (lambda p: in_frame(p, "EPSG:4547")[:, ::-1], True),
    "EPSG:4490 lat,lon": (lambda p: p[:, ::-1], True),
    "gcj02 lat,lon": (lambda p: in_frame(p, "gcj02")[:, ::-1], True),
    "EPSG:4547 mm": (lambda p: in_frame(p, "EPSG:4547") * 1000, True),
    "DDD.MMSS": (packed, True),
    "4547 minus 3,000 km N": (lambda p: in_frame(p, "EPSG:4547") - [0.0, 3e6], True),
    "4547 minus 500/3,600 km": (lambda p: in_frame(p, "EPSG:4547") - [5e5, 3.6e6], True),
    "Beijing 54 like plane": (partial(turned, move=(-48.5, 51.1), degrees=0.0003), False),
    "Xian 80 like plane": (partial(turned, move=(-0.5, 17.4), degrees=0.0001), False),
    "moved 20 m": (partial(turned, move=(12.0, 16.0)), False),
    "moved 300 m": (partial(turned, move=(250.0, 166.0)), False),
    "turned 0.5 deg": (partial(turned, degrees=0.5), False),
    "local, cut origin": (partial(turned, move=(-412_345.0, -3_598_765.0), degrees=0.1), False),
    "GCJ-02 in EPSG:3857": (
        lambda p: find_transformation(4326, 3857).apply(in_frame(p, "gcj02")), False),
    "Beijing 54 like degrees": (lambda p: p + np.array([-0.00052, -0.00012]), False),
}  # fmt: skip


def cases(lines: list[np.ndarray], elsewhere: list[np.ndarray], sizes: tuple[int, ...], seed: int):
    """Every case made from `lines` (metric), one after the other."""
    for kind in ("points", "lines", "polygons"):
        for size in sizes:
            truth = features(lines, kind, size, seed + 1)
            for noise_m in (0.0, 3.0):
                rng = np.random.default_rng(seed + 2)
                noisy = truth + rng.normal(0.0, noise_m, truth.shape) if noise_m else truth
                lonlat = from_metric(noisy, 4547)
                for name, (write, known) in WRITERS.items():
                    yield Case(name, kind, size, noise_m, known, write(lonlat), lonlat)
                away = from_metric(features(elsewhere, kind, size, seed + 1), 4547)
                yield Case("another city", kind, size, noise_m, False, away, away * np.nan)


def turned_lines(lines: list[np.ndarray]) -> list[np.ndarray]:
    """The same lines a quarter turn about the city's centre: another city's."""
    centre = to_metric(np.array([CENTRE]), 4547)[0]
    return [(line - centre) @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + centre for line in lines]


def station_verdicts(reference: np.ndarray) -> Counter[str]:
    """Answers for the country's air stations, in every frame: "unknown" is the only right one."""
    found: Counter[str] = Counter()
    places = stations()
    for write, _ in WRITERS.values():
        if len(places):
            with np.errstate(all="ignore"):
                columns = write(places)
            answer = diagnose(columns, area=CHINA, reference=reference)
            found["unknown" if answer.decision is None else "wrong"] += 1
    return found


def judge(case: Case, reference: np.ndarray) -> tuple[str, float]:
    """ "right", "unknown" or "wrong", and the seconds it took."""
    started = time.perf_counter()
    answer = diagnose(case.columns, area=CITY, reference=reference)
    seconds = time.perf_counter() - started
    if answer.decision is None:
        return "unknown", seconds
    places = answer.decision.reading.lonlat(case.columns)
    error = np.hypot(*(to_metric(places, 4547) - to_metric(case.lonlat, 4547)).T)
    right = float(np.median(error)) <= max(answer.decision.accuracy_m, 0.01) + 0.01
    return ("right" if right else "wrong"), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="20,000 features as well")
    parser.add_argument("--demo", action="store_true", help="the demo city's streets as well")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sizes = (20, 500, 20_000) if options.full else (20, 500)
    streets, borders = roads(options.seed), counties()
    sources = [(streets, roads(options.seed + 99))]
    if borders:
        sources.append((borders, turned_lines(borders)))
    if options.demo:
        own = demo_streets(options.seed)
        sources.append((own, turned_lines(own)))
    counts: Counter[tuple[str, int, str]] = Counter()
    slowest, wrong = 0.0, []
    for lines, elsewhere in sources:
        reference = as_reference(lines)
        for case in cases(lines, elsewhere, sizes, options.seed):
            verdict, seconds = judge(case, reference)
            counts[case.name, case.size, verdict] += 1
            slowest = max(slowest, seconds)
            if verdict == "wrong":
                wrong.append((case.name, case.kind, case.size, case.noise_m, len(lines)))
    head = " | ".join(f"{size:,}: right/unknown/wrong" for size in sizes)
    print(f"| frame | {head} |\n|---|{'---|' * len(sizes)}")
    for name in [*WRITERS, "another city"]:
        cells = [
            "/".join(str(counts[name, size, v]) for v in ("right", "unknown", "wrong"))
            for size in sizes
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    known = [name for name, (_, listed) in WRITERS.items() if listed]
    for size in sizes:
        asked = sum(counts[name, size, v] for name in known for v in ("right", "unknown", "wrong"))
        unknown = sum(counts[name, size, "unknown"] for name in known)
        print(f"\n{size:,} features: {unknown / asked:.1%} of {asked} listed files unknown", end="")
    lost = station_verdicts(as_reference(borders or streets)) if options.full else Counter()
    print(f"\nair stations: {dict(lost)}; sources: {len(sources)}")
    print(f"slowest case {slowest:.2f} s; wrong: {wrong or 'none'}")
    return 1 if wrong or lost["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
