"""Which part of the site a request is for: the Back Office, static files, or else the API."""

import re

from django.http import HttpRequest

#: Where the Back Office is, and nothing else.
BACK_OFFICE = "/admin/"
#: The Back Office with the two short ways into it, and static files.
_PAGES_AND_FILES = re.compile(r"/(?:$|admin$|admin/|static/)")
#: The link to a new password: whoever has it may set one.
_SECRET_LINK = re.compile(r"(/admin/reset/[^/\s]+/)[^/\s]+")

#: Where load balancers ask (`config.api.health`); without the first slash, as Django's `SECURE_REDIRECT_EXEMPT`
#: wants it.
PROBES = r"^health/(live|ready)/?$"
#: Where they ask whether to restart us.
LIVE = "/health/live"


def is_back_office(request: HttpRequest) -> bool:
    """Whether a person looks at the answer."""
    return request.path_info.startswith(BACK_OFFICE)


def is_api(request: HttpRequest) -> bool:
    """Whether a program reads the answer. So it is for every path that nothing else serves."""
    return _PAGES_AND_FILES.match(request.path_info) is None


def without_secret(text: str) -> str:
    """A path, or words with a path in them, as they may be written down."""
    return _SECRET_LINK.sub(r"\1…", text)


def is_probe(request: HttpRequest) -> bool:
    """Whether a load balancer asks after us: by address, and from inside, where there is no TLS."""
    return re.match(PROBES, request.path_info[1:]) is not None
