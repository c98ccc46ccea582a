"""The process that writes an image anew as a cloud optimised GeoTIFF. Run as a script by
`gis.sources.cogs`, never imported: what decodes a department's file must not be our process.

One JSON request as its argument; one line of JSON as its answer: what the new file holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp, Compression

STRETCH_PIXELS = 1024  # longer side of the picture whose values set the stretch
STRETCH_PERCENT = (2, 98)
WRITTEN = {
    "driver": "COG", "blocksize": "256", "bigtiff": "IF_SAFER", "num_threads": "1",
}  # fmt: skip


# An image that came as JPEG would be nine times as large without loss.
LOSSLESS = {"compress": "DEFLATE", "predictor": "YES"}
JPEG = {"compress": "JPEG", "quality": "95"}


def give_up(memory: int, cpu_s: int) -> None:
    """Limits of this process from now on."""
    with contextlib.suppress(ImportError):
        import resource

        limits = {"RLIMIT_AS": memory, "RLIMIT_CPU": cpu_s, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 256}
        for name, value in limits.items():
            with contextlib.suppress(ValueError, OSError, AttributeError):
                resource.setrlimit(getattr(resource, name), (value, value))


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Every pixel as it is, but of JPEG; overviews are averages, of a palette the nearest."""
    out, between = request["out"], f"{request['out']}.plain"
    with rasterio.open(request["source"], driver=request["driver"]) as source:
        palette = ColorInterp.palette in source.colorinterp
        lossy = source.compression is Compression.jpeg and source.nodata is None
        options = {
            **WRITTEN,
            **(JPEG if lossy else LOSSLESS),
            "overview_resampling": "NEAREST" if palette else "AVERAGE",
        }
        if request["epsg"] is None:
            rasterio.shutil.copy(source, out, **options)
            return described(out)
        rasterio.shutil.copy(source, between, driver="GTiff", tiled=True, bigtiff="IF_SAFER")
    try:
        with rasterio.open(between, "r+") as stated:
            stated.crs = rasterio.CRS.from_epsg(request["epsg"])
        with rasterio.open(between) as stated:
            rasterio.shutil.copy(stated, out, **options)
    finally:
        os.unlink(between)
    return described(out)


def described(path: str) -> dict[str, Any]:
    """What a reader of the file needs to know and would otherwise look up each time."""
    with rasterio.open(path) as image:
        palette = ColorInterp.palette in image.colorinterp
        eight_bit = all(kind == "uint8" for kind in image.dtypes)
        return {
            "size": [image.width, image.height],
            "transform": list(image.transform)[:6],
            "epsg": None if image.crs is None else image.crs.to_epsg(),
            "wkt": None if image.crs is None else image.crs.to_wkt(),
            "dtype": str(image.dtypes[0]),
            "nodata": None if image.nodata is None else str(image.nodata),
            "colours": [c.name for c in image.colorinterp],
            "palette": {str(k): list(v) for k, v in image.colormap(1).items()} if palette else None,
            "stretch": None if eight_bit or palette else stretch_of(image),
            "bytes": os.path.getsize(path),
        }


def stretch_of(image: Any) -> list[list[float]]:
    """For each band the two values that become black and white."""
    shrink = max(1.0, image.width / STRETCH_PIXELS, image.height / STRETCH_PIXELS)
    shape = max(1, round(image.height / shrink)), max(1, round(image.width / shrink))
    valid = image.dataset_mask(out_shape=shape) != 0
    found = []
    for band in range(1, image.count + 1):
        values = image.read(band, out_shape=shape)[valid].astype(np.float64)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, STRETCH_PERCENT) if len(values) else (0.0, 1.0)
        found.append([float(low), float(high) if high > low else float(low) + 1.0])
    return found


def main() -> None:
    request = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    give_up(request["memory"], request["cpu_s"])
    import warnings

    warnings.simplefilter("ignore")
    try:
        found = write(request)
    except Exception as exc:  # the libraries raise many kinds; the caller translates them
        found = {"error": type(exc).__name__, "reason": (str(exc).splitlines() or [""])[0][:300]}
    answers.write(json.dumps(found))
    answers.flush()


if __name__ == "__main__":
    main()
