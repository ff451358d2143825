import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("users", "0009_warehouses_end_at_index"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="user",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="user",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="user",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="user",
            name="employed_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Employed until"),
        ),
        migrations.AddField(
            model_name="userevent",
            name="employed_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="Employed until"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_userevent" ("email", "employed_until", "first_name", "has_mailbox", "has_two_factor", "id", "is_superuser", "is_warehouse_user", "language", "last_name", "must_change_password_by", "password_changed_at", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "roles", "status", "uuid") SELECT new_values."email", new_values."employed_until", new_values."first_name", new_values."has_mailbox", new_values."has_two_factor", new_values."id", new_values."is_superuser", new_values."is_warehouse_user", new_values."language", new_values."last_name", new_values."must_change_password_by", new_values."password_changed_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."roles", new_values."status", new_values."uuid" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="6f0e4aff7ce925d03db7f2cd3e1b0166341f4435",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_52e78",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="users_user",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_userevent" ("email", "employed_until", "first_name", "has_mailbox", "has_two_factor", "id", "is_superuser", "is_warehouse_user", "language", "last_name", "must_change_password_by", "password_changed_at", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "roles", "status", "uuid") SELECT new_values."email", new_values."employed_until", new_values."first_name", new_values."has_mailbox", new_values."has_two_factor", new_values."id", new_values."is_superuser", new_values."is_warehouse_user", new_values."language", new_values."last_name", new_values."must_change_password_by", new_values."password_changed_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."roles", new_values."status", new_values."uuid" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."email" IS DISTINCT FROM (new_values."email") OR old_values."employed_until" IS DISTINCT FROM (new_values."employed_until") OR old_values."first_name" IS DISTINCT FROM (new_values."first_name") OR old_values."has_mailbox" IS DISTINCT FROM (new_values."has_mailbox") OR old_values."has_two_factor" IS DISTINCT FROM (new_values."has_two_factor") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."is_superuser" IS DISTINCT FROM (new_values."is_superuser") OR old_values."is_warehouse_user" IS DISTINCT FROM (new_values."is_warehouse_user") OR old_values."language" IS DISTINCT FROM (new_values."language") OR old_values."last_name" IS DISTINCT FROM (new_values."last_name") OR old_values."must_change_password_by" IS DISTINCT FROM (new_values."must_change_password_by") OR old_values."password_changed_at" IS DISTINCT FROM (new_values."password_changed_at") OR old_values."roles" IS DISTINCT FROM (new_values."roles") OR old_values."status" IS DISTINCT FROM (new_values."status") OR old_values."uuid" IS DISTINCT FROM (new_values."uuid")) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="782e8dc172f150e21b52848ef96b04de04aee1ef",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_16e22",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="users_user",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_userevent" ("email", "employed_until", "first_name", "has_mailbox", "has_two_factor", "id", "is_superuser", "is_warehouse_user", "language", "last_name", "must_change_password_by", "password_changed_at", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "roles", "status", "uuid") SELECT old_values."email", old_values."employed_until", old_values."first_name", old_values."has_mailbox", old_values."has_two_factor", old_values."id", old_values."is_superuser", old_values."is_warehouse_user", old_values."language", old_values."last_name", old_values."must_change_password_by", old_values."password_changed_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."roles", old_values."status", old_values."uuid" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="33c59d341cdc22f6e15ccbdea2efc15e584eb60f",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_56c96",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="users_user",
                    when="AFTER",
                ),
            ),
        ),
    ]
