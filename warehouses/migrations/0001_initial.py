"""Warehouses and their history."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.deletion import DO_NOTHING
from django.db.models.functions import Now, Trim
from pghistory.utils import JSONField
from pgtrigger.compiler import Trigger, UpsertTriggerSql
from pgtrigger.migrations import AddTrigger

TEXT = {"blank": True, "db_default": "", "default": ""}

#: Columns that the history records.
RECORDED = [
    ("uuid", models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False)),
    ("name", models.CharField("Name", max_length=255)),
    ("note", models.TextField("Note", help_text="For the Back Office only; shown nowhere else.", **TEXT)),
    ("is_active", models.BooleanField("Is this warehouse available?", db_default=True, default=True)),
]

# What django-pghistory compiled: the statements by which triggers record each change of a row.
INSERTED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "warehouses_warehouseevent" ("id", "is_active", "name", "note", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "uuid") SELECT new_values."id", new_values."is_active", new_values."name", new_values."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."uuid" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;'
UPDATED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "warehouses_warehouseevent" ("id", "is_active", "name", "note", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "uuid") SELECT new_values."id", new_values."is_active", new_values."name", new_values."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."uuid" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."is_active" IS DISTINCT FROM (new_values."is_active") OR old_values."name" IS DISTINCT FROM (new_values."name") OR old_values."note" IS DISTINCT FROM (new_values."note") OR old_values."uuid" IS DISTINCT FROM (new_values."uuid")) ) AS new_values, _pgh_attached_context; RETURN NULL;'
DELETED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "warehouses_warehouseevent" ("id", "is_active", "name", "note", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "uuid") SELECT old_values."id", old_values."is_active", old_values."name", old_values."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."uuid" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;'
#: Operation, statement, the tables that it reads, and the end of the name that django-pgtrigger gives it.
RECORDING = [
    ("insert", INSERTED, "NEW TABLE AS new_values ", "0344d"),
    ("update", UPDATED, "OLD TABLE AS old_values  NEW TABLE AS new_values ", "67e49"),
    ("delete", DELETED, "OLD TABLE AS old_values ", "3f154"),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("pghistory", "0007_auto_20250421_0444")]  # makes the function that the triggers call

    operations = [
        migrations.CreateModel(
            name="Warehouse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *RECORDED,
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
            ],
            options={
                "verbose_name": "warehouse",
                "verbose_name_plural": "warehouses",
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=["uuid"], name="warehouse_uuid_unique"),
                    models.UniqueConstraint(
                        fields=["name"],
                        name="warehouse_name_unique",
                        violation_error_code="unique",
                        violation_error_message="This name is already in use.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(name=Trim("name")) & ~models.Q(name=""),
                        name="warehouse_name_trimmed_not_blank",
                        violation_error_message="A name must not be blank, nor begin or end with a space.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WarehouseEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", JSONField(null=True)),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        "warehouses.warehouse", DO_NOTHING, db_constraint=False, db_index=False, related_name="events"
                    ),
                ),
                ("id", models.BigIntegerField()),
                *RECORDED,
            ],
            options={
                "indexes": [
                    models.Index(fields=["pgh_created_at", "pgh_id"], name="warehouse_event_newest"),
                    models.Index(fields=["pgh_obj", "pgh_id"], name="warehouse_event_object"),
                    models.Index("pgh_context__user", "pgh_created_at", "pgh_id", name="warehouse_event_actor"),
                    models.Index(
                        condition=models.Q(pgh_context__isnull=True),
                        fields=["pgh_created_at", "pgh_id"],
                        name="warehouse_event_database",
                    ),
                ]
            },
        ),
        *(
            AddTrigger(
                "warehouse",
                Trigger(
                    name=f"{verb}_{verb}",
                    sql=UpsertTriggerSql(
                        func=statement,
                        level="STATEMENT",
                        operation=verb.upper(),
                        pgid=f"pgtrigger_{verb}_{verb}_{mark}",
                        referencing=f"REFERENCING {tables}",
                        table="warehouses_warehouse",
                        when="AFTER",
                    ),
                ),
            )
            for verb, statement, tables, mark in RECORDING
        ),
        AddTrigger(
            "warehouseevent",
            Trigger(
                name="append_only",
                sql=UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_e6878",
                    table="warehouses_warehouseevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]
