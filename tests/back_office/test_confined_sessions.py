"""Confined people on the pages of sessions, Why? and the dashboard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from tests.support.api.client import Api, sign_in
from tests.support.back_office.staff import member, signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.models import AuditEvent, Session

LIST = "/admin/users/session/"
WHY = "/admin/users/user/why/"
ELSEWHERE = "This user is not only of your warehouses. Ask somebody who may do this everywhere."


@pytest.fixture
def cora(site: Site) -> Client:
    return signed_in(site.manager)


@pytest.fixture
def sessions(site: Site) -> dict[str, Session]:
    """A session of each person, with a warehouse token where they work."""
    found = {}
    for name in ("here", "both", "elsewhere"):
        person = getattr(site, name)
        assert Api(sign_in(person.email)["access_token"]).post("/warehouse-tokens").status_code == 201
        found[name] = Session.objects.get(user=person)
    return found


def keys(*chosen: Session) -> str:
    return ",".join(one.pk.hex for one in chosen)


# --- Sessions ---------------------------------------------------------------------------------------------------
def test_the_list_has_the_sessions_of_visible_people_and_names_no_other_warehouse(
    cora: Client, site: Site, sessions: dict[str, Session]
) -> None:
    answer = cora.get(LIST)
    assert {one.pk for one in answer.context["cl"].result_list} == {sessions["here"].pk, sessions["both"].pk}
    page = answer.content.decode()
    assert site.other.name not in page
    assert site.elsewhere.email not in page
    assert "in another warehouse" in page
    assert page.count(f"/admin/users/session/{sessions['here'].pk}/end/") == 1
    assert f"/admin/users/session/{sessions['both'].pk}/end/" not in page
    assert site.other.name not in cora.get(f"{LIST}{sessions['both'].pk}/change/").content.decode()


def test_the_list_costs_one_query_more_than_for_others(
    site: Site, sessions: dict[str, Session], make_user: Any
) -> None:
    everywhere = member(make_user("eve.everywhere@example.test"), roles.SITE_MANAGER)
    numbers = []
    for viewer in (everywhere, site.manager):
        client = signed_in(viewer)
        client.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        numbers.append(len(queries))
    assert numbers[1] - numbers[0] <= 1, numbers


def test_a_filter_by_a_person_of_elsewhere_finds_nothing_and_names_nobody(
    cora: Client, site: Site, sessions: dict[str, Session]
) -> None:
    answer = cora.get(LIST, {"user": site.elsewhere.pk})
    assert list(answer.context["cl"].result_list) == []
    assert site.elsewhere.email not in answer.content.decode()
    assert cora.get(LIST, {"user": site.here.pk}).context["cl"].result_count == 1


def test_sessions_of_ones_own_people_are_ended_and_no_others(
    cora: Client, site: Site, sessions: dict[str, Session]
) -> None:
    sent = {"keys": keys(*sessions.values()), "back": ""}
    assert told(cora.post(f"{LIST}end/", sent)) == ["1 session was ended.", f"1 left as is: {ELSEWHERE}"]
    assert {one.user for one in Session.objects.live()} == {site.both, site.elsewhere}


def test_one_session_of_elsewhere_is_as_one_that_is_not_there(
    cora: Client, sessions: dict[str, Session], nothing_changes: Any
) -> None:
    with nothing_changes():
        for pk in (sessions["elsewhere"].pk, "01234567-89ab-4cde-8f01-23456789abcd"):
            answer = cora.post(f"{LIST}{pk}/end/")
            assert (answer.status_code, told(answer)) == (302, ["0 sessions were ended."])
        answer = cora.post(f"{LIST}{sessions['both'].pk}/end/")
        assert told(answer) == ["0 sessions were ended.", f"1 left as is: {ELSEWHERE}"]


def test_the_page_that_asks_counts_ones_own_people(cora: Client, sessions: dict[str, Session]) -> None:
    chosen = {"action": "end_selected", "_selected_action": [str(one.pk) for one in sessions.values()], "index": 0}
    page = cora.post(LIST, chosen).context
    assert (page["number"], page["people"], page["keys"]) == (1, 1, keys(sessions["here"]))
    assert page["left_out"] == f"1 left as is: {ELSEWHERE}"


# --- Why? -------------------------------------------------------------------------------------------------------
def test_why_answers_about_visible_people_and_ones_own_warehouses(cora: Client, site: Site) -> None:
    page: Any = cora.get(WHY, {"person": site.both.pk})
    (state,) = page.context["states"]
    assert (page.context["person"], state["warehouse"]) == (site.both, site.own)
    texts = [condition.text for condition in state["work"]]
    assert "They work in another warehouse now." in texts
    assert site.other.name not in page.content.decode()
    for asked in ({"person": site.elsewhere.email}, {"person": site.here.email, "warehouse": site.other.name}):
        page = cora.get(WHY, asked)
        assert page.context["form"].errors, asked
        assert "states" not in page.context, asked


def test_why_names_no_other_warehouse_of_a_past_moment(cora: Client, site: Site) -> None:
    page: Any = cora.get(WHY, {"person": site.both.email, "moment": timezone.now().isoformat()})
    assert len(page.context["states"]) == 2
    assert site.other.name not in page.content.decode()


# --- The dashboard ----------------------------------------------------------------------------------------------
@pytest.fixture
def nothing_counted_before() -> Any:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.usefixtures("nothing_counted_before")
def test_the_dashboard_counts_what_is_in_ones_warehouses(
    cora: Client, as_ada: Client, site: Site, sessions: dict[str, Session]
) -> None:
    AuditEvent.objects.create(at=timezone.now(), event="Failed Login", tag="failed_login", level="warning")
    everything: Any = as_ada.get("/admin/").context  # counted before, and kept
    assert (everything["working"], everything["open_sessions"], everything["failures_today"]) == (3, 3, 1)
    WarehouseUserAssignment.objects.filter(pk=site.elsewhere_other.pk).update(
        ends_at=timezone.now() + timedelta(days=1)
    )
    answer = cora.get("/admin/")
    page: Any = answer.context
    assert [(place.name, place.people) for place in page["places"]] == [(site.own.name, 1)]
    assert (page["working"], page["ending"], page["idle"], page["open_sessions"]) == (1, 0, 0, 2)
    assert page["days"][0].sign_ins == 2
    assert site.other.name not in answer.content.decode().partition('id="latest"')[0]
    assert "failed sign-ins" not in answer.content.decode()
    assert (page["failures_today"], [day.failures for day in page["days"] if day.failures]) == (0, [])
    assert as_ada.get("/admin/").context["working"] == 3


@pytest.mark.usefixtures("nothing_counted_before")
def test_figures_of_one_confinement_are_not_shown_after_it_changes(cora: Client, site: Site, make_user: Any) -> None:
    assert cora.get("/admin/").context["working"] == 1
    ManagedWarehouse.objects.set_for(site.manager, add=[site.other], remove=[site.own])
    assert [place.name for place in cora.get("/admin/").context["places"]] == [site.other.name]
    other = signed_in(confined(make_user("oda.other@example.test"), roles.SITE_MANAGER))
    assert other.get("/admin/").context["working"] == 0


def test_the_dashboard_offers_hiring(cora: Client) -> None:
    assert "/admin/users/user/add/?is_warehouse_user=1" in cora.get("/admin/").content.decode()


def test_nobody_of_elsewhere_is_named_to_who_manages_nothing(make_user: Any, site: Site) -> None:
    client = signed_in(confined(make_user("nils.none@example.test"), roles.SITE_MANAGER))
    for path in ("/admin/", "/admin/users/user/", LIST):
        page = client.get(path).content.decode().partition('id="latest"')[0]
        for name in (site.own.name, site.other.name, site.here.email, site.elsewhere.email):
            assert name not in page, (path, name)
