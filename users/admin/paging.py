"""Paging and sorting of long lists."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.functional import cached_property

from config import lookups as lookups  # pk__any_of
from config.model_admin import ChangeList


class CappedPaginator(Paginator):
    """Counts no further than anybody would page: beyond that, one searches. So no list counts a whole table."""

    MOST = 5_000
    template_name = "admin/users/pagination.html"

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return rows.order_by().values("pk")[: self.MOST + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._found, self.MOST)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than are counted."""
        return self._found > self.MOST

    def _get_page(self, object_list: Any, number: int, whole: Any) -> Any:
        """Finds the page by its keys, so that what its rows show is not worked out for all rows before them."""
        rows: Any = self.object_list
        return super()._get_page(rows.filter(pk__any_of=object_list.values("pk")), number, whole)  # type: ignore[misc]


def narrowed(queryset: Any, found: Any) -> Any:
    """A list, narrowed to the primary keys that a search or a costly filter found in it: found first, sorted then.

    Asked for both at once, PostgreSQL may walk the whole order in the hope to meet the few soon. No more are looked
    for than are counted.
    """
    keys = list(dict.fromkeys(found))[: CappedPaginator.MOST + 1]
    return queryset.filter(pk__any_of=keys) if keys else queryset.none()


class IndexedChangeList(ChangeList):
    """Breaks ties in the direction of the sort, so that one index serves both directions."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count  # there is no "N of all": nobody counts them all

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return super().get_ordering(request, queryset.order_by())  # the column that was clicked, and no other

    def _get_deterministic_ordering(self, ordering: Any) -> list[Any]:
        ordered = list(super()._get_deterministic_ordering(ordering))
        if ordered[-1] == "-pk" and not _descends(ordered[0]):
            ordered[-1] = "pk"
        return ordered


def _descends(by: Any) -> bool:
    return by.descending if isinstance(by, OrderBy) else isinstance(by, str) and by.startswith("-")
