"""Paging, sorting and searching of long lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst

import config.database.lookups  # noqa: F401 (registers the lookup `any_of`)
from config.back_office.model_admin import ChangeList, ModelAdmin


class CappedPaginator(Paginator):
    """Counts at most `MAX_ROWS` rows, so that no list counts a whole table."""

    MAX_ROWS = 5_000
    template_name = "admin/users/capped_pagination.html"

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return rows.order_by().values("pk")[: self.MAX_ROWS + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._found, self.MAX_ROWS)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than are counted."""
        return self._found > self.MAX_ROWS

    def page(self, number: Any) -> Any:
        """Selects the page by primary keys, so that PostgreSQL computes no annotations for the rows before it."""
        page: Any = super().page(number)
        rows: Any = self.object_list
        page.object_list = rows.filter(pk__any_of=page.object_list.values("pk"))
        return page


def narrowed(queryset: Any, found: Any) -> Any:
    """Restricts a list to the primary keys that a search or an expensive filter has found, one more than are counted.

    In a single query, PostgreSQL may read the index of the order from its beginning until it has met enough matches.
    """
    keys = list(dict.fromkeys(found))[: CappedPaginator.MAX_ROWS + 1]
    return queryset.filter(pk__any_of=keys) if keys else queryset.none()


class IndexedChangeList(ChangeList):
    """Breaks ties in the direction of the sort, so that one index serves both directions."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count  # the page shows no total: it would count the whole table

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        ordered = list(super().get_ordering(request, queryset.order_by()))  # the clicked column, and no other
        if ordered[-1] == "-pk" and not _descends(ordered[0]):
            ordered[-1] = "pk"
        return ordered


def _descends(by: Any) -> bool:
    return by.descending if isinstance(by, OrderBy) else isinstance(by, str) and by.startswith("-")


class LongListAdmin(ModelAdmin):
    """Options of a list with up to millions of rows. Its queryset has `found(text, limit)` for the search."""

    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return narrowed(queryset, queryset.found(search_term, CappedPaginator.MAX_ROWS + 1)), False
