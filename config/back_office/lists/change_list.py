"""The list of a model's rows: its filters, what is chosen in them, and its rows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold import views
from unfold.templatetags.unfold_list import result_headers

from config.back_office.lists.rows import result_rows
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
    def rows(self) -> list[SafeString]:
        """The HTML of the cells of each row."""
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
