"""Imports and exports, which are worked on beside the requests, and the faults found in imported files."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.deletion import CASCADE
from django.db.models.functions import Now
from django.utils import timezone

ID = {"db_default": RandomUUID(), "default": uuid.uuid4, "editable": False, "primary_key": True, "serialize": False}
OFF = {"db_default": False, "default": False}
NONE = {"db_default": 0, "default": 0}
NOW = {"db_default": Now(), "default": timezone.now}


def job(*states: str) -> list[tuple[str, Any]]:
    """The columns that imports and exports share."""
    choices = [(state, state.capitalize()) for state in states]
    return [
        ("id", models.UUIDField(**ID)),
        ("kind", models.CharField(max_length=100)),
        ("person", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, related_name="+")),
        ("language", models.CharField(max_length=10)),
        ("file_name", models.CharField(max_length=255)),
        ("content", models.BinaryField()),
        ("state", models.CharField(choices=choices, max_length=8)),
        ("is_waiting", models.BooleanField(**OFF)),
        ("rows_done", models.PositiveIntegerField(**NONE)),
        ("rows_total", models.PositiveIntegerField(**NONE)),
        ("started_at", models.DateTimeField(**NOW)),
        ("created_at", models.DateTimeField(**NOW)),
    ]


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                *job("checking", "checked", "applying", "applied", "stopped"),
                ("report", models.JSONField(db_default={}, default=dict)),
                ("context", models.JSONField(db_default={}, default=dict)),
            ],
            options={
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "default_permissions": (),
                "indexes": [models.Index(fields=["started_at"], name="import_by_started_at")],
            },
        ),
        migrations.CreateModel(
            name="FaultPage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("job", models.ForeignKey("spreadsheets.import", CASCADE, related_name="fault_pages")),
                ("number", models.PositiveIntegerField()),
                ("faults", models.JSONField()),
            ],
            options={
                "ordering": ["number"],
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=["job", "number"], name="import_fault_page_unique")],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[*job("building", "ready", "stopped"), ("query", models.TextField())],
            options={
                "verbose_name": "export",
                "verbose_name_plural": "exports",
                "default_permissions": (),
                "indexes": [models.Index(fields=["started_at"], name="export_by_started_at")],
            },
        ),
    ]
