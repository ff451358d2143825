"""Base classes of all admin pages: strict lists, pages of lists, and invalid keys that are no server error."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold import admin, paginator, views
from unfold.templatetags.unfold_list import result_headers

from config.back_office.result_rows import result_rows
from config.database.search import Searched, words_in
from config.identifiers import parse_key


class ChangeList(views.ChangeList):
    """Allows only the filters that the admin declares.

    Django allows any lookup on the model's own columns too. Its value may be one that PostgreSQL cannot read, and the
    number of rows found reveals columns that no page shows.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters for a parameter that no declared filter uses."""
        filters = super().get_filters(request)
        if filters[2]:  # the remaining parameters
            raise IncorrectLookupParameters
        return filters

    def get_queryset(self, request: Any, exclude_parameters: Any = None) -> Any:
        rows = super().get_queryset(request, exclude_parameters)
        self.is_similar = getattr(request, "is_similar", False)
        return rows

    def url_for_result(self, result: Any) -> str:
        """The page of a row, if its model has one (`back_office_page`), or the form."""
        page = getattr(self.model, "back_office_page", None)
        return reverse(page, args=[result.pk]) if page else super().url_for_result(result)

    @cached_property
    def headers(self) -> list[dict[str, Any]]:
        """The headings, computed once for the template."""
        return list(result_headers(self))

    @property
    def sorted_headers(self) -> list[dict[str, Any]]:
        return [header for header in self.headers if header["sortable"] and header["sorted"]]

    @cached_property
    def applied_filters(self) -> list[tuple[str, str]]:
        """The filters in use, in words, each with the query string of the list without it.

        Read by the template, since some need a query.
        """
        filters = []
        for spec in self.filter_specs:
            values = [value for value in spec.used_parameters.values() if value not in (None, "")]
            if values:
                words = f"{capfirst(spec.title)}: {_chosen(spec, self) or ', '.join(map(str, values))}"
                filters.append((words, self.get_query_string(remove=spec.expected_parameters())))
        return filters

    @property
    def without_search(self) -> str:
        """The query string of the list without its search."""
        return self.get_query_string(remove=[SEARCH_VAR])

    @property
    def rows(self) -> list[Any]:
        return list(result_rows(self, self.headers))


def _chosen(spec: Any, changelist: ChangeList) -> str:
    """The label of a filter's choice, or of the row that it asks for; "" for text that was typed."""
    for choice in spec.choices(changelist):
        if choice.get("selected") and choice.get("display"):
            return str(choice["display"])
        for name, field in getattr(choice.get("form"), "fields", {}).items():
            value = str(choice["form"][name].value() or "")
            if hasattr(field, "queryset"):
                key = parse_key(value)
                return str((key is not None and field.queryset.filter(pk=key).first()) or "")
            return str(dict(getattr(field, "choices", ())).get(value, ""))
    return ""


class ModelAdmin(admin.ModelAdmin):
    """Unfold's ModelAdmin, robust against invalid input, and confined to the rows that the user may see.

    Django asks for a permission without a row for lists, menus and forms of new rows, and with the row for all else.
    """

    #: Unfold's option, which it reads without a default: a template that misses an attribute lists all others (`dir`),
    #: which took a tenth of a page.
    list_sections = ()
    #: Unfold shows the filters beside the list where the window is at least 1536 pixels wide, else behind a button.
    list_filter_sheet = False
    #: The title of the list, if that is not the name of the model.
    list_title: Any = ""
    #: Where the search looks. `search_fields` only shows the input.
    searched: Searched
    #: Most rows that a search finds.
    max_found = 50_000
    #: Most rows that "Show all" shows on one page, to be printed.
    list_max_show_all = 1_000

    # --- Rights -------------------------------------------------------------------------------------------------
    def may(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Whether the user has the permission of an action for the row; without a row, for any.

        Unfold asks with the key of a row in the URL. The action then looks for the row.
        """
        user: Any = request.user
        row = None if isinstance(row, str) else row
        right = f"{self.opts.app_label}.{get_permission_codename(action, self.opts)}"
        return bool(user.may_somewhere(right) if row is None else user.may(right, row))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view", obj) or self.may(request, "change", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete", obj)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Rows with `visible_to` are those that the user may see."""
        rows = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tells the form who edits, as `actor`."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    # --- The list -----------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ChangeList

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Notes on the request whether names are only similar."""
        if not words_in(search_term):
            return queryset, False
        keys, request.is_similar = self.searched.found_or_similar(queryset, search_term, self.max_found)
        return narrowed(queryset, keys), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """An empty `_to_field` counts as absent; Django would look for a column "" and crash."""
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
        """Refuses a selection with a malformed primary key, which Django would pass to the database."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError:
            self.message_user(
                request, _("The selection could not be read. Nothing was changed; please select again."), messages.ERROR
            )
            return None
        return super().response_action(request, queryset)


def narrowed(queryset: Any, keys: list[Any]) -> Any:
    """Restricts a list to the primary keys that a search or an expensive filter has found.

    In a single query, PostgreSQL may read the index of the order from its beginning until it has met enough matches.
    """
    return queryset.filter(pk__any_of=keys) if keys else queryset.none()


class ReadOnlyMixin:
    """For records that nobody edits. Put it before ModelAdmin in the bases."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# --- Parts of a list --------------------------------------------------------------------------------------------
class InfinitePaginator(paginator.InfinitePaginator):
    """Reads the keys of a page by an index-only scan, then its rows, so that OFFSET reads no rows.

    It counts nothing. Unfold's template recognises it by its name and shows no count.
    """

    def page(self, number: Any) -> Any:
        page = super().page(number)
        page.object_list = self.object_list.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
        return page
