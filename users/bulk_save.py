"""Writes many people at once, with everything that goes along when one is edited: the write method of imports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from config.logs import audit
from users.account_actions import why_signed_out
from users.models import Session, User
from users.roles import make_administrators

#: Columns that a change may write. The e-mail is what finds a person, and is never changed here.
_WRITTEN = (
    "first_name",
    "last_name",
    "is_warehouse_user",
    "language",
    "status",
    "password",
    "signed_out_at",
    "updated_at",
)
_NEW_PASSWORD = gettext_noop("password changed")


def save_many(new: Collection[Any], known: Collection[Any], groups: Mapping[str, Group]) -> None:
    """Writes new and known people, in a transaction that the caller has opened and in which the known are locked.

    Each has `group_names`, the groups they are to be in, and `new_digest`, what is stored for a new password, or "":
    made before the lock, since it takes long. A change of status, flag or password signs a person out everywhere. Who
    `takes_rights` must see to it that an administrator is left.
    """
    before = {person.pk: person for person in User.objects.filter(pk__in=[person.pk for person in known])}
    for person in (*new, *(person for person in known if person.new_digest)):
        person.password = person.new_digest or make_password(None)
    reasons = {person.pk: _why_signed_out(person, before[person.pk]) for person in known}
    for person in known:
        person.updated_at = Now()
        if reasons[person.pk]:
            person.signed_out_at = timezone.now()
    User.objects.bulk_create(new)
    if written := [name for name in _WRITTEN if _is_new(name, known, before)]:
        User.objects.bulk_update(known, written)  # each column takes its time for each person, who are locked
    _write_groups([*new, *known], groups)
    _end_sessions(reasons)


def _is_new(name: str, known: Collection[Any], before: Mapping[int, User]) -> bool:
    return any(getattr(person, name) != getattr(before[person.pk], name) for person in known)


def takes_rights(known: Collection[Any], groups: Mapping[str, Group]) -> bool:
    """Whether one of these people is an administrator and would stop being one."""
    among_them = User.objects.administrators().filter(pk__in=[person.pk for person in known])
    administrators = set(among_them.values_list("pk", flat=True))
    return any(person.pk in administrators and not _stays_one(person, groups) for person in known)


def _stays_one(person: Any, groups: Mapping[str, Group]) -> bool:
    rights_are_given = make_administrators([groups[name] for name in person.group_names], person)
    return person.is_staff and (person.is_superuser or rights_are_given)


def _why_signed_out(person: Any, before: User) -> str:
    """What to note at the person's sessions; "" if they may go on."""
    changed = {name for name in ("status", "is_warehouse_user") if getattr(person, name) != getattr(before, name)}
    return why_signed_out(changed, person) or (_NEW_PASSWORD if person.new_digest else "")


def _write_groups(people: Collection[Any], groups: Mapping[str, Group]) -> None:
    memberships = User.groups.through.objects
    there: dict[int, set[int]] = defaultdict(set)
    for user_id, group_id in memberships.filter(user__in=people).values_list("user_id", "group_id"):
        there[user_id].add(group_id)
    wanted = {person.pk: {groups[name].pk for name in person.group_names} for person in people}
    memberships.bulk_create(
        User.groups.through(user_id=pk, group_id=new) for pk, ids in wanted.items() for new in ids - there[pk]
    )
    over: dict[int, set[int]] = defaultdict(set)
    for pk, ids in wanted.items():
        for old in there[pk] - ids:
            over[old].add(pk)
    for old, members in over.items():
        memberships.filter(group=old, user__in=members).delete()


def _end_sessions(reasons: Mapping[int, str]) -> None:
    people: dict[str, list[int]] = defaultdict(list)
    for pk, reason in reasons.items():
        if reason:
            people[reason].append(pk)
    Session.objects.live().filter(user__in=[pk for pks in people.values() for pk in pks]).hold()
    for reason, pks in people.items():
        ended = Session.objects.filter(user__in=pks).end_all(reason)
        audit.info("Sessions Ended", users=len(pks), sessions=ended, reason=reason)
