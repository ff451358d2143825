"""What every model's pages in the Back Office share: lists that are asked only what they offer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold import admin, views
from unfold.templatetags.unfold_list import result_headers

from config.back_office.result_rows import result_rows


class ChangeList(views.ChangeList):
    """Unfold's, which can be narrowed by the filters that its admin declares, and by nothing else.

    Django also takes any lookup on the model's own columns: its values need not be any that PostgreSQL can read, and
    the number of rows found tells about columns that no page shows.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters for what no declared filter has taken."""
        filters = super().get_filters(request)
        undeclared = filters[2]
        if undeclared:
            raise IncorrectLookupParameters
        return filters

    @cached_property
    def headers(self) -> list[dict[str, Any]]:
        """What the template of the table needs for each column's heading."""
        return list(result_headers(self))

    @property
    def sorted_headers(self) -> list[dict[str, Any]]:
        return [header for header in self.headers if header["sortable"] and header["sorted"]]

    @property
    def rows(self) -> list[Any]:
        return list(result_rows(self, self.headers))


class ModelAdmin(admin.ModelAdmin):
    """Unfold's, for addresses and forms with anything in them."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Django's, which looks for the column "" where an address ends in `_to_field=`."""
        return super().get_object(request, object_id, from_field or None)

    def missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirects to the dashboard with Django's message, as Django does for an object that does not exist."""
        params = {"name": self.opts.verbose_name, "key": unquote(object_id)}
        text = _("%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?")  # noqa: RUF001 (Django's)
        self.message_user(request, text % params, messages.WARNING)
        return redirect("admin:index")

    def render_page(self, request: HttpRequest, template: str, title: Any, **context: Any) -> TemplateResponse:
        """A page of this model beside the ones that Django has."""
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, shared | context)

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """Django's, which would ask the database for whatever was chosen. What is no key chooses nothing."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError:
            self.message_user(
                request, _("The selection could not be read. Nothing was changed; please select again."), messages.ERROR
            )
            return None
        return super().response_action(request, queryset)


class ReadOnlyMixin:
    """For records that nobody edits. Put it before ModelAdmin in the bases."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
