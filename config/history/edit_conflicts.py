"""Edit conflicts: two people edit one row at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Max, Q
from django.http import HttpRequest
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from config.database.lost_updates import RowChangedError, SavesChangedColumns
from config.history import changes

#: Number of changes listed in the error; the history page has all.
_MAX_LISTED = 10


class EditConflictFormMixin(forms.Form):
    """Rejects a form once if the row was changed after the page was opened, and lists the changes.

    The input is kept, and submitting again saves it. Put it before ModelForm in the bases, add "seen" to the fieldsets,
    and save in a transaction: validation locks the row. Without `seen`, the row is compared with what this request has
    read (`SavesChangedColumns.compared_fields`).
    """

    instance: Any
    #: Whether people are named by e-mail address; the admin sets it by the reader's permissions.
    with_emails = True

    #: The newest history event of the row when the page was opened.
    seen = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen" in self.fields and self.instance.pk is not None:
            self.fields["seen"].initial = self._newest  # called when the field is rendered

    def _newest(self) -> int:
        return self.instance.events.aggregate(newest=Max("pgh_id"))["newest"] or 0

    def full_clean(self) -> None:
        """Compares last, so that rows that must be locked before this one are locked already."""
        super().full_clean()
        if self.is_bound and self.instance.pk is not None and "seen" in self.fields:
            self._compare(self.cleaned_data.get("seen"))

    def _compare(self, seen: int | None) -> None:
        rows = type(self.instance)._base_manager.filter(pk=self.instance.pk)
        if rows.select_for_update(no_key=True).values_list("pk").first() is None:
            self.add_error(None, _("Meanwhile this was deleted."))
        elif (seen is not None and self._newest() > seen) or self._is_outdated():
            self.report_conflict(seen)

    def compared_rows(self) -> list[Any]:
        """The rows on which this request's decision to save is based."""
        return [self.instance]

    def _is_outdated(self) -> bool:
        try:
            for row in self.compared_rows():
                if isinstance(row, SavesChangedColumns):
                    row.lock_unchanged()
        except RowChangedError:
            return True
        return False

    def report_conflict(self, seen: int | None) -> None:
        """Adds the error, with the changes after the event `seen` if it is known."""
        if seen is not None:
            self.data = data = self.data.copy()  # type: ignore[attr-defined]
            data[self.add_prefix("seen")] = str(self._newest())
        lead = _(
            "This was changed meanwhile, so nothing was saved. What you typed is still here: save again to write it "
            "over these changes."
        )
        self.add_error(None, ValidationError([lead, *(() if seen is None else self._changes_after(seen))]))

    def _changes_after(self, seen: int) -> Iterator[str]:
        kinds = {type(self.instance): Q()}  # who edits it sees it
        query = changes.HistoryQuery(kinds=kinds, about=[self.instance], with_emails=self.with_emails)
        found, _more = changes.find(query, _MAX_LISTED)
        for change in found:
            if change.position.event > seen:
                when = time_format(localtime(change.position.moment), "TIME_FORMAT")
                yield f"{change.who}, {when}: {'; '.join(map(_text, change.differences))}"


def _text(one: changes.Difference) -> str:
    return f"{one.label}: {one.before or _('empty')} → {one.after or _('empty')}"


class EditConflictAdminMixin:
    """If two people save the same unique value at once, the second gets a form error. Put it before ModelAdmin.

    So does who saves a reference to a row that another deletes at once.
    """

    def changeform_view(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Validates once more after a UniqueViolation or ForeignKeyViolation.

        Validation finds only committed values. PostgreSQL makes the second statement wait for the first transaction, so
        after the violation what that has written is committed.
        """
        page = super().changeform_view  # type: ignore[misc]
        try:
            return page(request, *args, **kwargs)
        except IntegrityError as refusal:
            if not isinstance(refusal.__cause__, (UniqueViolation, ForeignKeyViolation)):
                raise
            return page(request, *args, **kwargs)
