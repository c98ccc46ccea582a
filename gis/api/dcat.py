"""The catalogue as DCAT 3 in JSON-LD, for portals that harvest it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gis.layers import City

CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# a geometry literal without a frame is CRS 84 there: longitude first, as ours are
WKT = "geo:wktLiteral"


def catalogue(records: Iterable[Mapping[str, Any]], city: City, here: str) -> dict[str, Any]:
    """The records of layers as a dcat:Catalog; `here` is its address."""
    return {
        "@context": CONTEXT,
        "@id": here,
        "@type": "dcat:Catalog",
        "dct:title": _both(f"{city.name.zh}一张图数据目录", f"Catalogue of {city.name.en}"),
        "dcat:dataset": [_dataset(r) for r in records if r["properties"]["type"] == "dataset"],
    }


def _dataset(record: Mapping[str, Any]) -> dict[str, Any]:
    told = record["properties"]
    links = {link["rel"]: link for link in record["links"]}
    dataset = {
        "@id": links["self"]["href"],
        "@type": "dcat:Dataset",
        "dct:identifier": record["id"],
        "dct:title": _both(told["title"], told["title_en"]),
        "dct:publisher": {
            "@type": "foaf:Organization",
            "foaf:name": told["contacts"][0]["organization"],
        },
        "dct:accessRights": {"@type": "dct:RightsStatement", "rdfs:label": told["rights"]},
        "dcat:keyword": told["keywords"],
        "dct:provenance": [_step(step) for step in told["lineage"]],
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution",
                "dcat:accessURL": {"@id": links["item"]["href"]},
                "dcat:mediaType": links["item"]["type"],
            }
        ],
    }
    if told["updated"] is not None:
        dataset["dct:modified"] = _typed(told["updated"].isoformat(), "xsd:dateTime")
    if told["update_days"] is not None:
        dataset["dct:accrualPeriodicity"] = _typed(f"P{told['update_days']}D", "xsd:duration")
    if record["geometry"] is not None:
        ring = ", ".join(f"{x} {y}" for x, y in record["geometry"]["coordinates"][0])
        dataset["dct:spatial"] = {
            "@type": "dct:Location",
            "dcat:bbox": _typed(f"POLYGON(({ring}))", WKT),
        }
    return dataset


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    text = (
        f"第 {step['delivery']} 次交付 delivery {step['delivery']}: {step['source']}, "
        f"{step['frame']} ± {step['accuracy_m']} m, sha256 {step['sha256']}"
    )
    return {"@type": "dct:ProvenanceStatement", "rdfs:label": text}


def _both(zh: str, en: str) -> list[dict[str, str]]:
    return [{"@language": "zh", "@value": zh}, {"@language": "en", "@value": en}]


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"@value": value, "@type": kind}
