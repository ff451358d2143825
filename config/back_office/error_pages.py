"""Pages for refused requests, in the reader's language: what happened, and a way back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.utils.translation import gettext as _

from config.web.paths import PAGES, is_account


def page_before(request: HttpRequest) -> str | None:
    """The URL of the page that the request comes from (`Referer`), or None."""
    try:
        referer = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # such as "http://["
        return None
    if referer.netloc != request.get_host() or not referer.path.removeprefix(settings.PATH_PREFIX).startswith(PAGES):
        return None
    return f"{referer.path}?{referer.query}" if referer.query else referer.path


def way_back(request: HttpRequest) -> str:
    """The URL to go on with after an interruption: of the request itself, or of the page whose form it submits."""
    return (request.method != "GET" and page_before(request)) or request.get_full_path()


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`. The API refuses by itself."""
    text = [
        _("The account %(account)s does not have the right to this page or change. Nothing was changed.")
        % {"account": request.user},
        _(
            "An administrator can give you the right. If another account has signed in in this browser meanwhile, sign "
            "in with yours again."
        ),
    ]
    return _page(request, HTTPStatus.FORBIDDEN, title=_("You may not do this"), text=text, keeps_form=True)


def not_found(request: HttpRequest) -> HttpResponse:
    text = [_("The address may be mistyped, or what the page showed was deleted.")]
    return _page(request, HTTPStatus.NOT_FOUND, title=_("This page does not exist"), text=text)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The setting `CSRF_FAILURE_VIEW`. Signing in replaces the token that open pages of the same browser hold."""
    happened = _("Your session has ended, or someone has signed in in another tab of this browser. Nothing was saved.")
    if request.user.is_authenticated:
        now = _("The account %(account)s is signed in now.") % {"account": request.user}
        label = _("Show the form again")
    else:
        now = _("Nobody is signed in now. If you were signed in a moment ago, allow cookies for this site.")
        label = _("Sign in and show the form again")
    own = {"title": _("Nothing was saved"), "text": [happened, now], "back": way_back(request), "back_label": label}
    return _page(request, HTTPStatus.FORBIDDEN, keeps_form=True, **own)


def unavailable(request: HttpRequest, headers: dict[str, str]) -> HttpResponse:
    """In the browser's language: the user's is in the database."""
    with translation.override(translation.get_language_from_request(request)):
        page = loader.render_to_string("503.html", {"again": way_back(request)})
    return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)


def _page(request: HttpRequest, status: int, **context: Any) -> HttpResponse:
    back = page_before(request)
    if back and back != request.get_full_path():
        context = {"back": back, "back_label": _("Back to the page before")} | context
    context["is_account"] = is_account(request)
    return HttpResponse(loader.render_to_string("refused.html", context), status=status)
