"""pygeoapi's plugins: our store behind pygeoapi's protocol."""
