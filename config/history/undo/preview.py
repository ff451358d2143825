"""What undoing a change set puts back and leaves out, in words: as the history would tell it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.back_office import times
from config.back_office.rights import shows_emails
from config.history.changes import RecordedChange, in_words, recorded_fields
from config.history.names import Names
from config.history.pages import kinds_for
from config.history.positions import Operation
from config.history.undo.plan import Former, Kind, Obstacle, Step, UndoPlan, not_undone, undo
from config.rule_errors import RuleError

#: Most objects that the page lists of what is put back, and of what is left out; it counts the others.
MAX_LISTED = 50


class LeftOutChange(NamedTuple):
    """What is left out of an undo, and why."""

    change: RecordedChange
    reasons: list[str]


class Preview:
    """The undoing of a change set by a person, who is told of the models whose history they may see."""

    #: Numbers of objects: put back, and wholly or partly left out, also where the person may not see them.
    done = left_out = 0
    first_reason = ""

    def __init__(self, operation: Operation, by: Any) -> None:
        self._operation, self._by = operation, by
        self._kinds, self._with_emails = kinds_for(by), shows_emails(by)

    def read(self) -> None:
        """Plans without a lock and writes nothing."""
        self._tell(UndoPlan(self._operation, self._by))
        self.list_first()

    def undo(self, reason: str) -> str:
        """Undoes all that is possible, in one transaction. Returns why nothing was undone, or ""."""
        try:
            with transaction.atomic():
                plan, former = undo(self._operation, self._by, reason)
                connection.check_constraints()  # raises IntegrityError here, not at the commit
        except ValidationError as refusal:
            return _("Nothing was undone. %(why)s") % {"why": " ".join(refusal.messages)}
        except (RuleError, IntegrityError):
            return _("Nothing was undone: somebody has changed something at this moment. Please look again.")
        if former:
            return already(former, self._by)
        self._tell(plan)
        return "" if self.done else _("Nothing of this can be undone. %(why)s") % {"why": self.first_reason}

    def _tell(self, plan: UndoPlan) -> None:
        """Sets the numbers, and the first reason, of this plan."""
        steps = list(plan.all_steps)
        self._seen = [step for step in steps if step.model in self._kinds]
        self.done = sum(not step.is_refused for step in steps)
        self.left_out = sum(bool(step.obstacles) for step in steps)
        refused = [step for step in self._seen if step.obstacles]
        self.first_reason = " ".join(reason for reasons in self._reasons(refused[:1]) for reason in reasons)

    def list_first(self) -> None:
        """Lists the first objects of the plan."""
        self.changes = self._in_words([step for step in self._seen if not step.is_refused][:MAX_LISTED])
        left_out = [step for step in self._seen if step.obstacles][:MAX_LISTED]
        told = zip(self._in_words(left_out), self._reasons(left_out), strict=True)
        self.listed_left_out = [LeftOutChange(*one) for one in told]
        others = not_undone(self._operation, self._by)
        #: Models whose changes are never undone, each with the number of changes.
        self.others = [(capfirst(one._meta.verbose_name_plural), others[one]) for one in others if one in self._kinds]

    def report(self) -> dict[str, Any]:
        """All that a page shows, as JSON."""
        return {
            **{name: getattr(self, name) for name in ("done", "left_out", "more", "more_left_out", "others")},
            "changes": [asdict(one) for one in self.changes],
            "listed_left_out": [{"change": asdict(one.change), "reasons": one.reasons} for one in self.listed_left_out],
        }

    @property
    def more(self) -> int:
        """Number of objects that are put back and not listed."""
        return self.done - len(self.changes)

    @property
    def more_left_out(self) -> int:
        """Number of objects that are left out and not listed."""
        return self.left_out - len(self.listed_left_out)

    def _in_words(self, steps: list[Step]) -> list[RecordedChange]:
        return in_words(map(_event, steps), with_emails=self._with_emails)

    def _reasons(self, steps: list[Step]) -> list[list[str]]:
        people = {one.since.user for step in steps for one in step.obstacles if one.since}
        names = Names({get_user_model(): people}, with_emails=self._with_emails)
        return [list(_reasons_of(step, names)) for step in steps]


def _reasons_of(step: Step, names: Names) -> Iterator[str]:
    """Each reason once. Where a part of the object is put back, with the columns that are not."""
    columns: dict[str, list[str]] = {}
    for one in step.obstacles:
        columns.setdefault(_why(one, names), []).extend(one.columns)
    for why, left_out in columns.items():
        labels = [] if step.is_refused else _labels(step.model, left_out)
        yield f"{', '.join(labels)}: {why}" if labels else why


def _labels(model: Any, columns: list[str]) -> list[str]:
    fields = recorded_fields(model.pgh_event_model)
    return [str(capfirst(_(one.verbose_name))) for one in fields if one.attname in columns]


def _why(obstacle: Obstacle, names: Names) -> str:
    since = obstacle.since
    if since is None:
        return obstacle.why
    who = _("Database") if since.user is None else names[get_user_model(), since.user]
    return f"{obstacle.why} ({who}, {times.in_words(since.moment)})"


def _event(step: Step) -> dict[str, Any]:
    """The event that undoing would record."""
    is_kept = step.kind is Kind.REMOVE and step.values
    events: Any = step.model
    columns = recorded_fields(events.pgh_event_model)
    return {
        "kind": step.model._meta.label_lower,
        "object": str(step.now["id"]),
        "pgh_label": (Kind.PUT_BACK if is_kept else step.kind).value,
        "pgh_context": None,
        "pgh_created_at": None,
        "pgh_id": step.change.last,
        "state": {one.name: step.result[one.attname] for one in columns},
        "before": {one.name: step.now[one.attname] for one in columns},
    }


def already(former: Former, reader: Any) -> str:
    """That it was undone before, and by whom."""
    names = Names({get_user_model(): {former.user}}, with_emails=shows_emails(reader))
    words = {"who": names[get_user_model(), former.user], "when": times.in_words(former.operation.moment)}
    return _("This was undone by %(who)s, %(when)s.") % words
