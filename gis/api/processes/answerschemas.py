"""JSON Schemas of what the processes answer: the contract, held by tests."""

from __future__ import annotations

from typing import Any

NUMBER, TEXT, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
BOTH = {
    "type": "object",
    "required": ["zh", "en"],
    "properties": {"zh": TEXT, "en": TEXT},
}
GEOMETRY = {"type": "object", "required": ["type", "coordinates"]}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "nullable": True}


def _rows(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _object(**members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


EVIDENCE = _object(
    layer=TEXT, layer_title=BOTH, id=_or_null(WHOLE), version_id=_or_null(WHOLE),
    delivery=_or_null(WHOLE), valid_from=_or_null(TEXT), accuracy_m=NUMBER, href=_or_null(TEXT),
)  # fmt: skip
CONDITION = _object(
    number=WHOLE,
    group=TEXT,
    weight={"type": "string", "enum": ["forbids", "limits", "notice"]},
    title=TEXT,
    text=BOTH,
    relation={"type": "string", "enum": ["overlaps", "within_reach", "may_touch", "outside"]},
    distance_m=NUMBER,
    area_m2=_or_null(NUMBER),
    area_band_m2=_or_null(NUMBER),
    share=_or_null(NUMBER),
    length_m=_or_null(NUMBER),
    below_accuracy={"type": "boolean"},
    department=BOTH,
    facts=_rows(
        _object(name=TEXT, title=BOTH, value={}, unit=_or_null(TEXT), means=_or_null(BOTH))
    ),
    geometry=_or_null(GEOMETRY),
    evidence=EVIDENCE,
)
SITE_CHECK = {
    "contentMediaType": "application/json",
    **_object(
        site=_object(
            geometry=GEOMETRY, frame=TEXT, accuracy_m=NUMBER, area_m2=NUMBER, area_band_m2=NUMBER,
            perimeter_m=NUMBER, centre=_rows(NUMBER), place_code=TEXT,
            admin=_rows(_object(code=TEXT, name=TEXT, share=NUMBER)),
        ),
        as_of=TEXT,
        reach_m=NUMBER,
        areas_in=TEXT,
        summary=_object(
            conditions=WHOLE, forbids=WHOLE, limits=WHOLE, notice=WHOLE,
            forbidden={"type": "boolean"},
        ),
        limits={
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["value", "unit", "from"],
                "properties": {"value": NUMBER, "unit": TEXT},
            },
        },
        land_use=_rows(
            _object(
                code=_or_null(TEXT), title=BOTH, color=_or_null(TEXT), area_m2=NUMBER,
                share=NUMBER, area_band_m2=_or_null(NUMBER), below_accuracy={"type": "boolean"},
            )
        ),
        conditions=_rows(CONDITION),
        documents=_rows(
            _object(
                id=WHOLE, name=TEXT, title=_or_null(TEXT), added_at=TEXT, media_type=TEXT,
                layer=_or_null(TEXT), feature=_or_null(WHOLE), href=TEXT,
            )
        ),
        consulted=_rows(
            _object(
                layer=TEXT, title=BOTH, department=BOTH, conditions=WHOLE,
                delivery=_or_null(WHOLE), delivered_as_of=_or_null(TEXT),
            )
        ),
        more=_rows(TEXT),
    ),
}  # fmt: skip
STATISTICS = {
    "contentMediaType": "application/json",
    **_object(
        plan=TEXT,
        level=WHOLE,
        as_of=TEXT,
        since=_or_null(TEXT),
        areas_in=TEXT,
        total_m2=NUMBER,
        by_class=_rows(
            _object(code=TEXT, title=BOTH, polygons=WHOLE, area_m2=NUMBER, share=NUMBER)
        ),
        by_district=_rows(
            _object(
                code=_or_null(TEXT), name=TEXT, area_m2=NUMBER,
                classes=_rows(_object(code=TEXT, area_m2=NUMBER)),
            )
        ),
        reality=_object(
            agreement=_or_null(NUMBER),
            registered_m2=NUMBER,
            registered=_rows(_object(plan=TEXT, registered=TEXT, area_m2=NUMBER)),
            buildings=_rows(
                _object(
                    code=TEXT, title=BOTH, buildings=WHOLE, footprint_m2=NUMBER,
                    floor_area_m2=NUMBER,
                )
            ),
        ),
        table=_rows(
            {"type": "object", "required": ["class", "district", "area_m2"]},
        ),
    ),
}  # fmt: skip
SIDE = _object(
    layer=TEXT, layer_title=BOTH, id=WHOLE, version_id=WHOLE, delivery=WHOLE, title=TEXT,
    number=TEXT, department=BOTH, values={"type": "object"},
)  # fmt: skip
CONFLICTS = {
    "contentMediaType": "application/geo+json",
    **_object(
        type={"type": "string", "enum": ["FeatureCollection"]},
        as_of=TEXT,
        rules_version=TEXT,
        areas_in=TEXT,
        numberReturned=WHOLE,
        rules=_rows(_object(rule=TEXT, conflicts=WHOLE, area_m2=NUMBER)),
        skipped=_rows(_object(rule=TEXT, layer=TEXT, zh=TEXT, en=TEXT)),
        features=_rows(
            _object(
                type={"type": "string", "enum": ["Feature"]},
                id=WHOLE,
                geometry=GEOMETRY,
                properties=_object(
                    rule=TEXT, title=BOTH, basis=BOTH, area_m2=_or_null(NUMBER),
                    area_band_m2=_or_null(NUMBER), a=SIDE, b=_or_null(SIDE),
                    figures={"type": "object"},
                ),
            )
        ),
    ),
}  # fmt: skip
