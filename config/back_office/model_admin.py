"""The base class of all admin pages, and that of records that nobody edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold import admin

from config.back_office.list_return import preserved_query
from config.back_office.lists.change_list import ChangeList
from config.back_office.lists.row_menu import RowMenu, RowURL, link, menu_column
from config.database.search import Searched, words_in


class ModelAdmin(admin.ModelAdmin):
    """Unfold's ModelAdmin, robust against invalid input, and confined to the rows that the user may see.

    Django asks for a permission without a row for lists, menus and forms of new rows, and with the row for all else.
    """

    #: Unfold's option, which it reads without a default: a template that misses an attribute lists all others (`dir`),
    #: which took a tenth of a page.
    list_sections = ()
    #: Unfold shows the filters beside the list where the window is at least 1536 pixels wide, else behind a button.
    list_filter_sheet = False
    #: Without it, Unfold shows no button that applies the chosen filters.
    list_filter_submit = True
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

    def actions_row_column(self, request: HttpRequest) -> Callable[[Any], SafeString]:
        """The column with a menu of the `actions_row` in each row: their titles, without icons and dialogs."""
        menu, query = RowMenu(), preserved_query(request).removeprefix("?")
        links = [
            link(action.description, RowURL(f"{self.admin_site.name}:{action.action_name}", query=query))
            for action in self.get_actions_row(request)
        ]
        return menu_column(lambda row: menu(row, str(row), links))

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
