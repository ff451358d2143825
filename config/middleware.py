"""What Django's middleware is not to do for a program, and which language a page is in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django_otp import middleware as otp

from config.paths import is_api, is_back_office


class ForPeople:
    """Is passed by on the way to the API, which knows neither cookies nor messages nor a second factor."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request) if is_api(request) else super().__call__(request)  # type: ignore[misc]


class SessionMiddleware(ForPeople, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(ForPeople, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(ForPeople, messages.MessageMiddleware):
    pass


class OTPMiddleware(ForPeople, otp.OTPMiddleware):
    pass


class LanguageMiddleware(LocaleMiddleware):
    """The Back Office speaks its user's language, before sign-in the browser's. The API speaks English to everyone.

    Set anew for each request: a thread keeps the language of the one it served before.
    """

    def process_request(self, request: HttpRequest) -> None:
        language = _language_of(request) if is_back_office(request) else settings.LANGUAGE_CODE
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if is_back_office(request) else response


def _language_of(request: HttpRequest) -> str:
    if request.user.is_authenticated:
        return request.user.language_code
    return translation.get_language_from_request(request)
