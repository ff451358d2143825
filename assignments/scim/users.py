"""People as SCIM's Users: read, found, and written by the write methods of imports and of assignments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.db.models.functions import Lower
from django.utils.translation import gettext_noop
from scim2_models import (
    ForbiddenException,
    InvalidValueException,
    Meta,
    UniquenessException,
)

from assignments.models import WarehouseUserAssignment
from assignments.scim import attributes
from assignments.scim.resource_kind import ResourceKind, version_of
from assignments.scim.searchable import ORDERS_OF_PEOPLE, by_user_name, filters_of_people
from assignments.scim.warehouses import assign, assigned_by
from config.database.periods import Period, not_ended
from config.identifiers import parse_uuid
from config.rule_errors import RuleError
from config.text import normal_email, normal_name
from users.account.sign_in_names import propose_sign_in_name
from users.account_actions import require_administrator
from users.locks import lock_administrators
from users.models import Client, DirectoryEntry, User
from users.saving import save_many, takes_rights

#: Why sessions end when the directory blocks or deletes a person.
ENDED_BY_DIRECTORY = gettext_noop("changed by the company's directory")


class Wanted(NamedTuple):
    """What a resource says about a person. `assigned`: key of each warehouse → period."""

    fields: dict[str, Any]
    user_name: str
    external_id: str
    assigned: dict[int, Period]


class People(ResourceKind):
    """The people whom a client sees: all but deleted ones. It changes those who have no role that it cannot give."""

    noun = "user"
    orders = ORDERS_OF_PEOPLE

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.filters = filters_of_people(client)

    # --- Reading ------------------------------------------------------------------------------------------------
    def rows(self) -> Any:
        """All that can be found, in the order of their creation."""
        folded_names = {"given": Lower("first_name"), "family": Lower("last_name"), "email_lower": Lower("email")}
        return User.objects.listed().alias(**folded_names).order_by("pk")

    def resources(self, rows: Any, *, only: Any = None) -> list[Any]:
        """The resources of these rows. Three queries."""
        shown = WarehouseUserAssignment.objects.filter(not_ended()).select_related("warehouse").order_by("pk")
        given = Group.objects.filter(client_roles__client=self.client).order_by("pk")
        people = rows.select_related("directory_entry").prefetch_related(
            Prefetch("assignments", shown, to_attr="shown"), Prefetch("groups", given, to_attr="given")
        )
        return [_resource(person) for person in people]

    def get(self, resource_id: str, *, only: Any = None) -> Any:
        """Raises NotFoundException, also for a deleted person."""
        return self.one(User.objects.listed().filter(uuid=parse_uuid(resource_id)))

    # --- Writing ------------------------------------------------------------------------------------------------
    def create(self, resource: Any) -> Any:
        """Raises UniquenessException for a taken name or e-mail, also of a deleted person: only staff restore them."""
        wanted = self._wanted(resource, None, None)
        self._require_free(wanted, None)
        person: Any = User(**wanted.fields)
        person.new_digest, person.group_names = _password_of(resource, person), ()
        person.full_clean(exclude=["password"])
        save_many([person], [], {})
        self._write_rest(person, wanted, keeps_names=False)
        return self.one(User.objects.filter(pk=person.pk))

    def update(self, resource: Any, expected_version: str | None) -> Any:
        """Writes what differs, if anything does. Raises PreconditionFailedException if the person has changed since.

        Somebody is blocked whatever else the request says: what cannot be written of it is left as it was then. Raises
        ForbiddenException for somebody above the client, and LastAdministratorError.
        """
        person, stored = self._locked(resource.id, expected_version)
        is_blocking = resource.active is False and person.status == User.Status.ACTIVE
        try:
            with transaction.atomic() if is_blocking else nullcontext():
                self._write(person, resource, stored)
        except (ValidationError, RuleError, InvalidValueException, UniquenessException):
            if not is_blocking:
                raise
            self._save(User.objects.get(pk=person.pk), {"status": User.Status.BLOCKED})
        return self.one(User.objects.filter(pk=person.pk))

    def _write(self, person: User, resource: Any, stored: Any) -> None:
        wanted = self._wanted(resource, person, stored[attributes.WarehouseUser])
        if (wanted.fields["email"], wanted.user_name) != (person.email, stored.user_name):
            self._require_free(wanted, person)
        changed = {name: value for name, value in wanted.fields.items() if getattr(person, name) != value}
        if changed:
            self._save(person, changed)
        self._write_rest(person, wanted, keeps_names=not changed or "status" in changed)

    def delete(self, resource_id: str, expected_version: str | None) -> None:
        """As staff delete people: the row is kept for the history, and everything of theirs ends."""
        person, _stored = self._locked(resource_id, expected_version)
        self._save(person, {"status": User.Status.DELETED})

    def _locked(self, resource_id: str, expected_version: str | None) -> tuple[User, Any]:
        """The person, whom nobody else changes until the end of the transaction, and their resource."""
        listed = User.objects.listed().filter(uuid=parse_uuid(resource_id))
        if listed.exclude(roles=[], is_superuser=False).exists():
            lock_administrators()  # before people: `users.locks`
        person: Any = listed.locked().first()
        if person is None:
            raise self.missing
        if person.outranks(self.client):
            raise ForbiddenException(detail="This user may do more than this client may give: staff change them.")
        return person, self.unchanged(listed, expected_version)

    def _save(self, person: User, values: Mapping[str, Any]) -> None:
        """Only what is written is validated: nobody stays in because their name would not be accepted today."""
        for name, value in values.items():
            setattr(person, name, value)
        person.clean_fields(exclude={field.name for field in person._meta.fields} - values.keys())
        if "email" in values:
            person.validate_constraints()
        person.new_digest, person.group_names = "", tuple(person.roles)  # type: ignore[attr-defined]
        groups = {group.name: group for group in Group.objects.filter(name__in=person.roles)}
        takes = takes_rights([person], groups)
        save_many([], [person], groups, ended_because=ENDED_BY_DIRECTORY)
        if takes:
            require_administrator()

    def _write_rest(self, person: User, wanted: Wanted, *, keeps_names: bool) -> None:
        """`keeps_names`: whether somebody without an entry, whose names are the known ones, needs none yet."""
        entry = DirectoryEntry.objects.filter(user=person).first()
        names = {"user_name": wanted.user_name, "external_id": wanted.external_id}
        unsaid = {"user_name": person.email, "external_id": ""} if keeps_names else {}
        known = {name: getattr(entry, name) for name in names} if entry else unsaid
        if names != known:
            DirectoryEntry(**names).clean_fields(exclude=["user"])
            DirectoryEntry.objects.update_or_create(names, user=person)
        assign(person, wanted.assigned)

    def _require_free(self, wanted: Wanted, person: User | None) -> None:
        others = User.objects.exclude(pk=person.pk if person else None)
        by_name = others.filter(by_user_name("exact", wanted.user_name))
        found = others.by_email(wanted.fields["email"]).first() or by_name.first()
        if found is None:
            return
        if found.is_deleted:
            raise UniquenessException(
                detail="A deleted user has this name or e-mail. Staff can restore them in the Back Office."
            )
        raise UniquenessException(detail="Another user has this userName or e-mail.")

    # --- What a resource says -----------------------------------------------------------------------------------
    def _wanted(self, resource: Any, person: User | None, before: Any) -> Wanted:
        """`before` is the extension as it was, or None."""
        extension = resource[attributes.WarehouseUser] or attributes.WarehouseUser(language=None)
        user_name = normal_name(resource.user_name)
        email, has_mailbox = self._address(resource, user_name, person)
        fields = {
            "email": email,
            "has_mailbox": has_mailbox,
            "first_name": normal_name(resource.name.given_name),
            "last_name": normal_name(resource.name.family_name),
            "status": User.Status.BLOCKED if resource.active is False else User.Status.ACTIVE,
            "is_warehouse_user": bool(extension.is_warehouse_user),
            "language": extension.language or User.Language.ENGLISH,
        }
        external_id = normal_name(resource.external_id or "")
        assigned = assigned_by(extension, before and before.warehouse_names)
        return Wanted(fields, user_name, external_id, assigned)

    def _address(self, resource: Any, user_name: str, person: User | None) -> tuple[str, bool]:
        """The e-mail, and whether mail reaches it: without `emails`, it is only a name to sign in with."""
        sent = [one for one in resource.emails or () if one.value]
        ranked = sorted(sent, key=lambda one: (not one.primary, (one.type or "").lower() != "work"))
        if ranked:
            return normal_email(ranked[0].value), True
        if "@" in user_name:
            return normal_email(user_name), False
        if person is not None and not person.has_mailbox:
            return person.email, False
        return propose_sign_in_name(resource.name.given_name, resource.name.family_name, self.client), False


def _resource(person: Any) -> Any:
    entry = getattr(person, "directory_entry", None)
    names = (entry.user_name, entry.external_id or None) if entry else (person.email, None)
    facts = [
        *(names, person.email, person.has_mailbox, person.first_name, person.last_name, person.status),
        *(person.is_warehouse_user, person.language, [(role.pk, role.name) for role in person.given]),
        [(row.warehouse_id, row.warehouse.name, row.starts_at, row.ends_at) for row in person.shown],
    ]
    resource = attributes.Person(
        id=str(person.uuid),
        external_id=names[1],
        user_name=names[0],
        name=attributes.Name(given_name=person.first_name, family_name=person.last_name),
        active=person.status == User.Status.ACTIVE,
        emails=[attributes.Email(value=person.email, type="work", primary=True)] if person.has_mailbox else None,
        groups=[attributes.Membership(value=str(role.pk), display=role.name) for role in person.given] or None,
        meta=Meta(
            resource_type="User",
            created=person.created_at,
            last_modified=max(person.updated_at, *(row.updated_at for row in person.shown), person.updated_at),
            version=version_of(facts),
        ),
    )
    resource[attributes.WarehouseUser] = _extension(person)
    return resource


def _extension(person: Any) -> Any:
    """What differs from the defaults, or None. Also the warehouses of who is no warehouse user at present: they are
    kept, and a PATCH that says nothing of them must not take them."""
    language = None if person.language == User.Language.ENGLISH else person.language
    warehouses = [
        attributes.AssignedWarehouse(value=str(row.warehouse.uuid), starts_at=row.starts_at, ends_at=row.ends_at)
        for row in person.shown
    ]
    if not (person.is_warehouse_user or language or warehouses):
        return None
    return attributes.WarehouseUser(
        is_warehouse_user=person.is_warehouse_user or None,
        language=language,
        warehouses=warehouses or None,
        warehouse_names="; ".join(row.warehouse.name for row in person.shown) or None,
    )


def _password_of(resource: Any, person: User) -> str:
    """The digest of a new person's password; "" without one, or if the directory may give none."""
    if not (settings.SCIM_TAKES_PASSWORDS and resource.password):
        return ""
    validate_password(resource.password, person)
    return make_password(resource.password)
