-- be told of each step as it is kept
LISTEN onemap_alerts
