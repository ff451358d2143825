"""URL patterns of the API: with and without a trailing slash, without redirect (contract 0.1)."""

import re
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework.viewsets import ViewSet


def route(path: str, view: Callable[..., Any]) -> URLPattern:
    """One path, with and without the slash."""
    return re_path(rf"^{re.escape(path)}/?$", view, name=path)


def collection(resource: str, view: type[ViewSet], **actions: Any) -> URLPattern:
    """`/resource`; `actions` maps HTTP methods to the view's methods."""
    return re_path(rf"^{resource}/?$", view.as_view(actions), name=f"{resource}-list")


def item(resource: str, view: type[ViewSet], **actions: Any) -> URLPattern:
    """`/resource/{uuid}`. Matches any text, so that an invalid UUID is answered like that of a missing row."""
    return re_path(rf"^{resource}/(?P<uuid>[^/]+)/?$", view.as_view(actions), name=f"{resource}-detail")
