"""The page that changes the period of a managed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from assignments.models import ManagedWarehouse
from config.database.periods import ALWAYS, Period
from tests.support.back_office.staff import signed_in, told
from tests.support.confinement import Site, confined
from users import roles
from users.models import User

MANAGED = "/admin/assignments/warehouseuserassignment/managed/"
ENDS = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def ned(site: Site, make_user: Any) -> User:
    return confined(make_user("ned.north@example.test"), roles.SITE_MANAGER, site.own)


def page_of(person: User) -> str:
    return f"{MANAGED}{person.uuid}/period/?row={person.managed_warehouses.earliest('pk').pk}"


def period_of(person: User) -> Period:
    row = person.managed_warehouses.earliest("pk")
    return Period(row.starts_at, row.ends_at)


def test_the_assigned_side_leads_to_it_and_saving_leads_back(as_ada: Client, ned: User) -> None:
    """With scripts by the address with 0 in place of the row, without them by a link in each row."""
    warehouses = reverse("admin:assignments_managed_warehouses", args=[ned.uuid])
    page = as_ada.get(f"{warehouses}?side=assigned")
    assert page.context["period_url"] == f"{warehouses}period/?row=0"
    (row,) = page.context["page"].rows
    assert f'href="{row["period_url"]}&amp;_back=' in page.content.decode()
    form = as_ada.get(row["period_url"])
    assert form.status_code == 200
    sent = {"until_day": "2998-12-31", "row": row["assignment"], "seen": form.context["seen"], "_back": warehouses}
    answer = as_ada.post(row["period_url"], sent | {"change_reason": "Deputy"})
    assert (answer["Location"], told(answer)) == (warehouses, ["The period is changed."])
    assert period_of(ned).ends_at is not None
    assert as_ada.get(page_of(ned)).context["form"]["until_day"].value().year == 2998
    events: Any = ManagedWarehouse
    event = events.pgh_event_model.objects.latest("pgh_id")
    assert (event.pgh_label, event.user_id, event.pgh_context["reason"]) == ("update", ned.pk, "Deputy")


def test_dates_in_the_wrong_order_are_refused(as_ada: Client, ned: User, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = as_ada.post(page_of(ned), {"from_day": "2030-02-01", "until_day": "2030-01-01"})
    assert answer.context["form"].errors == {"until_day": ["“Until” must not be before “From”."]}


def test_what_others_changed_meanwhile_is_told(as_ada: Client, as_manager: Client, ned: User) -> None:
    seen = as_ada.get(page_of(ned)).context["seen"]
    as_manager.post(page_of(ned), {"until_day": "2031-01-31"})
    answer = as_ada.post(page_of(ned), {"until_day": "2032-01-31", "seen": seen})
    done, told_of = told(answer)
    assert done == "The period is changed."
    assert told_of.startswith("Meanwhile the period of “Own Hall” was changed by ")
    assert "until 31 Jan 2031" in told_of


def test_what_was_taken_meanwhile_is_not_given_again(as_ada: Client, ned: User, nothing_changes: Any) -> None:
    page = page_of(ned)
    ManagedWarehouse.objects.filter(user=ned).delete()
    with nothing_changes():
        answers = [as_ada.get(page), as_ada.post(page, {"until_day": "2031-01-31"})]
    for answer in answers:
        assert (answer.status_code, told(answer)[-1]) == (
            302,
            "They do not manage this warehouse any more. Nothing was changed.",
        )


def test_a_confined_manager_changes_it_for_no_longer_than_they_manage_it(
    site: Site, ned: User, nothing_changes: Any
) -> None:
    ManagedWarehouse.objects.update(ends_at=ENDS)
    cora = signed_in(site.manager)
    with nothing_changes():
        answer = cora.post(page_of(ned), {"until_day": "2999-12-31"})
    (refused,) = answer.context["form"].errors["until_day"]
    assert refused.startswith("You manage “Own Hall” until 31 Dec 2998.")
    assert cora.post(page_of(ned), {"until_day": "2998-12-31"}).status_code == 302
    assert period_of(ned).ends_at != ENDS or period_of(ned).starts_at is None


def test_nobody_changes_their_own_nor_that_of_who_manages_elsewhere(
    site: Site, make_user: Any, nothing_changes: Any
) -> None:
    both = confined(make_user("bo.both@example.test"), roles.SITE_MANAGER, site.own, site.other)
    cora = signed_in(site.manager)
    with nothing_changes():
        for person in (site.manager, both):
            assert cora.get(page_of(person)).status_code == 403
            assert cora.post(page_of(person), {"until_day": "2031-01-31"}).status_code == 403
    assert period_of(both) == ALWAYS


def test_a_row_of_somebody_else_is_a_missing_one(as_ada: Client, site: Site, ned: User, nothing_changes: Any) -> None:
    foreign = site.manager.managed_warehouses.get().pk
    with nothing_changes():
        answer = as_ada.post(f"{MANAGED}{ned.uuid}/period/", {"row": foreign, "until_day": "2031-01-31"})
    assert told(answer) == ["They do not manage this warehouse any more. Nothing was changed."]
