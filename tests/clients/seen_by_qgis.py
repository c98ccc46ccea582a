"""What QGIS makes of a project: run by the system's Python, the one QGIS's module is built for.

    /usr/bin/python3 seen_by_qgis.py city.qgz west south east north OUT

Writes OUT/seen.json and, for the layers below, OUT/<name>.png of that box (metres in the
project's system), one pixel a metre, black on white.
"""

import json
import os
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsFillSymbol,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsVectorTileBasicRenderer,
    QgsVectorTileBasicRendererStyle,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor

BLACK = {"color": "black", "outline_style": "no"}


def seen(layer):
    found = {"valid": layer.isValid(), "crs": layer.crs().authid(), "name": layer.name()}
    if isinstance(layer, QgsVectorLayer):
        times = layer.temporalProperties()
        renderer = layer.renderer()
        found |= {
            "features": sum(1 for _ in layer.getFeatures()),
            "fields": [field.name() for field in layer.fields()],
            "aliases": [layer.attributeAlias(i) for i in range(len(layer.fields()))],
            "temporal": times.isActive(),
            "labels": layer.labelsEnabled(),
            "renderer": renderer.type() if renderer else None,
        }
        if renderer and renderer.type() == "categorizedSymbol":
            found["categories"] = {
                c.value(): c.symbol().color().name() for c in renderer.categories()
            }
    if isinstance(layer, QgsVectorTileLayer):
        found["styles"] = [
            (style.filterExpression(), style.symbol().color().name())
            for style in layer.renderer().styles()
        ]
    return found


def draw(project, layer, box, out, at=None):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(project.crs())
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(round(box.width()), round(box.height())))
    settings.setExtent(box)
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    if at is not None:
        moment = QDateTime.fromString(at, Qt.ISODate)
        settings.setIsTemporal(True)
        settings.setTemporalRange(QgsDateTimeRange(moment, moment.addSecs(1)))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(out))
    return [error.message for error in job.errors()]


def main():
    project_file, *corners, out = sys.argv[1:]
    app = QgsApplication([], False)
    app.initQgis()
    project = QgsProject.instance()
    read = project.read(project_file)
    span = project.timeSettings().temporalRange()
    shown = [n.layerId() for n in project.layerTreeRoot().findLayers() if n.isVisible()]
    report = {
        "read": read,
        "title": project.title(),
        "crs": project.crs().authid(),
        "span": [span.begin().toString(Qt.ISODate), span.end().toString(Qt.ISODate)],
        "shown": shown,
        "groups": [g.name() for g in project.layerTreeRoot().findGroups()],
        "layers": {name: seen(layer) for name, layer in project.mapLayers().items()},
        "errors": {},
    }
    box = QgsRectangle(*map(float, corners))
    for name in ("onemap_now_buildings", "onemap_history_buildings"):
        symbol = QgsFillSymbol.createSimple(BLACK)
        project.mapLayer(name).setRenderer(QgsSingleSymbolRenderer(symbol))
    tiles = project.mapLayer("onemap_tiles_buildings")
    style = QgsVectorTileBasicRendererStyle("all", "buildings", QgsWkbTypes.PolygonGeometry)
    style.setSymbol(QgsFillSymbol.createSimple(BLACK))
    style.setEnabled(True)
    renderer = QgsVectorTileBasicRenderer()
    renderer.setStyles([style])
    tiles.setRenderer(renderer)
    for picture, layer, at in (
        ("now", "onemap_now_buildings", None),
        ("then", "onemap_history_buildings", "2023-07-01T00:00:00Z"),
        ("tiles", "onemap_tiles_buildings", None),
    ):
        errors = draw(project, project.mapLayer(layer), box, Path(out, f"{picture}.png"), at)
        report["errors"][picture] = errors
    Path(out, "seen.json").write_text(json.dumps(report, ensure_ascii=False), "utf-8")
    app.exitQgis()


main()
