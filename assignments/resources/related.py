"""Cells that name people and warehouses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.widgets import Widget

from assignments import errors
from assignments.models import WarehouseUserAssignment
from assignments.models.bulk_writes import NO_PERIODS
from config.database.periods import Period
from config.rule_errors import RuleError
from config.spreadsheets.columns import UnknownName, UnknownNamesError, names_in
from config.text import name_key
from warehouses.models import WAREHOUSES, Warehouse

#: Most unknown names of a file for which similar names are looked up, with some queries each, and most of those.
_MAX_SUGGESTIONS, _MAX_SIMILAR = 50, 20


class RelatedWidget(Widget):
    """An existing related object by its natural key. The resource sets `found` for each batch."""

    def __init__(self, attribute: str, missing: Any, key: Callable[[str], str]) -> None:
        super().__init__()
        self.attribute, self.missing, self.key = attribute, missing, key
        self.found: dict[str, Any] = {}
        #: Key that is not found → similar key, or "".
        self.suggested: dict[str, str] = {}

    def get(self, value: str) -> Any:
        return self.found.get(self.key(value))

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        if (found := self.get(value)) is None:
            name = self.suggested.get(self.key(value), "")
            reason = _("Did you mean “%(name)s”?") % {"name": name} if name else str(self.missing)
            raise UnknownNamesError([UnknownName(reason, value, name)])
        return found

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Of the object, or of its attribute itself."""
        return "" if value is None else str(getattr(value, self.attribute, value))


class WarehouseWidget(RelatedWidget):
    """A warehouse by its name."""

    def __init__(self) -> None:
        missing = gettext_lazy("There is no warehouse with this name. Check the spelling.")
        super().__init__("name", missing, name_key)

    def prefetch(self, names: Iterable[str], importer: Any) -> None:
        """Reads the warehouses with these names by one query, and similar ones of a limited number of unknown names.

        Only those that the importer may see.
        """
        seen = Warehouse.objects.visible_to(importer)
        wanted = [name for name in dict.fromkeys(map(name_key, names)) if name]
        self.found = {name_key(warehouse.name): warehouse for warehouse in seen.by_names(wanted)}
        for name in wanted:
            if len(self.suggested) == _MAX_SUGGESTIONS:
                break
            if name not in self.found and name not in self.suggested:
                self.suggested[name] = _most_similar(seen, name)


class WarehousesWidget(WarehouseWidget):
    """Several warehouses by their names."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        names = [*dict.fromkeys(names_in(value))]
        if unknown := [self._unknown(name) for name in names if self.get(name) is None]:
            raise UnknownNamesError(unknown)
        return tuple(dict.fromkeys(self.get(name) for name in names))

    def _unknown(self, name: str) -> UnknownName:
        similar = self.suggested.get(name_key(name), "")
        words = _("“%(written)s”: did you mean “%(name)s”?") if similar else _("There is no warehouse “%(written)s”.")
        return UnknownName(words % {"written": name, "name": similar}, name, similar)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "; ".join(str(one) for one in value or ())


def set_active(rows: Collection[tuple[int, int, bool]], periods: Mapping[tuple[int, int], Period] = NO_PERIODS) -> None:
    """As the write method, for a file: raises ValidationError if a period has ended since the rows were checked."""
    try:
        WarehouseUserAssignment.objects.set_active(rows, periods)
    except RuleError as refusal:
        if errors.NOT_CURRENT not in refusal.violations:
            raise
        raise ValidationError(
            _("Nothing was applied: the period of an assignment to activate has just ended.")
        ) from None


def warnings_about(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Side effects of making it somebody's current warehouse."""
    if warehouse.is_active:
        return []
    return [(_("warning"), "", _("this warehouse is not available: nobody can work there until it is"))]


def _most_similar(seen: Any, name: str) -> str:
    """The name of one of these warehouses that a search finds, also with one typing error; of several, the most
    similar.
    """
    keys, _is_similar = WAREHOUSES.found_or_similar(seen, name, _MAX_SIMILAR)
    names = seen.filter(pk__in=keys).order_by("pk").values_list("name", flat=True)
    return max(names, key=lambda found: SequenceMatcher(None, name, found.lower()).ratio(), default="")
