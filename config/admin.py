"""The Back Office: Django's admin with Unfold."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.conf import settings
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

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """What every page of the Back Office passes: also that whoever writes may still do so at the end."""
        return super().admin_view(confirmed(view), cacheable)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Unfold's, but for the palette, which Unfold would write into each page."""
        return super().each_context(request) | {"colors": None}

    def register(self, models: Any, admin_class: Any = None, **options: Any) -> None:
        """Leaves out the second factor's own pages, which would show everybody's secrets."""
        listed = models if isinstance(models, Iterable) else [models]
        super().register([model for model in listed if model._meta.app_label not in _SECRET], admin_class, **options)

    def extra_urls(self) -> list[Any]:
        """Pages that belong to no one model."""
        return [path("history/", self.admin_view(partial(history_view, site=self)), name="history")]
