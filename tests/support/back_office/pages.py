"""The pages of the Back Office and of one's own account, for tests that go through all of them."""

from collections.abc import Callable
from uuid import uuid4

from django.contrib.auth.models import Group
from django.urls import reverse

from assignments.models import ManagedWarehouse
from config.database.periods import database_now
from config.history.positions import Operation
from config.spreadsheets.models import Undo
from tests.support.back_office.history import change_set, undo_url
from users.models import Client, User
from users.models.audit_event import AuditEvent
from users.sign_in.account_recovery import unlock_sign_in
from warehouses.models import Warehouse


def _some_event(pat: User) -> AuditEvent:
    unlock_sign_in(pat)
    return AuditEvent.objects.latest("id")


def _refused(username: str) -> AuditEvent:
    """An event of a request, which names a person and a client."""
    return AuditEvent.objects.create(
        at=database_now(),
        event="Failed Login",
        tag="failed_login",
        level="warning",
        username=username,
        client_id=_printer().client_id,
        request_id="desk-7",
        path="/token",
    )


def _printer() -> Client:
    """A confidential client, made when it is first asked for."""
    return Client.objects.get_or_create(
        client_id="pat-printer",
        defaults={"name": "Pat's printer", "is_confidential": True, "redirect_uris": ["https://print.example.test/cb"]},
    )[0]


_SITE_MANAGER = "site.manager@example.test"


def _site_manager(north: Warehouse) -> User:
    person, _is_new = User.objects.get_or_create(email=_SITE_MANAGER, defaults={"is_confined": True})
    ManagedWarehouse.objects.set_for(person, add=[north], remove=[])
    return person


def _some_change_set(pat: User, north: Warehouse) -> Operation:
    with change_set(pat) as operation:
        Warehouse.objects.filter(pk=north.pk).update(note=str(uuid4().int))
    return operation


def _stopped_undo(pat: User, north: Warehouse) -> Undo:
    """One of the Back Office user who looks."""
    staff = User.objects.filter(is_warehouse_user=False).exclude(email=_SITE_MANAGER)
    looking = staff.order_by("is_superuser", "pk").last()
    operation = _some_change_set(pat, north)
    return Undo.objects.create(person=looking, operation=str(operation), language="en", state=Undo.State.STOPPED)


#: The pages, each found by what a test has at hand: `pat` a warehouse user who works in `north` now.
PAGES: dict[str, Callable[..., str]] = {
    "dashboard": lambda **_: reverse("admin:index"),
    "users": lambda **_: reverse("admin:users_user_changelist"),
    "new user": lambda **_: reverse("admin:users_user_add"),
    "hire": lambda **_: reverse("admin:users_user_add", query={"is_warehouse_user": 1}),
    "person": lambda pat, **_: reverse("admin:users_user_view", args=[pat.pk]),
    "why": lambda pat, north, **_: reverse("admin:users_user_why", query={"person": pat.pk, "warehouse": north.pk}),
    "why a client": lambda **_: reverse("admin:users_user_why", query={"client": _printer().client_id}),
    "why a request": lambda pat, **_: reverse(
        "admin:users_user_why", query={"request_id": _refused(pat.email).request_id}
    ),
    "user": lambda pat, **_: reverse("admin:users_user_change", args=[pat.pk]),
    "account": lambda **_: reverse("account"),
    "account password": lambda **_: reverse("account_password"),
    "temporary password": lambda pat, **_: reverse("admin:users_user_temporary_password", args=[pat.pk]),
    "delete user": lambda pat, **_: reverse("admin:users_user_delete", args=[pat.pk]),
    "history of a user": lambda pat, **_: reverse("admin:users_user_history", args=[pat.pk]),
    "import users": lambda **_: reverse("admin:users_user_import_sheet"),
    "import users and their warehouses": lambda **_: reverse(
        "admin:users_user_import_sheet", query={"sheet": "warehouses"}
    ),
    "export users": lambda **_: reverse("admin:users_user_export_sheet"),
    "sessions": lambda **_: reverse("admin:users_session_changelist"),
    "session": lambda session, **_: reverse("admin:users_session_change", args=[session.pk]),
    "security events": lambda **_: reverse("admin:users_auditevent_changelist"),
    "security event": lambda pat, **_: reverse("admin:users_auditevent_change", args=[_some_event(pat).pk]),
    "clients": lambda **_: reverse("admin:users_client_changelist"),
    "new client": lambda **_: reverse("admin:users_client_add"),
    "client": lambda **_: reverse("admin:users_client_change", args=[_printer().pk]),
    "new secret of a client": lambda **_: reverse("admin:users_client_secret", args=[_printer().pk]),
    "remove client": lambda **_: reverse("admin:users_client_delete", args=[_printer().pk]),
    "history of a client": lambda **_: reverse("admin:users_client_history", args=[_printer().pk]),
    "managed warehouses": lambda north, **_: reverse(
        "admin:assignments_managed_warehouses", args=[_site_manager(north).uuid]
    ),
    "period of a managed warehouse": lambda north, **_: reverse(
        "admin:assignments_managed_period",
        args=[_site_manager(north).uuid],
        query={"row": ManagedWarehouse.objects.get(user__email=_SITE_MANAGER).pk},
    ),
    "assign warehouses": lambda pat, **_: reverse("admin:assignments_assign_warehouses", args=[pat.uuid]),
    "assign people": lambda north, **_: reverse("admin:assignments_assign_people", args=[north.uuid]),
    "assignments": lambda **_: reverse("admin:assignments_warehouseuserassignment_changelist"),
    "period of an assignment": lambda pat, **_: reverse(
        "admin:assignments_warehouseuserassignment_set_period", args=[pat.assignments.earliest("id").pk]
    ),
    "roster": lambda north, **_: reverse("admin:assignments_roster", query={"warehouse": north.pk}),
    "roster of a person": lambda pat, **_: reverse("admin:assignments_roster_person", query={"person": pat.pk}),
    "import assignments": lambda **_: reverse("admin:assignments_warehouseuserassignment_import_sheet"),
    "imports": lambda **_: reverse("admin:spreadsheets_import_changelist"),
    "warehouses": lambda **_: reverse("admin:warehouses_warehouse_changelist"),
    "new warehouse": lambda **_: reverse("admin:warehouses_warehouse_add"),
    "warehouse": lambda north, **_: reverse("admin:warehouses_warehouse_change", args=[north.pk]),
    "view warehouse": lambda north, **_: reverse("admin:warehouses_warehouse_view_row", args=[north.pk]),
    "history of a warehouse": lambda north, **_: reverse("admin:warehouses_warehouse_history", args=[north.pk]),
    "delete warehouse": lambda north, **_: reverse("admin:warehouses_warehouse_delete", args=[north.pk]),
    "history": lambda **_: reverse("admin:history"),
    "change set": lambda pat, north, **_: _some_change_set(pat, north).url,
    "undo": lambda pat, north, **_: undo_url(_some_change_set(pat, north)),
    "large undo": lambda pat, north, **_: reverse("admin:undo_job", args=[_stopped_undo(pat, north).pk]),
    "roles": lambda **_: reverse("admin:auth_group_changelist"),
    "new role": lambda **_: reverse("admin:auth_group_add"),
    "role": lambda **_: reverse("admin:auth_group_change", args=[Group.objects.get_or_create(name="Auditor")[0].pk]),
    "change password": lambda **_: reverse("admin:password_change"),
    "saved searches": lambda **_: f"{reverse('admin_saved_searches')}?kind=users.user&query=q%3Dpat",
    "two-factor": lambda **_: reverse("admin_two_factor"),
}
