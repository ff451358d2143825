"""Pages for which staff sign in anew at their provider, if they last did so ten minutes ago or more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import loader
from django.urls import reverse
from django.utils.translation import gettext as _

from config.back_office.error_pages import way_back

#: For how long a sign-in is enough, in seconds.
FRESH_SECONDS = 600
#: The names of the URLs: who may do what, which programs may ask what, and what takes many changes back.
_PAGES = {
    *(f"admin:auth_group_{action}" for action in ("add", "change", "delete")),
    *(f"admin:users_client_{action}" for action in ("add", "change", "delete", "secret")),
    *("admin:undo", "admin:undo_job"),
}


def is_needed(request: HttpRequest, started: Mapping[str, Any]) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name in _PAGES and time.time() - started["at"] >= FRESH_SECONDS


def ask(request: HttpRequest, started: Mapping[str, Any]) -> HttpResponse:
    """Leads to the provider and back to the page. What a form has sent is kept by the browser, and not done."""
    url = reverse("company_sign_in", args=[started["provider"]], query={"again": "1", "next": way_back(request)})
    if request.method == "GET":
        return HttpResponseRedirect(url)
    text = _("For this page you sign in again, since you did so some time ago. Nothing was changed yet.")
    label = _("Confirm with %(provider)s and show the form again") % {"provider": started["label"]}
    context = {"title": _("Confirm that it is you"), "text": [text], "back": url, "back_label": label}
    page = loader.render_to_string("refused.html", context | {"keeps_form": True})
    return HttpResponse(page, status=HTTPStatus.FORBIDDEN)
