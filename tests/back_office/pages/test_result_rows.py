"""The rows of every list in the Back Office are those that Unfold would render."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.test import RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone
from unfold.templatetags.unfold_list import items_for_result

from assignments.models import WarehouseUserAssignment
from tests.support.cases import each
from tests.support.oauth.held_tokens import Issued
from users.models import AuditEvent, Client, Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.django_db

LISTS = [User, Warehouse, WarehouseUserAssignment, Session, Client, AuditEvent, Group]


@pytest.fixture
def everything(issued: Issued, sam: User, river: Warehouse, olive: User) -> None:
    """At least one row in each list; people and warehouses of both states."""
    User.objects.filter(pk=sam.pk).update(
        status=User.Status.BLOCKED, first_name="<Sam> & Co", last_login=timezone.now()
    )
    Warehouse.objects.filter(pk=river.pk).update(is_active=False, name="<River> & Annex")


def changelist(model: type[models.Model], person: User, query: str) -> Any:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    request = RequestFactory().get(url + query)
    request.user, request.resolver_match = person, resolve(url)
    return admin.site.get_model_admin(model).get_changelist_instance(request)


@each(("model", "query"), [*product(LISTS, ["", "?o=-1"]), (User, "?_popup=1"), (Warehouse, "?_popup=1")])
def test_rows_are_unfolds(everything: None, ada: User, model: type[models.Model], query: str) -> None:
    found = changelist(model, ada, query)

    assert len(found.rows) > 0
    for result, cells in zip(found.result_list, found.rows, strict=True):
        assert cells == "".join(items_for_result(found, result, None))
