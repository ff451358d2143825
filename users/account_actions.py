"""Account actions: what Back Office staff do to one person or many, in one transaction.

`AccountAction.plan` returns the people an action applies to and the number of others by reason, without writing.
`apply` repeats that under lock and writes.
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

from config.audit.log import audit
from users.locks import lock_administrators
from users.models import Session, User

#: People per action.
MAX_PEOPLE = 5_000


class LeftOut(models.TextChoices):
    """Why an action does not apply to a person, as a message to the user."""

    SELF = "self", _("You cannot do this to yourself. Ask a colleague.")
    ABOVE = "above", _("This user may do more than you. Ask somebody who may do as much.")
    ELSEWHERE = "elsewhere", _("This user is not only of your warehouses. Ask somebody who may do this everywhere.")
    DELETED = "deleted", _("This user is deleted. Restore them first.")
    DEACTIVATED = "deactivated", _("This user is deactivated. Activate them first.")
    LEFT = "left", _("The employment of this user has ended. Enter a later end first.")
    NOT_DELETED = "not_deleted", _("This user is not deleted.")
    ALREADY = "already", _("Nothing to do: it is so already.")
    NO_WAREHOUSE_USER = "no_warehouse_user", _("Only warehouse users can be assigned to warehouses.")


#: Message about roles that somebody may not grant.
BEYOND = _("You cannot give or take the role %(names)s: it allows more than you may do yourself.")


def why_unchangeable(person: User, by: User) -> LeftOut | None:
    """Why one may not change a person (`User.may_be_changed_by`), or None."""
    if person.may_be_changed_by(by):
        return None
    return LeftOut.ABOVE if person.outranks(by) or person.manages_longer_than(by) else LeftOut.ELSEWHERE


class LastAdministratorError(ValidationError):
    def __init__(self) -> None:
        super().__init__(
            _(
                "This is the last active administrator whose employment has no end. "
                "Make somebody else an administrator first."
            )
        )


def locked_administrators() -> set[int]:
    """The ids of the administrators whose employment has no end.

    Locks all administrators (`users.locks`): call it before rows of people are locked.
    """
    lock_administrators()
    return set(User.objects.lasting_administrators().values_list("pk", flat=True))


def require_other_administrator(leaving: Collection[int]) -> None:
    """Raises LastAdministratorError if these people include administrators and no other lasting one exists.

    Call it in the transaction that revokes their rights: of two administrators who remove each other at the same time,
    the second waits and is refused.
    """
    administrators = locked_administrators()
    if administrators and administrators <= set(leaving):
        raise LastAdministratorError


@contextmanager
def administrator_required() -> Iterator[None]:
    """For a change of roles: locks the administrators, and checks at the end of the block that one is left.

    Use it in the transaction of the change. Raises LastAdministratorError, which must roll that back.
    """
    had_one = bool(locked_administrators())
    yield
    if had_one and not User.objects.lasting_administrators().exists():
        raise LastAdministratorError


def require_administrator() -> None:
    """Raises LastAdministratorError if there is none after what this transaction has written."""
    if not locked_administrators():
        raise LastAdministratorError


def sign_out(pks: Collection[int], reason: str) -> int:
    """Ends all sessions of these people in apps and in the Back Office. Returns the number of app sessions."""
    User.objects.filter(pk__in=pks).update(signed_out_at=timezone.now())
    ended = Session.objects.filter(user__in=pks).end_all(reason)
    audit.info("Sessions Ended", users=len(pks), sessions=ended, reason=reason)
    return ended


@dataclass
class Plan:
    """The people an action applies to, and the number of others by reason."""

    people: list[User] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    #: After `apply`: what `AccountAction.write` has returned.
    counted: int = 0

    @property
    def pks(self) -> list[int]:
        return [person.pk for person in self.people]

    @property
    def sessions(self) -> int:
        """Number of open sessions of these people."""
        return Session.objects.live().filter(user__in=self.pks).count()

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Number and reason, the largest number first."""
        return [(number, str(reason.label)) for reason, number in self.left_out.most_common()]


