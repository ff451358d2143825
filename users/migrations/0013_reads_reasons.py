import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0012_employed_again"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="client",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="client",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="client",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="client",
            name="reads_reasons",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="May read why somebody may not work"
            ),
        ),
        migrations.AddField(
            model_name="clientevent",
            name="reads_reasons",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="May read why somebody may not work"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_clientevent" ("allowed_origins", "client_id", "id", "is_confidential", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "reads_reasons", "redirect_uris", "secret_made_at") SELECT new_values."allowed_origins", new_values."client_id", new_values."id", new_values."is_confidential", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."reads_reasons", new_values."redirect_uris", new_values."secret_made_at" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="30035cae6415a6905f47ac9b44f43c43b252ad4d",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_2f29c",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="users_client",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_clientevent" ("allowed_origins", "client_id", "id", "is_confidential", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "reads_reasons", "redirect_uris", "secret_made_at") SELECT new_values."allowed_origins", new_values."client_id", new_values."id", new_values."is_confidential", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."reads_reasons", new_values."redirect_uris", new_values."secret_made_at" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."allowed_origins" IS DISTINCT FROM (new_values."allowed_origins") OR old_values."client_id" IS DISTINCT FROM (new_values."client_id") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."is_confidential" IS DISTINCT FROM (new_values."is_confidential") OR old_values."name" IS DISTINCT FROM (new_values."name") OR old_values."reads_reasons" IS DISTINCT FROM (new_values."reads_reasons") OR old_values."redirect_uris" IS DISTINCT FROM (new_values."redirect_uris") OR old_values."secret_made_at" IS DISTINCT FROM (new_values."secret_made_at")) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="e2d5a3b73e4b658ca5845789b60bb083dc59adde",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_430db",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="users_client",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="client",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_clientevent" ("allowed_origins", "client_id", "id", "is_confidential", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "reads_reasons", "redirect_uris", "secret_made_at") SELECT old_values."allowed_origins", old_values."client_id", old_values."id", old_values."is_confidential", old_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."reads_reasons", old_values."redirect_uris", old_values."secret_made_at" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="b5cb18b4f50424b9727578799723cf5ee32bd312",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_2b909",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="users_client",
                    when="AFTER",
                ),
            ),
        ),
    ]
