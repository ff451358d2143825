"""What lists of people and sessions can be narrowed to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RadioFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from assignments.models import WarehouseUserAssignment
from config.identifiers import parse_key
from users.admin.paging import CappedPaginator
from users.models import Session, User


class StatusFilter(RadioFilter):
    """Deleted people are kept for history, and shown when asked for."""

    title = _("status")
    parameter_name = "status"
    all_option = ["", _("All but deleted")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*User.Status.choices, ("all", _("All, with deleted"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        if self.value() in User.Status.values:
            return queryset.filter(status=self.value())
        return queryset if self.value() == "all" else queryset.listed()


class KindFilter(RadioFilter):
    title = _("kind of user")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("warehouse", _("Warehouse users")), ("office", _("Back Office users"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        if self.value() in ("warehouse", "office"):
            return queryset.filter(is_warehouse_user=self.value() == "warehouse")
        return queryset


class GapFilter(RadioFilter):
    """Who cannot work yet, or never did."""

    title = _("what is missing")
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("warehouse", _("Has no warehouse")), ("sign-in", _("Never signed in"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        if self.value() == "warehouse":
            return queryset.without_warehouse()
        return queryset.never_signed_in() if self.value() == "sign-in" else queryset


class LockoutFilter(RadioFilter):
    """Who has failed to sign in too often a moment ago, or for whom somebody else has."""

    title = _("sign-in")
    parameter_name = "sign-in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("locked", _("Locked out now"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        return queryset.locked_out(CappedPaginator.MAX_ROWS) if self.value() == "locked" else queryset


class RelatedFilter(SimpleListFilter):
    """One row of another table, found by typing, however many there are."""

    template = "unfold/filters/filters_field.html"
    form_class = AutocompleteDropdownForm

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.request, self.model_admin = request, model_admin

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[()]:
        return ()

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {
            "form": self.form_class(
                request=self.request,
                name=str(self.parameter_name),
                label=capfirst(self.title),
                choices=(),
                field=self.field(),
                model_admin=self.model_admin,
                data={self.parameter_name: self.value()},
            )
        }

    def field(self) -> Any:
        """The foreign key whose other end is chosen from."""
        raise NotImplementedError

    def chosen(self) -> int | None:
        """The row's key; a value that is none is refused as any bad filter is."""
        value = self.value()
        if not value:
            return None
        if (key := parse_key(value)) is None:
            raise IncorrectLookupParameters
        return key


class AssignedFilter(RelatedFilter):
    title = _("assigned to warehouse")
    parameter_name = "assigned"

    def field(self) -> Any:
        return WarehouseUserAssignment._meta.get_field("warehouse")

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        warehouse = self.chosen()
        return queryset if warehouse is None else queryset.filter(assignments__warehouse=warehouse)


class StandingFilter(AssignedFilter):
    title = _("standing in warehouse now")
    parameter_name = "standing"

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        warehouse = self.chosen()
        here = {"assignments__warehouse": warehouse, "assignments__is_active": True}
        return queryset if warehouse is None else queryset.filter(**here)


class LiveFilter(RadioFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("Open")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Session]:
        if self.value() == "live":
            return queryset.live()
        return queryset.ended() if self.value() == "ended" else queryset


class PersonFilter(RelatedFilter):
    title = _("user")
    parameter_name = "user"

    def field(self) -> Any:
        return Session._meta.get_field("user")

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Session]:
        person = self.chosen()
        return queryset if person is None else queryset.filter(user=person)
