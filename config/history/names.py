"""Display names of many rows at once, deleted rows included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models import CharField, F, Model, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from config.back_office import rights
from config.history.tracking import tracked_models

#: How a stored name is translated: built-in roles and permissions have translations.
_TRANSLATIONS = {Group: _, Permission: rights.in_words}


class Names:
    """The names of all wanted rows, read in one query. `with_emails` shows people by their e-mail addresses."""

    def __init__(self, wanted: Mapping[type[Model], set[Any]], *, with_emails: bool) -> None:
        branches = [rows for model, pks in wanted.items() for rows in _named(model, pks - {None}, with_emails)]
        found = branches[0].union(*branches[1:], all=True) if branches else []
        self._names = {(row["of"], row["key"]): row["called"] for row in found}

    def __getitem__(self, key: tuple[type[Model], Any]) -> str:
        model, pk = key
        name = self._names.get((model._meta.label_lower, str(pk)))
        if name is None:
            return _("no. %(number)s, deleted") % {"number": pk}
        return for_reader(model, name)


def for_reader(model: type[Model], name: str) -> str:
    """A stored name in the active language, if it has a translation."""
    return _TRANSLATIONS.get(model, str)(name)


def _named(model: Any, pks: set[Any], with_emails: bool) -> Iterator[QuerySet[Any, dict[str, Any]]]:
    """The names of existing rows, and of deleted rows from the history."""
    name = _name_of(model, with_emails)
    yield _called(model, model._base_manager.filter(pk__in=pks), "pk", name)
    for tracked in tracked_models():
        if tracked._meta.concrete_model is model:
            deleted = tracked.pgh_event_model.objects.filter(pgh_obj__in=pks, pgh_label="delete")
            yield _called(model, deleted, "pgh_obj_id", name)


def _name_of(model: Any, with_emails: bool) -> Any:
    if model is Permission:
        return Concat("content_type__app_label", Value("."), "codename")
    if model is not get_user_model():
        return F("name")
    if with_emails:
        return F(model.USERNAME_FIELD)
    return Concat("first_name", Value(" "), "last_name", output_field=CharField())


def _called(model: Any, rows: QuerySet[Any], key: str, name: Any) -> QuerySet[Any, dict[str, Any]]:
    columns = {"of": Value(model._meta.label_lower, output_field=CharField()), "key": Cast(key, CharField())}
    return rows.order_by().annotate(**columns, called=Cast(name, CharField())).values("of", "key", "called")
