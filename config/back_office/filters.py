"""List filters by one row of another table."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm


class VisibleRowForm(AutocompleteDropdownForm):
    """Its choice has a name only if the user may see the row: the primary key in the URL can be that of any."""

    def __init__(self, request: HttpRequest, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, name, *args, **kwargs)
        field: Any = self.fields[name]
        field.queryset = field.queryset.visible_to(request.user)


class VisibleRowFilter(AutocompleteSelectFilter):
    """By a row of a model with `visible_to`."""

    form_class = VisibleRowForm
