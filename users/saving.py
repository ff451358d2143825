"""The write method of imports and directories: saves many people, their groups, and the end of their sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from users.account_actions import sign_out, why_signed_out
from users.models import Session, User
from users.models.user import EMPLOYED_AGAIN
from users.roles import make_administrators

#: Columns of existing people that are written where they differ. No import changes the first three.
_WRITTEN = (
    "email",
    "has_mailbox",
    "is_superuser",
    "first_name",
    "last_name",
    "is_warehouse_user",
    "is_confined",
    "language",
    "status",
    "employed_until",
    "password",
    "must_change_password_by",
    "updated_at",
)
_NEW_PASSWORD = gettext_noop("password changed")


def save_many(
    new: Collection[Any], known: Collection[Any], groups: Mapping[str, Group], ended_because: str = ""
) -> None:
    """Saves new and known people in the caller's transaction, which has locked the known ones.

    Each has `group_names`, all their groups, and `new_digest`, the hash of a new password or "": hashing is slow, so it
    precedes the lock. A change of status, flag or password ends all sessions of a person, and so does another end of an
    employment that had ended. `ended_because` is the reason if these were not staff. If `takes_rights`, the caller must
    check that an administrator remains.
    """
    stored = User.objects.with_read_at().filter(pk__in=[person.pk for person in known])
    before = {person.pk: person for person in stored}
    for person in (*new, *(person for person in known if person.new_digest)):
        person.password = person.new_digest or make_password(None)
        person.must_change_password_by = None
    reasons = {person.pk: _why_signed_out(person, before[person.pk]) for person in known}
    for person in known:
        person.updated_at = Now()
    User.objects.bulk_create(new)
    if written := [name for name in _WRITTEN if _is_new(name, known, before)]:
        User.objects.bulk_update(known, written)  # fewer columns: a shorter lock
    _write_groups([*new, *known], groups)
    _end_sessions({pk: reason and (ended_because or reason) for pk, reason in reasons.items()})


def _is_new(name: str, known: Collection[Any], before: Mapping[int, User]) -> bool:
    return any(getattr(person, name) != getattr(before[person.pk], name) for person in known)


def takes_rights(known: Collection[Any], groups: Mapping[str, Group]) -> bool:
    """Whether one of these people is an administrator for good now, and would not be one after saving."""
    among_them = User.objects.lasting_administrators().filter(pk__in=[person.pk for person in known])
    administrators = set(among_them.values_list("pk", flat=True))
    return any(person.pk in administrators and not _stays_one(person, groups) for person in known)


def _stays_one(person: Any, groups: Mapping[str, Group]) -> bool:
    rights_are_given = make_administrators([groups[name] for name in person.group_names], person)
    is_everywhere = not person.is_confined and person.is_staff
    return person.employed_until is None and is_everywhere and (person.is_superuser or rights_are_given)


def _why_signed_out(person: Any, before: User) -> str:
    """The reason to end the person's sessions, or ""."""
    changed = {name for name in ("status", "is_warehouse_user") if getattr(person, name) != getattr(before, name)}
    if person.employed_until != before.employed_until and not before.is_employed:
        return EMPLOYED_AGAIN
    return why_signed_out(changed, person) or (_NEW_PASSWORD if person.new_digest else "")


def _write_groups(people: Collection[Any], groups: Mapping[str, Group]) -> None:
    membership = User.groups.through
    wanted = {(person.pk, groups[name].pk) for person in people for name in person.group_names}
    rows = membership.objects.filter(user__in=people).values_list("user_id", "group_id", "pk")
    stored = {(user_id, group_id): pk for user_id, group_id, pk in rows}
    new, outdated = sorted(wanted - stored.keys()), stored.keys() - wanted
    membership.objects.bulk_create(membership(user_id=user_id, group_id=group_id) for user_id, group_id in new)
    membership.objects.filter(pk__in=[stored[key] for key in outdated]).delete()


def _end_sessions(reasons: Mapping[int, str]) -> None:
    people: dict[str, list[int]] = defaultdict(list)
    for pk, reason in reasons.items():
        if reason:
            people[reason].append(pk)
    Session.objects.live().filter(user__in=[pk for pks in people.values() for pk in pks]).lock()
    for reason, pks in people.items():
        sign_out(pks, reason)
