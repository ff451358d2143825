"""Names for requests, of which there are only so many: names in the code, never what a client sends."""

from __future__ import annotations

from django.http import HttpRequest

#: Everything that has no name in the code.
OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(request: HttpRequest) -> str:
    """The name of the URL pattern; `static` for a static file; `other` without a name, or if no pattern was tried."""
    match = request.resolver_match
    if match is not None:
        return match.view_name if match.url_name else OTHER
    return "static" if request.path_info.startswith("/static/") else OTHER


def method_of(request: HttpRequest) -> str:
    """The method; `other` for one that HTTP does not define."""
    return request.method if request.method in _METHODS else OTHER
