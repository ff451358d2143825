"""Paging and sorting of long lists."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.functional import cached_property

import config.database.lookups  # noqa: F401 (registers the lookup `any_of`)
from config.back_office.model_admin import ChangeList


class CappedPaginator(Paginator):
    """Counts no further than anybody would page: beyond that, one searches. So no list counts a whole table."""

    MAX_ROWS = 5_000
    template_name = "admin/users/pagination.html"

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
        """Finds the page by its keys, so that what its rows show is not worked out for all rows before them."""
        page: Any = super().page(number)
        rows: Any = self.object_list
        page.object_list = rows.filter(pk__any_of=page.object_list.values("pk"))
        return page


def narrowed(queryset: Any, found: Any) -> Any:
    """A list, narrowed to the primary keys that a search or a costly filter found in it: found first, sorted then.

    Asked for both at once, PostgreSQL may walk the whole order in the hope to meet the few soon. No more are looked
    for than are counted.
    """
    keys = list(dict.fromkeys(found))[: CappedPaginator.MAX_ROWS + 1]
    return queryset.filter(pk__any_of=keys) if keys else queryset.none()


class IndexedChangeList(ChangeList):
    """Breaks ties in the direction of the sort, so that one index serves both directions."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count  # there is no "N of all": nobody counts them all

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        ordered = list(super().get_ordering(request, queryset.order_by()))  # the clicked column, and no other
        if ordered[-1] == "-pk" and not _descends(ordered[0]):
            ordered[-1] = "pk"
        return ordered


def _descends(by: Any) -> bool:
    return by.descending if isinstance(by, OrderBy) else isinstance(by, str) and by.startswith("-")
