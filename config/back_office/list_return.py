"""The way back to a list as it was: its search, filters, order and page, in Django's parameter `_changelist_filters`.

Django passes the parameter on from a list's links to the form of a row, and from there back. These functions do so for
the site's own links, pages and redirects.

A page other than a list is named by the parameter `_back` of its links and forms.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

_PARAMETER = "_changelist_filters"
_PAGE = "_back"


def _list_parameters(request: HttpRequest) -> str:
    match = request.resolver_match
    if match and (match.url_name or "").endswith("_changelist"):
        return request.GET.urlencode()
    return QueryDict(request.GET.get(_PARAMETER, "")).urlencode()


def preserved_query(request: HttpRequest) -> str:
    """The query string, with "?", of a link from a list to a page of a row, or between such pages; "" if none."""
    parameters = _list_parameters(request)
    return f"?{urlencode({_PARAMETER: parameters})}" if parameters else ""


def list_query(request: HttpRequest) -> str:
    """The query string, with "?", of a link or redirect from such a page to the list; "" if none."""
    parameters = _list_parameters(request)
    return f"?{parameters}" if parameters else ""


def return_path(request: HttpRequest) -> str:
    """The path and query of the page to return to after a change, as its link or form has named it, or ""."""
    path = request.POST.get(_PAGE) or request.GET.get(_PAGE, "")
    is_ours = path.startswith(reverse("admin:index")) and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_ours else ""
