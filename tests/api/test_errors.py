"""What goes wrong outside the rules of a resource: unknown paths, crashes, a silent database (contract 0.1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from assignments.models import WarehouseUserAssignment
from assignments.models.assignment import AssignmentQuerySet
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, error, refusal
from users.models import User

CRASHED = "Something went wrong on our side. It has been logged."
UNAVAILABLE = "The database does not answer at the moment. Please try again."


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes every list, token and sign-in fail with an exception of the caller's choice, far below the views."""

    def break_with(problem: Exception) -> None:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise problem

        monkeypatch.setattr(WarehouseUserAssignment.objects.__class__, "first_visible_to", fail)
        monkeypatch.setattr(WarehouseUserAssignment.objects.__class__, "active_for", fail)
        monkeypatch.setattr(User.objects.__class__, "get_by_natural_key", fail)

    return break_with


def answers(api: Api) -> tuple[Any, Any, Any]:
    """One answer of each route family."""
    credentials = {"grant_type": "password", "username": "x", "password": "y"}
    sign_in = Client(raise_request_exception=False).post("/token", credentials, content_type="application/json")
    return api.get(ASSIGNMENTS), api.post("/warehouse-tokens"), sign_in


def test_a_crash_is_json_in_the_shape_of_each_family_and_discloses_nothing(
    as_pat: Api, broken: Any, caplog: Any
) -> None:
    broken(RuntimeError("the secret of the house"))
    resource, plain, oauth = answers(as_pat)
    assert refusal(resource) == [error(500, CRASHED)]
    assert (plain.status_code, plain.json()) == (500, [{"message": CRASHED, "status": 500, "code": None}])
    assert (oauth.status_code, oauth.json()) == (500, {"error": "server_error", "error_description": CRASHED})
    assert "the secret of the house" in caplog.text


@pytest.mark.parametrize("problem", [OperationalError("server closed the connection"), InterfaceError("closed")])
def test_a_silent_database_is_a_503_that_says_when_to_come_back(as_pat: Api, broken: Any, problem: Exception) -> None:
    broken(problem)
    resource, plain, oauth = answers(as_pat)
    assert refusal(resource) == [error(503, UNAVAILABLE)]
    assert (plain.status_code, plain.json()) == (503, [{"message": UNAVAILABLE, "status": 503, "code": None}])
    assert (oauth.status_code, oauth.json()) == (503, {"error": "server_error", "error_description": UNAVAILABLE})
    assert {answer["Retry-After"] for answer in (resource, plain, oauth)} == {"1"}


def test_a_constraint_that_speaks_for_itself_is_heard(as_olive: Api, pat: User, north: Any, monkeypatch: Any) -> None:
    """A violation of the index itself has the message of the contract."""
    monkeypatch.setattr(AssignmentQuerySet, "_existing", lambda *args: None)
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    assert as_olive.post(ASSIGNMENTS, wanted).status_code == 201
    assert refusal(as_olive.post(ASSIGNMENTS, wanted)) == [
        error(400, "Warehouse user assignment already exists.", "5206")
    ]


@pytest.mark.parametrize("path", ["/no-such-path", "/no-such-path/", "/warehouse-user-assignments/a/b", "/Token"])
def test_an_unknown_path_is_a_404_document_for_every_method(anonymous: Api, as_olive: Api, path: str) -> None:
    for api in (anonymous, as_olive):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert refusal(api.call(method, path)) == [error(404, "Not found", "007")]


def test_a_bad_token_on_an_unknown_path_is_reported_first(anonymous: Api) -> None:
    assert refusal(anonymous.get("/no-such-path", Authorization="Bearer nonsense")) == [INVALID_TOKEN]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", ASSIGNMENTS, "GET, HEAD, POST"),
        ("PATCH", ASSIGNMENTS, "GET, HEAD, POST"),
        ("POST", f"{ASSIGNMENTS}/a6f8da15-cd2e-4923-89ed-56dc94865418", "GET, HEAD, PATCH, DELETE"),
    ],
)
def test_a_wrong_method_is_answered_with_those_there_are(as_olive: Api, method: str, path: str, allow: str) -> None:
    answer = as_olive.call(method, path)
    assert refusal(answer) == [error(405, "Method does not exist", "008")]
    assert answer["Allow"] == allow


def test_a_wrong_method_is_refused_in_the_shape_of_each_family(as_pat: Api) -> None:
    plain, oauth = as_pat.get("/warehouse-tokens"), as_pat.get("/token")
    assert (plain.status_code, plain["Allow"]) == (405, "POST")
    assert plain.json() == [{"message": "Method does not exist", "status": 405, "code": "008"}]
    assert (oauth.status_code, oauth["Allow"]) == (405, "POST")
    assert oauth.json() == {"error": "invalid_request", "error_description": "Method does not exist"}


def test_head_answers_like_get_without_the_body(as_pat: Api, pat_north: Any) -> None:
    answer = as_pat.call("HEAD", ASSIGNMENTS)
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_unknown_host_is_refused_in_json(anonymous: Api) -> None:
    assert refusal(anonymous.get(ASSIGNMENTS, Host="evil.example")) == [error(400, "The request could not be read.")]


def test_the_back_office_keeps_its_own_pages(as_olive: Api, olive: User, client: Client) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive)
    answer = client.get("/admin/no-such-page/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_target_that_is_no_path_is_a_404_document(anonymous: Api) -> None:
    assert refusal(anonymous.call("OPTIONS", "*")) == [error(404, "Not found", "007")]
