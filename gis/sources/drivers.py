"""Which of GDAL's drivers may not run. Must be imported before GDAL is.

A VRT or a service description in a delivery would make GDAL fetch addresses or read other files
of this machine. We read files, never addresses.
"""

from __future__ import annotations

import os

REFUSED = (
    "VRT OGR_VRT HTTP WFS OAPIF CSW Carto AmigoCloud Elasticsearch GMLAS PLSCENES NGW "
    "MongoDBv3 STACTA STACIT WMS WMTS WCS DAAS EEDA EEDAI PLMosaic"
)
os.environ.setdefault("OGR_SKIP", REFUSED.replace(" ", ","))
os.environ.setdefault("GDAL_SKIP", REFUSED.replace(" ", ","))
os.environ.setdefault("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", "none")
os.environ.setdefault("GML_DOWNLOAD_SCHEMA", "NO")
