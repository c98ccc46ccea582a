"""GIGS, the geodetic test series of IOGP, through our own door: its files, frames and verdicts.

    python tests/coords/gigs.py > docs/coords-gigs.md

Two sets of files are read where they lie beside the repository: PROJ's `.gie` scripts and IOGP's
own tables. Every pair of frames goes through `find_transformation`, both ways.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from gis.coords import (
    SevenParameters,
    ecef_from_lonlat,
    find_transformation,
    norm_frame,
    through_seven,
)

Floats = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "i_conformance"


def on_base(projection: str, base: int) -> str:
    """WKT of a PROJ projection over the geographic frame EPSG:`base`, which PROJ's own text can
    only give an ellipsoid."""
    record = CRS.from_proj4(f"{projection} +type=crs").to_json_dict()
    record["base_crs"] = CRS.from_epsg(base).to_json_dict()
    record["name"] = f"GIGS on EPSG:{base}"
    return CRS.from_json_dict(record).to_wkt()


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """One GIGS procedure: geographic frame, projected frame, files of both kinds."""

    number: str
    method: str
    geographic: int
    projected: int | str
    gie: str | None
    tables: tuple[str, ...] = ()
    tolerance_m: float = 0.03


BNG = "+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=WGS84"
ARG = "+proj=tmerc +lat_0=-90 +lon_0=-60 +k=1 +x_0=5500000 +y_0=0 +ellps=GRS80"
POLY = "+proj=poly +lat_0=0 +lon_0=-54 +x_0=5000000 +y_0=10000000 +ellps=GRS80"
RSO_B = (
    "+proj=omerc +lat_0=4 +lonc=115 +alpha=53.31580995 +gamma=53.13010236111111 +k=0.99984 "
    "+x_0=0 +y_0=0 +no_uoff +ellps=GRS80"
)

PROCEDURES = (
    Procedure(number="5101.1", method="Transverse Mercator", geographic=4326,
              projected=on_base(BNG, 4326), gie="5101.1-jhs.gie",
              tables=("5101_TM_output_part1_JHS",)),
    Procedure(number="5101.2", method="Transverse Mercator (UTM)", geographic=4326,
              projected=32631, gie="5101.2-jhs.gie", tables=("5101_TM_output_part2_JHS",)),
    Procedure(number="5101.3", method="Transverse Mercator (MGA)", geographic=4283,
              projected=28354, gie="5101.3-jhs.gie", tables=("5101_TM_output_part3_JHS",)),
    Procedure(number="5101.4", method="Transverse Mercator (Gauss-Kruger)", geographic=4190,
              projected=on_base(ARG, 4190), gie="5101.4-jhs-etmerc.gie"),
    Procedure(number="5101.4", method="Transverse Mercator (Gauss-Kruger), by its code",
              geographic=4190, projected=22175, gie="5101.4-jhs.gie.failing",
              tables=("5101_TM_output_part4_JHS",)),
    Procedure(number="5102.1", method="Lambert Conic Conformal (1SP)", geographic=4230,
              projected=2192, gie="5102.1.gie", tables=("5102_LCC1_output_part1",)),
    Procedure(number="5102.2", method="Lambert Conic Conformal (1SP), grads, Paris",
              geographic=4807, projected=27572, gie="5102.2.gie",
              tables=("5102_LCC1_output_part2",)),
    Procedure(number="5103.1", method="Lambert Conic Conformal (2SP)", geographic=4313,
              projected=31370, gie="5103.1.gie"),
    Procedure(number="5103.2", method="Lambert Conic Conformal (2SP), feet", geographic=4152,
              projected=2921, gie="5103.2.gie"),
    Procedure(number="5103.3", method="Lambert Conic Conformal (2SP), US feet", geographic=4152,
              projected=3568, gie="5103.3.gie"),
    Procedure(number="5104", method="Oblique Stereographic", geographic=4289, projected=28992,
              gie="5104.gie", tolerance_m=0.05),
    Procedure(number="5105.1", method="Hotine Oblique Mercator (variant B)", geographic=4742,
              projected=on_base(RSO_B, 4742), gie="5105.1.gie.failing", tolerance_m=0.05),
    Procedure(number="5105.2", method="Hotine Oblique Mercator (variant B)", geographic=4237,
              projected=23700, gie="5105.2.gie", tolerance_m=0.05),
    Procedure(number="5106", method="Hotine Oblique Mercator (variant A)", geographic=4742,
              projected=3376, gie="5106.gie", tolerance_m=0.05),
    Procedure(number="5107", method="American Polyconic", geographic=4674,
              projected=on_base(POLY, 4674), gie="5107.gie", tolerance_m=0.05),
    Procedure(number="5108", method="Cassini-Soldner", geographic=4742, projected=3377,
              gie="5108.gie", tolerance_m=0.05),
    Procedure(number="5109", method="Albers Equal Area", geographic=4283, projected=3577,
              gie="5109.gie", tolerance_m=0.05),
    Procedure(number="5110", method="Lambert Azimuthal Equal Area", geographic=4258,
              projected=3035, gie="5110.gie.failing", tolerance_m=0.05),
    Procedure(number="5111.1", method="Mercator (variant A)", geographic=4211, projected=3001,
              gie="5111.1.gie", tolerance_m=0.05, tables=("5111_MercA_output_part1",)),
    Procedure(number="5111.2", method="Mercator (variant A), Jakarta", geographic=4813,
              projected=5330, gie=None, tolerance_m=0.05, tables=("5111_MercA_output_part2",)),
    Procedure(number="5112", method="Mercator (variant B)", geographic=4284, projected=3388,
              gie="5112.gie", tolerance_m=0.05),
    Procedure(number="5113", method="Transverse Mercator (South Orientated)", geographic=4148,
              projected=2049, gie="5113.gie"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Check:
    """Points (n, 2) east or longitude first in both frames, as the file states them."""

    source: int | str
    target: int | str
    given: Floats
    expected: Floats | None  # None: a round trip, a thousand times there and back
    tolerance_m: float


def gie_checks(procedure: Procedure) -> Iterator[Check]:
    """The accept/expect pairs of a `.gie` file. In which direction an operation goes is seen from
    its first step."""
    if procedure.gie is None:
        return
    text = (DATA / "proj_gie_gigs" / procedure.gie).read_text("utf-8")
    blocks = re.split(r"^operation", text, flags=re.M)[1:]
    for block in blocks:
        head = block.split("tolerance")[0]
        first = re.search(r"init=epsg:(\d+)|proj=(?!pipeline|unitconvert)(\w+)", head)
        assert first
        forward = first[1] == str(procedure.geographic)
        frames = (procedure.geographic, procedure.projected)
        source, target = frames if forward else frames[::-1]
        found: dict[tuple[float, bool], list[tuple[list[float], list[float]]]] = {}
        tolerance, given = 0.0, list[float]()
        for line in block.splitlines():
            words = line.split("#")[0].split()
            match words[:1]:
                case ["tolerance"]:
                    tolerance = float(words[1]) * (0.001 if words[2:] == ["mm"] else 1.0)
                case ["accept"]:
                    given = [float(v) for v in words[1:3]]
                case ["expect"]:
                    expected = [float(v) for v in words[1:3]]
                    found.setdefault((tolerance, False), []).append((given, expected))
                case ["roundtrip"]:
                    found.setdefault((tolerance, True), []).append((given, given))
        for (limit, trip), pairs in found.items():
            yield Check(
                source=source,
                target=target,
                given=np.array([a for a, _ in pairs]),
                expected=None if trip else np.array([b for _, b in pairs]),
                tolerance_m=limit,
            )


def table_checks(procedure: Procedure) -> Iterator[Check]:
    """IOGP's own tables: both pairs of every row, tried in both directions."""
    for name in procedure.tables:
        path = DATA / "gigs_iogp_dev" / f"GIGS_conv_{name}.txt"
        lines = path.read_text("utf-8").splitlines()
        axes = dict(re.findall(r"^# \[([1-4])\]: (\w+)", "\n".join(lines), re.M))
        at = {axis: int(place) for place, axis in axes.items()}
        rows = [line.split("\t") for line in lines if line.startswith("GIGS-")]
        numbers = {axis: np.array([float(row[at[axis]]) for row in rows]) for axis in at}
        degrees = np.column_stack([numbers["Longitude"], numbers["Latitude"]])
        plane = np.column_stack([numbers["Easting"], numbers["Northing"]])
        forward = (procedure.geographic, procedure.projected, degrees, plane)
        back = (procedure.projected, procedure.geographic, plane, degrees)
        for source, target, given, expected in (forward, back):
            yield Check(
                source=source,
                target=target,
                given=given,
                expected=expected,
                tolerance_m=procedure.tolerance_m,
            )


