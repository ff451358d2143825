"""Compiled queries return what their querysets do, for any values (`config.database.compiled_queries`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assignments.models import WarehouseGrant, WarehouseUserAssignment
from assignments.tokens.warehouse_token import WarehouseToken
from config.database.compiled_queries import Parameter, Select, Update
from config.identifiers import NIL
from tests.support.api.client import ASSIGNMENTS, Api
from tests.support.oauth.held_tokens import Issued
from users.models import Session, User
from users.oauth.tokens import AccessToken

rows = WarehouseUserAssignment.objects


@pytest.fixture
def three(
    pat: User, sam: User, pat_north: Any, pat_river: Any, sam_north: WarehouseUserAssignment
) -> list[WarehouseUserAssignment]:
    pat_river.activate()
    return [*rows.order_by("id")]


def state(instance: models.Model) -> dict[str, Any]:
    """Every column that was read, of the row and of those that came along."""
    related = {name: state(other) for name, other in instance._state.fields_cache.items()}
    columns = {field.attname for field in instance._meta.concrete_fields} - instance.get_deferred_fields()
    return {name: getattr(instance, name) for name in columns} | related


def states(found: Any) -> list[dict[str, Any]]:
    return [state(row) for row in found]


# --- The statements of the site ---------------------------------------------------------------------------------
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_the_first_rows_are_those_of_the_queryset(three: Any, olive: User, pat: User, limit: int) -> None:
    for caller in (olive, pat):
        expected = rows.visible_to(caller).with_shown_columns().order_by("id")[:limit]
        assert states(rows.first_visible_to(caller, limit)) == states(expected)


def test_one_row_is_that_of_the_queryset(three: list[Any], olive: User, pat: User) -> None:
    for caller in (olive, pat):
        for wanted in (*(row.uuid for row in three), NIL):
            expected = rows.visible_to(caller).with_shown_columns().filter(uuid=wanted)
            found = rows.one_visible_to(caller, wanted)
            assert states([found] if found else []) == states(expected)


def test_where_somebody_may_be_given_a_token_is_that_of_the_queryset(three: Any, pat: User, sam: User) -> None:
    for caller in (pat, sam):
        found = rows.active_for(caller)
        assert states([found] if found else []) == states(rows.granting(caller.pk))
    assert rows.active_for(pat) is not None
    assert rows.active_for(sam) is None


def test_the_session_behind_a_token_is_that_of_the_queryset(as_pat: Api, pat: User) -> None:
    token = AccessToken(as_pat.token)
    found = token.live_session()
    assert found is not None
    given = {"now": timezone.now(), "session": token.session_id, "client": "frontend", "person": pat.uuid}
    given["kid"] = token.kid
    assert states([found]) == states(Session.objects.of_caller(**given))
    Session.objects.all().end_all("lost phone")
    assert token.live_session() is None


def test_the_grant_of_a_warehouse_token_is_that_of_the_queryset(issued: Issued) -> None:
    identity = WarehouseToken(issued.warehouse_token).identity
    found = WarehouseGrant.objects.valid_for_claims(**identity)
    assert found is not None
    expected = WarehouseGrant.objects.valid().for_claims(**identity).only("session__client_id")
    assert states([found]) == states(expected)
    for name, other in identity.items():
        changed = identity | {name: "x" if isinstance(other, str) else NIL}
        assert WarehouseGrant.objects.valid_for_claims(**changed) is None
    issued.row.deactivate()
    assert WarehouseGrant.objects.valid_for_claims(**identity) is None


# --- What statements do -----------------------------------------------------------------------------------------
def by_name() -> Select[User]:
    return Select(lambda: User.objects.filter(first_name=Parameter("name", models.CharField())).order_by("id"))


def test_each_run_has_values_of_its_own(
    pat: User, sam: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    statement = by_name()
    with django_assert_num_queries(3):
        assert statement.all(name="Pat") == [pat]
        assert statement.first(name="Sam") == sam
        assert statement.first(name="Pat'; DROP TABLE users_user; --") is None


def test_a_missing_value_is_an_error(pat: User) -> None:
    with pytest.raises(KeyError, match="name"):
        by_name().all()


def test_columns_that_were_left_out_are_read_when_asked_for(pat: User) -> None:
    statement = Select(lambda: User.objects.only("email").filter(pk=Parameter("pk", models.BigIntegerField())))
    found = statement.first(pk=pat.pk)
    assert found is not None
    assert (found.email, found.first_name) == (pat.email, "Pat")


def test_an_update_says_how_many_rows_it_changed(three: list[WarehouseUserAssignment], pat: User) -> None:
    given = Parameter("user", models.BigIntegerField())
    update = Update(lambda: rows.filter(user_id=given), activation=models.F("activation") + 5, updated_at=Now())
    before = {row.pk: (row.activation, row.updated_at) for row in three}
    assert update.run(user=pat.pk) == 2
    for row in rows.all():
        moved = row.user_id == pat.pk
        assert row.activation == before[row.pk][0] + (5 if moved else 0)
        assert (row.updated_at > before[row.pk][1]) is moved


# --- How they are sent ------------------------------------------------------------------------------------------
@pytest.fixture
def prepared() -> Callable[[], list[str]]:
    """The statements that PostgreSQL has planned for this connection and keeps."""

    def read() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements WHERE NOT from_sql")
            return [text for (text,) in cursor.fetchall()]

    return read


@pytest.mark.django_db(transaction=True)
def test_they_are_planned_once_for_a_connection(as_pat: Api, pat_north: Any, prepared: Callable[[], list[str]]) -> None:
    connection.close()
    for _ in range(5):
        assert as_pat.get(ASSIGNMENTS).status_code == 200
    assert len([text for text in prepared() if "users_session" in text]) == 1
    assert len([text for text in prepared() if "assignments_warehouseuserassignment" in text]) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_kept_for_a_pooler_that_hands_one_connection_to_many(
    as_pat: Api, pat_north: Any, prepared: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "prepare_threshold", None)
    connection.close()
    for _ in range(5):
        assert as_pat.get(ASSIGNMENTS).status_code == 200
    assert prepared() == []
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_has_statements_of_its_own(pat: User) -> None:
    statement = by_name()
    assert statement.first(name="Pat") == pat
    connection.close()
    assert statement.first(name="Pat") == pat


def test_what_is_read_in_binary_is_what_is_read_as_text(three: Any, olive: User) -> None:
    """Statements that are logged are sent as text: both ways must read the same."""
    found = rows.first_visible_to(olive, 10)
    with CaptureQueriesContext(connection):
        assert states(rows.first_visible_to(olive, 10)) == states(found)
