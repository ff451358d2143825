"""The API for a Back Office user who is confined to warehouses: what is elsewhere is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from config.api.serializers import format_moment
from tests.support.api.answers import Told, told
from tests.support.api.client import ASSIGNMENTS, FORBIDDEN, NOT_FOUND, Api, error, refusal, sign_in
from tests.support.confinement import Site, confined
from users import roles
from users.models import User
from warehouses.models import Warehouse

TYPE = "warehouse-user-assignments"
NO_RIGHT = error(403, "Operation is forbidden.", "5101")


@pytest.fixture
def as_manager_of_site(site: Site) -> Api:
    return Api(sign_in(site.manager.email)["access_token"])


def ids(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.content
    return {document["id"] for document in answer.json()["data"]}


def uuids(*rows: Any) -> set[str]:
    return {str(row.uuid) for row in rows}


def new(person: User, warehouse: Warehouse, **also: Any) -> dict[str, Any]:
    return {"userUuid": str(person.uuid), "warehouse": {"uuid": str(warehouse.uuid)}, **also}


# --- Reading ----------------------------------------------------------------------------------------------------
def test_lists_have_what_is_in_ones_warehouses(as_manager_of_site: Api, site: Site) -> None:
    api = as_manager_of_site
    assert ids(api.get(ASSIGNMENTS)) == uuids(site.here_own, site.both_own)
    assert ids(api.get(f"{ASSIGNMENTS}?sort=-createdAt&page[total]=true")) == uuids(site.here_own, site.both_own)
    assert ids(api.get("/users")) == uuids(site.manager, site.here, site.both)
    assert ids(api.get("/warehouses")) == uuids(site.own)


def test_totals_pages_and_filters_know_of_nothing_else(as_manager_of_site: Api, site: Site) -> None:
    api = as_manager_of_site
    assert api.get(f"{ASSIGNMENTS}?page[total]=true&page[limit]=1").json()["meta"] == {"total": 2}
    assert ids(api.get(f"{ASSIGNMENTS}?filter[{TYPE}.userUuid]={site.both.uuid}")) == uuids(site.both_own)
    for asked in (
        f"filter[{TYPE}.userUuid]={site.elsewhere.uuid}",
        f"filter[{TYPE}.warehouseUuid]={site.other.uuid}",
        f"filter[{TYPE}.uuid]={site.both_other.uuid}",
    ):
        assert ids(api.get(f"{ASSIGNMENTS}?{asked}")) == set(), asked


def test_what_was_is_cut_as_what_is(as_manager_of_site: Api, site: Site) -> None:
    site.both_other.deassign()
    now = format_moment(datetime.now(UTC))
    assert ids(as_manager_of_site.get(f"{ASSIGNMENTS}?filter[{TYPE}.asOf]={now}")) == uuids(
        site.here_own, site.both_own
    )


@pytest.mark.django_db(transaction=True)
def test_of_a_person_who_was_here_and_is_no_more_the_past_has_the_assignment_alone(
    as_manager_of_site: Api, as_olive: Api, site: Site
) -> None:
    asked = f"{ASSIGNMENTS}?filter[{TYPE}.asOf]={format_moment(datetime.now(UTC))}&include=users"
    site.both_own.deassign()
    answer = as_manager_of_site.get(asked).json()
    people = {one["id"]: one["relationships"]["users"]["data"] for one in answer["data"]}
    assert people == {
        str(site.here_own.uuid): [{"type": "users", "id": str(site.here.uuid)}],
        str(site.both_own.uuid): [],
    }
    assert {one["id"] for one in answer["included"]} == uuids(site.here)
    assert str(site.both.uuid) in {one["id"] for one in as_olive.get(asked).json()["included"]}


def test_included_are_the_own_ones_only(as_manager_of_site: Api, site: Site) -> None:
    answer = as_manager_of_site.get(f"{ASSIGNMENTS}?include=users,warehouses").json()
    assert {one["id"] for one in answer["included"]} == uuids(site.here, site.both, site.own)


def test_no_answer_depends_on_what_is_elsewhere(as_manager_of_site: Api, site: Site) -> None:
    """Whole answers, headers, totals, links, and how many statements they cost, before and after it is gone."""
    asked = [
        f"{path}?{query}"
        for path in (ASSIGNMENTS, "/users", "/warehouses")
        for query in ("", "page[limit]=1", "page[total]=true", "page[limit]=1&page[offset]=1&page[total]=true")
    ]
    asked += [
        f"{ASSIGNMENTS}?{query}"
        for query in (
            f"filter[{TYPE}.userUuid]={site.elsewhere.uuid}",
            f"filter[{TYPE}.warehouseUuid]={site.other.uuid}&page[total]=true",
            "sort=warehouse.name&page[limit]=1",
            "sort=-updatedAt&include=users,warehouses",
        )
    ]
    asked += [f"/users?filter[users.username]={site.elsewhere.email}", f"/users/{site.elsewhere.uuid}"]
    asked += [f"/warehouses/{site.other.uuid}", f"{ASSIGNMENTS}/{site.both_other.uuid}"]
    before = _all_told(as_manager_of_site, asked)
    WarehouseUserAssignment.objects.filter(warehouse=site.other).delete()
    User.objects.filter(pk=site.elsewhere.pk)._raw_delete("default")
    Warehouse.objects.filter(pk=site.other.pk).delete()
    assert _all_told(as_manager_of_site, asked) == before


def _all_told(api: Api, paths: list[str]) -> dict[str, Told]:
    return {path: told(api, "GET", path) for path in paths}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_row_elsewhere_is_a_missing_row(
    as_manager_of_site: Api, site: Site, method: str, nothing_changes: Any
) -> None:
    body = {"data": {"attributes": {"isActive": True}}} if method == "PATCH" else None
    with nothing_changes():
        elsewhere = told(as_manager_of_site, method, f"{ASSIGNMENTS}/{site.both_other.uuid}", body)
        missing = told(as_manager_of_site, method, f"{ASSIGNMENTS}/{uuid4()}", body)
    assert elsewhere == missing
    assert elsewhere.status == 404


# --- Writing ----------------------------------------------------------------------------------------------------
def test_one_assigns_whom_one_sees_in_ones_own_warehouses(
    as_manager_of_site: Api, site: Site, river: Warehouse, mill: Warehouse
) -> None:
    ManagedWarehouse.objects.set_for(site.manager, add=[river, mill], remove=[])
    assert as_manager_of_site.post(ASSIGNMENTS, new(site.here, river, isActive=True)).status_code == 201
    assert as_manager_of_site.post(ASSIGNMENTS, new(site.both, mill)).status_code == 201
    assert site.here.assignments.get(is_active=True).warehouse == river


def test_assigning_elsewhere_or_somebody_unseen_is_answered_as_for_what_is_not_there(
    as_manager_of_site: Api, site: Site, nothing_changes: Any
) -> None:
    no_warehouse = error(400, "Warehouse not found.", "5203", pointer="/data/attributes/warehouse/uuid")
    no_user = error(400, "User not found.", "5202", pointer="/data/attributes/userUuid")
    nobody, nothing = User(uuid=uuid4()), Warehouse(uuid=uuid4())
    cases = {
        "elsewhere": (new(site.here, site.other), new(site.here, nothing), [no_warehouse]),
        "unseen": (new(site.elsewhere, site.own), new(nobody, site.own), [no_user]),
        "of nobody": (new(site.nowhere, site.own), new(nobody, site.own), [no_user]),
        "both": (new(site.elsewhere, site.other), new(nobody, nothing), [no_user, no_warehouse]),
        "with another fault": (
            new(site.elsewhere, site.other, isActive="x"), new(nobody, nothing, isActive="x"), None
        ),
    }  # fmt: skip
    with nothing_changes():
        for name, (sent, like, faults) in cases.items():
            answers = [as_manager_of_site.post(ASSIGNMENTS, one) for one in (sent, like)]
            assert answers[0].content == answers[1].content, name
            assert faults is None or refusal(answers[0]) == faults, name


def test_who_works_elsewhere_too_is_activated_and_deassigned_here(as_manager_of_site: Api, site: Site) -> None:
    path = f"{ASSIGNMENTS}/{site.both_own.uuid}"
    assert as_manager_of_site.patch(path, {"isActive": True}).json()["data"]["attributes"]["isActive"] is True
    assert site.both.assignments.get(is_active=True) == site.both_own
    assert as_manager_of_site.patch(path, {"endsAt": "2040-01-01T00:00:00Z"}).status_code == 200
    assert as_manager_of_site.delete(path).status_code == 204
    assert [*site.both.assignments.all()] == [site.both_other]


def test_a_confined_caller_needs_the_right_of_a_role(
    make_user: Callable[..., User], site: Site, nothing_changes: Any
) -> None:
    auditor = confined(make_user("aud.itor@example.test"), roles.AUDITOR, site.own)
    api = Api(sign_in(auditor.email)["access_token"])
    assert ids(api.get(ASSIGNMENTS)) == uuids(site.here_own, site.both_own)
    path = f"{ASSIGNMENTS}/{site.here_own.uuid}"
    with nothing_changes():
        assert refusal(api.patch(path, {"isActive": False})) == [NO_RIGHT]
        assert refusal(api.delete(path)) == [NO_RIGHT]
        assert refusal(api.post(ASSIGNMENTS, new(site.both, site.own))) == [NO_RIGHT]


def test_a_warehouse_that_is_taken_away_is_missing_at_the_next_call(as_manager_of_site: Api, site: Site) -> None:
    path = f"{ASSIGNMENTS}/{site.here_own.uuid}"
    assert as_manager_of_site.get(path).status_code == 200
    ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
    assert refusal(as_manager_of_site.get(path)) == [NOT_FOUND]
    assert refusal(as_manager_of_site.patch(path, {"isActive": False})) == [NOT_FOUND]
    assert ids(as_manager_of_site.get("/users")) == set()


def test_a_change_is_taken_back_if_the_warehouse_is_taken_away_during_it(
    as_manager_of_site: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_away(row: WarehouseUserAssignment) -> None:
        ManagedWarehouse.objects.set_for(site.manager, add=[], remove=[site.own])
        deassign(row)

    deassign = WarehouseUserAssignment.deassign
    monkeypatch.setattr(WarehouseUserAssignment, "deassign", taken_away)
    assert refusal(as_manager_of_site.delete(f"{ASSIGNMENTS}/{site.here_own.uuid}")) == [FORBIDDEN]
    assert WarehouseUserAssignment.objects.filter(pk=site.here_own.pk).exists()


# --- Costs ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [ASSIGNMENTS, f"{ASSIGNMENTS}?include=users,warehouses", "/users", "/warehouses"])
def test_confinement_costs_a_list_one_query(as_manager_of_site: Api, as_olive: Api, site: Site, path: str) -> None:
    assert told(as_manager_of_site, "GET", path).queries == told(as_olive, "GET", path).queries + 1
