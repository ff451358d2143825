"""Keeps a save from undoing what others have written since the row was read (a lost update)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.db import models


class RowChangedError(Exception):
    """Somebody has changed or removed the row since it was read."""


class SavesChangedColumns(models.Model):
    """A model whose `save` writes, of a row that is there already, only the columns changed since it was read.

    What others have written to the other columns stays. Name it before other base classes. A save that is rolled back
    counts as written: read the row again before you save it again.
    """

    #: Columns by which the row is judged: `lock_unchanged` refuses when one of them is not as it was read.
    judged_by: ClassVar[tuple[str, ...]] = ()
    #: Column → value, as it was read or last written.
    _as_read: dict[str, Any]

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Takes what Django's does.

        Raises AttributeError without `update_fields` for a row of which it is not known what was read: one made by
        `config.statements` or `bulk_create`.
        """
        if not (self._state.adding or options.get("force_insert") or options.get("update_fields") is not None):
            options["update_fields"] = self.changed_columns()
        super().save(**options)
        self._note(options.get("update_fields"))

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        row = super().from_db(db, field_names, values, **options)
        row._as_read = dict(zip(field_names, map(_copied, values), strict=True))
        return row

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._note(fields)

    def changed_columns(self) -> list[str]:
        """The names of the fields that are not as they were read, and if there are any, those with the time of it."""
        fields = self._meta.concrete_fields
        changed = [field.name for field in fields if self._is_changed(field.attname)]
        times = [field.name for field in fields if getattr(field, "auto_now", False)]
        return [*dict.fromkeys([*changed, *times])] if changed else []

    def _is_changed(self, column: str) -> bool:
        """Also what was left out by `only` and then set. An expression differs from every value."""
        known = self._as_read
        return column in self.__dict__ and (column not in known or known[column] != self.__dict__[column])

    def lock_unchanged(self) -> None:
        """Locks the row until the transaction ends.

        Raises RowChangedError if it is gone, or if a column of `judged_by` is not as it was read.
        """
        names = [name for name in self.judged_by if name in self._as_read]
        rows = type(self)._base_manager.select_for_update(no_key=True).filter(pk=self.pk)
        now = rows.values("pk", *names).first()
        if now is None or any(now[name] != self._as_read[name] for name in names):
            raise RowChangedError

    def _note(self, names: Collection[str] | None) -> None:
        """These columns, or all, are now as they are in the database."""
        if names is None:
            self._as_read = {}
        elif "_as_read" not in self.__dict__:
            return
        for field in self._meta.concrete_fields:
            if field.attname in self.__dict__ and (names is None or {field.name, field.attname} & {*names}):
                self._as_read[field.attname] = _copied(self.__dict__[field.attname])


def _copied(value: Any) -> Any:
    """So that a list that is changed in its place is seen to differ."""
    return [*value] if isinstance(value, list) else value
