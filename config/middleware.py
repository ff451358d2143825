from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from config.paths import is_back_office


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
