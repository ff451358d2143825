"""Paging and sorting of long lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold import paginator

from config.back_office.lists.change_list import ChangeList
from config.back_office.model_admin import ModelAdmin


class InfinitePaginator(paginator.InfinitePaginator):
    """Reads the keys of a page by an index-only scan, then its rows, so that OFFSET reads no rows.

    It counts nothing. Unfold's template recognises it by its name and shows no count.
    """

    def page(self, number: Any) -> Any:
        page = super().page(number)
        page.object_list = self.object_list.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
        return page


class CappedPaginator(Paginator):
    """Counts at most `MAX_ROWS` rows, so that no list counts a whole table."""

    MAX_ROWS = 5_000
    template_name = "admin/lists/capped_pagination.html"

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
    """Options of a list with up to millions of rows."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator

    @property
    def max_found(self) -> int:  # type: ignore[override]
        """One more than are counted."""
        return CappedPaginator.MAX_ROWS + 1

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedChangeList
