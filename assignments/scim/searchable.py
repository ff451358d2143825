"""What of people and of roles can be searched and sorted by. Each has an index, or is a name."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce, Lower

from assignments.scim import attributes
from assignments.scim.filters import ALWAYS, Filters, folded, key, text, yes_or_no
from config.identifiers import parse_key, parse_uuid
from users.models import Client, DirectoryEntry, User

_EXTENSION = str(attributes.WarehouseUser.__schema__).lower()
_HAS_MAILBOX = Q(has_mailbox=True)
_emails = text("email_lower", is_folded=True)


# --- People -----------------------------------------------------------------------------------------------------
def by_user_name(lookup: str, value: Any) -> Q:
    """By the directory's name for a person, or the e-mail of who has none: two indexes instead of a join."""
    if lookup == "isnull":
        return ALWAYS
    sought = {f"lower__{lookup}": folded(value)}
    entries = DirectoryEntry.objects.alias(lower=Lower("user_name")).filter(**sought).values("user_id")
    others = User.objects.order_by().alias(lower=Lower("email")).filter(directory_entry=None, **sought).values("pk")
    return Q(pk__in=entries.union(others))


#: Name of an attribute in lower case → its condition.
_OF_PEOPLE = {
    "id": key(lambda value: Q(uuid=parse_uuid(value))),
    "externalid": text("directory_entry__external_id"),
    "username": by_user_name,
    "name.familyname": text("family", is_folded=True),
    "name.givenname": text("given", is_folded=True),
    "active": yes_or_no(Q(status=User.Status.ACTIVE)),
    "emails": lambda lookup, value: _HAS_MAILBOX & _emails(lookup, value),
    "emails.value": lambda lookup, value: _HAS_MAILBOX & _emails(lookup, value),
    "emails.type": key(lambda value: _HAS_MAILBOX if value.lower() == "work" else ~ALWAYS, _HAS_MAILBOX),
    "emails.primary": yes_or_no(_HAS_MAILBOX, _HAS_MAILBOX),
    f"{_EXTENSION}:iswarehouseuser": yes_or_no(Q(is_warehouse_user=True)),
}
#: `sortBy` in lower case → columns.
ORDERS_OF_PEOPLE = {
    "id": ["uuid"],
    "username": [Lower(Coalesce("directory_entry__user_name", "email")), "pk"],
    "name.familyname": [Lower("last_name"), "pk"],
    "name.givenname": [Lower("first_name"), "pk"],
}


def filters_of_people(client: Client) -> Filters:
    """With the roles that this client may give, and no others."""
    memberships = User.groups.through.objects.filter(group__client_roles__client=client)
    given = key(lambda value: _of_roles(memberships.filter(group=parse_key(value))), _of_roles(memberships))
    conditions = _OF_PEOPLE | {"groups": given, "groups.value": given}
    return Filters(conditions, str(attributes.DirectoryUser.__schema__))


def _of_roles(memberships: Any) -> Q:
    return Q(pk__in=memberships.values("user_id"))


# --- Roles ------------------------------------------------------------------------------------------------------
def _with_members(**which: Any) -> Q:
    people = User.objects.listed().order_by().filter(**which)
    return Q(role__in=User.groups.through.objects.filter(user__in=people).values("group_id"))


_members = key(lambda value: _with_members(uuid=parse_uuid(value)), _with_members())

FILTERS_OF_ROLES = Filters(
    {
        "id": key(lambda value: Q(role=parse_key(value))),
        "externalid": text("external_id"),
        "displayname": text("name", is_folded=True),
        "members": _members,
        "members.value": _members,
    },
    str(attributes.DirectoryGroup.__schema__),
)
ORDERS_OF_ROLES = {"id": ["role_id"], "displayname": [Lower("role__name"), "role_id"]}
