"""The process `site-check`: every condition that bears on a site."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pygeoapi.process.base import BaseProcessor

from gis.analysis.site import STORED, Site, shapes_of, site_of
from gis.analysis.site_check import MOST_REACH_M, REACH_M, site_check
from gis.api.processes.answerschemas import SITE_CHECK
from gis.api.processes.inputs import (
    described,
    frame_of,
    given_inputs,
    metadata,
    missing,
    moment_of,
    number_of,
    progress,
    text_of,
)
from gis.api.processes.uploads import site_of_file
from gis.api.refusals import Refused
from gis.api.service import SERVING, Service
from gis.sources import load_local_frames

INPUTS = {
    "site": described(
        "地块：GeoJSON 面（几何、要素或要素集合）或 WKT",
        "The site: GeoJSON polygons (geometry, feature or collection) or WKT",
        {
            "oneOf": [
                {"type": "string", "description": "WKT, or GeoJSON as text"},
                {"type": "object", "required": ["type"], "format": "geojson-geometry"},
            ]
        },
    ),
    "file": described(
        "地块文件（base64）：SHP（ZIP）、GeoJSON、KML、DXF、GPKG、报备坐标 TXT 等",
        "The site as a file (base64): zipped Shapefile, GeoJSON, KML, DXF, GPKG, parcel TXT …",
        {"type": "string", "contentEncoding": "base64"},
    ),
    "filename": described("文件名", "Name of the file", {"type": "string", "default": "site"}),
    "frame": described(
        "坐标系：EPSG:代码、gcj02、bd09、local:名称；文件缺省为自动",
        "Frame: EPSG:CODE, gcj02, bd09, local:NAME; of a file auto",
        {"type": "string", "default": STORED},
    ),
    "datetime": described("时刻，缺省为现在", "Moment; now if absent", {"type": "string"}),
    "reach_m": described(
        "管线等线、点的查询距离（米）",
        "How far around pipes and other lines and points are looked for, metres",
        {"type": "number", "default": REACH_M, "minimum": 0, "maximum": MOST_REACH_M},
    ),
}
METADATA = metadata(
    "site-check",
    ("地块一次性告知", "Site check"),
    (
        "一个地块的全部条件：三区三线、控规指标、规划用地面积、许可、项目、宗地、建筑、管线埋深与"
        "距离、部件、线索、文档；每条附来源图层、交付、要素版本与精度；可指定时刻。"
        "f=html 为可打印页",
        "Every condition that bears on a site: red lines, control plan figures, planned land use "
        "with areas, permits, projects, parcels, buildings, pipes with depth and distance, "
        "components, alerts, documents; each with its layer, delivery, version and accuracy; as "
        "of any moment. f=html is a page to print",
    ),
    INPUTS,
    SITE_CHECK,
    {
        "site": {
            "type": "Polygon",
            "coordinates": [
                [[114.02, 32.98], [114.021, 32.98], [114.021, 32.981], [114.02, 32.98]]
            ],
        },
        "reach_m": 20,
    },
)


class SiteCheckProcess(BaseProcessor):  # type: ignore[misc]  # untyped there
    """Reads the inputs, asks `gis.analysis.site_check`."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, dict[str, Any]]:
        """The SiteCheck as JSON. Raises Refused, LayerError, CoordError, SourceError and
        StoreError."""
        service = SERVING.get()
        given = given_inputs(data, INPUTS)
        when = moment_of(given, service.timezone)
        reach_m = number_of(given, "reach_m", REACH_M, MOST_REACH_M)
        site = asked_site(service, given)
        found = site_check(service.store, service.registry, site, when, reach_m, progress)
        if not service.place_documents:
            of_layers = (document for document in found.documents if document.layer is not None)
            found = replace(found, documents=tuple(of_layers))
        return "application/json", found.to_json()


def asked_site(service: Service, given: dict[str, Any]) -> Site:
    """The site of the inputs `site` or `file`. Raises as `execute`."""
    local = load_local_frames(service.settings.config / "frames")
    file = given.get("file")
    if file is not None and given.get("site") is not None:
        raise Refused(
            zh="site 与 file 只能给一个", en="give site or file, not both", parameter="file"
        )
    if file is None:
        if given.get("site") is None:
            raise missing("site", INPUTS)
        frame = frame_of(given, STORED)
        return site_of(shapes_of(given["site"]), frame, service.registry.city, local)
    crs = str(frame_of(given, "auto"))
    name = text_of(given, "filename", "site")
    return site_of_file(
        service.store, service.registry, local, text_of(given, "file", ""), name, crs
    )
