"""Refusals of `/introspect`."""

from __future__ import annotations

BAD_CLIENT = {"error": "invalid_client", "error_description": "Client authentication failed"}

CHALLENGE = 'Basic realm="clients", charset="UTF-8"'
