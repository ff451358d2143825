"""`HISTORY_DAYS`: older history is neither shown nor kept, and how everything was at its beginning stays known."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pgtrigger
import pytest
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from assignments.roster.roster import roster_at
from config.history import retention
from tests.support.api.client import ASSIGNMENTS, Api, refusal
from tests.support.back_office.history import ask, last_change_set, tab, undo_url
from users.models import User

Event: Any = WarehouseUserAssignment.pgh_event_model  # type: ignore[attr-defined]
DAY = timedelta(days=1)


@pytest.fixture(params=[20_000, 1], ids=["one batch", "batches of one"])
def batches(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", request.param)


def age(row: Any, days: int, *labels: str) -> None:
    """Makes the events of an assignment older."""
    events = Event.objects.filter(pgh_obj=row.pk)
    with pgtrigger.ignore(f"{Event._meta.label}:append_only"):
        (events.filter(pgh_label__in=labels) if labels else events).update(
            pgh_created_at=F("pgh_created_at") - days * DAY
        )


def labels(row: Any) -> list[str]:
    return list(Event.objects.filter(pgh_obj=row.pk).order_by("pgh_id").values_list("pgh_label", flat=True))


def purge() -> str:
    told = StringIO()
    call_command("purge", stdout=told)
    return told.getvalue()


def test_the_last_old_entry_of_each_object_stays(
    batches: None, settings: Any, pat_north: WarehouseUserAssignment, assign: Any, make_user: Any, river: Any
) -> None:
    settings.HISTORY_DAYS = 30
    pat_north.activate()
    pat_north.deactivate()
    age(pat_north, 40)
    pat_north.activate()
    gone = assign(make_user("gone.picker@example.test", is_warehouse_user=True), river)
    key = gone.pk
    gone.delete()
    gone.pk = key
    age(gone, 40)
    moment = timezone.now() - 20 * DAY
    before = names_at(moment)

    assert "        4 entries in the history of assignments" in purge()

    assert (labels(pat_north), labels(gone)) == (["update", "update"], [])
    assert names_at(moment) == before == [(pat_north.pk, False)]
    assert "entries in the history" not in purge()


def test_what_a_longer_transaction_deleted_does_not_come_back(
    settings: Any, pat_north: WarehouseUserAssignment
) -> None:
    """Events have the time at which their transaction began: here, a deletion is older than what it deletes."""
    settings.HISTORY_DAYS = 30
    key = pat_north.pk
    pat_north.delete()
    pat_north.pk = key
    age(pat_north, 29, "insert")
    age(pat_north, 31, "delete")
    purge()
    assert (labels(pat_north), names_at(timezone.now())) == (["insert", "delete"], [])
    age(pat_north, 2)
    purge()
    purge()
    assert (labels(pat_north), names_at(timezone.now())) == ([], [])


def names_at(moment: datetime) -> list[tuple[int, bool]]:
    """Who was assigned, and whether they worked."""
    return [(row.id, row.worked is not None) for row in roster_at(moment)[0]]


def test_the_history_is_kept_for_ever_unless_told_otherwise(pat_north: WarehouseUserAssignment) -> None:
    pat_north.activate()
    age(pat_north, 4_000)
    purge()
    assert labels(pat_north) == ["insert", "update"]


def test_what_is_older_is_not_shown_nor_undone_whether_or_not_it_was_deleted(
    settings: Any, as_manager: Client, as_olive: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    as_olive.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", {"isActive": True})
    age(pat_north, 40)
    change_set = last_change_set(pat_north)
    assert [one.label for one in ask(as_manager, tab(pat_north))] == ["update", "insert"]
    settings.HISTORY_DAYS = 30
    assert ask(as_manager, tab(pat_north)) == []
    assert as_manager.get(change_set.url).status_code == as_manager.get(undo_url(change_set)).status_code == 404
    moment = (timezone.now() - 35 * DAY).isoformat(timespec="seconds").replace("+00:00", "Z")
    asked = as_olive.get(f"{ASSIGNMENTS}?filter[warehouse-user-assignments.asOf]={moment}")
    assert asked.status_code == 400
    assert "history" in refusal(asked)[0]["detail"]
    assert labels(pat_north) == ["insert", "update"]