def errors_m(check: Check) -> Floats:
    """How far off each point is, metres on the ground (roughly, for degrees)."""
    there = find_transformation(check.source, check.target)
    assert there.accuracy_m == 0.0
    if check.expected is not None:
        moved, frame, known = there.apply(check.given), check.target, check.expected
    else:
        back, moved = find_transformation(check.target, check.source), check.given
        for _ in range(1000):
            moved = back.apply(there.apply(moved))
        frame, known = check.source, check.given
    metres = {"degree": 111_320.0, "grad": 100_188.0, "metre": 1.0, "foot": 0.3048,
              "US survey foot": 0.3048006096}[norm_frame(frame).unit]  # fmt: skip
    gap = np.abs(moved - known) * metres
    if norm_frame(frame).kind == "geographic":
        gap[:, 0] *= np.cos(np.radians(np.minimum(np.abs(known[:, 1]), 89.9)))
    return np.asarray(np.hypot(*gap.T))


def all_checks(procedure: Procedure) -> Iterator[Check]:
    """Those of both collections."""
    yield from gie_checks(procedure)
    yield from table_checks(procedure)


def geocentric_errors_m() -> Floats:
    """5201, forward: IOGP's table through `ecef_from_lonlat`. CGCS2000 and WGS 84 differ by
    0.1 mm in the semi-minor axis."""
    path = DATA / "gigs_iogp_dev" / "GIGS_tfm_5201_GeogGeocen_output.txt"
    lines = path.read_text("utf-8").splitlines()
    rows = [line.split("\t")[1:7] for line in lines if line.startswith("GIGS-")]
    x, y, z, lat, lon, height = np.array(rows, dtype=np.float64).T
    gap = ecef_from_lonlat(lon, lat, height) - np.column_stack([x, y, z])
    return np.asarray(np.linalg.norm(gap, axis=1))


