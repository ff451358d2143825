"""Authorization at commit: a change is saved only if its author is still allowed to make it when it is committed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class AuthorityLostError(Exception):
    """The author was blocked, deleted or lost permissions during the request: nothing may be committed."""


def require(user: Any) -> None:
    """Raises AuthorityLostError if the user has lost something that their request relies on, as rows are by now."""
    if not user.has_authority():
        raise AuthorityLostError


def confirmed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorator of a Back Office view: writes are one transaction, which ends with `User.confirm_authority`.

    Deferred constraints are checked before, so that the author's row is locked only briefly.
    """

    @wraps(view)
    def confirmed_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method in _SAFE_METHODS:
                return view(request, *args, **kwargs)
            with transaction.atomic():
                response = view(request, *args, **kwargs)
                user: Any = request.user
                if user.is_authenticated:  # not after signing out
                    connection.check_constraints()
                    user.confirm_authority()
            return response
        except AuthorityLostError:
            return _redirected(request)

    return confirmed_view


def _redirected(request: HttpRequest) -> HttpResponseBase:
    """Redirects to the start page, which requires sign-in again if need be."""
    list(messages.get_messages(request))  # drops the view's success messages
    text = _("Your account or your rights were changed at this moment. Nothing was saved. Please look again.")
    messages.error(request, text)
    return redirect("admin:index")
