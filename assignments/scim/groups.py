"""Roles as SCIM's Groups: those that a client may give. A directory gives and takes them by their members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import OuterRef, Prefetch, Q, Subquery, TextField
from django.db.models.functions import MD5, Cast, Lower
from scim2_models import (
    ForbiddenException,
    InvalidValueException,
    Meta,
    Path,
    Reference,
    UniquenessException,
)

from assignments.scim import attributes
from assignments.scim.resource_kind import ResourceKind, version_of
from assignments.scim.searchable import FILTERS_OF_ROLES, ORDERS_OF_ROLES
from config.identifiers import parse_key, parse_uuid
from config.text import normal_name
from users.account_actions import administrator_required
from users.locks import lock_administrators
from users.models import ClientRole, User
from users.resources.role_cell import GroupNames

_PATHS = Path[attributes.DirectoryGroup]
_memberships: Any = User.groups.through.objects
#: Of the members of each role, whether they are read or not: for the version.
_DIGESTS = (
    _memberships.filter(group=OuterRef("role"))
    .exclude(user__status=User.Status.DELETED)
    .order_by()
    .values("group")
    .annotate(digest=MD5(StringAgg(Cast("user_id", TextField()), ",", order_by="user_id")))
    .values("digest")
)


class Roles(ResourceKind):
    """The roles that a client may give (`ClientRole`); no other one exists for it."""

    noun = "group"
    filters, orders = FILTERS_OF_ROLES, ORDERS_OF_ROLES

    # --- Reading ------------------------------------------------------------------------------------------------
    def rows(self) -> Any:
        """All that can be found."""
        return ClientRole.objects.filter(client=self.client).alias(name=Lower("role__name")).order_by("role_id")

    def resources(self, rows: Any, *, only: Any = None) -> list[Any]:
        """The resources of these rows; without members if the answer has none. Two queries, or one."""
        rows = rows.select_related("role").annotate(members_digest=Subquery(_DIGESTS))
        has_members = _asks_for_members(only)
        if has_members:
            people = User.objects.listed().only("uuid").order_by("pk")
            rows = rows.prefetch_related(Prefetch("role__user_set", people, to_attr="people"))
        return [_resource(row, row.role.people if has_members else ()) for row in rows]

    def get(self, resource_id: str, *, only: Any = None) -> Any:
        """Raises NotFoundException for a role that the client may not give."""
        return self.one(self.rows().filter(role=parse_key(resource_id) or 0), only)

    # --- Writing ------------------------------------------------------------------------------------------------
    def create(self, resource: Any) -> Any:
        """A new role without any right, until staff give it some. Raises UniquenessException for a taken name."""
        name = _name_of(resource, None)
        role = Group.objects.create(name=name)
        row = ClientRole(client=self.client, role=role, external_id=normal_name(resource.external_id or ""))
        row.full_clean()
        row.save(force_insert=True)
        self._forget_roles()
        people = self._lock(role, _uuids_of(resource), all_members=False)
        self._set_members(role, people, set(), _uuids_of(resource))
        return self.one(self.rows().filter(pk=row.pk))

    def update(self, resource: Any, expected_version: str | None) -> Any:
        """Gives and takes the role. Raises ForbiddenException for another name of a role with rights, or that others
        give, and for members above the client."""
        with administrator_required():
            row, stored = self._unchanged(resource.id, expected_version)
            is_renamed = _name_of(resource, row.role) != row.role.name
            people = self._lock(row.role, _uuids_of(resource) ^ _uuids_of(stored), all_members=is_renamed)
            self._set_members(row.role, people, _uuids_of(stored), _uuids_of(resource))
            self._set_names(row, resource)
        return self.one(self.rows().filter(pk=row.pk))

    def delete(self, resource_id: str, expected_version: str | None) -> None:
        """Raises ForbiddenException for a role with rights, or that others give, which only staff delete."""
        lock_administrators()  # before people: `users.locks`
        row, _stored = self._unchanged(resource_id, expected_version)
        self._lock(row.role, (), all_members=True)
        _require_own(row)
        row.role.delete()
        self._forget_roles()

    def _unchanged(self, resource_id: str, expected_version: str | None) -> tuple[ClientRole, Any]:
        """The role and its resource. The lock of the administrators keeps others from giving it by SCIM."""
        rows = self.rows().filter(role=parse_key(resource_id) or 0)
        stored = self.unchanged(rows, expected_version)
        return rows.select_related("role").get(), stored

    def _lock(self, role: Group, uuids: Collection[str], *, all_members: bool) -> dict[str, User]:
        """These people by uuid, and with `all_members` those who have the role: locked by id, before the role.

        Raises ForbiddenException if one of them is above the client.
        """
        wanted = Q(uuid__in=[parse_uuid(value) for value in uuids])
        people = User.objects.locked().filter(wanted | Q(groups=role) if all_members else wanted)
        found = {str(person.uuid): person for person in people.order_by("pk")}
        if any(person.outranks(self.client) for person in found.values()):
            raise ForbiddenException(detail="A member may do more than this client may give: staff change them.")
        return found

    def _forget_roles(self) -> None:
        """The client's roles by name have changed."""
        self.client.__dict__.pop("grantable_roles", None)

    def _set_names(self, row: ClientRole, resource: Any) -> None:
        if (name := _name_of(resource, row.role)) != row.role.name:
            _require_own(row)
            row.role.name = name
            row.role.save(update_fields=["name"])
            self._forget_roles()
        if (external_id := normal_name(resource.external_id or "")) != row.external_id:
            row.external_id = external_id
            row.full_clean()
            row.save(update_fields=["external_id", "updated_at"])

    def _set_members(self, role: Group, people: Mapping[str, User], before: set[str], after: set[str]) -> None:
        """Writes the difference alone: whom staff give the role meanwhile keeps it."""
        through = User.groups.through
        through.objects.filter(group=role, user__uuid__in=[parse_uuid(value) for value in before - after]).delete()
        added = [people.get(value) for value in after - before]
        if any(person is None or person.is_deleted for person in added):
            raise InvalidValueException(detail="A member is no user of this site.")
        rows = [through(user_id=person.pk, group_id=role.pk) for person in added if person]
        through.objects.bulk_create(sorted(rows, key=lambda row: row.user_id), ignore_conflicts=True)


