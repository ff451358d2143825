"""Prevents lost updates: a save that overwrites what others have written since the row was read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.db import models


class RowChangedError(Exception):
    """The row was changed or deleted after it was read."""


class SavesChangedColumns(models.Model):
    """A model whose `save` updates only the columns that were changed on the instance.

    What others have written to other columns is kept. Must be the first base class. After a rollback, read the row
    again before saving it again: the instance takes its values for written.
    """

    #: The fields that `lock_unchanged` compares with the database.
    compared_fields: ClassVar[tuple[str, ...]] = ()
    #: Column → value when it was last read or written.
    _as_read: dict[str, Any]

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Accepts the options of `Model.save`.

        Raises AttributeError without `update_fields` for an instance whose original values are unknown: one made by
        `config.database.compiled_queries` or `bulk_create`.
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
        """The names of the changed fields; if there are any, also of the fields with `auto_now`."""
        fields = self._meta.concrete_fields
        changed = [field.name for field in fields if self._is_changed(field.attname)]
        times = [field.name for field in fields if getattr(field, "auto_now", False)]
        return [*dict.fromkeys([*changed, *times])] if changed else []

    def _is_changed(self, column: str) -> bool:
        """True as well for a deferred column that was set, and for an expression."""
        values, known = self.__dict__, self._as_read
        return column in values and (column not in known or known[column] != values[column])

    def lock_unchanged(self) -> None:
        """Locks the row until the end of the transaction.

        Raises RowChangedError if the row was deleted, or if one of `compared_fields` has changed.
        """
        names = [name for name in self.compared_fields if name in self._as_read]
        rows = type(self)._base_manager.select_for_update(no_key=True).filter(pk=self.pk)
        now = rows.values("pk", *names).first()
        if now is None or any(now[name] != self._as_read[name] for name in names):
            raise RowChangedError

    def _note(self, names: Collection[str] | None) -> None:
        """Records the current values of these fields, or of all, as those in the database."""
        if names is None:
            self._as_read = {}
        elif "_as_read" not in self.__dict__:
            return
        for field in self._meta.concrete_fields:
            if field.attname in self.__dict__ and (names is None or {field.name, field.attname} & {*names}):
                self._as_read[field.attname] = _copied(self.__dict__[field.attname])


def _copied(value: Any) -> Any:
    """A copy of a list, so that a change in place is detected."""
    return [*value] if isinstance(value, list) else value
