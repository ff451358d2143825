"""Assignments of people to warehouses, their history, and the grants that warehouse tokens belong to."""

import uuid

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.deletion import CASCADE, DO_NOTHING, PROTECT
from django.db.models.functions import Now
from django.utils import timezone
from pghistory.utils import JSONField
from pgtrigger.compiler import Trigger, UpsertTriggerSql
from pgtrigger.migrations import AddTrigger

OFF = {"db_default": False, "default": False}

#: Columns that the history records, besides the two keys.
RECORDED = [
    ("uuid", models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False)),
    ("is_active", models.BooleanField("works here now", editable=False, **OFF)),
    ("activation", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
]

# What django-pghistory compiled: the statements by which triggers record each change of a row.
INSERTED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id", "uuid", "warehouse_id") SELECT new_values."activation", new_values."id", new_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."user_id", new_values."uuid", new_values."warehouse_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;'
UPDATED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id", "uuid", "warehouse_id") SELECT new_values."activation", new_values."id", new_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."user_id", new_values."uuid", new_values."warehouse_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."activation" IS DISTINCT FROM (new_values."activation") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."is_active" IS DISTINCT FROM (new_values."is_active") OR old_values."user_id" IS DISTINCT FROM (new_values."user_id") OR old_values."uuid" IS DISTINCT FROM (new_values."uuid") OR old_values."warehouse_id" IS DISTINCT FROM (new_values."warehouse_id")) ) AS new_values, _pgh_attached_context; RETURN NULL;'
DELETED = 'WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id", "uuid", "warehouse_id") SELECT old_values."activation", old_values."id", old_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."user_id", old_values."uuid", old_values."warehouse_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;'
#: Operation, statement, the tables that it reads, and the end of the name that django-pgtrigger gives it.
RECORDING = [
    ("insert", INSERTED, "NEW TABLE AS new_values ", "bf937"),
    ("update", UPDATED, "OLD TABLE AS old_values  NEW TABLE AS new_values ", "ad274"),
    ("delete", DELETED, "OLD TABLE AS old_values ", "b0ef1"),
]

#: `User.has_warehouse`, whoever writes assignments: the API, a cascade, or SQL by hand. To find the few without a
#: warehouse among a million people reads an index of just those. Each person is locked before their assignments are
#: looked at: of two who take the last two away at once, the second looks when the first is done.
FUNCTIONS = """
CREATE FUNCTION note_who_has_a_warehouse(people bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users_user WHERE id = ANY (people) ORDER BY id FOR NO KEY UPDATE;
    UPDATE users_user SET has_warehouse = NOT has_warehouse
    WHERE id = ANY (people) AND has_warehouse <> EXISTS (
        SELECT FROM assignments_warehouseuserassignment WHERE user_id = users_user.id
    );
END $$;

CREATE FUNCTION note_whom_these_rows_concern() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY(SELECT DISTINCT user_id FROM these_rows));
    RETURN NULL;
END $$;

CREATE FUNCTION note_whom_this_row_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY[OLD.user_id, NEW.user_id]);
    RETURN NULL;
END $$;

CREATE FUNCTION note_that_nobody_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_who_has_a_warehouse(ARRAY(SELECT id FROM users_user WHERE has_warehouse));
    RETURN NULL;
END $$;

CREATE FUNCTION tell_whether_this_person_has_a_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_warehouse := EXISTS (SELECT FROM assignments_warehouseuserassignment WHERE user_id = NEW.id);
    RETURN NEW;
END $$;
"""
#: The last one guards the column itself: saving a person writes all columns, also this one as it was read before.
TRIGGERS_OF_FUNCTIONS = """
CREATE TRIGGER has_warehouse_assigned AFTER INSERT ON assignments_warehouseuserassignment
    REFERENCING NEW TABLE AS these_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_whom_these_rows_concern();
CREATE TRIGGER has_warehouse_deassigned AFTER DELETE ON assignments_warehouseuserassignment
    REFERENCING OLD TABLE AS these_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_whom_these_rows_concern();
CREATE TRIGGER has_warehouse_handed_over AFTER UPDATE OF user_id ON assignments_warehouseuserassignment
    FOR EACH ROW WHEN (OLD.user_id <> NEW.user_id) EXECUTE FUNCTION note_whom_this_row_left();
CREATE TRIGGER has_warehouse_emptied AFTER TRUNCATE ON assignments_warehouseuserassignment
    FOR EACH STATEMENT EXECUTE FUNCTION note_that_nobody_has_a_warehouse();
CREATE TRIGGER has_warehouse_written BEFORE INSERT OR UPDATE OF has_warehouse ON users_user
    FOR EACH ROW EXECUTE FUNCTION tell_whether_this_person_has_a_warehouse();
"""
NO_FUNCTIONS = """
DROP FUNCTION tell_whether_this_person_has_a_warehouse CASCADE;
DROP FUNCTION note_that_nobody_has_a_warehouse CASCADE;
DROP FUNCTION note_whom_this_row_left CASCADE;
DROP FUNCTION note_whom_these_rows_concern CASCADE;
DROP FUNCTION note_who_has_a_warehouse;
"""

#: PostgreSQL itself deletes the grants of an assignment.
CASCADES = """
ALTER TABLE assignments_warehousegrant ADD CONSTRAINT warehousegrant_assignment_cascades FOREIGN KEY (assignment_id)
    REFERENCES assignments_warehouseuserassignment (id) ON DELETE CASCADE
"""
NO_CASCADES = "ALTER TABLE assignments_warehousegrant DROP CONSTRAINT warehousegrant_assignment_cascades"


