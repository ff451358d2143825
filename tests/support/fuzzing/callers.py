"""Who asks for the pages of the Back Office while they are fuzzed, and one row of each model to ask about.

Both may be called again: what an earlier request has changed or removed is put back.
"""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Import
from users import roles
from users.models import Session, User
from users.models.audit_event import AuditEvent
from users.models.oauth.client import Client
from warehouses.models import Warehouse

#: Every kind of caller: who may do everything first, who is not signed in last.
CALLERS = ("superuser", *roles.ROLES, "no role", "warehouse user", "nobody")


def caller(kind: str) -> User | None:
    """Somebody of this kind, who may do what their kind may whatever was done to them."""
    if kind == "nobody":
        return None
    fields = {
        "first_name": "Fay",
        "last_name": kind,
        "status": User.Status.ACTIVE,
        "is_superuser": kind == "superuser",
        "is_warehouse_user": kind == "warehouse user",
    }
    person, _ = User.objects.update_or_create(email=f"{kind.replace(' ', '.')}@fuzz.test", defaults=fields)
    person.groups.set(Group.objects.filter(name=kind))
    return person


def cookies_of(person: User | None) -> dict[str, str]:
    """The cookies of a browser in which this person has just signed in and seen a page with a form."""
    browser = Browser()
    if person:
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/admin/login/" if person is None or not person.is_staff else "/admin/")
    return {name: morsel.value for name, morsel in browser.cookies.items()}


def rows(asking: User | None) -> dict[str, Any]:
    """One row of each model, by its path below `/admin/`, and an import of each kind that the caller has begun."""
    fields = {"first_name": "Pat", "last_name": "Fuzz", "status": User.Status.ACTIVE, "is_warehouse_user": True}
    pat, _ = User.objects.update_or_create(email="pat@fuzz.test", defaults=fields)
    dock, _ = Warehouse.objects.update_or_create(name="Fuzz Dock", defaults={"is_active": True})
    later = timezone.now() + timedelta(hours=1)
    return {
        "users/user": pat,
        "users/session": Session.objects.live().filter(user=pat).first()
        or Session.objects.create(
            user=pat, client_id=settings.DEFAULT_CLIENT_ID, expires_at=later, refresh_digest=token_hex(32)
        ),
        "users/auditevent": AuditEvent.objects.last()
        or AuditEvent.objects.create(at=timezone.now(), event="Failed Login", tag="failed_login", level="warning"),
        "users/client": Client.objects.get_or_create(
            client_id="fuzzed", defaults={"name": "Fuzzed", "is_confidential": True, "secret_digest": "0" * 64}
        )[0],
        "warehouses/warehouse": dock,
        "assignments/warehouseuserassignment": WarehouseUserAssignment.objects.filter(user=pat, warehouse=dock).first()
        or WarehouseUserAssignment.objects.assign(
            user_uuid=str(pat.uuid), warehouse_uuid=str(dock.uuid), is_active=False
        ),
        "auth/group": Group.objects.get_or_create(name="Fuzzed role")[0],
        **{f"import of {kind.replace('.', '/')}": _import(kind, asking or pat) for kind in _IMPORTED},
    }


_IMPORTED = ("users.user", "assignments.warehouseuserassignment")


def _import(kind: str, person: User) -> Import:
    begun = Import.objects.filter(kind=kind, person=person).first()
    return begun or Import.objects.begin(kind=kind, person=person, language="en", file_name="a.csv", content=b"E-mail")
