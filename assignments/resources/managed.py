"""The column with the warehouses that a Back Office user manages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import pgettext_lazy

from assignments.models import ManagedWarehouse
from assignments.resources.related import WarehousesWidget
from config.database.periods import not_ended
from config.spreadsheets.cells import in_every_language
from config.spreadsheets.columns import names_in

#: In place of names: the person is not confined, or is confined and manages nothing.
EVERYWHERE, NOWHERE = pgettext_lazy("cell", "everywhere"), pgettext_lazy("cell", "nowhere")

#: The names of the warehouses of a confined person; None for one who is not confined; "" for nothing to say.
Managed = tuple[str, ...] | str | None


class ManagedWidget(WarehousesWidget):
    """Names of warehouses, or one of the two words."""

    @cached_property
    def _words(self) -> dict[str, tuple[str, ...] | None]:
        """Each word in each language, case-folded → value."""
        words = {spelled.casefold(): None for spelled in in_every_language(EVERYWHERE)}
        return words | {spelled.casefold(): () for spelled in in_every_language(NOWHERE)}

    def names(self, value: str) -> list[str]:
        """The names of warehouses in a cell."""
        return [] if value.casefold() in self._words else names_in(value)

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Managed:
        if value.casefold() in self._words:
            return self._words[value.casefold()]
        return tuple(sorted(str(one) for one in super().clean(value, row, **kwargs)))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        words = {None: EVERYWHERE, (): NOWHERE}
        return str(words[value]) if value in words else "; ".join(value)


def managed_by(people: Iterable[Any], viewer: Any) -> dict[int, tuple[str, ...]]:
    """Primary key → the names of what a confined person manages now or later, as far as the viewer manages it too.

    No query if none of the people is confined.
    """
    found: dict[int, list[str]] = {person.pk: [] for person in people if person.is_confined}
    if found:
        rows = ManagedWarehouse.objects.filter(not_ended(), user__in=found)
        for user, name in rows.visible_to(viewer).values_list("user_id", "warehouse__name"):
            found[user].append(name)
    return {pk: tuple(sorted(names)) for pk, names in found.items()}


def shown(person: Any, names: Iterable[str], viewer: Any) -> Managed:
    """What the cell of a person says to a viewer: to a confined one, no more than the names that they know."""
    if person.is_confined:
        return tuple(sorted(names)) or ("" if viewer.is_confined else ())
    return "" if person.is_warehouse_user or viewer.is_confined else None
