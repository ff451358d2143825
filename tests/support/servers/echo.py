"""A WSGI application behind the site's middleware that answers with the names in its environ, for a real granian."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

from config.server.wsgi_middleware import RequestIsolation


def _names(environ: dict[str, Any], start_response: Any) -> HttpResponse:
    start_response("200 OK", [("Content-Type", "application/json")])
    return HttpResponse(json.dumps({name: str(value) for name, value in environ.items()}))


application = RequestIsolation(_names)
