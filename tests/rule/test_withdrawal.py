"""What ends a sign-in or a warehouse token, by the API and the pages: refused on the very next call (contract 0.4).

One table: each trigger times the five ways to use what was issued. `tests/benchmarks/withdrawal.py` measures how late.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from assignments.models import WarehouseGrant, WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, refusal, sign_in
from tests.support.back_office.staff import LIST, NEW_PASSWORD, bulk, change, group, switch
from tests.support.oauth.held_tokens import INACTIVE, Issued, post
from tests.support.oauth.refreshing import BAD_REFRESH_TOKEN, refresh
from users.models import Session, User
from warehouses.models import Warehouse


# --- What ends a sign-in ----------------------------------------------------------------------------------------
def _use_the_refresh_token_twice(issued: Issued) -> None:
    refresh(issued.refresh_token)
    Session.objects.update(refreshed_at=timezone.now() - timedelta(seconds=11))
    assert refresh(issued.refresh_token).status_code == 400


def _end_one_session(issued: Issued) -> None:
    issued.office.post(f"/admin/users/session/{issued.session.pk}/end/", {"change_reason": "phone lost"})


def _give_a_new_password(issued: Issued) -> None:
    change(issued.office, issued.pat, password1=NEW_PASSWORD, password2=NEW_PASSWORD)


ENDS_THE_SIGN_IN: dict[str, Callable[[Issued], Any]] = {
    "staff deactivate the user": lambda issued: switch(issued.office, issued.pat, "deactivate"),
    "staff delete the user": lambda issued: issued.office.post(f"{LIST}{issued.pat.pk}/delete/"),
    "staff deactivate many": lambda issued: bulk(issued.office, "deactivate", issued.pat),
    "staff take the flag away": lambda issued: change(
        issued.office, issued.pat, is_warehouse_user=None, groups=[group("Auditor").pk]
    ),
    "staff give a new password": _give_a_new_password,
    "staff end the session": _end_one_session,
    "staff sign the user out everywhere": lambda issued: issued.office.post(f"{LIST}{issued.pat.pk}/sign-out/"),
    "staff end the sessions of many": lambda issued: bulk(issued.office, "end-sessions", issued.pat),
    "the user signs out with the access token": lambda issued: post("/revoke", token=issued.user_token),
    "the user signs out with the refresh token": lambda issued: post("/revoke", token=issued.refresh_token),
    "the user signs out everywhere": lambda issued: post(
        "/revoke", token=sign_in(issued.pat.email)["access_token"], everywhere="true"
    ),
    "the refresh token is used twice": _use_the_refresh_token_twice,
    "the session expires": lambda issued: Session.objects.update(expires_at=timezone.now()),
    "somebody blocks the user with SQL": lambda issued: User.objects.filter(pk=issued.pat.pk).update(
        status=User.Status.BLOCKED
    ),
    "the employment ends": lambda issued: User.objects.filter(pk=issued.pat.pk).update(employed_until=timezone.now()),
}


@pytest.mark.parametrize("trigger", ENDS_THE_SIGN_IN.values(), ids=ENDS_THE_SIGN_IN.keys())
def test_whatever_ends_a_sign_in_ends_all_that_was_issued_in_it(
    issued: Issued, trigger: Callable[[Issued], Any]
) -> None:
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200
    assert issued.introspected(issued.warehouse_token)["active"] is True
    trigger(issued)
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert refused(issued.refresh_token)
    assert issued.introspected(issued.warehouse_token) == INACTIVE
    assert issued.introspected(issued.user_token) == INACTIVE
    assert refused(issued.warehouse_refresh_token)


def refused(refresh_token: str) -> bool:
    answer = refresh(refresh_token)
    return (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN)


# --- What ends a warehouse token only ---------------------------------------------------------------------------
def _elsewhere(issued: Issued) -> WarehouseUserAssignment:
    return WarehouseUserAssignment.objects.assign(
        user_uuid=str(issued.pat.uuid), warehouse_uuid=str(Warehouse.objects.create(name="Elsewhere").uuid)
    )


def _switch_the_warehouse_off(issued: Issued) -> None:
    warehouse = issued.row.warehouse
    form = {"name": warehouse.name, "is_active": "False", "note": "", "change_reason": "", "confirmed": "on"}
    issued.office.post(f"/admin/warehouses/warehouse/{warehouse.pk}/change/", form)


def _use_the_warehouse_refresh_token_twice(issued: Issued) -> None:
    refresh(issued.warehouse_refresh_token)
    WarehouseGrant.objects.update(refreshed_at=timezone.now() - timedelta(seconds=11))
    assert refresh(issued.warehouse_refresh_token).status_code == 400


def _own(issued: Issued) -> str:
    return f"{ASSIGNMENTS}/{issued.row.uuid}"


ENDS_THE_WAREHOUSE_TOKEN: dict[str, Callable[[Issued], Any]] = {
    "the picker leaves": lambda issued: Api(issued.user_token).patch(_own(issued), {"isActive": False}),
    "the picker goes elsewhere": lambda issued: Api(issued.user_token).patch(
        f"{ASSIGNMENTS}/{_elsewhere(issued).uuid}", {"isActive": True}
    ),
    "a program deassigns": lambda issued: Api(sign_in("ada.admin@example.test")["access_token"]).delete(_own(issued)),
    "staff deassign": lambda issued: issued.office.post(
        reverse("admin:assignments_assign_warehouses", args=[issued.pat.uuid]),
        {"deassign": str(issued.row.warehouse_id)},
    ),
    "staff switch the warehouse off": _switch_the_warehouse_off,
    "the warehouse token is revoked": lambda issued: post("/revoke", token=issued.warehouse_token),
    "its refresh token is revoked": lambda issued: post("/revoke", token=issued.warehouse_refresh_token),
    "its refresh token is used twice": _use_the_warehouse_refresh_token_twice,
}


@pytest.mark.parametrize("trigger", ENDS_THE_WAREHOUSE_TOKEN.values(), ids=ENDS_THE_WAREHOUSE_TOKEN.keys())
def test_whatever_moves_a_person_ends_the_warehouse_token_and_not_the_sign_in(
    issued: Issued, trigger: Callable[[Issued], Any]
) -> None:
    assert issued.introspected(issued.warehouse_token)["active"] is True
    trigger(issued)
    assert issued.introspected(issued.warehouse_token) == INACTIVE
    assert refused(issued.warehouse_refresh_token)
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200
    assert issued.introspected(issued.user_token)["active"] is True
    assert refresh(issued.refresh_token).status_code == 200


# --- Signing out ------------------------------------------------------------------------------------------------
def test_signing_out_ends_this_sign_in_only(issued: Issued) -> None:
    other = sign_in(issued.pat.email)["access_token"]
    answer = post("/revoke", token=issued.refresh_token)
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {}, "no-store")
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Api(other).get(ASSIGNMENTS).status_code == 200


@pytest.mark.parametrize("word", ["yes", "1", "truee"])
def test_what_everywhere_means_is_never_guessed(issued: Issued, word: str) -> None:
    """Taken for `false`, it would leave other devices signed in while saying that all is done."""
    refused = post("/revoke", token=issued.user_token, everywhere=word)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert issued.introspected(issued.user_token)["active"] is True


def test_signing_out_everywhere_ends_every_sign_in_of_the_person_and_no_one_elses(issued: Issued, sam: User) -> None:
    sams, other = (sign_in(email)["access_token"] for email in (sam.email, issued.pat.email))
    assert post("/revoke", token=issued.user_token, everywhere="true").json() == {}
    for token in (issued.user_token, other):
        assert refusal(Api(token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Api(sams).get(ASSIGNMENTS).status_code == 200


def test_a_program_that_holds_a_warehouse_token_cannot_sign_its_person_out(issued: Issued) -> None:
    assert post("/revoke", token=issued.warehouse_token, everywhere="true").status_code == 200
    assert issued.introspected(issued.warehouse_token) == INACTIVE
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [
        (User, {"status": "blocked"}, {"status": "active"}),
        (User, {"employed_until": datetime(2001, 1, 1, tzinfo=UTC)}, {"employed_until": None}),
        (User, {"is_warehouse_user": False}, {"is_warehouse_user": True}),
        (Warehouse, {"is_active": False}, {"is_active": True}),
    ],
    ids=["the person blocked", "the employment ended", "the flag off", "the warehouse inactive"],
)
def test_what_is_withdrawn_while_it_is_not_believed_does_not_hold_later(
    issued: Issued, table: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    table.objects.update(**before)
    for token in (issued.warehouse_token, issued.user_token):
        answer = post("/revoke", token=token)
        assert (answer.status_code, answer.json()) == (200, {})
    table.objects.update(**after)
    assert issued.introspected(issued.warehouse_token) == INACTIVE
    assert not WarehouseGrant.objects.exists()
    assert issued.introspected(issued.user_token) == INACTIVE
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "session.0.1.2"])
def test_an_unknown_token_is_withdrawn_already(issued: Issued, token: str, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = post("/revoke", token=token)
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_wrong_hint_keeps_nobody_from_signing_out(issued: Issued) -> None:
    """RFC 7009 section 2.2: an invalid hint is ignored, and does not influence the answer."""
    told = issued.introspected(issued.warehouse_token)
    assert post("/introspect", token=issued.warehouse_token, token_type_hint="jwt", **issued.service).json() == told
    for token, hint in ((issued.warehouse_token, "warehouse_token"), (issued.refresh_token, "id_token")):
        answer = post("/revoke", token=token, token_type_hint=hint)
        assert (answer.status_code, answer.json()) == (200, {})
        assert issued.introspected(issued.warehouse_token) == INACTIVE
    assert refusal(Api(issued.user_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_client_withdraws_no_token_of_another(issued: Issued, nothing_changes: Any) -> None:
    """RFC 7009 section 2.1."""
    for token in (issued.user_token, issued.refresh_token, issued.warehouse_token, issued.warehouse_refresh_token):
        with nothing_changes():
            answer = post("/revoke", token=token, **issued.service)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