def rotation_errors_m() -> Floats:
    """5208: longitudes of Greenwich to those of Paris, which EPSG:4807 has in grads."""
    text = (DATA / "proj_gie_gigs" / "5208.gie").read_text("utf-8")
    first = re.split(r"^operation", text, flags=re.M)[1]
    given, known = (
        np.array([line.split()[1:3] for line in first.splitlines() if line.startswith(word)], float)
        for word in ("accept", "expect")
    )
    moved = find_transformation(4275, 4807).apply(given) * 0.9
    return np.asarray(np.hypot(*(moved - known).T) * 111_320.0)


# Parameters as EPSG publishes them: 1314 (OSGB36), 15929 (BD72), 15934's twin about a pivot.
SEVEN = {
    "5203": (4277, "Position Vector", SevenParameters(
        shift=(446.448, -125.157, 542.06), rotation=(0.15, 0.247, 0.842), scale_ppm=-20.489,
        convention="position_vector")),
    "5204": (4313, "Coordinate Frame rotation", SevenParameters(
        shift=(-106.8686, 52.2978, -103.7239), rotation=(-0.3366, 0.457, -1.8422),
        scale_ppm=-1.2747, convention="coordinate_frame")),
    "5205": (4289, "Molodensky-Badekas", SevenParameters(
        shift=(593.0297, 26.0038, 478.7534), rotation=(0.4069, -0.3507, 1.8703),
        scale_ppm=4.0812, convention="coordinate_frame",
        pivot=(3903453.1482, 368135.3134, 5012970.3051))),
}  # fmt: skip


