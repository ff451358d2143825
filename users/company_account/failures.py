"""What went wrong with a company account: a page that says what to do, with a code, and a security event with why."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from config.audit.log import audit
from config.company_account.provider import Provider
from config.web.request_context import request_id


class Failure(Enum):
    """Status, title and advice. All people who may not enter get the same, whatever the reason."""

    UNREACHABLE = (
        503,
        _("The company account is not available"),
        _("%(provider)s does not answer as it should. Try again in a few minutes."),
    )
    ANSWER = (
        400,
        _("The sign-in was not completed"),
        _("The answer of %(provider)s was not accepted, or came too late. Begin again on the login page."),
    )
    DECLINED = (
        403,
        _("The sign-in was cancelled"),
        _("%(provider)s did not let you in, or you stopped there. Begin again on the login page."),
    )
    NOBODY = (
        403,
        _("You cannot sign in with this account"),
        _("%(provider)s knows you, but this account opens nothing here. Ask an administrator for access."),
    )
    OTHER_PERSON = (
        403,
        _("It was not confirmed that it is you"),
        _("Confirm it with the company account with which you are signed in here."),
    )


class CompanyAccountError(Exception):
    """`reason` and `details` are for the security event. They hold no text of a token or of the other side."""

    def __init__(self, failure: Failure, reason: str, username: str = "", **details: str) -> None:
        super().__init__(reason)
        self.failure, self.reason, self.username, self.details = failure, reason, username, details


def page(request: HttpRequest, provider: Provider, error: CompanyAccountError, again: str) -> HttpResponse:
    """Records the event. Call it after the transaction, whose rollback would remove the row.

    `again` is the URL by which somebody who is signed in confirms it once more, or "".
    """
    audit.warning(
        "Company Sign-in Failed",
        tag="company_sign_in_failed",
        username=error.username,
        provider=provider.label,
        reason=error.reason,
        **error.details,
    )
    status, title, advice = error.failure.value
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "subtitle": None,
        "advice": advice % {"provider": provider.label},
        "code": request_id(request),
        "again": again,
    }
    return render(request, "company_account/failed.html", context, status=status)
