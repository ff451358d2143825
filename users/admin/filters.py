"""List filters for people and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.timezone import make_aware
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import TextFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm
from unfold.widgets import INPUT_CLASSES

from assignments.models import WarehouseUserAssignment
from config.back_office.lists.filters import OptionsFilter, RadioFilter
from config.back_office.lists.paging import CappedPaginator
from config.database.periods import not_ended
from config.identifiers import parse_key
from users.models import Session, User


# --- Radio buttons ----------------------------------------------------------------------------------------------
class StatusFilter(RadioFilter):
    """Deleted people are listed only on request."""

    title = _("status")
    parameter_name = "status"
    without_choice = _("All but deleted")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*User.Status.choices, ("all", _("All, with deleted"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[User]:
        if self.value() in User.Status.values:
            return queryset.filter(status=self.value())
        return queryset if self.value() == "all" else queryset.listed()


class KindFilter(OptionsFilter):
    title = _("kind of user")
    parameter_name = "kind"
    options = {
        "warehouse": (_("Warehouse users"), lambda people: people.filter(is_warehouse_user=True)),
        "office": (_("Back Office users"), lambda people: people.filter(is_warehouse_user=False)),
        "confined": (_("With rights only in certain warehouses"), lambda people: people.filter(is_confined=True)),
    }


class GapFilter(OptionsFilter):
    """People who cannot work yet, or have never signed in."""

    title = _("what is missing")
    parameter_name = "missing"
    options = {
        "warehouse": (_("Has no warehouse"), lambda people: people.without_warehouse()),
        "sign-in": (_("Never signed in"), lambda people: people.never_signed_in()),
    }


class EmploymentFilter(OptionsFilter):
    title = _("employment")
    parameter_name = "employment"
    options = {
        "ending": (_("Ends within 7 days"), lambda people: people.employment_ending_soon()),
        "ended": (_("Ended"), lambda people: people.employment_ended()),
    }


class LockoutFilter(OptionsFilter):
    """People whose sign-in is locked after too many failures, whoever made them."""

    title = _("sign-in")
    parameter_name = "sign-in"
    options = {"locked": (_("Locked out now"), lambda people: people.locked_out(CappedPaginator.MAX_ROWS))}


class LiveFilter(OptionsFilter):
    title = _("state")
    parameter_name = "state"
    options = {
        "live": (_("Open"), lambda sessions: sessions.live()),
        "ended": (_("Ended"), lambda sessions: sessions.ended()),
    }


# --- Days --------------------------------------------------------------------------------------------------------
class DayForm(forms.Form):
    """One date, entered in the browser's native control, which is localized and accessible by keyboard."""

    def __init__(self, name: str, label: Any, value: str | None) -> None:
        super().__init__({name: value} if value else None)
        widget = forms.DateInput({"type": "date", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")
        self.fields[name] = forms.DateField(label=label, required=False, widget=widget)


class DayFilter(TextFilter):
    """By the time in the column that the page calls `day_column`."""

    #: How the time compares with the midnight `days_later` days after the chosen day begins.
    comparison = "gte"
    days_later = 0

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.column = model_admin.day_column

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {"form": DayForm(str(self.parameter_name), self.title, self.value())}

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        """Raises IncorrectLookupParameters if the value is not a date."""
        if not (value := self.value()):
            return queryset
        try:
            day = date.fromisoformat(value) + timedelta(days=self.days_later)
            return queryset.filter(**{f"{self.column}__{self.comparison}": make_aware(datetime.combine(day, time.min))})
        except (ValueError, OverflowError):
            raise IncorrectLookupParameters from None


class FirstDayFilter(DayFilter):
    title = _("From")
    parameter_name = "since"


class LastDayFilter(DayFilter):
    title = _("Up to and including")
    parameter_name = "until"
    comparison = "lt"
    days_later = 1


# --- Rows of another table --------------------------------------------------------------------------------------
class RelatedFilter(TextFilter):
    """One row of another table, chosen in an autocomplete field."""

    form_class = AutocompleteDropdownForm
    #: The foreign key to that table.
    field: Any

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.request, self.model_admin = request, model_admin

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The field names the chosen row if the user may see it."""
        name = str(self.parameter_name)
        form: Any = self.form_class(
            request=self.request,
            name=name,
            label=capfirst(self.title),
            choices=(),
            field=self.field,
            model_admin=self.model_admin,
            data={self.parameter_name: self.value()},
        )
        form.fields[name].queryset = self._offered()
        yield {"form": form}

    def _offered(self) -> Any:
        return self.field.remote_field.model.objects.visible_to(self.request.user)

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        """Raises IncorrectLookupParameters if the value is not a primary key. A row that is not seen has no others."""
        if not (value := self.value()):
            return queryset
        if (key := parse_key(value)) is None:
            raise IncorrectLookupParameters
        user: Any = request.user
        if user.is_confined and not self._offered().filter(pk=key).exists():
            return queryset.none()
        return self.filtered(queryset, key)

    def filtered(self, queryset: Any, key: int) -> QuerySet[Any]:
        raise NotImplementedError


class AssignedFilter(RelatedFilter):
    title = _("assigned to warehouse")
    parameter_name = "assigned"
    field = WarehouseUserAssignment._meta.get_field("warehouse")

    def filtered(self, queryset: Any, key: int) -> QuerySet[User]:
        return queryset.filter(not_ended("assignments__"), assignments__warehouse=key)


class WorkingFilter(AssignedFilter):
    title = _("works in warehouse now")
    parameter_name = "working"

    def filtered(self, queryset: Any, key: int) -> QuerySet[User]:
        return queryset.working(assignments__warehouse=key)


class PersonFilter(RelatedFilter):
    title = _("user")
    parameter_name = "user"
    field = Session._meta.get_field("user")

    def filtered(self, queryset: Any, key: int) -> QuerySet[Session]:
        return queryset.filter(user=key)
