"""List filters with fixed options, and by one row of another table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm
from unfold.widgets import RADIO_CLASSES


class RadioFilter(SimpleListFilter):
    """Radio buttons, in the form of the list's filters."""

    template = "admin/lists/radio_filter.html"
    input_classes = " ".join(RADIO_CLASSES)
    #: The label of the option that filters nothing.
    without_choice: Any = _("All")

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Value, label (`display`) with the number of rows if the list shows counts, and whether it is `selected`."""
        chosen = self.value() or ""
        counts = self.get_facet_queryset(changelist) if changelist.add_facets else {}
        yield {"value": "", "display": self.without_choice, "selected": not chosen}
        for index, (value, label) in enumerate(self.lookup_choices):
            display = f"{label} ({counts[f'{index}__c']})" if counts else label
            yield {"value": value, "display": display, "selected": value == chosen}


class OptionsFilter(RadioFilter):
    """A radio filter with fixed options. An unknown value filters nothing."""

    #: Value → label, and the function that filters the queryset.
    options: dict[str, tuple[Any, Callable[[Any], Any]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _filtered) in self.options.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        _label, filtered = self.options.get(self.value() or "", ("", lambda rows: rows))
        return filtered(queryset)


class VisibleRowForm(AutocompleteDropdownForm):
    """Its choice has a name only if the user may see the row: the primary key in the URL can be that of any."""

    def __init__(self, request: HttpRequest, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, name, *args, **kwargs)
        field: Any = self.fields[name]
        field.queryset = field.queryset.visible_to(request.user)


class VisibleRowFilter(AutocompleteSelectFilter):
    """By a row of a model with `visible_to`."""

    form_class = VisibleRowForm
