"""A record of the catalogue as ISO 19115-3 metadata (XML): what ministries' portals harvest.

Elements stand in the order of the standard's schemas (mdb 2.0, and mdq 1.0 of ISO 19157-2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from gis.layers import City

MEDIA = "application/xml"
ISO = "http://standards.iso.org/iso/"
SPACES = {
    "mdb": f"{ISO}19115/-3/mdb/2.0", "cit": f"{ISO}19115/-3/cit/2.0",
    "gex": f"{ISO}19115/-3/gex/1.0", "lan": f"{ISO}19115/-3/lan/1.0",
    "mcc": f"{ISO}19115/-3/mcc/1.0", "mco": f"{ISO}19115/-3/mco/1.0",
    "mmi": f"{ISO}19115/-3/mmi/1.0", "mrd": f"{ISO}19115/-3/mrd/1.0",
    "mri": f"{ISO}19115/-3/mri/1.0", "mrl": f"{ISO}19115/-3/mrl/2.0",
    "mrs": f"{ISO}19115/-3/mrs/1.0", "mdq": f"{ISO}19157/-2/mdq/1.0",
    "gco": f"{ISO}19115/-3/gco/1.0", "gml": "http://www.opengis.net/gml/3.2",
}  # fmt: skip
CODES = f"{ISO}19115/resources/Codelist/cat/codelists.xml"
STORAGE = "4490"
CLASSIFICATION = {
    "public": "unclassified", "internal": "forOfficialUseOnly", "sensitive": "confidential",
}  # fmt: skip
TOPICS = {
    "planning": "planningCadastre", "property": "planningCadastre",
    "pipeline": "utilitiesCommunication",
    "component": "structure", "base": "boundaries", "imagery": "imageryBaseMapsEarthCover",
    "enforcement": "planningCadastre", "iot": "environment",
}  # fmt: skip
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Element = ElementTree.Element
Record = Mapping[str, Any]


def metadata(record: Record, city: City, now: datetime) -> bytes:
    """The record of a layer or a delivery as one XML document."""
    for prefix, space in SPACES.items():
        ElementTree.register_namespace(prefix, space)
    told = record["properties"]
    links = {link["rel"]: link["href"] for link in record["links"]}
    root = _new("mdb:MD_Metadata")
    _identifier(root, "mdb:metadataIdentifier", record["id"])
    _locale(root, "mdb:defaultLocale")
    if "up" in links:
        parent = _put(root, "mdb:parentMetadata", "cit:CI_Citation")
        _text(parent, "cit:title", told["keywords"][1])
        _identifier(parent, "cit:identifier", f"layer:{told['keywords'][1]}")
    scope = _put(root, "mdb:metadataScope", "mdb:MD_MetadataScope")
    _code(scope, "mdb:resourceScope", "mcc:MD_ScopeCode", "dataset")
    _party(root, "mdb:contact", told["contacts"][0]["organization"], "pointOfContact")
    _date(root, "mdb:dateInfo", now, "creation")
    standard = _put(root, "mdb:metadataStandard", "cit:CI_Citation")
    _text(standard, "cit:title", "ISO 19115-3")
    _linkage(_put(root, "mdb:metadataLinkage", "cit:CI_OnlineResource"), links["self"])
    _frame(root, "mdb:referenceSystemInfo", STORAGE)
    _identification(root, record, city)
    _distribution(root, links)
    _quality(root, told)
    _lineage(root, told)
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _identification(root: Element, record: Record, city: City) -> None:
    told = record["properties"]
    of = _put(root, "mdb:identificationInfo", "mri:MD_DataIdentification")
    citation = _put(of, "mri:citation", "cit:CI_Citation")
    _text(citation, "cit:title", told["title"])
    _text(citation, "cit:alternateTitle", told["title_en"])
    if told["updated"] is not None:
        _date(citation, "cit:date", told["updated"], "revision")
    _identifier(citation, "cit:identifier", record["id"])
    _text(of, "mri:abstract", " / ".join(_abstract(told, city)))
    for contact in told["contacts"]:
        for role in contact["roles"]:
            party = contact["organization"]
            _party(of, "mri:pointOfContact", party, "distributor" if role == "provider" else role)
    _code(
        of, "mri:spatialRepresentationType", "mcc:MD_SpatialRepresentationTypeCode", "vector"
    )  # fmt: skip
    topic = _put(of, "mri:topicCategory", "mri:MD_TopicCategoryCode")
    topic.text = TOPICS.get(told["keywords"][0], "location")
    _extent(of, record)
    _maintenance(of, told)
    words = _put(of, "mri:descriptiveKeywords", "mri:MD_Keywords")
    for word in told["keywords"]:
        _text(words, "mri:keyword", word)
    limits = _put(of, "mri:resourceConstraints", "mco:MD_SecurityConstraints")
    level = CLASSIFICATION[told["rights"]]
    _code(limits, "mco:classification", "mco:MD_ClassificationCode", level)
    _text(limits, "mco:userNote", told["rights"])
    _locale(of, "mri:defaultLocale")


def _abstract(told: Record, city: City) -> Iterator[str]:
    yield f"{city.name.zh}一张图：{told['title']}"
    yield f"One Map of {city.name.en}: {told['title_en']}"
    for warning in told.get("warnings", ()):
        yield f"{warning['zh']} {warning['en']}"


def _extent(of: Element, record: Record) -> None:
    """Where it lies, and the time it is of."""
    if record["geometry"] is None and record["time"] is None:
        return
    extent = _put(of, "mri:extent", "gex:EX_Extent")
    if record["geometry"] is not None:
        (west, south), _, (east, north) = record["geometry"]["coordinates"][0][:3]
        box = _put(extent, "gex:geographicElement", "gex:EX_GeographicBoundingBox")
        sides = (("west", "Longitude", west), ("east", "Longitude", east),
                 ("south", "Latitude", south), ("north", "Latitude", north))  # fmt: skip
        for side, axis, value in sides:
            _put(box, f"gex:{side}Bound{axis}", "gco:Decimal").text = f"{value:.7f}"
    if record["time"] is not None:
        time = record["time"]
        first, last = time.get("interval") or [time["timestamp"]] * 2
        place = _put(extent, "gex:temporalElement", "gex:EX_TemporalExtent")
        period = _put(place, "gex:extent", "gml:TimePeriod")
        period.set(f"{{{SPACES['gml']}}}id", "period")
        _new("gml:beginPosition", period).text = first.isoformat()
        _new("gml:endPosition", period).text = last.isoformat()


def _maintenance(of: Element, told: Record) -> None:
    if told["type"] != "dataset":
        return
    every = told["update_days"]
    care = _put(of, "mri:resourceMaintenance", "mmi:MD_MaintenanceInformation")
    _code(
        care, "mmi:maintenanceAndUpdateFrequency", "mmi:MD_MaintenanceFrequencyCode",
        "unknown" if every is None else "periodic",
    )  # fmt: skip
    if every is not None:
        duration = _put(care, "mmi:userDefinedMaintenanceFrequency", "gco:TM_PeriodDuration")
        duration.text = f"P{every}D"


def _distribution(root: Element, links: Mapping[str, str]) -> None:
    where = links.get("item") or links.get("describedby")
    if where is None:
        return
    out = _put(root, "mdb:distributionInfo", "mrd:MD_Distribution")
    options = _put(out, "mrd:transferOptions", "mrd:MD_DigitalTransferOptions")
    line = _put(options, "mrd:onLine", "cit:CI_OnlineResource")
    _linkage(line, where)
    _text(line, "cit:protocol", "OGC API - Features" if "item" in links else "WWW:LINK")


def _quality(root: Element, told: Record) -> None:
    """Accuracy, and the checks every row in it has passed."""
    quality = _put(root, "mdb:dataQualityInfo", "mdq:DQ_DataQuality")
    scope = _put(quality, "mdq:scope", "mcc:MD_Scope")
    _code(scope, "mcc:level", "mcc:MD_ScopeCode", "dataset")
    if told["accuracy_m"] is not None:
        report = _put(quality, "mdq:report", "mdq:DQ_AbsoluteExternalPositionalAccuracy")
        measure = _put(report, "mdq:measure", "mdq:DQ_MeasureReference")
        _text(measure, "mdq:nameOfMeasure", "horizontal accuracy, metres")
        result = _put(report, "mdq:result", "mdq:DQ_QuantitativeResult")
        _put(result, "mdq:value", "gco:Record").text = f"{told['accuracy_m']:g}"
    steps = told.get("lineage", [told])
    refused = sum(step["figures"]["quarantined"] for step in steps)
    for check in told.get("checks", ()):
        report = _put(quality, "mdq:report", "mdq:DQ_DomainConsistency")
        result = _put(report, "mdq:result", "mdq:DQ_ConformanceResult")
        _text(_put(result, "mdq:specification", "cit:CI_Citation"), "cit:title", check)
        _text(result, "mdq:explanation", f"{refused} rows refused by all checks together")
        _put(result, "mdq:pass", "gco:Boolean").text = "true"


def _lineage(root: Element, told: Record) -> None:
    steps: Sequence[Record] = told.get("lineage", [told])
    lineage = _put(root, "mdb:resourceLineage", "mrl:LI_Lineage")
    _text(lineage, "mrl:statement", f"{len(steps)} 次交付 deliveries")
    scope = _put(lineage, "mrl:scope", "mcc:MD_Scope")
    _code(scope, "mcc:level", "mcc:MD_ScopeCode", "dataset")
    for step in steps:
        _step(lineage, step)


def _step(lineage: Element, step: Record) -> None:
    """A delivery as a process: what was done with which file."""
    process = _put(lineage, "mrl:processStep", "mrl:LI_ProcessStep")
    figures = ", ".join(f"{name} {count}" for name, count in step["figures"].items())
    done = "; ".join(str(one) for one in step["steps"])
    _text(process, "mrl:description", f"{step['mode']}: {figures}" + (f"; {done}" if done else ""))
    at = _put(process, "mrl:stepDateTime", "gml:TimeInstant")
    at.set(f"{{{SPACES['gml']}}}id", f"delivery-{step['delivery']}")
    _new("gml:timePosition", at).text = step["as_of"].isoformat()
    if step["department"]:
        _party(process, "mrl:processor", step["department"], "resourceProvider")
    source = _put(process, "mrl:source", "mrl:LI_Source")
    known = f"{step['frame']} ({step['frame_known_by']}), ± {step['accuracy_m']} m"
    _text(source, "mrl:description", f"{step['source']}; {known}; sha256 {step['sha256']}")
    if str(step["frame"]).startswith("EPSG:"):
        _frame(source, "mrl:sourceReferenceSystem", str(step["frame"]).removeprefix("EPSG:"))
    citation = _put(source, "mrl:sourceCitation", "cit:CI_Citation")
    _text(citation, "cit:title", step["source"])
    _date(citation, "cit:date", step["as_of"], "validityBegins")
    _identifier(citation, "cit:identifier", f"delivery:{step['delivery']}")


# --- the standard's own pieces ----------------------------------------------------------------


def _frame(parent: Element, name: str, code: str) -> None:
    system = _put(parent, name, "mrs:MD_ReferenceSystem")
    identifier = _put(system, "mrs:referenceSystemIdentifier", "mcc:MD_Identifier")
    _text(identifier, "mcc:code", code)
    _text(identifier, "mcc:codeSpace", "EPSG")


def _identifier(parent: Element, name: str, code: str) -> None:
    _text(_put(parent, name, "mcc:MD_Identifier"), "mcc:code", code)


def _party(parent: Element, name: str, organization: str, role: str) -> None:
    responsible = _put(parent, name, "cit:CI_Responsibility")
    _code(responsible, "cit:role", "cit:CI_RoleCode", role)
    _text(_put(responsible, "cit:party", "cit:CI_Organisation"), "cit:name", organization)


def _date(parent: Element, name: str, moment: datetime, kind: str) -> None:
    date = _put(parent, name, "cit:CI_Date")
    _put(date, "cit:date", "gco:DateTime").text = moment.isoformat()
    _code(date, "cit:dateType", "cit:CI_DateTypeCode", kind)


def _locale(parent: Element, name: str) -> None:
    locale = _put(parent, name, "lan:PT_Locale")
    _code(locale, "lan:language", "lan:LanguageCode", "zho")
    _code(locale, "lan:characterEncoding", "lan:MD_CharacterSetCode", "utf8")


def _linkage(parent: Element, href: str) -> None:
    _text(parent, "cit:linkage", href)


def _code(parent: Element, name: str, code: str, value: str) -> None:
    element = _put(parent, name, code)
    element.set("codeList", f"{CODES}#{code.partition(':')[2]}")
    element.set("codeListValue", value)
    element.text = value


def _text(parent: Element, name: str, text: object) -> None:
    _put(parent, name, "gco:CharacterString").text = NO_XML.sub("\ufffd", str(text))


def _put(parent: Element, name: str, child: str) -> Element:
    """A property and the one thing it holds; returns the latter."""
    return _new(child, _new(name, parent))


def _new(name: str, parent: Element | None = None) -> Element:
    prefix, _, local = name.partition(":")
    tag = f"{{{SPACES[prefix]}}}{local}"
    return Element(tag) if parent is None else ElementTree.SubElement(parent, tag)
