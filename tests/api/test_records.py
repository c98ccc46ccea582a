"""The catalogue over HTTP: a record for every layer and delivery, searched and paged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import shapely
from lxml import etree
from owslib.iso3 import NAMESPACES_V2, MD_Metadata
from small_city import browse

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, list_deliveries

ITEMS = "/collections/catalogue/items"


def test_every_layer_and_delivery_has_a_record(
    client: httpx.Client, city: Store, registry: Registry
) -> None:
    found = client.get(ITEMS, params={"limit": 1000}).json()
    ids = [r["id"] for r in found["features"]]
    assert ids[: len(registry.layers)] == [f"layer:{name}" for name in registry.layers]
    assert ids[len(registry.layers) :] == [f"delivery:{d['id']}" for d in list_deliveries(city)]
    assert found["numberMatched"] == found["numberReturned"] == len(ids)


def test_a_layer_tells_its_lineage(client: httpx.Client) -> None:
    record = client.get(f"{ITEMS}/layer:buildings").json()
    told = record["properties"]
    assert told["features"] == 60
    assert told["contacts"] == [{"organization": "不动产登记中心", "roles": ["owner"]}]
    assert (told["rights"], told["checks"]) == ("public", ["valid_geometry", "inside_city"])
    assert [step["source"] for step in told["lineage"]] == ["buildings.csv"] * 2
    assert [step["figures"]["new"] for step in told["lineage"]] == [1, 60]
    assert record["time"]["interval"] == ["2023-05-31T16:00:00Z", "2024-05-31T16:00:00Z"]
    assert record["geometry"]["coordinates"][0][0] == [114.0, 32.98]
    assert told["update_days"] == 365
    assert "应每 365 天更新" in told["warnings"][0]["zh"]
    for link in record["links"]:
        if link["rel"] == "profile":  # a name, not an address of ours
            continue
        assert client.get(link["href"]).status_code == 200, link


def test_a_delivery_leads_to_its_layer_and_its_report(client: httpx.Client) -> None:
    found = client.get(ITEMS, params={"type": "delivery", "q": "buildings", "limit": 1}).json()
    (record,) = found["features"]
    assert found["numberMatched"] == 2
    rels = {link["rel"]: link["href"] for link in record["links"]}
    assert rels["up"].endswith("layer:buildings")
    assert client.get(rels["describedby"]).status_code == 200
    more = next(link["href"] for link in found["links"] if link["rel"] == "next")
    assert client.get(more).json()["features"][0]["id"] != record["id"]


def test_search(client: httpx.Client) -> None:
    def ids(**params: str) -> list[str]:
        return [
            r["id"]
            for r in client.get(ITEMS, params={"type": "dataset", **params}).json()["features"]
        ]

    assert ids(q="建筑物") == ["layer:buildings"]
    assert ids(q="PLANNING permits") == ["layer:planning_permits"]
    assert ids(q="no such thing") == []
    assert "layer:buildings" in ids(bbox="114,32.98,114.001,32.981")
    undelivered = [
        r["id"]
        for r in client.get(ITEMS, params={"type": "dataset"}).json()["features"]
        if r["geometry"] is None
    ]
    assert ids(bbox="100,20,101,21") == undelivered != []  # what has no place is in every box
    dated = client.get(ITEMS, params={"type": "delivery", "datetime": "2023-06-01/2023-06-02"})
    assert {r["time"]["timestamp"] for r in dated.json()["features"]} == {"2023-05-31T16:00:00Z"}
    assert "layer:buildings" in ids(datetime="2023-12-31")
    assert ids(datetime="../2000-01-01") == undelivered
    assert ids(q="permits planning") == []  # in that order
    assert ids(q="permits,建筑物") == ["layer:buildings", "layer:planning_permits"]
    assert ids(ids="layer:roads,layer:buildings") == ["layer:buildings", "layer:roads"]


def test_a_delivery_is_found_by_the_digest_of_its_file(client: httpx.Client) -> None:
    delivery = client.get(ITEMS, params={"type": "delivery"}).json()["features"][-1]
    [known] = delivery["properties"]["externalIds"]
    for text in (f"{known['scheme']}:{known['value']}", known["value"]):
        found = client.get(ITEMS, params={"externalIds": f"x,{text}"}).json()
        assert delivery["id"] in [r["id"] for r in found["features"]]
    found = client.get(ITEMS, params={"externalIds": f"md5:{known['value']}"}).json()
    assert found["features"] == []


def test_an_overdue_layer_is_warned_of(city: Store, registry: Registry, tmp_path: Path) -> None:
    layers = {
        id_: replace(layer, update_days=30 if id_ in ("buildings", "parcels") else None)
        for id_, layer in registry.layers.items()
    }
    stated = replace(registry, layers=layers)
    client = browse(create_app(city, stated, Settings(web=Path("none"), config=tmp_path)))
    told = client.get(f"{ITEMS}/layer:buildings").json()["properties"]
    assert told["overdue_days"] > 30
    assert "已逾期" in told["warnings"][0]["zh"]
    never = client.get(f"{ITEMS}/layer:parcels").json()["properties"]
    assert never["warnings"] == [{"zh": "从未交付", "en": "never delivered"}]
    quiet = client.get(f"{ITEMS}/layer:roads").json()["properties"]
    assert (quiet["update_days"], quiet["overdue_days"], quiet["warnings"]) == (None, None, [])


def test_dcat(client: httpx.Client, registry: Registry) -> None:
    answer = client.get(ITEMS, params={"f": "dcat"})
    assert answer.headers["content-type"] == "application/ld+json"
    found = answer.json()
    names = [d["dct:identifier"] for d in found["dcat:dataset"]]
    assert names == [f"layer:{name}" for name in registry.layers]
    houses = found["dcat:dataset"][names.index("layer:buildings")]
    assert houses["dct:modified"]["@value"] == "2024-06-01T00:00:00+08:00"
    box = shapely.from_wkt(houses["dct:spatial"]["dcat:bbox"]["@value"]).bounds
    assert box == pytest.approx((114.0, 32.98, 114.0092, 32.98615), abs=1e-9)
    assert len(houses["dct:provenance"]) == 2
    for text in (p for d in found["dcat:dataset"] for p in d):  # every prefix is declared
        assert text.startswith("@") or text.partition(":")[0] in found["@context"]


def test_the_catalogue_says_what_it_is(client: httpx.Client) -> None:
    found = client.get("/collections/catalogue").json()
    assert found["itemType"] == "record"
    assert client.get(found["links"][1]["href"]).status_code == 200


@pytest.mark.parametrize(
    "query", ["type=layer", "bbox=1,2", "bbox=x", "limit=0", "offset=-1", "nope=1", "f=csv"]
)
def test_what_cannot_be_answered_is_named(client: httpx.Client, query: str) -> None:
    assert client.get(f"{ITEMS}?{query}").status_code == 400
    assert client.get(f"{ITEMS}/layer:nope").status_code == 404


# what the schemas of ISO 19115-3 say of the order of elements
ORDER = {
    "mdb:MD_Metadata": "metadataIdentifier defaultLocale parentMetadata metadataScope contact "
    "dateInfo metadataStandard metadataLinkage referenceSystemInfo identificationInfo "
    "distributionInfo dataQualityInfo resourceLineage",
    "mri:MD_DataIdentification": "citation abstract pointOfContact spatialRepresentationType "
    "topicCategory extent resourceMaintenance descriptiveKeywords resourceConstraints "
    "defaultLocale",
    "cit:CI_Citation": "title alternateTitle date identifier",
    "cit:CI_Responsibility": "role party",
    "mrl:LI_Lineage": "statement scope processStep",
    "mrl:LI_ProcessStep": "description stepDateTime processor source",
    "mrl:LI_Source": "description sourceReferenceSystem sourceCitation",
    "gex:EX_GeographicBoundingBox": "westBoundLongitude eastBoundLongitude southBoundLatitude "
    "northBoundLatitude",
    "mdq:DQ_DataQuality": "scope report",
    "mmi:MD_MaintenanceInformation": "maintenanceAndUpdateFrequency "
    "userDefinedMaintenanceFrequency",
}


def iso(client: httpx.Client, record: str) -> etree._Element:
    answer = client.get(f"{ITEMS}/{record}", params={"f": "iso19115"})
    assert answer.headers["content-type"] == "application/xml"
    return etree.fromstring(answer.content)


@pytest.mark.parametrize("record", ["layer:buildings", "layer:parcels", "delivery"])
def test_iso_19115_is_in_the_order_of_the_standard(
    record: str, client: httpx.Client, city: Store
) -> None:
    document = iso(
        client, record if ":" in record else f"delivery:{list_deliveries(city)[0]['id']}"
    )
    assert document.tag == f"{{{NAMESPACES_V2['mdb']}}}MD_Metadata"
    known = {space for prefix, space in NAMESPACES_V2.items() if prefix != "gml"}
    known.add("http://www.opengis.net/gml/3.2")
    for element in document.iter():
        assert etree.QName(element).namespace in known
    for name, order in ORDER.items():
        prefix, _, local = name.partition(":")
        for element in document.iter(f"{{{NAMESPACES_V2[prefix]}}}{local}"):
            there = [etree.QName(child).localname for child in element]
            assert there == sorted(there, key=order.split().index), name


def test_iso_19115_as_another_reader_takes_it(client: httpx.Client) -> None:
    document = iso(client, "layer:buildings")
    found = MD_Metadata(document)
    assert (found.identifier, found.languagecode, found.hierarchy) == (
        "layer:buildings", "zho", "dataset",
    )  # fmt: skip
    assert found.contact[0].organization == "不动产登记中心"
    assert (found.referencesystem.code, found.referencesystem.codeSpace) == ("4490", "EPSG")
    [told] = found.identification
    assert (told.title, told.alternatetitle) == ("建筑物", "Buildings")
    assert told.date[0].date == "2024-06-01T00:00:00+08:00"
    box = told.extent.boundingBox
    sides = [float(v) for v in (box.minx, box.miny, box.maxx, box.maxy)]
    assert sides == pytest.approx((114.0, 32.98, 114.0092, 32.98615), abs=1e-6)
    assert told.securityconstraints == ["unclassified"]
    assert "buildings" in told.keywords[0].keywords[1].name
    assert found.distribution.online[0].url.endswith("/collections/buildings/items")
    assert found.dataquality.conformancetitle == ["valid_geometry", "inside_city"]
    steps = document.findall(".//mrl:processStep/mrl:LI_ProcessStep", NAMESPACES_V2)
    assert len(steps) == 2
    told_of = steps[0].findtext(".//mrl:LI_Source/mrl:description/*", namespaces=NAMESPACES_V2)
    assert "buildings.csv" in told_of
    assert "sha256" in told_of
    every = document.findtext(".//mmi:userDefinedMaintenanceFrequency/*", namespaces=NAMESPACES_V2)
    assert every == "P365D"


def test_iso_19115_by_accept(client: httpx.Client) -> None:
    plain = client.get(f"{ITEMS}/layer:buildings", headers={"Accept": "application/xml"})
    assert plain.headers["content-type"] == "application/xml"
    again = client.get(
        f"{ITEMS}/layer:buildings?f=iso19115", headers={"If-None-Match": plain.headers["etag"]}
    )
    assert again.status_code == 304
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = client.get(f"{ITEMS}/layer:buildings", headers={"Accept": browser})
    assert page.headers["content-type"].startswith("text/html")
    assert "layer:buildings" in page.text
    assert client.get(f"{ITEMS}/layer:buildings?f=csv").status_code == 400
