"""A key that has leaked: replaced in one go, and worth nothing from the next request on, on servers that run too."""

from __future__ import annotations

import jwt
import pytest
from django.core.management import call_command

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch
from tests.support.api.bad_tokens import refused_everywhere
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, sign_in
from tests.support.oauth.held_tokens import INACTIVE, Issued, holds, post
from tests.support.oauth.signing_keys import published, refresh, rotate, signer_of
from users.models import Session
from users.models.oauth.signing_key import SigningKey
from users.oauth.key_ring import key_ring

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ring(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards, the keys that other tests know are back."""
    monkeypatch.setattr(key_ring, "_keys", key_ring.keys)
    monkeypatch.setattr(key_ring, "_read_at", key_ring._read_at)


@pytest.fixture
def assignment(pat_north: WarehouseUserAssignment) -> WarehouseUserAssignment:
    """Pat works in North Dock now."""
    pat_north.activate()
    return pat_north


def test_nothing_that_a_leaked_key_signed_is_believed(
    as_pat: Api, assignment: WarehouseUserAssignment, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in = sign_in(assignment.user.email)
    warehouse_token = as_pat.post("/warehouse-tokens").json()[0]["accessToken"]
    leaked = [key_ring.current, rotate("--now")]

    new = rotate("--compromised")

    assert published() == [new.kid]
    assert list(SigningKey.objects.values_list("kid", flat=True)) == [new.kid]
    assert "All older keys are removed. Sessions ended: 2." in capsys.readouterr().out
    refused_everywhere(f"Bearer {signed_in['access_token']}", INVALID_TOKEN)
    assert not holds(warehouse_token)
    answer = refresh(signed_in["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert {session.end_reason for session in Session.objects.all()} == {"signing key compromised"}

    fresh = sign_in(assignment.user.email)["access_token"]
    assert signer_of(fresh) == new.kid
    assert Api(fresh).get(ASSIGNMENTS).status_code == 200
    claims = jwt.decode(fresh, options={"verify_signature": False})
    for key in leaked:  # also one that names a session begun since
        forged = jwt.encode(claims, key.private, "RS256", headers={"kid": key.kid})
        under_new_name = jwt.encode(claims, key.private, "RS256", headers={"kid": new.kid})
        refused_everywhere(f"Bearer {forged}", INVALID_TOKEN)
        refused_everywhere(f"Bearer {under_new_name}", INVALID_TOKEN)


def test_a_server_that_has_not_heard_of_the_leak_believes_nothing_that_the_key_signed(
    assignment: WarehouseUserAssignment, nothing_changes: Watch
) -> None:
    """The key is looked for along with the session. Nobody tells `key_ring` here, as `rotate` does."""
    leaked = key_ring.current
    call_command("rotate_signing_key", "--compromised")

    tokens = sign_in(assignment.user.email)
    assert signer_of(tokens["access_token"]) == leaked.kid

    with nothing_changes():
        refused_everywhere(f"Bearer {tokens['access_token']}", INVALID_TOKEN)
    refreshed = refresh(tokens["refresh_token"]).json()  # once is enough
    assert signer_of(refreshed["access_token"]) == SigningKey.objects.get().kid
    assert Api(refreshed["access_token"]).get(ASSIGNMENTS).status_code == 200


@pytest.mark.parametrize("kind", ["warehouse_token", "user_token"])
def test_a_server_with_outdated_keys_describes_no_token_of_a_leaked_key(
    issued: Issued, nothing_changes: Watch, kind: str
) -> None:
    token, leaked = getattr(issued, kind), key_ring.current
    call_command("rotate_signing_key", "--compromised")
    Session.objects.update(ended_at=None)  # as if it had begun since

    assert signer_of(token) == leaked.kid
    assert list(key_ring.keys) == [leaked.kid]
    with nothing_changes():
        assert post("/revoke", token=token).json() == {}
    assert issued.introspected(token) == INACTIVE


def test_the_command_reports_that_a_leaked_key_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    new = rotate("--compromised")
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "All older keys are removed. Sessions ended: 0.",
        f"{new.kid}  signs now",
        "No token of an older key is believed from the next request on.",
    ]
