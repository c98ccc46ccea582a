"""Run by QGIS's own Python: what it makes of style files. Prints JSON.

python3 qgis_styles.py FOLDER    (with <layer>.qml, .sld, and .json: what to make of it)
"""

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsRenderContext,
    QgsVectorLayer,
)

SHAPES = {
    "Point": "POINT(0 0)",
    "LineString": "LINESTRING(0 0, 1 1)",
    "Polygon": "POLYGON((0 0, 1 0, 1 1, 0 0))",
}
APP = QgsApplication([], False)
APP.initQgis()


def colors(symbol):
    layer = symbol.symbolLayer(0)
    return {"fill": symbol.color().name(), "edge": layer.strokeColor().name()}


def seen(layer):
    renderer = layer.renderer()
    found = {"type": renderer.type(), "labels": layer.labelsEnabled()}
    if found["labels"] and layer.labeling():
        found["field"] = layer.labeling().settings().fieldName
    if found["type"] == "categorizedSymbol":
        found["attribute"] = renderer.classAttribute()
        found["classes"] = [
            [c.value() or "", c.label(), colors(c.symbol())] for c in renderer.categories()
        ]
    elif found["type"] == "RuleRenderer":
        found["classes"] = [
            [r.filterExpression(), r.label(), colors(r.symbol()) if r.symbol() else None]
            for r in renderer.rootRule().children()
        ]
    elif found["type"] == "singleSymbol":
        found["classes"] = [["", "", colors(renderer.symbol())]]
    return found


def drawn_with(layer, told):
    """Code -> the colours of all symbols that a feature with that code is drawn with."""
    if layer.renderer() is None or not told["field"]:
        return {}
    found = {}
    for code in told["codes"]:
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(SHAPES[told["geometry"]]))
        feature.setAttribute(told["field"], code)
        renderer = layer.renderer().clone()
        context = QgsRenderContext()
        context.setRendererScale(5000)
        context.expressionContext().setFields(layer.fields())
        context.expressionContext().setFeature(feature)
        renderer.startRender(context, layer.fields())
        symbols = renderer.symbolsForFeature(feature, context)
        found[str(code)] = [
            symbol.color().name() for symbol in symbols if symbol.symbolLayerCount()
        ]
        renderer.stopRender(context)
    return found


def main(folder):
    result = {}
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        fields = "".join(f"&field={name}" for name in told["fields"])
        address = f"{told['geometry']}?crs=EPSG:4326{fields}"
        for kind, load in (("qml", "loadNamedStyle"), ("sld", "loadSldStyle")):
            layer = QgsVectorLayer(address, path.stem, "memory")
            message, fine = getattr(layer, load)(str(path.with_suffix(f".{kind}")))
            result[f"{path.stem}.{kind}"] = {
                "ok": fine, "message": message, **seen(layer), "drawn": drawn_with(layer, told),
            }  # fmt: skip
    print(json.dumps(result))


main(Path(sys.argv[1]))
APP.exitQgis()
