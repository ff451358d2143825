"""What each page checks of a session by a company account, and of one by password where that opens nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from config.web.back_office_sessions import ACCOUNT_ONLY, COMPANY_ACCOUNT
from config.web.paths import is_page
from users.company_account import confirmation, sessions


class CompanyAccountMiddleware:
    """Only if the settings name a provider. After the middleware of django-otp, which sets `is_verified`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        """`request.company_account` is how a company account has started the session, or None."""
        request.company_account = None
        if is_page(request) and request.user.is_authenticated:
            request.company_account = self._checked(request, request.user)
        response = self.get_response(request)
        if request.company_account and request.method == "POST" and request.path == reverse("admin:logout"):
            sessions.remember_provider(request, request.company_account)
        return response

    def process_view(self, request: Any, *view: Any) -> HttpResponse | None:
        """Pages for which a sign-in long ago is not enough."""
        if request.company_account and confirmation.is_needed(request, request.company_account):
            return confirmation.ask(request, request.company_account)
        return None

    def _checked(self, request: Any, user: Any) -> dict[str, Any] | None:
        """Ends a session that its provider has ended, or that a password has started which now opens nothing."""
        started: dict[str, Any] | None = request.session.get(COMPANY_ACCOUNT)
        if started:
            is_over = started["provider"] not in settings.OIDC_PROVIDERS or not sessions.is_live(started)
        else:
            is_over = not (user.password_opens_back_office or request.session.get(ACCOUNT_ONLY, not user.is_staff))
        if is_over:
            logout(request)
            return None
        if started and started["has_second_factor"]:
            user.is_verified = lambda: True
        return started
