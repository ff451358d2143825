"""What the error pages of `DEBUG` show: where it broke, and nothing that anybody sent or that stood in a variable."""

from __future__ import annotations

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.views.debug import SafeExceptionReporterFilter


class DiscreetFilter(SafeExceptionReporterFilter):
    """Names stay, values go: a password has many names on its way through forms, hashers and the database.

    Django's own hides only what some decorator names, and hides nothing at all while `DEBUG` is on.
    """

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|COOKIE|_URL", re.IGNORECASE)

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        hidden = QueryDict(mutable=True)
        for name in request.POST if request else ():
            hidden[name] = self.cleansed_substitute
        return hidden

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return dict.fromkeys(request.COOKIES, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> ItemsView[str, Any]:
        return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()
