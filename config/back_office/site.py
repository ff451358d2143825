"""The Back Office's admin site: Django's admin with Unfold."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from config.back_office.authority import confirmed
from config.back_office.error_pages import way_back
from config.back_office.list_return import list_query, preserved_query
from config.database import replica
from config.history.pages import history_view
from config.history.undo.pages import change_set_view, undo_job_view, undo_progress_view, undo_view
from config.web.back_office_sessions import ACCOUNT_ONLY

_HIDDEN_APPS = {"otp_totp", "otp_static"}
#: Views that show stored data and decide nothing (`config.database.replica`).
_SHOWN = {"changelist_view", "history_view", "change_set_view", "roster_view", "roster_person_view"}


class BackOffice(UnfoldAdminSite):
    """The only admin site, for people with `is_staff`."""

    site_title = "Back Office"
    site_header = "Back Office"
    index_title = _("Dashboard")

    def has_permission(self, request: HttpRequest) -> bool:
        """Checked on every request, so that a session loses access together with its user."""
        user: Any = request.user
        if not user.is_staff or user.must_change_password or request.session.get(ACCOUNT_ONLY):
            return False
        return not settings.REQUIRE_TWO_FACTOR or user.is_verified()

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Without the palette, which Unfold would add as an inline style; with the way back to the list."""
        way = {"preserved_query": preserved_query(request), "list_query": list_query(request)}
        return super().each_context(request) | {"colors": None} | way

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Made when it is used, which only the pages of an app do: the navigation is Unfold's."""
        return SimpleLazyObject(lambda: UnfoldAdminSite.get_app_list(self, request, app_label))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Every page checks the author's permissions before a commit (`config.back_office.authority`).

        Raises BadRequest for a value that PostgreSQL cannot store, such as text with NUL. A form that is submitted
        after the end of the session is shown again after signing in, filled by `config/static/config/kept_form.js`.
        """

        @wraps(view)
        def refusing(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except DataError as refusal:
                raise BadRequest("The database cannot read a value.") from refusal

        shown = replica.shown_from_replica(refusing) if view.__name__ in _SHOWN else refusing
        allowed = super().admin_view(confirmed(shown), cacheable)

        @wraps(allowed)
        def signed_in(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            is_submission = request.method == "POST" and request.path != reverse("admin:logout")
            if is_submission and not self.has_permission(request):
                return redirect_to_login(way_back(request), reverse("admin:login"))
            response = allowed(request, *args, **kwargs)
            replica.remember_change(request, response)
            return response

        return signed_in

    def register(self, models: Any, admin_class: Any = None, **options: Any) -> None:
        """Skips the admin pages of django-otp, which show the secrets of all users."""
        listed = models if isinstance(models, Iterable) else [models]
        super().register(
            [model for model in listed if model._meta.app_label not in _HIDDEN_APPS], admin_class, **options
        )

    def get_urls(self) -> list[Any]:
        """Without Django's "view on site" redirect: no object has a public page."""
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def extra_urls(self) -> list[Any]:
        """Pages that belong to no model."""
        return [
            path("history/", self.admin_view(history_view), name="history"),
            path("history/change-set/", self.admin_view(change_set_view), name="change_set"),
            path("history/undo/", self.admin_view(undo_view), name="undo"),
            path("history/undo/<uuid:pk>/", self.admin_view(undo_job_view), name="undo_job"),
            path("history/undo/<uuid:pk>/progress/", self.admin_view(undo_progress_view), name="undo_progress"),
        ]
