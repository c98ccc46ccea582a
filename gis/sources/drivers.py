"""Which of GDAL's drivers may not run. Must be imported before pyogrio loads GDAL.

A VRT or a service description in a delivery would make GDAL fetch addresses or read other files
of this machine. We read files, never addresses. Rasters are opened with their driver named.
"""

from __future__ import annotations

import os

REFUSED = (
    "OGR_VRT,HTTP,WFS,OAPIF,OGCAPI,CSW,Carto,AmigoCloud,Elasticsearch,NGW,PLSCENES,EEDA,GDALG,ADBC"
)
_before = os.environ.get("OGR_SKIP")
os.environ["OGR_SKIP"] = REFUSED if _before is None else _before
os.environ.setdefault("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", "none")
os.environ.setdefault("GML_DOWNLOAD_SCHEMA", "NO")

import pyogrio  # noqa: E402, F401  # GDAL reads the variable now

if _before is None:  # other copies of GDAL in this process lack some of these and would complain
    del os.environ["OGR_SKIP"]
