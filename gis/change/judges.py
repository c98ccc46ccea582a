"""One function a rule: a change against what was in force, and the figures that decide.

Each gives a `Reason` where the rule applies, (zh, en) where it can't be judged, else None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

import shapely
from shapely.geometry.base import BaseGeometry

from gis.change.engines.contract import Candidate
from gis.change.known import Known, Reason, Rows, Rule

Outcome = Reason | tuple[str, str] | None  # applies, can't be judged (why), does not apply


def permits_in_force(permits: Rows, which: Sequence[int], at: date) -> list[int]:
    """Those of the rows `which` that were issued by that day and had not yet ended (no end given
    = still in force)."""
    issued, ends = permits.columns["issued_on"], permits.columns["expires_on"]
    return [
        i
        for i in which
        if issued[i] is not None and issued[i] <= at and (ends[i] is None or ends[i] >= at)
    ]


def absent(rule: Rule, known: Known) -> str | None:
    """The layer that a rule needs and that held nothing of the kind; None where all is there."""
    kind = rule.params.get("red_line")
    if kind is not None:
        return None if kind in known.lines_loaded else f"{known.red_lines.layer} ({kind})"
    needed = [known.permits]
    needed += {"off_site": [known.parcels], "land_use_mismatch": [known.plan]}.get(rule.code, [])
    return next((rows.layer for rows in needed if not rows.present), None)


def _cover(change: Candidate, known: Known) -> tuple[float, list[int]]:
    """Share of the change inside permits in force, and which those are."""
    permits = known.permits
    mine = permits_in_force(permits, permits.touching(change.mask), known.at)
    area = shapely.union_all(permits.geometry[mine]).intersection(change.mask).area
    return float(area / change.mask.area), mine


def _no_permit(rule: Rule, change: Candidate, known: Known) -> Outcome:
    share, _ = _cover(change, known)
    if share >= rule.params["min_cover"]:
        return None
    figures = {"cover": share, "min_cover": rule.params["min_cover"], "area_m2": change.area_m2}
    return _reason(rule, figures, known.permits, known.permits.touching(change.mask))


def _over_height(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """The highest limit of the permits it lies in; one that the outline only brushes, by less
    than it may be off, is a neighbour's."""
    permits = known.permits
    share, touching = _cover(change, known)
    if share < rule.params["min_cover"]:
        return None
    mine = [
        i
        for i in touching
        if permits.geometry[i].intersection(change.mask).area
        > known.band_m2(permits, permits.geometry[i], change.mask)
    ] or touching
    limits = [permits.columns["height_max_m"][i] for i in mine]
    if any(limit is None for limit in limits):
        return ("许可未写明高度，无法判定", "a permit here states no height: can't be judged")
    if change.height_m is None or change.height_sigma_m is None:
        return ("无法测出建筑高度", "the height could not be measured")
    highest = max(limits)
    margin = rule.params["sigmas"] * change.height_sigma_m
    if change.height_m - highest <= margin:
        return None
    figures = {
        "height_m": change.height_m,
        "permitted_m": highest,
        "excess_m": change.height_m - highest,
        "margin_m": margin,
    }
    return _reason(rule, figures, permits, mine)