def copied_key(to: str, name: str) -> models.ForeignKey:
    """A copy of a foreign key: it may point to a row that is deleted."""
    return models.ForeignKey(
        to, DO_NOTHING, db_constraint=False, db_index=False, related_name="+", related_query_name="+", verbose_name=name
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("pghistory", "0007_auto_20250421_0444"),  # makes the function that the triggers call
        ("users", "0001_initial"),
        ("warehouses", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="WarehouseUserAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *RECORDED,
                (
                    "user",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, CASCADE, related_name="assignments", verbose_name="user"
                    ),
                ),
                (
                    "warehouse",
                    models.ForeignKey(
                        "warehouses.warehouse", PROTECT, related_name="assignments", verbose_name="warehouse"
                    ),
                ),
                ("created_at", models.DateTimeField("created at", db_default=Now(), editable=False)),
                ("updated_at", models.DateTimeField("updated at", auto_now=True, db_default=Now())),
            ],
            options={
                "verbose_name": "assignment",
                "verbose_name_plural": "assignments",
                "ordering": ["id"],
                "indexes": [
                    models.Index(fields=["is_active", "id"], name="assignment_by_is_active"),
                    models.Index(fields=["created_at", "id"], name="assignment_by_created_at"),
                    models.Index(fields=["updated_at", "id"], name="assignment_by_updated_at"),
                    models.Index(fields=["warehouse", "id"], name="assignment_by_warehouse"),
                    models.Index(fields=["warehouse", "is_active", "id"], name="assignment_here_by_is_active"),
                    models.Index(fields=["warehouse", "created_at", "id"], name="assignment_here_by_created_at"),
                    models.Index(fields=["warehouse", "updated_at", "id"], name="assignment_here_by_updated_at"),
                    models.Index(condition=models.Q(is_active=True), fields=["warehouse"], name="assignment_standing"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["uuid"], name="assignment_uuid_unique"),
                    models.UniqueConstraint(
                        fields=["user", "warehouse"],
                        name="assignment_user_warehouse_unique",
                        violation_error_code="5206",
                        violation_error_message="Warehouse user assignment already exists.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(is_active=True),
                        fields=["user"],
                        name="assignment_one_active_per_user",
                        violation_error_code="5205",
                        violation_error_message="User has too many active warehouse assignments.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WarehouseUserAssignmentEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", JSONField(null=True)),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        "assignments.warehouseuserassignment",
                        DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                        related_name="events",
                    ),
                ),
                ("id", models.BigIntegerField()),
                *RECORDED,
                ("user", copied_key(settings.AUTH_USER_MODEL, "user")),
                ("warehouse", copied_key("warehouses.warehouse", "warehouse")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["pgh_created_at", "pgh_id"], name="warehouseusera_event_newest"),
                    models.Index(fields=["pgh_obj", "pgh_id"], name="warehouseusera_event_object"),
                    models.Index("pgh_context__user", "pgh_created_at", "pgh_id", name="warehouseusera_event_actor"),
                    models.Index(
                        condition=models.Q(pgh_context__isnull=True),
                        fields=["pgh_created_at", "pgh_id"],
                        name="warehouseusera_event_database",
                    ),
                    models.Index(fields=["user", "pgh_created_at", "pgh_id"], name="warehouseusera_event_user"),
                    models.Index(
                        fields=["warehouse", "pgh_created_at", "pgh_id"], name="warehouseusera_event_warehouse"
                    ),
                ]
            },
        ),
        *(
            AddTrigger(
                "warehouseuserassignment",
                Trigger(
                    name=f"{verb}_{verb}",
                    sql=UpsertTriggerSql(
                        func=statement,
                        level="STATEMENT",
                        operation=verb.upper(),
                        pgid=f"pgtrigger_{verb}_{verb}_{mark}",
                        referencing=f"REFERENCING {tables}",
                        table="assignments_warehouseuserassignment",
                        when="AFTER",
                    ),
                ),
            )
            for verb, statement, tables, mark in RECORDING
        ),
        AddTrigger(
            "warehouseuserassignmentevent",
            Trigger(
                name="append_only",
                sql=UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_341fc",
                    table="assignments_warehouseuserassignmentevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="WarehouseGrant",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=RandomUUID(), default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("session", models.ForeignKey("users.session", CASCADE, related_name="warehouse_grants")),
                (
                    "assignment",
                    models.ForeignKey(
                        "assignments.warehouseuserassignment", DO_NOTHING, db_constraint=False, related_name="grants"
                    ),
                ),
                ("activation", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(db_default=Now(), default=timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("refresh_digest", models.CharField(editable=False, max_length=64)),
                ("previous_refresh_digest", models.CharField(editable=False, max_length=64, null=True)),
                ("refreshed_at", models.DateTimeField(editable=False, null=True)),
                ("retry_used", models.BooleanField(editable=False, **OFF)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["refresh_digest"], name="warehousegrant_refresh_digest_unique"),
                    models.UniqueConstraint(
                        fields=["previous_refresh_digest"], name="warehousegrant_previous_digest_unique"
                    ),
                ]
            },
        ),
        migrations.RunSQL(
            CASCADES,
            NO_CASCADES,
            state_operations=[
                migrations.AlterField(
                    "warehousegrant",
                    "assignment",
                    models.ForeignKey("assignments.warehouseuserassignment", DO_NOTHING, related_name="grants"),
                )
            ],
        ),
        migrations.RunSQL([FUNCTIONS, TRIGGERS_OF_FUNCTIONS], NO_FUNCTIONS),
    ]
