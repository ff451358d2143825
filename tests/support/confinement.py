"""A confined site manager, their warehouse, another one, and people who are here, there, in both and nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.back_office.staff import member
from users import roles
from users.models import User
from warehouses.models import Warehouse


@dataclass(frozen=True)
class Site:
    """`manager` manages `own`. Of the people, `here` works in `own`, `both` in `other`, `elsewhere` in `other`."""

    manager: User
    own: Warehouse
    other: Warehouse
    here: User
    both: User
    elsewhere: User
    nowhere: User
    here_own: WarehouseUserAssignment
    both_own: WarehouseUserAssignment
    both_other: WarehouseUserAssignment
    elsewhere_other: WarehouseUserAssignment


def confined(person: User, role: str, *warehouses: Warehouse) -> User:
    """The person with this role, confined to these warehouses, as the next request reads them."""
    confined_to(person, *warehouses)
    return User.objects.get(pk=member(person, role).pk)


def confined_to(person: User, *warehouses: Warehouse) -> None:
    User.objects.filter(pk=person.pk).update(is_confined=True)
    ManagedWarehouse.objects.set_for(person, add=warehouses, remove=[])


def build(make_user: Callable[..., User], role: str = roles.SITE_MANAGER) -> Site:
    own, other = (Warehouse.objects.create(name=name) for name in ("Own Hall", "Other Hall"))
    people: dict[str, Any] = {
        name: make_user(f"{name}.picker@example.test", is_warehouse_user=True)
        for name in ("here", "both", "elsewhere", "nowhere")
    }
    rows: dict[str, Any] = {
        f"{name}_{place}": WarehouseUserAssignment.objects.assign(
            user_uuid=str(people[name].uuid), warehouse_uuid=str(warehouse.uuid), is_active=is_active
        )
        for name, place, warehouse, is_active in (
            ("here", "own", own, True),
            ("both", "own", own, False),
            ("both", "other", other, True),
            ("elsewhere", "other", other, True),
        )
    }
    manager = confined(make_user("cora.confined@example.test"), role, own)
    return Site(manager, own, other, **people, **rows)
