"""Metrics in Prometheus's format and traces by OpenTelemetry. Both are off by default: then, nothing is imported."""
