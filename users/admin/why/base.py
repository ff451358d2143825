"""Conditions: whether each is so, since when and by whom, and where it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.database.periods import database_now
from config.history import changes
from config.history.pages import query_for

#: Most changes that are searched for the one that made something so.
MAX_CHANGES = 100


class Condition(NamedTuple):
    """One of several that must all be met. `is_met` is None for what only informs, or is not known."""

    is_met: bool | None
    text: str
    #: What has made it so, as far as the history knows and the viewer may see it.
    change: changes.RecordedChange | None = None
    #: Label and URL of the page where it is mended, if it is not met and the viewer may do so.
    mend: tuple[str, str] | None = None
    #: Of the reason, as programs and security events name it.
    code: str = ""


class Conditions:
    """What is so now, or was at a moment, in the words of the viewer's language."""

    def __init__(self, request: HttpRequest, moment: datetime | None = None) -> None:
        self.request, self.moment = request, moment
        self.now = moment or database_now()

    def condition(self, is_met: bool | None, text: str, change: Any, mend: tuple[str, str] | None) -> Condition:
        """The past cannot be mended."""
        return Condition(is_met, text, change, None if is_met or self.moment else mend)

    def changes(self, kind: type[Model], *about: Model) -> list[changes.RecordedChange]:
        """The newest changes of this kind up to the moment, if the viewer may see it."""
        until = self.moment and self.moment + timedelta(microseconds=1)
        seen = query_for(self.request.user, about=list(about), until=until)
        return changes.find(replace(seen, kinds={kind: seen.kinds[kind]}), MAX_CHANGES)[0] if kind in seen.kinds else []

    def link(self, label: str, right: str, page: str, *arguments: Any) -> tuple[str, str] | None:
        """None if the viewer may not do what the page is for."""
        viewer: Any = self.request.user
        return (label, reverse(page, args=arguments)) if viewer.may_somewhere(right) else None


def are_met(conditions: Sequence[Condition]) -> bool:
    return all(condition.is_met is not False for condition in conditions)


def change_of(found: Sequence[changes.RecordedChange], field: str, model: type[Model]) -> changes.RecordedChange | None:
    """The newest change of a field, as pages of the history call it."""
    label = str(capfirst(_(model._meta.get_field(field).verbose_name)))  # type: ignore[union-attr,arg-type]
    return next((one for one in found if any(label == changed.label for changed in one.differences)), None)


def labelled(found: Sequence[changes.RecordedChange], label: str) -> changes.RecordedChange | None:
    return next((change for change in found if change.label == label), None)
