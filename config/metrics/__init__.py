"""Metrics in Prometheus's format, on a port of their own. Without `METRICS_PORT`, nothing is imported or counted."""
