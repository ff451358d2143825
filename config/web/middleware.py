"""Variants of Django's middleware: the API and health probes skip some; the language depends on the user."""

from __future__ import annotations

import select
from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware import common
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django_otp import middleware as otp
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from config.web.paths import is_api, is_page, is_probe


class SkippedByAPI:
    """Mixin: requests to the API skip this middleware. The API uses no cookies, messages or second factor."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request) if is_api(request) else super().__call__(request)  # type: ignore[misc]


class SessionMiddleware(SkippedByAPI, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(SkippedByAPI, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(SkippedByAPI, messages.MessageMiddleware):
    pass


class OTPMiddleware(SkippedByAPI, otp.OTPMiddleware):
    pass


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise, always with the whole file: `Range` is ignored, as RFC 9110 section 14.2 allows.

    A proxy caches whole files and serves ranges of them (`deploy/nginx.conf`).
    """

    #: `max-age` of files with a content hash in their name, in seconds: a year.
    FOREVER = 31_536_000

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META.pop("HTTP_RANGE", None)
        return super().__call__(request)


class ConnectionMiddleware(MiddlewareMixin):
    """Closes a connection that PostgreSQL has ended since the last request, so that this request opens a new one.

    Unlike `CONN_HEALTH_CHECKS`, it costs no query: data on an idle connection means that the server is closing it.
    """

    def process_request(self, request: HttpRequest) -> None:
        database = connections[DEFAULT_DB_ALIAS]
        if database.connection is not None and not database.in_atomic_block and _is_readable(database.connection):
            database.close()


def _is_readable(psycopg_connection: Any) -> bool:
    """Whether data or an end of file has arrived on the socket; True as well if the connection is closed."""
    if psycopg_connection.closed:
        return True
    poll = select.poll()
    poll.register(psycopg_connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class CommonMiddleware(common.CommonMiddleware):
    """Refuses unknown hosts, except for health probes: load balancers probe by IP address."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if is_probe(request) else super().process_request(request)


class LanguageMiddleware(LocaleMiddleware):
    """Pages use their user's language, or the browser's before sign-in; the API always `LANGUAGE_CODE`.

    The language is activated for every request, since a thread keeps that of its previous request.
    """

    def process_request(self, request: HttpRequest) -> None:
        if not is_page(request):
            language = settings.LANGUAGE_CODE
        elif request.user.is_authenticated:
            language = request.user.language_code
        else:
            language = translation.get_language_from_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if is_page(request) else response