def seven_errors_m(number: str) -> Floats:
    """5203 to 5205: the points given in the old frame (whole degrees; those given in WGS 84 were
    computed with a height on the other side) through `through_seven`."""
    base, _, parameters = SEVEN[number]
    text = (DATA / "proj_gie_gigs" / f"{number}.1.gie.failing").read_text("utf-8")
    first = re.split(r"^operation", text, flags=re.M)[1]
    given, known = (
        np.array([line.split()[1:3] for line in first.splitlines() if line.startswith(word)], float)
        for word in ("accept", "expect")
    )
    forward = (given == np.rint(given)).all(axis=1)
    given, known = given[forward], known[forward]
    gap = through_seven(given, parameters, norm_frame(base), norm_frame(4326)) - known
    gap[:, 0] = (gap[:, 0] + 180.0) % 360.0 - 180.0
    gap[:, 0] *= np.cos(np.radians(known[:, 1]))
    return np.asarray(np.hypot(*gap.T) * 111_320.0)


def page() -> str:
    """docs/coords-gigs.md."""
    rows = []
    for p in PROCEDURES:
        points, trips, worst, tables = 0, 0, 0.0, "PROJ"
        for check in all_checks(p):
            found = float(errors_m(check).max())
            if check.expected is None:
                trips += len(check.given)
            else:
                points, worst = points + len(check.given), max(worst, found)
        tables += ", IOGP" if p.tables else ""
        limit = f"{p.tolerance_m * 1000:.0f}"
        rows.append(
            f"| {p.number} | {p.method} | {tables} | {points} | {trips} | "
            f"{worst * 1000:.0f} | {limit} |"
        )
    for number, what, tables, limit_mm, errors in (
        ("5201", "geographic to geocentric", "IOGP", 10, geocentric_errors_m()),
        *((n, f"{SEVEN[n][1]}, given parameters", "PROJ", 30, seven_errors_m(n)) for n in SEVEN),
        ("5208", "longitude rotation (Greenwich to Paris)", "PROJ", 10, rotation_errors_m()),
    ):
        worst = f"{errors.max() * 1000:.0f}"
        rows.append(f"| {number} | {what} | {tables} | {len(errors)} | 0 | {worst} | {limit_mm} |")
    left = "\n".join(f"| {number} | {what} | {why} |" for number, what, why in LEFT_OUT)
    return PAGE.format(rows="\n".join(rows), left=left)


PAGE = """# GIGS: our coordinate door against IOGP's test series

Written by `python tests/coords/gigs.py > docs/coords-gigs.md` and held by a test. Every procedure
for a conversion or a projection in the two collections we have (IOGP's own tables of 2022 and the
scripts that PROJ ships) goes through `find_transformation`, both ways, and a thousand times there
and back (limit 6 mm). Each is stated as exact (0 m). GIGS's own tolerance is 3 cm, 5 cm for the
methods it says so of; errors below are in millimetres on the ground.

| procedure | method | tables | points | round trips | worst, mm | limit, mm |
|---|---|---|---|---|---|---|
{rows}

Three of PROJ's scripts are marked as failing in PROJ and pass here: 5101.4 (EPSG:22175, by its
code), 5105.1 (with the projection GIGS means, Hotine variant B, where the script names another)
and 5110.

## What is left out, and why

| procedure | what | why |
|---|---|---|
{left}
"""

LEFT_OUT = (
    ("5101 USGS", "the same points by the USGS series", "GIGS recommends the JHS formula, which "
     "PROJ and we use; the series differ by up to a centimetre far from the meridian"),
    ("5111.2 script", "PROJ's script of Mercator (variant A) on Jakarta", "its southern latitudes "
     "lack their minus signs; IOGP's own table of the same points passes"),
    ("5201 reverse", "geocentric to geographic", "no department delivers geocentric coordinates; "
     "the way to them serves 3D tiles"),
    ("5203 to 5205 by code", "the same datum transformations asked for as pairs of frames, over "
     "the whole Earth", "`find_transformation` refuses them: EPSG states their accuracy for one "
     "country, and the points lie all over the Earth; there, the same operations are used"),
    ("5203 to 5205 reverse, 3D", "points given in WGS 84, and with heights", "they were computed "
     "with a height on the other side; our seven parameters serve places, heights stay out"),
    ("5206, 5207", "NADCON, NTv2 grids of North America and Australia",
     "the grids are not installed, and no operation without them states an accuracy: refused"),
    ("the rest of the series", "vertical datums, seismic bin grids and lines, deviated wells",
     "not in the collections we have; no frame of a city plan is of those kinds"),
)  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(page())
