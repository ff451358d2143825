"""Which part of the site a request is for, by its path: a page, a static file, or else the API."""

import re

from django.http import HttpRequest

#: The root of the Back Office.
BACK_OFFICE = "/admin/"
#: The root of the pages of one's own account, which are for everybody (`users.account`).
ACCOUNT = "/account/"
PAGES = (BACK_OFFICE, ACCOUNT)
#: The redirects to pages, and pages and static files.
_REDIRECTS, _PAGES_AND_FILES = ("/", "/admin", "/account"), (*PAGES, "/static/")
#: A password reset link; its last part is a credential.
_SECRET_LINK = re.compile(r"(/admin/reset/[^/\s]+/)[^/\s]+")

#: The health endpoints (`config.api.health`); without the first slash, as `SECURE_REDIRECT_EXEMPT` expects.
PROBES = r"^health/(live|ready)/?$"
_PROBES = re.compile(PROBES)


def is_page(request: HttpRequest) -> bool:
    """Whether the path is a page for people: of the Back Office, or of one's own account."""
    return request.path_info.startswith(PAGES)


def is_account(request: HttpRequest) -> bool:
    return request.path_info.startswith(ACCOUNT)


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
