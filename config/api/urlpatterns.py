"""Route patterns of the API: with and without a slash at the end, no redirect (contract 0.1)."""

import re
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework.viewsets import ViewSet


def route(path: str, view: Callable[..., Any]) -> URLPattern:
    """One path, in both spellings."""
    return re_path(rf"^{re.escape(path)}/?$", view, name=path)


def collection(resource: str, view: type[ViewSet], **actions: Any) -> URLPattern:
    """`/resource`; `actions` maps HTTP methods to the view's methods."""
    return re_path(rf"^{resource}/?$", view.as_view(actions), name=f"{resource}-list")


def item(resource: str, view: type[ViewSet], **actions: Any) -> URLPattern:
    """`/resource/{uuid}`: any text is taken for an id, so that a wrong one is answered as a missing row."""
    return re_path(rf"^{resource}/(?P<uuid>[^/]+)/?$", view.as_view(actions), name=f"{resource}-detail")
