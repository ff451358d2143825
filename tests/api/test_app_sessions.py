"""Who signs in to an app (the code flow of a public client) changes their own assignments only (contract 0.5)."""

from __future__ import annotations

from typing import Any

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api, error, refusal
from tests.support.oauth import code_flow
from users.models import User
from users.models.oauth.client import Client

FORBIDDEN = error(403, "Operation is forbidden.", "5101")


@pytest.fixture
def olive_in_app(app: str, olive: User) -> Api:
    return Api(code_flow.signed_in(olive)["access_token"])


@pytest.mark.parametrize("body", [{"isActive": True}, {"isActive": False}, {"isActive": "maybe"}, {}])
def test_a_back_office_user_in_an_app_moves_nobody_else(
    olive_in_app: Api, pat_north: WarehouseUserAssignment, nothing_changes: Any, body: dict[str, Any]
) -> None:
    with nothing_changes():
        answer = olive_in_app.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", body)
    assert (answer.status_code, refusal(answer)) == (403, [FORBIDDEN])


def test_nor_with_a_refreshed_token(app: str, olive: User, pat_north: WarehouseUserAssignment) -> None:
    tokens = code_flow.refresh(code_flow.signed_in(olive)["refresh_token"], client_id="frontend").json()
    answer = Api(tokens["access_token"]).patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    assert (answer.status_code, refusal(answer)) == (403, [FORBIDDEN])


def test_a_row_that_does_not_exist_is_still_missing(olive_in_app: Api) -> None:
    answer = olive_in_app.patch(f"{ASSIGNMENTS}/5754b432-8914-45e1-b94e-29453744f57d", {"isActive": True})
    assert refusal(answer) == [error(404, "Warehouse user assignment not found.", "5201")]


def test_they_see_everybody_and_keep_their_other_rights(
    olive_in_app: Api, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    assert len(olive_in_app.get(ASSIGNMENTS).json()["data"]) == 2
    assert olive_in_app.delete(f"{ASSIGNMENTS}/{pat_north.uuid}").status_code == 204


def test_a_warehouse_user_in_an_app_moves_themselves_as_ever(app: str, pat_north: WarehouseUserAssignment) -> None:
    as_pat = Api(code_flow.signed_in(pat_north.user)["access_token"])
    answer = as_pat.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    assert answer.json()["data"]["attributes"]["isActive"] is True


def test_by_password_they_move_others_as_ever(as_olive: Api, pat_north: WarehouseUserAssignment) -> None:
    assert as_olive.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True}).status_code == 200


def test_in_the_code_flow_of_a_confidential_client_as_well(
    partner: Client, olive: User, pat_north: WarehouseUserAssignment
) -> None:
    """It is another program, which knows whom it moves."""
    code = code_flow.code_for(olive, client_id="partner", redirect_uri=code_flow.PARTNER)
    secret: Any = partner
    answer = code_flow.redeem(
        code,
        client_id=None,
        redirect_uri=code_flow.PARTNER,
        authorization=code_flow.basic("partner", secret.secret),
    )
    api = Api(answer.json()["access_token"])
    assert api.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True}).status_code == 200
