"""The undoing of large change sets, which is worked on beside the requests."""

import uuid

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
EMPTY = {"db_default": {}, "default": dict}


class Migration(migrations.Migration):
    dependencies = [
        ("spreadsheets", "0005_sheet_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Undo",
            fields=[
                ("id", models.UUIDField(**ID)),
                ("kind", models.CharField(max_length=100)),
                ("person", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, related_name="+")),
                ("language", models.CharField(max_length=10)),
                ("file_name", models.CharField(max_length=255)),
                ("content", models.BinaryField()),
                ("state", models.CharField(max_length=8)),
                ("is_waiting", models.BooleanField(**OFF)),
                ("rows_done", models.PositiveIntegerField(**NONE)),
                ("rows_total", models.PositiveIntegerField(**NONE)),
                ("started_at", models.DateTimeField(**NOW)),
                ("created_at", models.DateTimeField(**NOW)),
                ("operation", models.CharField(max_length=100)),
                ("context", models.JSONField(**EMPTY)),
                ("report", models.JSONField(**EMPTY)),
                ("applied_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "undo",
                "verbose_name_plural": "undos",
                "default_permissions": (),
                "indexes": [models.Index(fields=["started_at"], name="undo_by_started_at")],
            },
        ),
    ]
