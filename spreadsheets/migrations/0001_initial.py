"""Imports, which are checked and applied beside the requests, and the faults found in their files."""

import uuid

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.deletion import CASCADE
from django.db.models.functions import Now
from django.utils import timezone

OFF = {"db_default": False, "default": False}


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=RandomUUID(), default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(max_length=100)),
                ("person", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, related_name="+")),
                ("language", models.CharField(max_length=10)),
                ("file_name", models.CharField(max_length=255)),
                ("content", models.BinaryField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checking", "Checking"),
                            ("checked", "Checked"),
                            ("applying", "Applying"),
                            ("applied", "Applied"),
                            ("stopped", "Stopped"),
                        ],
                        max_length=8,
                    ),
                ),
                ("report", models.JSONField(db_default={}, default=dict)),
                ("context", models.JSONField(db_default={}, default=dict)),
                ("is_waiting", models.BooleanField(**OFF)),
                ("rows_done", models.PositiveIntegerField(db_default=0, default=0)),
                ("rows_total", models.PositiveIntegerField(db_default=0, default=0)),
                ("started_at", models.DateTimeField(db_default=Now(), default=timezone.now)),
                ("created_at", models.DateTimeField(db_default=Now(), default=timezone.now)),
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
    ]
