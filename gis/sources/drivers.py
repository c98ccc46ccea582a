"""Which of GDAL's drivers may not run, and what else a process that reads a delivery gets told.

A VRT or a service description in a delivery would make GDAL fetch addresses or read other files
of this machine. We read files, never addresses. GDAL looks at these variables once, while it
loads, so they are set before the reading process starts (`gis.sources.sandbox`).
"""

from __future__ import annotations

import os

REFUSED_VECTOR = (
    "OGR_VRT,HTTP,WFS,OAPIF,OGCAPI,CSW,Carto,AmigoCloud,Elasticsearch,NGW,PLSCENES,EEDA,GDALG,"
    "ADBC,PCIDSK,PDS4,VICAR,PDF,MBTiles,S57,DGN,CSV,GPX,OGR_GMT,WAsP,GeoRSS,VFK,OSM,OGR_PDS,"
    "Idrisi,SXF,Selafin,JML,VDV,MVT,MapML,GTFS,PMTiles,MiraMonVector,SQLite,LIBKML,KML,AVCBin,AVCE00,AIVector,LVBAG"
)
REFUSED_RASTER = (
    "VRT,WMS,WMTS,WCS,HTTP,PLMOSAIC,EEDAI,OGCAPI,DAAS,STACIT,STACTA,GDALG,GTI,DERIVED,netCDF,"
    "HDF5,HDF5Image,MBTiles,PDF,KMLSUPEROVERLAY"
)
HARDENED = {
    "OGR_SKIP": REFUSED_VECTOR,
    "GDAL_SKIP": REFUSED_RASTER,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "none",
    "CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "GML_SAVE_RESOLVED_TO": "",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "64",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
    "OGR_XLSX_HEADERS": "FORCE",
    "DXF_CLOSED_LINE_AS_POLYGON": "TRUE",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def hardened_environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The whole environment of the process that reads: nothing of ours but the path, so that no
    password or address of ours is in it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    return {**kept, **HARDENED, **(more or {})}