@dataclass(frozen=True, eq=False)
class AccountAction:
    """An action that ends the sessions of people. `title`, `effect` and `done` are texts of the Back Office."""

    name: str
    title: Any
    effect: Any
    done: Any
    permission: str = "change"
    end_reason: str = ""
    takes_rights: bool = False

    def refusal(self, person: User, by: User) -> LeftOut | None:
        """Why the action does not apply to this person, or None."""
        return why_unchangeable(person, by)

    def write(self, people: Sequence[User], **given: Any) -> int:
        """Writes, inside the transaction. Returns the number of sessions or assignments it has changed."""
        return sign_out([person.pk for person in people], self.end_reason)

    def plan(self, pks: Collection[int], by: User, *, lock: bool = False) -> Plan:
        """People whom `by` does not see are left out and not counted, as those who do not exist."""
        rows = User.objects.filter(pk__in=pks).visible_to(by).order_by("pk")
        if lock and by.is_confined:  # where the people belong is asked once they cannot be assigned any more
            list(rows.locked().values_list("pk"))
        plan = Plan()
        reached = rows.with_changeable_by(by)
        for person in reached.locked() if lock else reached:
            reason = self.refusal(person, by)
            if reason is None:
                plan.people.append(person)
            else:
                plan.left_out[reason] += 1
        return plan

    @transaction.atomic
    def apply(self, pks: Collection[int], by: User, **given: Any) -> Plan:
        """All or nothing. Raises LastAdministratorError, or what `write` raises."""
        if self.takes_rights:
            locked_administrators()
        plan = self.plan(pks, by, lock=True)
        if self.takes_rights:
            require_other_administrator(plan.pks)
        plan.counted = self.write(plan.people, **given)
        return plan


@dataclass(frozen=True, eq=False)
class Switch(AccountAction):
    """Also sets fields of these people, which determine their rights."""

    fields: dict[str, Any] = field(default_factory=dict)
    #: For deleted people only. All others are for people who are not deleted.
    restores: bool = False

    def refusal(self, person: User, by: User) -> LeftOut | None:
        if all(getattr(person, name) == value for name, value in self.fields.items()):
            return LeftOut.ALREADY
        if person.is_deleted is not self.restores:
            return LeftOut.DELETED if person.is_deleted else LeftOut.NOT_DELETED
        return LeftOut.SELF if person.pk == by.pk else super().refusal(person, by)

    def write(self, people: Sequence[User], **given: Any) -> int:
        User.objects.filter(pk__in=[person.pk for person in people]).update(**self.fields, updated_at=Now())
        return super().write(people)


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
    takes_rights=True,
    fields={"status": User.Status.BLOCKED},
    end_reason=gettext_noop("deactivated in the Back Office"),
)
DELETE = Switch(
    "delete",
    _("Delete"),
    _("They can no longer sign in, and are signed out everywhere at once. They are kept for the history."),
    ngettext_lazy("%(count)d user was deleted.", "%(count)d users were deleted.", "count"),
    permission="delete",
    takes_rights=True,
    fields={"status": User.Status.DELETED},
    end_reason=gettext_noop("deleted in the Back Office"),
)
RESTORE = Switch(
    "restore",
    _("Restore"),
    _("They can sign in again, with the password, roles and warehouses that they had."),
    ngettext_lazy("%(count)d user was restored.", "%(count)d users were restored.", "count"),
    fields={"status": User.Status.ACTIVE},
    end_reason=gettext_noop("restored in the Back Office"),
    restores=True,
)
MAKE_WAREHOUSE_USER = Switch(
    "make-warehouse-user",
    _("Make warehouse user"),
    _("They can be assigned to warehouses and can no longer enter the Back Office. They are signed out everywhere."),
    ngettext_lazy("%(count)d user is a warehouse user now.", "%(count)d users are warehouse users now.", "count"),
    permission="change_kind",
    takes_rights=True,
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
    permission="change_kind",
    fields={"is_warehouse_user": False},
    end_reason=gettext_noop("made no longer a warehouse user in the Back Office"),
)
END_SESSIONS = AccountAction(
    "end-sessions",
    _("End sessions"),
    _("They are signed out everywhere at once and must sign in again."),
    ngettext_lazy("%(count)d user was signed out.", "%(count)d users were signed out.", "count"),
    permission="end_sessions",
    end_reason=ENDED_BY_STAFF,
)


def why_signed_out(changed: Collection[str], person: User) -> str:
    """The reason to end a person's sessions after a change of these fields, or ""."""
    if "status" in changed:
        return {"active": ACTIVATE, "blocked": DEACTIVATE, "deleted": DELETE}[person.status].end_reason
    if "is_warehouse_user" in changed:
        return (MAKE_WAREHOUSE_USER if person.is_warehouse_user else UNMAKE_WAREHOUSE_USER).end_reason
    return ""
