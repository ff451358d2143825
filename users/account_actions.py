"""What Back Office staff may do to people, one or hundreds at once: who is left out and why, then all or nothing.

Each is an `AccountAction`. `plan` says what it would do and writes nothing; `apply` does it in one transaction,
after deciding afresh under lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, ngettext_lazy

from config.logs import audit
from users.locks import lock_administrators
from users.models import Session, User

#: As many people at once; more need a narrower search.
MAX_PEOPLE = 5_000


class LeftOut(models.TextChoices):
    """Why a change leaves a person as they are: a plain sentence about one person."""

    SELF = "self", _("You cannot do this to yourself. Ask a colleague.")
    ABOVE = "above", _("This user may do more than you. Ask somebody who may do as much.")
    DELETED = "deleted", _("This user is deleted. To bring them back, set the status on the edit page.")
    ALREADY = "already", _("Nothing to do: it is so already.")
    NO_WAREHOUSE_USER = "no_warehouse_user", _("Only warehouse users can be assigned to warehouses.")


class LastAdministratorError(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _("This is the last active administrator. Make somebody else an administrator first."),
            code="last_administrator",
        )


def hold_administrators() -> set[int]:
    """All administrators; until the transaction ends nobody else takes rights. Always before anybody is locked."""
    lock_administrators()
    return set(User.objects.administrators().values_list("pk", flat=True))


def keep_an_administrator(leaving: Collection[int]) -> None:
    """Raises LastAdministratorError if nobody could give rights any more once these people cannot.

    Call it in the transaction that takes their rights: two who remove each other wait for one another, and the
    second is refused.
    """
    if (
        hold_administrators().intersection(leaving)
        and not User.objects.administrators().exclude(pk__in=leaving).exists()
    ):
        raise LastAdministratorError


@contextmanager
def an_administrator_stays() -> Iterator[None]:
    """For a change of what roles allow: holds the administrators, and looks afterwards whether one is left.

    Two who weaken each other's roles wait for one another. Raises LastAdministratorError, which must undo the change:
    use it in the transaction that makes it.
    """
    had_one = bool(hold_administrators())
    yield
    if had_one and not User.objects.administrators().exists():
        raise LastAdministratorError


def refuse_no_administrator() -> None:
    """Raises LastAdministratorError if nobody can give rights after what this transaction has written already."""
    if not hold_administrators():
        raise LastAdministratorError


def sign_out(pks: Collection[int], reason: str) -> int:
    """Ends everything these people are signed in with, apps and Back Office. Returns how many app sessions ended."""
    User.objects.filter(pk__in=pks).update(signed_out_at=timezone.now())
    ended = Session.objects.filter(user__in=pks).end_all(reason)
    audit.info("Sessions Ended", users=len(pks), sessions=ended, reason=reason)
    return ended


@dataclass
class Plan:
    """Whom a change would touch, and how many it leaves out for which reason."""

    people: list[User]
    left_out: Counter[LeftOut]

    @property
    def pks(self) -> list[int]:
        return [person.pk for person in self.people]

    @property
    def sessions(self) -> int:
        """How many open sessions these people have."""
        return Session.objects.live().filter(user__in=self.pks).count()

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(number, str(reason.label)) for reason, number in self.left_out.most_common()]


@dataclass(frozen=True)
class Outcome:
    """How many people a change touched, what else it counted, and whom it left out."""

    changed: int
    counted: int
    left_out: Counter[LeftOut]


@dataclass(frozen=True, eq=False)
class AccountAction:
    """Something staff do to people. Texts are for the Back Office."""

    name: str
    title: Any
    effect: Any
    done: Any
    permission: str = "change"

    def refusal(self, person: User, by: User) -> LeftOut | None:
        """Why this person must be left out, or None. Every way of writing asks it."""
        raise NotImplementedError

    def write(self, people: Sequence[User], **given: Any) -> int:
        """Does it, inside the transaction. Returns what there is to count besides people."""
        raise NotImplementedError

    def plan(self, pks: Collection[int], by: User, *, lock: bool = False) -> Plan:
        rows = User.objects.filter(pk__in=pks).order_by("pk")
        plan = Plan([], Counter())
        for person in rows.locked() if lock else rows:
            reason = self.refusal(person, by)
            if reason is None:
                plan.people.append(person)
            else:
                plan.left_out[reason] += 1
        return plan

    def apply(self, pks: Collection[int], by: User, **given: Any) -> Outcome:
        """All or nothing. Raises LastAdministratorError, or what `write` raises."""
        with transaction.atomic():
            if self.takes_rights:
                hold_administrators()
            plan = self.plan(pks, by, lock=True)
            if self.takes_rights:
                keep_an_administrator(plan.pks)
            counted = self.write(plan.people, **given)
        return Outcome(len(plan.people), counted, plan.left_out)

    @property
    def takes_rights(self) -> bool:
        return False


@dataclass(frozen=True, eq=False)
class Switch(AccountAction):
    """Sets fields of people and signs them out, because what they may do is another thing now."""

    fields: dict[str, Any] = field(default_factory=dict)
    end_reason: str = ""

    @property
    def takes_rights(self) -> bool:
        return self.fields.get("status") != User.Status.ACTIVE and self.fields != {"is_warehouse_user": False}

    def refusal(self, person: User, by: User) -> LeftOut | None:
        if all(getattr(person, name) == value for name, value in self.fields.items()):
            return LeftOut.ALREADY
        if person.is_deleted:
            return LeftOut.DELETED
        if person.pk == by.pk:
            return LeftOut.SELF
        return None if person.may_be_changed_by(by) else LeftOut.ABOVE

    def write(self, people: Sequence[User], **given: Any) -> int:
        pks = [person.pk for person in people]
        User.objects.filter(pk__in=pks).update(**self.fields, updated_at=Now())
        return sign_out(pks, self.end_reason)


@dataclass(frozen=True, eq=False)
class EndSessions(AccountAction):
    """Signs people out everywhere."""

    def refusal(self, person: User, by: User) -> LeftOut | None:
        return None if person.may_be_changed_by(by) else LeftOut.ABOVE

    def write(self, people: Sequence[User], **given: Any) -> int:
        return sign_out([person.pk for person in people], ENDED_BY_STAFF)


ENDED_BY_STAFF = gettext_noop("ended in the Back Office")

ACTIVATE = Switch(
    "activate",
    _("Activate"),
    _("They can sign in again."),
    ngettext_lazy("%(count)d user was activated.", "%(count)d users were activated.", "count"),
    fields={"status": User.Status.ACTIVE},
    end_reason=gettext_noop("activated again in the Back Office"),
)
DEACTIVATE = Switch(
    "deactivate",
    _("Deactivate"),
    _("They can no longer sign in, and are signed out everywhere at once. Their assignments are kept."),
    ngettext_lazy("%(count)d user was deactivated.", "%(count)d users were deactivated.", "count"),
    fields={"status": User.Status.BLOCKED},
    end_reason=gettext_noop("deactivated in the Back Office"),
)
DELETE = Switch(
    "delete",
    _("Delete"),
    _("They can no longer sign in, and are signed out everywhere at once. They are kept for the history."),
    ngettext_lazy("%(count)d user was deleted.", "%(count)d users were deleted.", "count"),
    permission="delete",
    fields={"status": User.Status.DELETED},
    end_reason=gettext_noop("deleted in the Back Office"),
)
MAKE_WAREHOUSE_USER = Switch(
    "make-warehouse-user",
    _("Make warehouse user"),
    _("They can be assigned to warehouses and can no longer enter the Back Office. They are signed out everywhere."),
    ngettext_lazy("%(count)d user is a warehouse user now.", "%(count)d users are warehouse users now.", "count"),
    fields={"is_warehouse_user": True},
    end_reason=gettext_noop("made a warehouse user in the Back Office"),
)
UNMAKE_WAREHOUSE_USER = Switch(
    "unmake-warehouse-user",
    _("Make no longer warehouse user"),
    _("They can no longer work in warehouses; their assignments are kept. They are signed out everywhere."),
    ngettext_lazy(
        "%(count)d user is no longer a warehouse user.", "%(count)d users are no longer warehouse users.", "count"
    ),
    fields={"is_warehouse_user": False},
    end_reason=gettext_noop("made no longer a warehouse user in the Back Office"),
)
END_SESSIONS = EndSessions(
    "end-sessions",
    _("End sessions"),
    _("They are signed out everywhere at once and must sign in again."),
    ngettext_lazy("%(count)d user was signed out.", "%(count)d users were signed out.", "count"),
    permission="end_sessions",
)


def why_signed_out(changed: Collection[str], person: User) -> str:
    """What to note at a person's sessions after these fields were edited; "" when the sessions may go on."""
    if "status" in changed:
        return {"active": ACTIVATE, "blocked": DEACTIVATE, "deleted": DELETE}[person.status].end_reason
    if "is_warehouse_user" in changed:
        return (MAKE_WAREHOUSE_USER if person.is_warehouse_user else UNMAKE_WAREHOUSE_USER).end_reason
    return ""
