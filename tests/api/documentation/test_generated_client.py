"""A client that openapi-python-client generates from `/schema` runs as it is, over real HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.api.client import PASSWORD
from tests.support.oauth.code_flow import PARTNER, VERIFIER, challenge_of, register
from tests.support.oauth.held_tokens import service
from tests.support.waiting import MOST_SECONDS
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

PACKAGE = "warehouse_user_management_client"


@pytest.fixture(scope="module")
def generated(live_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated package: `generated("models")` is its module of that name."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "schema.yaml").write_text(httpx.get(f"{live_url}/schema", timeout=MOST_SECONDS).text)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    place = ["--path", str(folder / "schema.yaml"), "--output-path", str(folder / PACKAGE), "--fail-on-warning"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it formats by ruff
    done = subprocess.run(
        [*command, *place], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))


@pytest.fixture
def ask(generated: Any, live_url: str) -> Any:
    """Calls an operation: `ask("users.list_users", token, …)`. The answer is a model, or that of an error."""

    def ask(operation: str, token: str = "", **sent: Any) -> Any:
        client = generated("client").AuthenticatedClient(base_url=live_url, token=token, timeout=MOST_SECONDS)
        if not token:
            client = generated("client").Client(base_url=live_url, timeout=MOST_SECONDS)
        with client:
            return generated(f"api.{operation}").sync(client=client, **sent)

    return ask


def test_it_gets_tokens_by_each_grant_and_withdraws_them(
    generated: Any, ask: Any, pat: User, pat_north: Any, transactional_db: None
) -> None:
    models = generated("models")
    pat_north.activate()
    by_password = ask(
        "sign_in.create_token",
        body=models.PasswordGrant(grant_type="password", username=pat.email, password=PASSWORD),
    )
    refreshed = ask(
        "sign_in.create_token",
        body=models.RefreshTokenGrant(grant_type="refresh_token", refresh_token=by_password.refresh_token),
    )
    client = register("app", is_confidential=False)
    (answer,) = ask(
        "tokens.authorize",
        body=models.AuthorizeRequest(
            response_type="code",
            client_id=client.client_id,
            code_challenge=challenge_of(VERIFIER),
            code_challenge_method="S256",
            username=pat.email,
            password=PASSWORD,
            redirect_uri=PARTNER,
        ),
    )
    by_code = ask(
        "sign_in.create_token",
        body=models.AuthorizationCodeGrant(
            grant_type="authorization_code",
            code=answer.code,
            code_verifier=VERIFIER,
            client_id=client.client_id,
            redirect_uri=PARTNER,
        ),
    )
    (warehouse,) = ask("warehouse_tokens.create_warehouse_token", by_code.access_token)
    asker = service("gate")
    token = warehouse.access_token
    assert ask("tokens.introspect_token", body=models.IntrospectRequest(token=token, **asker)).active is True
    ask("tokens.revoke_token", body=models.RevokeRequest(token=refreshed.refresh_token, everywhere="true"))
    assert ask("tokens.introspect_token", body=models.IntrospectRequest(token=token, **asker)).active is False


def test_it_lists_creates_changes_and_deletes(
    generated: Any, ask: Any, olive: User, pat: User, sam: User, north: Warehouse, river: Warehouse
) -> None:
    models = generated("models")
    grant = models.PasswordGrant(grant_type="password", username=olive.email, password=PASSWORD)
    token = ask("sign_in.create_token", body=grant).access_token
    made = []
    for person in (pat, sam):
        attributes = models.NewAssignmentDataAttributes(
            user_uuid=str(person.uuid),
            warehouse=models.NewAssignmentDataAttributesWarehouse(uuid=str(north.uuid)),
        )
        body = models.NewAssignment(data=models.NewAssignmentData(attributes=attributes))
        made.append(ask("assignments.create_assignment", token, body=body).data)
    people = [str(pat.uuid), str(sam.uuid)]
    listed = ask(
        "assignments.list_assignments",
        token,
        filterwarehouse_user_assignments_user_uuid=people,
        include=[*models.ListAssignmentsIncludeItem],
        sort=[models.ListAssignmentsSortItem("-isActive"), models.ListAssignmentsSortItem("createdAt")],
        pagetotal=True,
    )
    assert [row.id for row in listed.data] == [row.id for row in made]
    assert (listed.meta.total, len(listed.included)) == (2, 3)
    change = models.ChangedAssignmentDataAttributes(is_active=True)
    body = models.ChangedAssignment(data=models.ChangedAssignmentData(attributes=change))
    changed = ask("assignments.change_assignment", token, uuid=UUID(str(made[1].id)), body=body)
    assert changed.data.attributes.is_active is True
    assert ask("assignments.delete_assignment", token, uuid=UUID(str(made[0].id))) is None
    left = ask("assignments.list_assignments", token, filterwarehouse_user_assignments_user_uuid=people)
    assert [row.id for row in left.data] == [changed.data.id]
    missing = ask("assignments.get_assignment", token, uuid=UUID(str(made[0].id)))
    assert [fault.code for fault in missing.errors] == ["5201"]
