"""The one door for files: what is it, what does it say about itself, and its rows.

    delivery = open_delivery(path, layer=layer)
    for batch in delivery.batches(): ...

The content decides the format; the extension is a hint only where contents look alike.
"""

from __future__ import annotations

from pathlib import Path

from gis.errors import SourceError
from gis.layers.model import Layer
from gis.sources import cass, parcel_txt, rasters, shapefile, table, vector
from gis.sources.delivery import Delivery

HEAD = 4096


def open_delivery(path: Path, *, layer: Layer, encoding: str = "auto") -> Delivery:
    """The delivery in `path` (`FILE`, or `FILE|NAME` for one layer of a container), to be read
    as rows of `layer`. Raises SourceError for a file that is missing, damaged or of no known
    format, and CoordError where the frame it states contradicts itself.
    """
    file, _, member = str(path).partition("|")
    path = Path(file)
    head = _head(path)
    suffix = path.suffix.lower()
    if head[:4] in (b"\x00\x00\x27\x0a",) or suffix == ".shp":
        return shapefile.open_shapefile(path, encoding=encoding)
    if rasters.is_raster(head):
        return rasters.open_raster(path)
    if vector.is_vector(head, suffix):
        return vector.open_vector(path, member or None, head)
    if b"\x00" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        if parcel_txt.is_parcel_txt(head):
            return parcel_txt.open_parcel_txt(path, encoding=encoding)
        if cass.is_cass(head, suffix):
            return cass.open_cass(path, layer=layer, encoding=encoding)
        if table.is_table(head):
            return table.open_table(path, layer=layer, encoding=encoding)
    raise SourceError(
        zh=f"{path.name} 不是能读的格式。可读：Shapefile、GeoPackage、GeoJSON、GML（可在 zip 中）、"
        f"CSV、CASS .dat、报备坐标 TXT、GeoTIFF",
        en=f"{path.name} is of no format read here. Readable: Shapefile, GeoPackage, GeoJSON, GML "
        f"(also zipped), CSV, CASS .dat, 报备坐标 TXT, GeoTIFF",
        source=path.name,
    )


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise SourceError(
            zh=f"{path} 是目录。请给出其中一个文件",
            en=f"{path} is a folder. Give one file in it",
            source=str(path),
        )
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as exc:
        raise SourceError(
            zh=f"{path} 无法打开：{exc.strerror}。请核对路径和权限",
            en=f"{path} can't be opened: {exc.strerror}. Check path and permissions",
            source=str(path),
        ) from exc
    if not head.strip():
        raise SourceError(zh=f"{path.name} 是空文件", en=f"{path.name} is empty", source=path.name)
    return head
