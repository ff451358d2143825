"""Two people at one form at once: neither loses what they did without knowing, and neither sees a broken page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Max
from django.http import HttpRequest
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from psycopg.errors import UniqueViolation

from config import changes
from config.lost_updates import RowChangedError, SavesChangedColumns

#: As many changes are told; who wants to know of more has the history.
_TOLD = 10


class MeanwhileFormMixin(forms.Form):
    """Refuses, once, to save over a row that somebody changed after the page was opened, and tells what they changed.

    What was typed stays, and saving again goes through. Name it before ModelForm, put "seen" into the fieldsets, and
    save in a transaction: the row is locked from the comparison on. A form sent without `seen` is compared by what the
    row is judged by (`SavesChangedColumns.judged_by`), with what this request has read.
    """

    instance: Any
    #: Whether others are called by their e-mails: the admin says what its reader may see.
    with_emails = True

    #: The newest recorded change of the row when the page was opened.
    seen = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen" in self.fields and self.instance.pk is not None:
            self.fields["seen"].initial = self._newest  # asked for where the field is shown

    def _newest(self) -> int:
        return self.instance.events.aggregate(newest=Max("pgh_id"))["newest"] or 0

    def full_clean(self) -> None:
        """Last of all, so that whatever else must be locked before this row is locked by now."""
        super().full_clean()
        if self.is_bound and self.instance.pk is not None and "seen" in self.fields:
            self._compare(self.cleaned_data.get("seen"))

    def _compare(self, seen: int | None) -> None:
        rows = type(self.instance)._base_manager.filter(pk=self.instance.pk)
        if rows.select_for_update(no_key=True).values_list("pk").first() is None:
            self.add_error(None, _("Meanwhile this was deleted."))
        elif (seen is not None and self._newest() > seen) or self._is_judged_by_the_past():
            self.refuse_for_now(seen)

    def judged_rows(self) -> list[Any]:
        """The rows by which this request has decided that the form may be saved."""
        return [self.instance]

    def _is_judged_by_the_past(self) -> bool:
        try:
            for row in self.judged_rows():
                if isinstance(row, SavesChangedColumns):
                    row.lock_unchanged()
        except RowChangedError:
            return True
        return False

    def refuse_for_now(self, seen: int | None) -> None:
        """Says what happened to the row after this change, if one is known."""
        if seen is not None:
            self.data = data = self.data.copy()  # type: ignore[attr-defined]
            data[self.add_prefix("seen")] = str(self._newest())
        lead = _(
            "This was changed meanwhile, so nothing was saved. What you typed is still here: save again to write it "
            "over these changes."
        )
        self.add_error(None, ValidationError([lead, *(() if seen is None else self._told(seen))]))

    def _told(self, seen: int) -> Iterator[str]:
        question = changes.HistoryQuery(
            kinds=[type(self.instance)], about=[self.instance], with_emails=self.with_emails
        )
        found, _more = changes.find(question, _TOLD)
        for change in found:
            if change.position.event > seen:
                when = time_format(localtime(change.position.moment), "TIME_FORMAT")
                yield f"{change.who}, {when}: {'; '.join(map(_in_words, change.differences))}"


def _in_words(one: changes.Difference) -> str:
    return f"{one.label}: {one.before or _('empty')} → {one.after or _('empty')}"


class MeanwhileAdminMixin:
    """Two who save the same new name at the same moment: the second sees the form say so. Name it before ModelAdmin."""

    def changeform_view(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form finds a name taken once it is committed; only the database finds it while it is being written.

        PostgreSQL lets the second wait for the first. So after its refusal the form finds what was in the way.
        """
        page = super().changeform_view  # type: ignore[misc]
        try:
            return page(request, *args, **kwargs)
        except IntegrityError as refusal:
            if not isinstance(refusal.__cause__, UniqueViolation):
                raise
            return page(request, *args, **kwargs)
