"""OGC API – Styles: the layers' own look as Mapbox GL, SLD and QML."""
