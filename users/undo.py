"""Undoes changes of people: what concerns the account by account actions, the rest as an import saves people.

Passwords, second factors and sessions are never put back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from config.history.undo.plan import NO_RIGHT, Step, Undoer, UndoPlan, register
from config.text import email_key
from users.account_actions import (
    ACTIVATE,
    BEYOND,
    DEACTIVATE,
    DELETE,
    MAKE_WAREHOUSE_USER,
    RESTORE,
    UNMAKE_WAREHOUSE_USER,
    LeftOut,
    Switch,
    administrator_required,
    why_unchangeable,
)
from users.locks import lock_administrators
from users.models import User
from users.models.user import EMAIL_REFUSED
from users.saving import save_many

#: What account actions write.
_SWITCHED = ("status", "is_warehouse_user")
_EDITED = ("email", "has_mailbox", "first_name", "last_name", "language")
#: People saved by one statement.
_BATCH = 500
#: Status now, status to be → account actions.
_TO_STATUS: dict[tuple[Any, Any], tuple[Switch, ...]] = {
    ("deleted", "active"): (RESTORE,),
    ("deleted", "blocked"): (RESTORE, DEACTIVATE),
    ("blocked", "active"): (ACTIVATE,),
    ("active", "blocked"): (DEACTIVATE,),
    ("active", "deleted"): (DELETE,),
    ("blocked", "deleted"): (DELETE,),
}


@register
class UserUndoer(Undoer):
    """Who was created is deleted, which keeps their row for the history.

    All rights are checked under the locks before anything is written: where people are assigned changes meanwhile.
    """

    model = User
    order = 1
    identity: ClassVar[dict[str, Any]] = {"pgh_obj_id": User}
    columns = (*_EDITED, "employed_until", "is_superuser", "roles", "is_confined", *_SWITCHED)
    never = _("Passwords and second factors are never put back.")
    removal: ClassVar[dict[str, Any]] = {"status": User.Status.DELETED.value}

    def lock(self, pks: Collection[int]) -> None:
        lock_administrators()
        list(User.objects.locked().filter(pk__any_of=pks).order_by("pk").values_list("pk"))

    def check(self, steps: list[Step], plan: UndoPlan) -> None:
        people = User.objects.with_changeable_by(plan.by).in_bulk([pk for step in steps for pk in step.change.key])
        wanted = [step.values["email"] for step in steps if "email" in step.values]
        taken = {email_key(one.email): one.pk for one in User.objects.by_emails(wanted)}
        for step in steps:
            person = people.get(step.change.key[0])
            if person is None:
                step.refuse(_("Who was removed from the database is not created again."))
                continue
            for column, why in (*self._without_right(step, person, plan), *_refusals(step, person, plan.by)):
                step.leave_out([column], why)
            if taken.get(email_key(step.values.get("email", "")), person.pk) != person.pk:
                words = EMAIL_REFUSED if plan.by.is_confined else _("Another user has this e-mail.")
                step.leave_out(["email"], words)

    def _without_right(self, step: Step, person: User, plan: UndoPlan) -> Iterator[tuple[str, Any]]:
        """The columns that the person who undoes has no permission to write."""
        is_deletion = DELETE in switches(step)
        for column in [*step.values]:
            if not self.may(plan.by, "delete" if is_deletion and column == "status" else "change"):
                yield column, NO_RIGHT
        if not plan.by.is_superuser:
            yield "is_superuser", NO_RIGHT
        if plan.by.is_confined:
            yield from ((name, NO_RIGHT) for name in ("roles", "is_warehouse_user", "is_confined"))

    def write_late(self, steps: list[Step], plan: UndoPlan) -> None:
        if not steps:
            return
        with administrator_required():
            self._switch(steps, plan)
            saved = {step.change.key[0]: step.values for step in steps if step.values.keys() - {*_SWITCHED}}
            for start in range(0, len(saved), _BATCH):
                self._save(dict(islice(saved.items(), start, start + _BATCH)))

    def _switch(self, steps: list[Step], plan: UndoPlan) -> None:
        pks: dict[Switch, list[int]] = defaultdict(list)
        for step in steps:
            for switch in switches(step):
                pks[switch].append(step.change.key[0])
        # Who is restored or deleted is changed while they are not deleted.
        for switch in (RESTORE, MAKE_WAREHOUSE_USER, UNMAKE_WAREHOUSE_USER, ACTIVATE, DEACTIVATE, DELETE):
            switch.write(list(User.objects.filter(pk__any_of=pks[switch])))

    def _save(self, values: dict[int, dict[str, Any]]) -> None:
        groups = {group.name: group for group in Group.objects.all()}
        people = list(User.objects.filter(pk__any_of=values))
        for person in people:
            roles = values[person.pk].get("roles", person.roles)
            for name in values[person.pk].keys() - {"roles", *_SWITCHED}:
                setattr(person, name, values[person.pk][name])
            vars(person).update(group_names=roles, new_digest="")
        save_many([], people, groups)


def _refusals(step: Step, person: User, by: User) -> Iterator[tuple[str, Any]]:
    """The columns that the rules forbid to change, each with the reason."""
    if why := why_unchangeable(person, by):
        yield from ((column, why.label) for column in step.values)
    if beyond := sorted(({*step.values.get("roles", person.roles)} ^ {*person.roles}) - by.grantable_roles):
        yield "roles", BEYOND % {"names": ", ".join(beyond)}
    if person.pk == by.pk:
        yield from ((name, LeftOut.SELF.label) for name in ("employed_until", "is_confined"))
    if step.result["is_superuser"] and step.result["is_confined"]:
        yield "is_confined", _("A superuser has all rights everywhere.")
    yield from _refused_switches(step, person, by)


def _refused_switches(step: Step, person: User, by: User) -> Iterator[tuple[str, Any]]:
    is_restored = RESTORE in switches(step)
    for column in step.values.keys() & {*_SWITCHED}:
        for switch in switches(step, column)[:1]:
            if (why := switch.refusal(person, by)) and not (is_restored and why is LeftOut.DELETED):
                yield column, why.label


def switches(step: Step, *columns: str) -> list[Switch]:
    """The account actions that write the values of these columns, or all."""
    now = step.now
    values = {name: step.values[name] for name in columns} if columns else step.values
    found = [*_TO_STATUS.get((now["status"], values.get("status", now["status"])), ())]
    is_warehouse_user = values.get("is_warehouse_user", now["is_warehouse_user"])
    if is_warehouse_user is not now["is_warehouse_user"]:
        found.append(MAKE_WAREHOUSE_USER if is_warehouse_user else UNMAKE_WAREHOUSE_USER)
    return found
