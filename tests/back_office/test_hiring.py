"""Somebody is hired by one form and one save: name, e-mail, warehouses, and the one where they work now."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.back_office.staff import LIST, NEW_PASSWORD, errors, signed_in, told
from users import roles
from users.forms import HireForm
from users.models import User
from warehouses.models import Warehouse

HIRE = f"{LIST}add/?is_warehouse_user=1"
SALLY = {
    "email": "sally.season@example.test",
    "first_name": "Sally",
    "last_name": "Season",
    "language": "en_US",
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
    "is_warehouse_user": "on",
}


def places(email: str) -> dict[str, bool]:
    """The warehouses of somebody, and whether each is the current one."""
    rows = WarehouseUserAssignment.objects.filter(user__email=email)
    return dict(rows.values_list("warehouse__name", "is_active"))


@pytest.mark.parametrize("path", ["/admin/", LIST])
def test_the_button_leads_to_a_form_for_a_warehouse_user(as_manager: Client, path: str) -> None:
    assert f'href="{HIRE}"' in as_manager.get(path).content.decode()
    page = as_manager.get(HIRE)
    assert page.context["title"] == "Hire a warehouse user"
    assert page.context["adminform"].form["is_warehouse_user"].value() == "1"
    assert not as_manager.get(f"{LIST}add/").context["adminform"].form["is_warehouse_user"].value()


@pytest.mark.parametrize("path", ["/admin/", LIST])
def test_nobody_else_has_the_button(olive: User, path: str) -> None:
    olive.user_permissions.set(Permission.objects.filter(roles.named(["users.view_user"])))
    assert HIRE not in signed_in(olive).get(path).content.decode()


def test_one_save_hires_with_three_warehouses(
    as_manager: Client, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    answer = as_manager.post(HIRE, SALLY | {"current": river.pk, "warehouses": [north.pk, mill.pk]})
    sally = User.objects.get(email=SALLY["email"])
    assert answer["Location"] == f"{LIST}{sally.pk}/view/"
    assert told(answer) == ["User was created successfully."]
    assert places(sally.email) == {"North Dock": False, "River Annex": True, "Old Mill": False}
    assert sally.assignments.get(is_active=True).activation == 1


def test_the_current_warehouse_may_be_chosen_twice_or_be_none(
    as_manager: Client, north: Warehouse, river: Warehouse
) -> None:
    as_manager.post(HIRE, SALLY | {"current": north.pk, "warehouses": [north.pk, river.pk]})
    assert places(SALLY["email"]) == {"North Dock": True, "River Annex": False}
    as_manager.post(HIRE, SALLY | {"email": "sue.season@example.test", "warehouses": [north.pk]})
    assert places("sue.season@example.test") == {"North Dock": False}


def test_a_current_warehouse_that_is_not_available_is_warned_of(as_manager: Client, mill: Warehouse) -> None:
    answer = as_manager.post(HIRE, SALLY | {"current": mill.pk})
    assert "“Old Mill” is not available: nobody can work there until it is." in told(answer)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"last_name": ""}, "last_name", "This field is required."),
        ({"email": "pat.picker@example.test"}, "email", "already exists"),
        ({"is_warehouse_user": ""}, "warehouses", "Only warehouse users can be assigned to warehouses."),
        ({"is_warehouse_user": ""}, "current", "Only warehouse users can be assigned to warehouses."),
        ({"warehouses": [999_999]}, "warehouses", "Select a valid choice."),
        ({"warehouses": ["null"]}, "warehouses", "“null” is not a valid value."),
        ({"current": "null"}, "current", "Select a valid choice."),
    ],
)
def test_a_refusal_saves_and_loses_nothing(
    as_manager: Client,
    pat: User,
    north: Warehouse,
    river: Warehouse,
    changes: dict[str, Any],
    field: str,
    words: str,
    nothing_changes: Callable[[], Any],
) -> None:
    with nothing_changes():
        answer = as_manager.post(HIRE, SALLY | {"current": river.pk, "warehouses": [north.pk]} | changes)
    assert words in errors(answer)[field][0]
    page = answer.content.decode()
    if "current" not in changes:
        assert f'<option value="{river.pk}" selected>River Annex</option>' in page
    if "warehouses" not in changes:
        assert f'<option value="{north.pk}" selected>North Dock</option>' in page


@pytest.mark.parametrize("missing", ["add_warehouseuserassignment", "change_warehouseuserassignment", "view_warehouse"])
def test_without_the_rights_to_assign_a_person_is_hired_without_warehouses(
    manager: User, north: Warehouse, missing: str
) -> None:
    manager.groups.get().permissions.remove(*Permission.objects.filter(codename=missing))
    browser = signed_in(manager)
    assert 'name="warehouses"' not in browser.get(HIRE).content.decode()
    browser.post(HIRE, SALLY | {"current": north.pk, "warehouses": [north.pk]})
    assert User.objects.get(email=SALLY["email"]).is_warehouse_user
    assert places(SALLY["email"]) == {}


def test_an_edit_assigns_nothing(as_manager: Client, pat: User, north: Warehouse) -> None:
    path = f"{LIST}{pat.pk}/change/"
    assert 'name="warehouses"' not in as_manager.get(path).content.decode()
    sent = SALLY | {"email": pat.email, "status": "active", "password1": "", "password2": ""}
    answer = as_manager.post(path, sent | {"current": north.pk, "warehouses": [north.pk]})
    assert told(answer) == ["User was updated successfully."]
    assert places(pat.email) == {}


@pytest.mark.django_db(transaction=True)
def test_a_warehouse_that_is_deleted_at_this_moment_is_refused_at_its_field(
    as_manager: Client, north: Warehouse, river: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assign = HireForm.assign_warehouses

    def after_deletion(form: HireForm) -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(_delete, river.pk).result()
        assign(form)

    monkeypatch.setattr(HireForm, "assign_warehouses", after_deletion)
    answer = as_manager.post(HIRE, SALLY | {"current": north.pk, "warehouses": [river.pk]})
    assert "Select a valid choice." in errors(answer)["warehouses"][0]
    assert not User.objects.filter(email=SALLY["email"]).exists()


def _delete(pk: int) -> None:
    Warehouse.objects.filter(pk=pk).delete()
    connection.close()
