"""What Django's middleware does otherwise here: less for programs and probes, and which language a page is in."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.db import connection
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware import common
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django_otp import middleware as otp
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from config.paths import is_api, is_back_office, is_probe


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


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise's, which answers with whole files only: a `Range` is ignored, as RFC 9110 section 14.2 allows.

    A proxy caches whole answers (`deploy/nginx.conf`), and gives parts of them by itself.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META.pop("HTTP_RANGE", None)
        response: HttpResponseBase = super().__call__(request)
        return response


class ConnectionMiddleware:
    """Gives up a connection that PostgreSQL has ended since the last request, so that this one does not pay for it.

    Looking costs no query: a server that is not asked says nothing but that it is going.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if connection.connection is not None and not connection.in_atomic_block and _has_spoken(connection.connection):
            connection.close()
        return self.get_response(request)


def _has_spoken(link: Any) -> bool:
    """Whether something has arrived on a psycopg connection, its end included; True, too, where it is closed."""
    if link.closed:
        return True
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class CommonMiddleware(common.CommonMiddleware):
    """Django's, which refuses unknown hosts. Load balancers probe by address, so a probe's host is not looked at."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if is_probe(request) else super().process_request(request)


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
