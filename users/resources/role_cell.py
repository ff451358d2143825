"""The cell with the roles of a person."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _
from import_export.widgets import Widget

from config.spreadsheets.cells import in_every_language


class GroupNames(Widget):
    """Names of groups, separated by semicolons. The groups are read once, for the first row."""

    @cached_property
    def names(self) -> list[str]:
        return list(Group.objects.order_by("name").values_list("name", flat=True))

    @cached_property
    def shown(self) -> dict[str, str]:
        """Group → its name in the active language, or the original name if another group has the translated one."""
        return {name: name if gettext(name) in self.names else gettext(name) for name in self.names}

    @cached_property
    def known(self) -> dict[str, str]:
        """Accepted spelling → group."""
        translated = {text.casefold(): name for name in self.names for text in in_every_language(gettext_lazy(name))}
        return translated | {name.casefold(): name for name in self.names}

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> tuple[str, ...]:
        names = {name.strip() for name in value.split(";") if name.strip()}
        if unknown := sorted(name for name in names if name.casefold() not in self.known):
            raise ValueError(
                _("There is no role %(unknown)s. Roles are: %(known)s.")
                % {"unknown": ", ".join(f"“{name}”" for name in unknown), "known": "; ".join(self.shown.values())}
            )
        return tuple(sorted(self.known[name.casefold()] for name in names))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "; ".join(self.shown[name] for name in value or ())
