"""What Microsoft Entra ID sends, as its documentation of SCIM and its validator have it, and what they expect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.back_office.staff import group
from tests.support.scim.directory import GROUP, ROOT, USER, Directory, register
from users.models import User

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ITS_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
NOBODY = {"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0}


@pytest.fixture
def entra(scim: None) -> Directory:
    return Directory(*register("entra", ("Auditor",)))


def found(entra: Directory, path: str, **query: str) -> Any:
    answer = entra.browser.get(f"{ROOT}{path}", query, headers=entra.headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def created(entra: Directory, name: str = "jo.miller", **attributes: Any) -> Any:
    """A user as its mapping of attributes has them in the beginning."""
    body = {
        "schemas": [USER, ENTERPRISE],
        "externalId": name,
        "userName": f"{name}@contoso.test",
        "active": True,
        "addresses": [{"type": "work", "country": "DE", "formatted": "Gate 2", "primary": False}],
        "displayName": "Jo Miller",
        "emails": [{"primary": True, "type": "work", "value": f"{name}@contoso.test"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Jo Miller", "familyName": "Miller", "givenName": "Jo"},
        "roles": [],
        "title": "Picker",
        "preferredLanguage": "en",
        ENTERPRISE: {"employeeNumber": "7", "department": "Inbound", "manager": {"value": "8"}},
    }
    answer = entra.send("POST", "/Users", body | attributes)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_its_test_of_the_connection_asks_for_nobody(entra: Directory) -> None:
    """By a random name that does not exist: 200 with nobody, and not 404."""
    query = {"filter": 'userName eq "8bc8bf07-8f0a-4a1c-9e2b-0d9f3d3a5c51"'}
    body = found(entra, "/Users", **query)
    assert {name: body[name] for name in ("schemas", "totalResults")} == {"schemas": [LIST], "totalResults": 0}
    assert body.get("Resources", []) == []


def test_a_person_is_looked_for_created_and_found_again(entra: Directory) -> None:
    query = {"filter": 'userName eq "jo.miller@contoso.test"'}
    assert found(entra, "/Users", **query)["totalResults"] == 0
    body = created(entra)
    assert (body["userName"], body["externalId"], body["active"]) == ("jo.miller@contoso.test", "jo.miller", True)
    assert body["emails"] == [{"value": "jo.miller@contoso.test", "type": "work", "primary": True}]
    assert (body["meta"]["resourceType"], body["name"]) == ("User", {"familyName": "Miller", "givenName": "Jo"})
    for query in (
        {"filter": 'userName eq "jo.miller@contoso.test"'},
        {"filter": 'externalId eq "jo.miller"'},
        {"filter": 'emails[type eq "work"].value eq "jo.miller@contoso.test"'},
        {"filter": 'userName eq "JO.MILLER@CONTOSO.TEST"', "attributes": "userName,externalId,emails"},
    ):
        answer = found(entra, "/Users", **query)
        assert (answer["totalResults"], [one["id"] for one in answer["Resources"]]) == (1, [body["id"]]), query
    assert entra.get(f"/Users/{body['id']}").json() == body
    again = entra.send("POST", "/Users", body)
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


def changed(entra: Directory, resource_id: str, *operations: dict[str, Any]) -> Any:
    answer = entra.patch(f"/Users/{resource_id}", *operations)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_several_attributes_are_changed_with_a_capital_letter(entra: Directory) -> None:
    resource_id = created(entra)["id"]
    body = changed(
        entra,
        resource_id,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "jo.new@contoso.test"},
        {"op": "Replace", "path": "name.familyName", "value": "Mueller"},
        {"op": "Add", "path": "name.givenName", "value": "Joan"},
        {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Outbound"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "9"},
        {"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "+49 1"},
        {"op": "Replace", "path": "displayName", "value": "Joan Mueller"},
    )
    assert body["emails"] == [{"value": "jo.new@contoso.test", "type": "work", "primary": True}]
    assert (body["name"], body["userName"]) == (
        {"familyName": "Mueller", "givenName": "Joan"},
        "jo.miller@contoso.test",
    )


def test_another_user_name_keeps_the_e_mail(entra: Directory) -> None:
    resource_id = created(entra)["id"]
    body = changed(entra, resource_id, {"op": "Replace", "path": "userName", "value": "joan@contoso.test"})
    assert (body["userName"], body["emails"][0]["value"]) == ("joan@contoso.test", "jo.miller@contoso.test")
    assert found(entra, "/Users", filter='userName eq "joan@contoso.test"')["totalResults"] == 1
    assert found(entra, "/Users", filter='userName eq "jo.miller@contoso.test"')["totalResults"] == 0


def test_an_e_mail_that_is_not_there_yet_is_added(entra: Directory) -> None:
    resource_id = created(entra, emails=[])["id"]
    assert not User.objects.get().has_mailbox
    path = 'emails[type eq "work"].value'
    body = changed(entra, resource_id, {"op": "Add", "path": path, "value": "jo@contoso.test"})
    assert body["emails"] == [{"value": "jo@contoso.test", "type": "work", "primary": True}]
    assert User.objects.get().has_mailbox


def test_a_person_is_disabled_and_enabled_by_a_text(entra: Directory) -> None:
    """`"False"`, with and without a path: before its flag `aadOptscim062020`, and with it, a boolean."""
    resource_id = created(entra)["id"]
    for value, active in (("False", False), ("True", True), (False, False), (True, True)):
        assert changed(entra, resource_id, {"op": "Replace", "path": "active", "value": value})["active"] is active
        assert found(entra, "/Users", filter='userName eq "jo.miller@contoso.test"')["Resources"][0]["active"] is active
    for value in ("False", False):
        assert changed(entra, resource_id, {"op": "Replace", "value": {"active": value}})["active"] is False
        changed(entra, resource_id, {"op": "Add", "value": {"active": "True"}})


def test_dotted_names_without_a_path(entra: Directory) -> None:
    resource_id = created(entra)["id"]
    value = {
        "name.familyName": "Mueller",
        "userName": "joan@contoso.test",
        'emails[type eq "work"].value': "joan@contoso.test",
        f"{ENTERPRISE}:department": "Outbound",
    }
    body = changed(entra, resource_id, {"op": "replace", "value": value})
    assert (body["userName"], body["name"]["familyName"]) == ("joan@contoso.test", "Mueller")
    assert body["emails"][0]["value"] == "joan@contoso.test"


def test_a_person_is_deleted_for_good(entra: Directory) -> None:
    path = f"/Users/{created(entra)['id']}"
    assert entra.send("DELETE", path).status_code == 204
    answer = entra.get(path)
    assert (answer.status_code, answer.json()["status"]) == (404, "404")
    assert found(entra, "/Users", filter='userName eq "jo.miller@contoso.test"')["totalResults"] == 0


SHIFT = {
    "schemas": [GROUP, ITS_GROUP],
    "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
    "displayName": "Night shift",
    "meta": {"resourceType": "Group"},
}


def test_a_group_is_looked_for_created_renamed_and_deleted(entra: Directory) -> None:
    query = {"excludedAttributes": "members", "filter": 'displayName eq "Night shift"'}
    assert found(entra, "/Groups", **query)["totalResults"] == 0
    answer = entra.send("POST", "/Groups", SHIFT)
    assert (answer.status_code, answer.json()["externalId"]) == (201, SHIFT["externalId"])
    path = f"/Groups/{answer.json()['id']}"
    assert [one["id"] for one in found(entra, "/Groups", **query)["Resources"]] == [answer.json()["id"]]
    assert "members" not in found(entra, path, excludedAttributes="members")
    naming = {"op": "Replace", "path": "displayName", "value": "Late shift"}
    assert entra.patch(path, naming).status_code == 204
    assert found(entra, "/Groups", **query)["totalResults"] == 0
    assert entra.send("DELETE", path).status_code == 204
    assert entra.get(path).status_code == 404


def _of(op: str, *people: str) -> dict[str, Any]:
    return {"op": op, "path": "members", "value": [{"$ref": None, "value": one} for one in people]}


def test_members_are_added_and_removed_one_by_one(entra: Directory) -> None:
    """It names those to remove by a value, beside a `$ref` that is null."""
    resource_id = entra.send("POST", "/Groups", SHIFT).json()["id"]
    path, people = f"/Groups/{resource_id}", [created(entra, name)["id"] for name in ("jo.miller", "al.smith")]
    for one in people:
        assert entra.patch(path, _of("Add", one)).status_code == 204
    assert {one["value"] for one in entra.get(path).json()["members"]} == {*people}
    for removed in ((people[0],), (people[0],), ()):
        assert entra.patch(path, _of("Remove", *removed)).status_code == 204
        assert [one["value"] for one in entra.get(path).json()["members"]] == [people[1]]
    assert [*group("Night shift").user_set.values_list("email", flat=True)] == ["al.smith@contoso.test"]
    for person, number in zip(people, (0, 1), strict=True):
        of_one = {"filter": f'id eq "{resource_id}" and members eq "{person}"', "attributes": "id"}
        assert found(entra, "/Groups", **of_one)["totalResults"] == number


def test_a_role_that_staff_let_it_give_is_found_by_its_name(entra: Directory) -> None:
    [one] = found(entra, "/Groups", filter='displayName eq "auditor"', excludedAttributes="members")["Resources"]
    assert one["id"] == str(group("Auditor").pk)
