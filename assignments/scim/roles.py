"""Roles as SCIM's Groups: those that a client may give. A directory gives and takes them by their members."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Prefetch, Q
from django.db.models.functions import Lower
from scim2_models import (
    ForbiddenException,
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Reference,
    UniquenessException,
)

from assignments.scim import attributes
from assignments.scim.filters import Filters, key, text
from assignments.scim.version import version_of
from config.identifiers import parse_key, parse_uuid
from config.text import normal_name
from users.account_actions import administrator_required
from users.locks import lock_administrators
from users.models import Client, ClientRole, User

_MEMBERS = "members"


def _with_members(**which: Any) -> Q:
    people = User.objects.listed().order_by().filter(**which)
    return Q(role__in=User.groups.through.objects.filter(user__in=people).values("group_id"))


_members = key(lambda value: _with_members(uuid=parse_uuid(value)), _with_members())

CONDITIONS = {
    "id": key(lambda value: Q(role=parse_key(value))),
    "externalid": text("external_id"),
    "displayname": text("name", is_folded=True),
    "members": _members,
    "members.value": _members,
}
FILTERS = Filters(CONDITIONS, str(attributes.DirectoryGroup.__schema__))
#: `sortBy` in lower case → columns.
ORDERS = {"id": ["role_id"], "displayname": [Lower("role__name"), "role_id"]}


class Roles:
    """The roles that a client may give (`ClientRole`); no other one exists for it."""

    filters, orders = FILTERS, ORDERS

    def __init__(self, client: Client) -> None:
        self.client = client

    # --- Reading ------------------------------------------------------------------------------------------------
    def rows(self) -> Any:
        """All that can be found."""
        return ClientRole.objects.filter(client=self.client).alias(name=Lower("role__name")).order_by("role_id")

    def resources(self, rows: Any, *, only: Any = None) -> list[Any]:
        """The resources of these rows; without members if the answer has none. Two queries, or one."""
        rows = rows.select_related("role")
        has_members = _asks_for_members(only)
        if has_members:
            people = User.objects.listed().only("uuid").order_by("pk")
            rows = rows.prefetch_related(Prefetch("role__user_set", people, to_attr="people"))
        return [_resource(row, row.role.people if has_members else ()) for row in rows]

    def get(self, resource_id: str, *, only: Any = None) -> Any:
        """Raises NotFoundException for a role that the client may not give."""
        return self._one(self.rows().filter(role=parse_key(resource_id) or 0), only)

    def _one(self, rows: Any, only: Any = None) -> Any:
        for resource in self.resources(rows, only=only):
            return resource
        raise NotFoundException(detail="There is no such group.")

    # --- Writing ------------------------------------------------------------------------------------------------
    def create(self, resource: Any) -> Any:
        """A new role without any right, until staff give it some. Raises UniquenessException for a taken name."""
        name = _name_of(resource, None)
        role = Group.objects.create(name=name)
        row = ClientRole(client=self.client, role=role, external_id=normal_name(resource.external_id or ""))
        row.full_clean()
        row.save()
        self._set_members(role, resource)
        return self._one(self.rows().filter(pk=row.pk))

    def update(self, resource: Any, expected_version: str | None) -> Any:
        """Gives and takes the role. Raises ForbiddenException for another name of a role with rights, and for members
        above the client."""
        with administrator_required():
            row, stored = self._unchanged(resource.id, expected_version)
            if _uuids_of(resource) != _uuids_of(stored):
                self._set_members(row.role, resource)  # locks people, before the role
            self._set_names(row, resource)
        return self._one(self.rows().filter(pk=row.pk))

    def delete(self, resource_id: str, expected_version: str | None) -> None:
        """Raises ForbiddenException for a role with rights, which only staff delete."""
        lock_administrators()  # before people: `users.locks`
        row, _stored = self._unchanged(resource_id, expected_version)
        _require_without_rights(row.role)
        len(User.objects.locked().filter(groups=row.role).order_by("pk").values_list("pk"))
        row.role.delete()

    def _unchanged(self, resource_id: str, expected_version: str | None) -> tuple[ClientRole, Any]:
        """The role and its resource. The lock of the administrators keeps others from giving it by SCIM."""
        rows = self.rows().filter(role=parse_key(resource_id) or 0)
        stored = self._one(rows)
        if expected_version not in (None, stored.meta.version):
            raise PreconditionFailedException(detail="The group has changed in the meantime.")
        return rows.select_related("role").get(), stored

    def _set_names(self, row: ClientRole, resource: Any) -> None:
        if (name := _name_of(resource, row.role)) != row.role.name:
            _require_without_rights(row.role)
            row.role.name = name
            row.role.save(update_fields=["name"])
        if (external_id := normal_name(resource.external_id or "")) != row.external_id:
            row.external_id = external_id
            row.full_clean()
            row.save(update_fields=["external_id", "updated_at"])

    def _set_members(self, role: Group, resource: Any) -> None:
        wanted = _members_of(resource)
        memberships = User.groups.through.objects.filter(group=role)
        stored = set(memberships.filter(user__in=User.objects.listed()).values_list("user_id", flat=True))
        changed = wanted ^ stored
        people = User.objects.locked().filter(pk__in=sorted(changed)).order_by("pk")
        if any(person.outranks(self.client) for person in people):
            raise ForbiddenException(detail="A member may do more than this client may give: staff change them.")
        memberships.filter(user__in=stored - wanted).delete()
        through = User.groups.through
        through.objects.bulk_create(through(user_id=pk, group_id=role.pk) for pk in sorted(wanted - stored))


def _resource(row: ClientRole, people: Collection[User]) -> Any:
    members = [
        attributes.Member(value=str(person.uuid), ref=Reference(f"Users/{person.uuid}"), type="User")
        for person in people
    ]
    facts = [row.role.name, row.external_id, [one.value for one in members]]
    return attributes.DirectoryGroup(
        id=str(row.role_id),
        external_id=row.external_id or None,
        display_name=row.role.name,
        members=members or None,
        meta=Meta(
            resource_type="Group", created=row.created_at, last_modified=row.updated_at, version=version_of(facts)
        ),
    )


def _asks_for_members(only: Any) -> bool:
    """Whether an answer with these `attributes` or `excludedAttributes` has members."""
    if only is None:
        return True
    asked = [str(path).lower() for path in only.attributes or ()]
    excluded = [str(path).lower() for path in only.excluded_attributes or ()]
    return _MEMBERS not in excluded and (not asked or any(_MEMBERS in path for path in asked))


def _name_of(resource: Any, role: Group | None) -> str:
    """Raises UniquenessException for the name of another role, InvalidValueException for none or a long one."""
    name = normal_name(resource.display_name or "")
    if not 0 < len(name) <= 150:
        raise InvalidValueException(detail="displayName must have 1 to 150 characters.")
    others = Group.objects.exclude(pk=role.pk) if role else Group.objects.all()
    if others.alias(lower=Lower("name")).filter(lower=name.lower()).exists():
        raise UniquenessException(detail="Another role has this name. Staff can let this client give it.")
    return name


def _uuids_of(resource: Any) -> set[str]:
    return {(one.value or "").lower() for one in resource.members or ()}


def _members_of(resource: Any) -> set[int]:
    """Keys of people. Raises InvalidValueException if one of them does not exist."""
    sent = _uuids_of(resource)
    found = User.objects.listed().filter(uuid__in=[parse_uuid(value) for value in sent]).values_list("pk", flat=True)
    people = set(found)
    if len(people) < len(sent):
        raise InvalidValueException(detail="A member is no user of this site.")
    return people


def _require_without_rights(role: Group) -> None:
    if role.permissions.exists():
        raise ForbiddenException(detail="This role has rights: only staff rename or delete it.")
