"""The error pages of `DEBUG` without any value that a client sent or that a variable held."""

from __future__ import annotations

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.views.debug import SafeExceptionReporterFilter


class RedactingFilter(SafeExceptionReporterFilter):
    """Shows names and redacts values (`DEFAULT_EXCEPTION_REPORTER_FILTER`).

    Django redacts only what a decorator names, and nothing while `DEBUG` is on. A password passes through variables of
    many names in forms, hashers and the database.
    """

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|COOKIE|_URL", re.IGNORECASE)

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        redacted = QueryDict(mutable=True)
        redacted.update(dict.fromkeys(request.POST if request else (), self.cleansed_substitute))
        return redacted

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return dict.fromkeys(request.COOKIES, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> ItemsView[str, Any]:
        return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()