def red_line(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """Inside (or outside) by more than the band, so that what merely touches is not caught."""
    lines = known.red_lines
    kind, inside = rule.params["red_line"], rule.params["side"] == "inside"
    mine = [i for i, k in enumerate(lines.columns["kind"]) if k == kind]
    here = [i for i in lines.touching(change.mask) if lines.columns["kind"][i] == kind]
    area = shapely.union_all(lines.geometry[here])
    common = change.mask.intersection(area).area
    overlap = common if inside else change.mask.area - common
    band = known.band_m2(lines, area, change.mask)
    if overlap <= max(band, rule.params["min_overlap_m2"]):
        return None
    figures = {
        "inside_m2" if inside else "outside_m2": overlap,
        "share": overlap / change.mask.area,
        "band_m2": band,
        "min_overlap_m2": rule.params["min_overlap_m2"],
    }
    return _reason(rule, figures, lines, here or mine)


def _exceeds_permit(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """Covered, but more of it than the band lies outside every permit in force: the excess."""
    permits = known.permits
    share, mine = _cover(change, known)
    if share < rule.params["min_cover"]:
        return None
    allowed = shapely.union_all(permits.geometry[mine])
    excess = change.mask.difference(allowed).area
    band = known.band_m2(permits, allowed, change.mask)
    if excess <= max(band, rule.params["min_excess_m2"]):
        return None
    figures = {
        "excess_m2": excess,
        "permitted_m2": change.mask.area - excess,
        "band_m2": band,
        "min_excess_m2": rule.params["min_excess_m2"],
    }
    return _reason(rule, figures, permits, mine)


def _off_site(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """Outside every permit, on a parcel that has one in force whose own place is still empty:
    where the permitted building stands, this one is another, and merely without a permit."""
    share, _ = _cover(change, known)
    home = known.parcels.most(change.mask)
    if share >= rule.params["max_cover"] or home is None:
        return None
    permits, parcel = known.permits, known.parcels.geometry[home]
    unused = [
        (i, built)
        for i in permits_in_force(permits, permits.touching(parcel), known.at)
        if _share(permits.geometry[i], parcel) >= rule.params["min_permit_share"]
        and (built := _built(permits.geometry[i], known)) <= rule.params["max_built"]
    ]
    if not unused:
        return None
    away = min(float(permits.geometry[i].distance(change.mask)) for i, _ in unused)
    figures = {
        "cover": share,
        "max_cover": rule.params["max_cover"],
        "permits_unused": len(unused),
        "built_share": max(built for _, built in unused),
        "distance_m": away,
    }
    reason = _reason(rule, figures, permits, [i for i, _ in unused])
    return replace(reason, consulted=(*reason.consulted, known.parcels.ref(home)))


def _overdue(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """Stands where a temporary permit had run out by then, and no other is in force."""
    permits = known.permits
    share, _ = _cover(change, known)
    if share >= rule.params["min_cover"]:
        return None
    kinds, ends = permits.columns["kind"], permits.columns["expires_on"]
    ended = [
        i
        for i in permits.touching(change.mask)
        if kinds[i] == rule.params["permit_kind"] and ends[i] is not None and ends[i] < known.at
    ]
    cover = _share(change.mask, shapely.union_all(permits.geometry[ended]))
    if cover < rule.params["min_cover"]:
        return None
    late = (known.at - max(ends[i] for i in ended)).days
    if late <= rule.params["grace_days"]:
        return None
    figures = {
        "days_overdue": late,
        "grace_days": rule.params["grace_days"],
        "cover": cover,
        "min_cover": rule.params["min_cover"],
    }
    return _reason(rule, figures, permits, ended)


def _land_use_mismatch(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """On ground whose class in the plan excludes building, by more than the band. A permit in
    force is the plan carried out, so what it covers is not held against the plan again."""
    share, _ = _cover(change, known)
    if share >= rule.params["min_cover"]:
        return None
    plan = known.plan
    uses = plan.columns["land_use"]
    mine = [i for i in plan.touching(change.mask) if uses[i] in rule.params["excluded"]]
    area = shapely.union_all(plan.geometry[mine])
    overlap = change.mask.intersection(area).area
    band = known.band_m2(plan, area, change.mask)
    if overlap <= max(band, rule.params["min_overlap_m2"]):
        return None
    figures = {
        "inside_m2": overlap,
        "share": overlap / change.mask.area,
        "band_m2": band,
        "min_overlap_m2": rule.params["min_overlap_m2"],
    }
    return _reason(rule, figures, plan, mine)


def _share(of: BaseGeometry, within: BaseGeometry) -> float:
    return float(of.intersection(within).area / of.area)


def _built(place: BaseGeometry, known: Known) -> float:
    """Share of a place on which a building stands, registered or new in this run."""
    standing = known.standing
    here = [standing.geometry[i] for i in standing.touching(place)]
    here += list(known.built[shapely.intersects(known.built, place)])
    return _share(place, shapely.union_all(here)) if here else 0.0


JUDGES: Mapping[str, Callable[[Rule, Candidate, Known], Outcome]] = {
    "no_permit": _no_permit,
    "over_height": _over_height,
    "exceeds_permit": _exceeds_permit,
    "off_site": _off_site,
    "overdue": _overdue,
    "land_use_mismatch": _land_use_mismatch,
}


def _reason(rule: Rule, figures: Mapping[str, float], rows: Rows, which: Sequence[int]) -> Reason:
    return Reason(
        code=rule.code,
        title=rule.title,
        law=rule.law,
        figures={name: float(value) for name, value in figures.items()},
        consulted=tuple(rows.ref(i) for i in which),
    )
