"""Whoever asks for a change must still be allowed to make it in the moment in which it is committed."""

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
    """Whoever asked was blocked or deleted, or has fewer rights than when they asked: nothing may be committed."""


def confirmed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of the Back Office whose writes are one transaction, in which its last statement is the look at who asked.

    What the database defers until the commit is checked before that, so that their row is held for a moment only.
    """

    @wraps(view)
    def confirmed_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method in _SAFE_METHODS:
                return view(request, *args, **kwargs)
            with transaction.atomic():
                answer = view(request, *args, **kwargs)
                user: Any = request.user
                if user.is_authenticated:  # who has just signed out has nothing to lose
                    connection.check_constraints()
                    user.confirm_authority()
            return answer
        except AuthorityLostError:
            return _refused(request)

    return confirmed_view


def _refused(request: HttpRequest) -> HttpResponseBase:
    """To the first page, which sends away whoever may no longer enter. What the view has told is not so."""
    list(messages.get_messages(request))
    text = _("Your account or your rights were changed at this moment. Nothing was saved. Please look again.")
    messages.error(request, text)
    return redirect("admin:index")
