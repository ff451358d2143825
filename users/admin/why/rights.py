"""What a Back Office user may do, and where: by the roles, and by confinement to warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from assignments.models import ManagedWarehouse
from config.back_office import periods
from config.back_office.rights import NoRight, in_words
from config.database.periods import Period
from users.admin.why.base import Condition, change_of, labelled
from users.admin.why.person import PersonConditions
from users.models import User
from warehouses.models import Warehouse

#: In display order. Those of the second group are asked about the warehouse, if one was chosen.
_OF_PEOPLE = ("users.view_user", "users.add_user", "users.change_user", "users.view_session", "users.change_session")
_OF_WAREHOUSES = (
    *(f"warehouses.{action}_warehouse" for action in ("view", "change", "delete")),
    *(f"assignments.{action}_warehouseuserassignment" for action in ("view", "add", "change", "delete")),
)


def rights_of(why: PersonConditions, warehouse: Warehouse | None) -> Iterator[Condition]:
    """Of a Back Office user, now. Each right with the reason of `User.why_not`."""
    person = why.person
    if why.moment or person.is_warehouse_user:
        return
    roles = ", ".join(_(role) for role in person.roles) or _("none")
    yield Condition(
        bool(person.roles) or person.is_superuser,
        _("Roles: %(roles)s.") % {"roles": roles},
        change_of(why.of_person, "roles", User),
    )
    yield from _confinement(why, warehouse)
    yield from _rank(person)
    for right in (*_OF_PEOPLE, *_OF_WAREHOUSES):
        yield _right(person, right, warehouse if right in _OF_WAREHOUSES else None)


def _confinement(why: PersonConditions, warehouse: Warehouse | None) -> Iterator[Condition]:
    change = change_of(why.of_person, "is_confined", User)
    if not why.person.is_confined:
        yield Condition(True, _("Their rights count for all warehouses."), change)
        return
    yield Condition(None, _("Their rights count only for the warehouses that they manage."), change)
    if warehouse is None:
        return
    row = ManagedWarehouse.objects.filter(user=why.person, warehouse=warehouse).first()
    found = why.changes(ManagedWarehouse, why.person, warehouse)
    name = {"warehouse": warehouse.name}
    if row is None:
        yield why.condition(False, _("They do not manage %(warehouse)s.") % name, labelled(found, "delete"), _page(why))
        return
    period = Period(row.starts_at, row.ends_at)
    told = name | {"period": periods.with_hint(period, why.now) or _("unlimited")}
    text = _("They manage %(warehouse)s: %(period)s.") % told
    yield why.condition(period.includes(why.now), text, labelled(found, "insert"), _page(why))


def _rank(person: User) -> Iterator[Condition]:
    """Whom they may change, as `User.outranks` decides."""
    if not person.may_somewhere("users.change_user"):
        return
    if person.is_superuser:
        yield Condition(True, _("Rank: they may change everybody."))
        return
    roles = ", ".join(sorted(_(role) for role in person.grantable_roles)) or _("none")
    yield Condition(
        None, _("Rank: they may change people with no other roles than these: %(roles)s.") % {"roles": roles}
    )


def _right(person: Any, right: str, warehouse: Warehouse | None) -> Condition:
    refusal = person.why_not(right, warehouse) if warehouse else _somewhere(person, right)
    words = {
        None: "%(right)s",
        NoRight.ROLE: _("%(right)s: no role of theirs allows it there."),
        NoRight.CONFINEMENT: _("%(right)s: only in the warehouses that they manage."),
    }
    return Condition(refusal is None, words[refusal] % {"right": in_words(right)})


def _somewhere(person: Any, right: str) -> NoRight | None:
    return None if person.may_somewhere(right) else NoRight.ROLE


def _page(why: PersonConditions) -> tuple[str, str] | None:
    page = "admin:assignments_managed_warehouses"
    return why.link(_("Managed warehouses"), "users.change_user", page, why.person.uuid)
