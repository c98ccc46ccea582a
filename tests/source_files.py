"""Small deliveries that the tests of readers write themselves."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely

from gis.layers import RawBatch, Registry
from gis.sources import Delivery, open_delivery

NAMES = ("人民路", "驿城大道", "练江路，南段")


def opened(path: Path | str, registry: Registry, layer: str = "components") -> Delivery:
    return open_delivery(Path(path), layer=registry.get(layer))


def read(path: Path | str, registry: Registry, layer: str = "components") -> list[RawBatch]:
    return list(opened(path, registry, layer).batches())


def zipped(members: dict[str, bytes], *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def write_named(path: Path, **options: str) -> Path:
    """Three named points by GDAL, in the format of the path's suffix."""
    points = np.array([shapely.to_wkb(shapely.Point(114 + i / 100, 33)) for i in range(3)])
    pyogrio.raw.write(
        str(path), points.astype(object),
        [np.array(NAMES, dtype=object), np.arange(3, dtype=np.int32)],
        ["名称", "n"], geometry_type="Point", crs="EPSG:4490", **options,
    )  # fmt: skip
    return path


def spreadsheet(rows: list[list[str]], sheet: str = "部件") -> bytes:
    """An XLSX. A cell is a text, or XML (`<v>114</v>`, `<f>…</f><v>7</v>`) that stands as it is."""
    ns = "http://schemas.openxmlformats.org"
    office, package = f"{ns}/officeDocument/2006/relationships", f"{ns}/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    def cell(at: str, value: str) -> str:
        if value.startswith("<"):
            return f'<c r="{at}">{value}</c>'
        return f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'

    table = "".join(
        f'<row r="{r}">{"".join(cell(f"{chr(64 + c)}{r}", v) for c, v in enumerate(row, 1))}</row>'
        for r, row in enumerate(rows, 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/><Default Extension="rels" ContentType="application/'
        'vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{ns}/spreadsheetml/2006/main" xmlns:r="{office}">'
        f'<sheets><sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{ns}/spreadsheetml/2006/main">'
        f"<sheetData>{table}</sheetData></worksheet>",
    }
    return zipped({name: text.encode() for name, text in parts.items()})
