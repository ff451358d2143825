"""A save writes the columns that were changed, and leaves what others have written to the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.utils import timezone

from config.database.lost_updates import SavesChangedColumns
from users.models import User
from users.models.oauth.client import Client
from warehouses.models import Warehouse

OURS = ("config", "users", "warehouses", "assignments")


@pytest.mark.parametrize("model", [User, Client, Warehouse])
def test_a_save_leaves_every_column_alone_but_those_it_changes(
    model: type[Any], olive: User, scanner: Client, north: Warehouse
) -> None:
    pk = model.objects.values_list("pk", flat=True).first()
    name = "last_name" if model is User else "name"
    for field in model._meta.concrete_fields:
        if field.primary_key or field.name in {name, "updated_at", *KEPT_BY_POSTGRESQL}:
            continue
        stale = model.objects.get(pk=pk)
        also = {"is_superuser": False} if field.name == "is_confined" else {}  # nobody is both
        model.objects.filter(pk=pk).update(**{field.name: another(getattr(stale, field.name), field)} | also)
        theirs = model.objects.values_list(field.name, flat=True).get(pk=pk)
        setattr(stale, name, f"After {field.name}")

        stale.save()

        assert getattr(stale, field.name) != theirs, field.name
        assert model.objects.values_list(name, field.name).get(pk=pk) == (f"After {field.name}", theirs)


#: Columns that triggers write (migrations 0001 and 0005 of `assignments`, 0002 of `users`).
KEPT_BY_POSTGRESQL = {"roles", "has_warehouse", "warehouses_end_at", "has_two_factor", "password_changed_at"}


def another(value: Any, field: models.Field[Any, Any]) -> Any:
    """A value of the field that is not this one."""
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [*value, "https://other.example.test"]
    return {"status": "blocked", "language": "de_DE", "email": "other@example.test"}.get(field.name, "0" * 40)


def test_only_what_was_changed_is_written_and_when(north: Warehouse) -> None:
    found = Warehouse.objects.get(pk=north.pk)
    assert found.changed_columns() == []
    found.note = "Gate 4"
    assert found.changed_columns() == ["note", "updated_at"]
    found.save()
    assert found.changed_columns() == []


def test_a_list_that_is_changed_in_its_place_is_written(scanner: Client) -> None:
    found = Client.objects.get(pk=scanner.pk)
    found.redirect_uris.append("https://scan.example.test/other")
    found.save()
    scanner.refresh_from_db()
    assert scanner.redirect_uris == ["https://scan.example.test/cb", "https://scan.example.test/other"]


def test_every_model_that_the_back_office_edits_saves_only_what_was_changed() -> None:
    edited = [model for model, page in admin.site._registry.items() if hasattr(page.form, "_meta")]
    ours = [model for model in edited if model.__module__.split(".")[0] in OURS]
    assert {User, Client, Warehouse} <= set(ours)
    assert [model for model in ours if not issubclass(model, SavesChangedColumns)] == []


def test_no_line_of_the_product_saves_a_whole_row_that_was_there_before() -> None:
    """A call of `save` names its columns, makes a row, or is of a model that finds out by itself what has changed."""
    calls = {
        f"{path.relative_to(settings.BASE_DIR)}: {line.strip()}"
        for folder in OURS
        for path in Path(settings.BASE_DIR, folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\.save\((?!.*(update_fields|force_insert|Choice\())", line)
    }
    assert calls == {
        "assignments/demo.py: client.save()",
        "config/database/lost_updates.py: super().save(**options)",
        "config/spreadsheets/writing/exports.py: book.save(file)",
        "users/models/user.py: super().save(**options)",
        "users/admin/client.py: client.save()",
        "users/forms/person.py: return super().save(commit)",
        "users/models/user.py: user.save(using=self._db)",
        "users/sign_in/two_factor.py: device.save()",
        "warehouses/undo.py: warehouse.save()",
    }