def _resource(row: Any, people: Collection[User]) -> Any:
    members = [
        attributes.Member(value=str(person.uuid), ref=Reference(f"Users/{person.uuid}"), type="User")
        for person in people
    ]
    facts = [row.role.name, row.external_id, row.members_digest]
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
    kept = _PATHS.iter_paths(attributes=only.attributes, excluded_attributes=only.excluded_attributes)
    return "members" in map(str, kept)


def _name_of(resource: Any, role: Group | None) -> str:
    """Raises UniquenessException for the name of another role, InvalidValueException for none or a long one."""
    name = normal_name(resource.display_name or "")
    if not 0 < len(name) <= 150:
        raise InvalidValueException(detail="displayName must have 1 to 150 characters.")
    if role and name == role.name:
        return name
    if ";" in name:
        raise InvalidValueException(detail="displayName must not contain a semicolon: sheets separate roles by it.")
    known = GroupNames().known.get(name.casefold())  # also the translations of the shipped ones
    if known is not None and not (role and known == role.name):
        raise UniquenessException(detail="Another role has this name. Staff can let this client give it.")
    return name


def _uuids_of(resource: Any) -> set[str]:
    return {(one.value or "").lower() for one in resource.members or ()}


def _require_own(row: ClientRole) -> None:
    """Raises ForbiddenException unless the role is nothing but a group of this client's directory."""
    if row.role.permissions.exists() or row.role.client_roles.exclude(pk=row.pk).exists():
        raise ForbiddenException(detail="This role has rights, or others give it: only staff rename or delete it.")
