"""`/users` and `/warehouses`: where an integrator finds whom and what to assign (contract 0.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api.client import Api, error, refusal
from users.models import User
from warehouses.models import Warehouse

HOST = "http://testserver"
USER_MISSING = error(404, "User not found.", "5202")
WAREHOUSE_MISSING = error(404, "Warehouse not found.", "5203")


def names(answer: Any, attribute: str) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [resource["attributes"][attribute] for resource in answer.json()["data"]]


def test_a_person_is_shown_as_in_an_include(as_olive: Api, pat: User) -> None:
    assert as_olive.get(f"/users/{pat.uuid}").json() == {
        "data": {
            "type": "users",
            "id": str(pat.uuid),
            "attributes": {"username": "pat.picker@example.test", "firstName": "Pat", "lastName": "Picker"},
            "links": {"self": f"{HOST}/users/{pat.uuid}"},
        }
    }


def test_a_warehouse_is_shown_as_in_an_assignment(as_olive: Api, mill: Warehouse) -> None:
    assert as_olive.get(f"/warehouses/{mill.uuid}").json() == {
        "data": {
            "type": "warehouses",
            "id": str(mill.uuid),
            "attributes": {"name": "Old Mill", "uuid": str(mill.uuid), "isActive": False},
            "links": {"self": f"{HOST}/warehouses/{mill.uuid}"},
        }
    }


def test_the_back_office_finds_people_by_each_filter(as_olive: Api, olive: User, pat: User, sam: User) -> None:
    expected = {
        "": [olive, pat, sam],
        f"?filter[users.uuid]={pat.uuid},{sam.uuid}": [pat, sam],
        "?filter[users.username]=pat.picker@example.test": [pat],
        "?filter[users.username]=PAT.Picker@Example.Test,nobody@example.test": [pat],
        "?filter[users.username]=%20pat.picker@example.test%09,%E2%80%8Bsam.stacker@example.test": [pat, sam],
        "?filter[users.isWarehouseUser]=true": [pat, sam],
        "?filter[users.isWarehouseUser]=no": [olive],
        "?page[offset]=1&page[limit]=1": [pat],
    }
    for query, people in expected.items():
        assert names(as_olive.get(f"/users{query}"), "username") == [user.email for user in people], query


def test_the_back_office_finds_warehouses_by_each_filter(
    as_olive: Api, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    expected = {
        "": [north, river, mill],
        f"?filter[warehouses.uuid]={mill.uuid}": [mill],
        "?filter[warehouses.name]=North Dock,Old Mill": [north, mill],
        "?filter[warehouses.isActive]=false": [mill],
    }
    for query, places in expected.items():
        assert names(as_olive.get(f"/warehouses{query}"), "name") == [place.name for place in places], query


def test_a_warehouse_user_sees_themselves_and_the_warehouses_assigned(
    as_pat: Api, pat: User, sam: User, pat_north: Any, river: Warehouse
) -> None:
    assert names(as_pat.get("/users"), "username") == [pat.email]
    assert names(as_pat.get(f"/users?filter[users.uuid]={sam.uuid}"), "username") == []
    assert names(as_pat.get("/warehouses"), "name") == ["North Dock"]
    assert as_pat.get(f"/users/{pat.uuid}").status_code == 200
    assert as_pat.get(f"/warehouses/{pat_north.warehouse.uuid}").status_code == 200
    assert refusal(as_pat.get(f"/users/{sam.uuid}")) == [USER_MISSING]
    assert refusal(as_pat.get(f"/warehouses/{river.uuid}")) == [WAREHOUSE_MISSING]


def test_deleted_people_are_not_listed(as_olive: Api, olive: User, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status=User.Status.DELETED)
    assert names(as_olive.get("/users"), "username") == [olive.email]
    assert refusal(as_olive.get(f"/users/{pat.uuid}")) == [USER_MISSING]


@pytest.mark.parametrize("identifier", ["1", "nonsense", "5754b432-8914-45e1-b94e-29453744f57d"])
def test_an_unknown_id_is_a_missing_row(as_olive: Api, identifier: str) -> None:
    assert refusal(as_olive.get(f"/users/{identifier}")) == [USER_MISSING]
    assert refusal(as_olive.get(f"/warehouses/{identifier}")) == [WAREHOUSE_MISSING]


def test_lists_of_the_directory_work_like_other_lists(as_olive: Api, pat: User) -> None:
    page = as_olive.get("/users?page[limit]=1&page[total]=true&fields[users]=firstName").json()
    assert [person["attributes"] for person in page["data"]] == [{"firstName": "Olive"}]
    assert page["meta"] == {"total": 2}
    rest = as_olive.get(page["links"]["next"].removeprefix(HOST)).json()
    assert [person["attributes"] for person in rest["data"]] == [{"firstName": "Pat"}]
    words = "Cannot sort by `username`."
    assert refusal(as_olive.get("/users?sort=username")) == [error(400, words, parameter="sort")]
    words = "`users` cannot be included here."
    assert refusal(as_olive.get("/users?include=users")) == [error(400, words, parameter="include")]
