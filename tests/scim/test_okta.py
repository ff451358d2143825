"""What Okta sends, as its reference of SCIM 2.0 has it, and what it expects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.back_office.staff import group, member
from tests.support.scim.directory import GROUP, ROOT, USER, Directory, register
from users.models import User


@pytest.fixture
def okta(scim: None) -> Directory:
    return Directory(*register("okta", ("Auditor", "Staff manager")))


def found(okta: Directory, path: str, **query: Any) -> Any:
    answer = okta.browser.get(f"{ROOT}{path}", query, headers=okta.headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def created(okta: Directory, name: str = "jo.miller") -> Any:
    email = f"{name}@acme.test"
    body = {
        "schemas": [USER],
        "userName": email,
        "name": {"givenName": "Jo", "familyName": "Miller"},
        "emails": [{"primary": True, "value": email, "type": "work"}],
        "displayName": "Jo Miller",
        "locale": "en-US",
        "externalId": f"00u{name}",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    answer = okta.send("POST", "/Users", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_its_first_requests_are_pages(okta: Directory, olive: User, sam: User) -> None:
    users = found(okta, "/Users", startIndex=1, count=2)
    assert (users["totalResults"], users["startIndex"], users["itemsPerPage"]) == (2, 1, 2)
    groups = found(okta, "/Groups", startIndex=1, count=100)
    assert (groups["totalResults"], len(groups["Resources"])) == (2, 2)
    rest = found(okta, "/Users", startIndex=2, count=100)
    assert [one["userName"] for one in rest["Resources"]] == [sam.email]


def test_a_person_is_looked_for_and_created_without_their_password(okta: Directory) -> None:
    query = {"filter": 'userName eq "jo.miller@acme.test"', "startIndex": 1, "count": 100}
    assert found(okta, "/Users", **query)["totalResults"] == 0
    body = created(okta)
    assert (body["externalId"], body["active"], "password" in body) == ("00ujo.miller", True, False)
    assert not User.objects.get().has_usable_password()
    assert [one["id"] for one in found(okta, "/Users", **query)["Resources"]] == [body["id"]]


def test_a_person_who_was_there_before_is_found_and_taken_over(okta: Directory, sam: User) -> None:
    """Okta asks by `userName`, and sends the whole user then."""
    [one] = found(okta, "/Users", filter=f'userName eq "{sam.email}"')["Resources"]
    answer = okta.send("PUT", f"/Users/{one['id']}", one | {"externalId": "00u7"})
    assert (answer.status_code, answer.json()["externalId"]) == (200, "00u7")
    sam.refresh_from_db()
    assert (sam.is_warehouse_user, sam.directory_entry.external_id) == (True, "00u7")


def test_a_whole_person_is_read_and_put_back_with_a_change(okta: Directory) -> None:
    path = f"/Users/{created(okta)['id']}"
    read = okta.get(path).json()
    sent = read | {"name": {"givenName": "Jo", "middleName": "X", "familyName": "Mueller"}, "groups": []}
    answer = okta.send("PUT", path, sent)
    assert (answer.status_code, answer.json()["name"]) == (200, {"givenName": "Jo", "familyName": "Mueller"})
    assert answer.json()["id"] == read["id"]


def test_a_person_is_deactivated_and_activated_without_a_path(okta: Directory) -> None:
    """Okta deletes nobody: it sends `active: false`."""
    path = f"/Users/{created(okta)['id']}"
    for active in (False, True):
        answer = okta.patch(path, {"op": "replace", "value": {"active": active}})
        assert (answer.status_code, answer.json()["active"]) == (200, active)
    answer = okta.send("PUT", path, okta.get(path).json() | {"active": False})
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert okta.patch(path, {"op": "replace", "value": {"password": "ieKpHkSf"}}).status_code == 200


def test_a_group_is_pushed_with_all_its_members(okta: Directory) -> None:
    people = [created(okta, name) for name in ("jo.miller", "al.smith", "bo.jones")]
    listed = [{"value": one["id"], "display": one["userName"]} for one in people]
    body = {"schemas": [GROUP], "displayName": "Night shift", "members": []}
    answer = okta.send("POST", "/Groups", body)
    assert (answer.status_code, answer.json()["displayName"]) == (201, "Night shift")
    path = f"/Groups/{answer.json()['id']}"
    replacing = {"op": "replace", "path": "members", "value": listed[:2]}
    assert okta.patch(path, replacing).status_code in (200, 204)
    assert _emails("Night shift") == {"jo.miller@acme.test", "al.smith@acme.test"}
    removing = {"op": "remove", "path": f'members[value eq "{listed[0]["value"]}"]'}
    adding = {"op": "add", "path": "members", "value": listed[2:]}
    assert okta.patch(path, removing, adding).status_code in (200, 204)
    assert _emails("Night shift") == {"al.smith@acme.test", "bo.jones@acme.test"}
    naming = {"op": "replace", "value": {"id": answer.json()["id"], "displayName": "Late shift"}}
    assert okta.patch(path, naming).status_code in (200, 204)
    whole = okta.get(path).json() | {"members": listed}
    assert okta.send("PUT", path, whole).status_code == 200
    assert len(_emails("Late shift")) == 3
    assert okta.send("DELETE", path).status_code == 204


def _emails(name: str) -> set[str]:
    return {*group(name).user_set.values_list("email", flat=True)}


def test_a_role_is_pushed_by_its_name(okta: Directory, olive: User) -> None:
    """ "Link group": one that is there before is found by its name, and its members are replaced."""
    member(olive, "Auditor")
    [one] = found(okta, "/Groups", filter='displayName eq "Auditor"')["Resources"]
    person = created(okta)
    replacing = {"op": "replace", "path": "members", "value": [{"value": person["id"]}]}
    assert okta.patch(f"/Groups/{one['id']}", replacing).status_code in (200, 204)
    assert _emails("Auditor") == {"jo.miller@acme.test"}
    assert okta.get(f"/Users/{person['id']}").json()["groups"] == [{"value": one["id"], "display": "Auditor"}]
