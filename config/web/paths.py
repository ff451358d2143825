"""Which part of the site a request is for, by its path: the Back Office, static files, or else the API."""

import re

from django.http import HttpRequest

#: The root of the Back Office.
BACK_OFFICE = "/admin/"
#: The Back Office, the two redirects to it, and static files.
_REDIRECTS, _PAGES_AND_FILES = ("/", "/admin"), (BACK_OFFICE, "/static/")
#: A password reset link; its last part is a credential.
_SECRET_LINK = re.compile(r"(/admin/reset/[^/\s]+/)[^/\s]+")

#: The health endpoints (`config.api.health`); without the first slash, as `SECURE_REDIRECT_EXEMPT` expects.
PROBES = r"^health/(live|ready)/?$"
_PROBES = re.compile(PROBES)


def is_back_office(request: HttpRequest) -> bool:
    """Whether the path is a page of the Back Office."""
    return request.path_info.startswith(BACK_OFFICE)


def is_api(request: HttpRequest) -> bool:
    """Whether the path belongs to the API, as does every path that nothing else serves."""
    path = request.path_info
    return not path.startswith(_PAGES_AND_FILES) and path not in _REDIRECTS


def redact_reset_link(text: str) -> str:
    """Replaces the credential of password reset links in a path, or in a text that contains paths."""
    return _SECRET_LINK.sub(r"\1…", text)


def is_probe(request: HttpRequest) -> bool:
    """Whether it is a health probe. Load balancers send these by IP address and without TLS."""
    return _PROBES.match(request.path_info[1:]) is not None
