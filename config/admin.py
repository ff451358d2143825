"""The Back Office: Django's admin with Unfold."""

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from config.authority import confirmed
from config.history_admin import history_view

_SECRET = {"otp_totp", "otp_static"}


class BackOffice(UnfoldAdminSite):
    """The one admin site. Who may enter is `User.is_staff`."""

    site_title = "Back Office"
    site_header = "Back Office"
    index_title = _("Dashboard")

    def has_permission(self, request: HttpRequest) -> bool:
        """Asked on every request, so that a live session ends with the right to have one."""
        user: Any = request.user
        return user.is_staff and (not settings.REQUIRE_TWO_FACTOR or user.is_verified())

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Unfold's, but for the palette, which Unfold would write into each page."""
        return super().each_context(request) | {"colors": None}

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """What every page of the Back Office passes: whoever writes may still do so at the end (`config.authority`).

        A value that PostgreSQL cannot read, such as text with NUL, is a bad request on every page.
        """

        @wraps(view)
        def refusing(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except DataError as refusal:
                raise BadRequest("The database cannot read a value.") from refusal

        return super().admin_view(confirmed(refusing), cacheable)

    def register(self, models: Any, admin_class: Any = None, **options: Any) -> None:
        """Leaves out the second factor's own pages, which would show everybody's secrets."""
        listed = models if isinstance(models, Iterable) else [models]
        super().register([model for model in listed if model._meta.app_label not in _SECRET], admin_class, **options)

    def get_urls(self) -> list[Any]:
        """Without Django's redirect from an object's type and key to its public page: nothing here has one."""
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def extra_urls(self) -> list[Any]:
        """Pages that belong to no one model."""
        return [path("history/", self.admin_view(partial(history_view, site=self)), name="history")]
