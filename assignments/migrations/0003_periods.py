import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0002_active")]
    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="warehouseuserassignment",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="warehouseuserassignment",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="warehouseuserassignment",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="warehouseuserassignment",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="until"),
        ),
        migrations.AddField(
            model_name="warehouseuserassignment",
            name="starts_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="from"),
        ),
        migrations.AddField(
            model_name="warehouseuserassignmentevent",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="until"),
        ),
        migrations.AddField(
            model_name="warehouseuserassignmentevent",
            name="starts_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="from"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="warehouseuserassignment",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "ends_at", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "user_id", "uuid", "warehouse_id") SELECT new_values."activation", new_values."ends_at", new_values."id", new_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."starts_at", new_values."user_id", new_values."uuid", new_values."warehouse_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="f1ea51019f75d27872198b6e304eeeb71ae5de10",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_bf937",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="assignments_warehouseuserassignment",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="warehouseuserassignment",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "ends_at", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "user_id", "uuid", "warehouse_id") SELECT new_values."activation", new_values."ends_at", new_values."id", new_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."starts_at", new_values."user_id", new_values."uuid", new_values."warehouse_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."activation" IS DISTINCT FROM (new_values."activation") OR old_values."ends_at" IS DISTINCT FROM (new_values."ends_at") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."is_active" IS DISTINCT FROM (new_values."is_active") OR old_values."starts_at" IS DISTINCT FROM (new_values."starts_at") OR old_values."user_id" IS DISTINCT FROM (new_values."user_id") OR old_values."uuid" IS DISTINCT FROM (new_values."uuid") OR old_values."warehouse_id" IS DISTINCT FROM (new_values."warehouse_id")) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="fe822dc3e6e2fdde9ac7d96bd95d3569b188a6e0",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_ad274",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="assignments_warehouseuserassignment",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="warehouseuserassignment",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "assignments_warehouseuserassignmentevent" ("activation", "ends_at", "id", "is_active", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "user_id", "uuid", "warehouse_id") SELECT old_values."activation", old_values."ends_at", old_values."id", old_values."is_active", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."starts_at", old_values."user_id", old_values."uuid", old_values."warehouse_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="1baaf00e1aaecb0b9baeee70ea57fb0a7a1c5ebc",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_b0ef1",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="assignments_warehouseuserassignment",
                    when="AFTER",
                ),
            ),
        ),
        AddConstraintNotValid(
            model_name="warehouseuserassignment",
            constraint=models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")),
                name="assignment_period_ends_after_start",
                violation_error_code="5208",
                violation_error_message="The period must end after it starts, and lie between the years 1900 and 9998.",
            ),
        ),
    ]
