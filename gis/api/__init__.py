"""HTTP: pygeoapi with our providers, the thin routes before it, the page's own routes."""
