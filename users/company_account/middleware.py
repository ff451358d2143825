"""What each page checks of a session by a company account, and of one by password where that opens nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase

from config.web.back_office_sessions import ACCOUNT_ONLY, COMPANY_ACCOUNT
from config.web.paths import is_page
from users.company_account import sessions


class CompanyAccountMiddleware:
    """Only if the settings name a provider. After the middleware of django-otp, which sets `is_verified`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_page(request) and request.user.is_authenticated:
            self._check(request, request.user)
        return self.get_response(request)

    def _check(self, request: HttpRequest, user: Any) -> None:
        """Ends a session that its provider has ended, or that a password has started which now opens nothing."""
        started = request.session.get(COMPANY_ACCOUNT)
        if started:
            is_over = not sessions.is_live(started)
        else:
            is_over = not (user.password_opens_back_office or request.session.get(ACCOUNT_ONLY, not user.is_staff))
        if is_over:
            logout(request)
        elif started and started["has_second_factor"]:
            user.is_verified = lambda: True
