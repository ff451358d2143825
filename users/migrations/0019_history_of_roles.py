import django.contrib.auth.models
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

#: What roles were called when their history began; the history notes it as made in the database.
_BEGIN = """
INSERT INTO users_roleevent (pgh_created_at, pgh_label, pgh_obj_id, id, name)
SELECT now(), 'insert', id, id, name FROM auth_group
"""


class Migration(migrations.Migration):
    """Roles and rights, which are Django's tables, get a history that nobody can change.

    The rights that roles have by now are not in it; what they are given and lose from now on is.
    """

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("users", "0018_lockouts"),
    ]

    operations = [
        migrations.CreateModel(
            name="RoleEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", pghistory.utils.JSONField(null=True)),
                ("id", models.IntegerField()),
                ("name", models.CharField(max_length=150, verbose_name="name")),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RoleRight",
            fields=[],
            options={
                "verbose_name": "right of a role",
                "verbose_name_plural": "rights of roles",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.group_permissions",),
        ),
        migrations.CreateModel(
            name="Role",
            fields=[],
            options={
                "verbose_name": "role",
                "verbose_name_plural": "roles",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.group",),
            managers=[
                ("objects", django.contrib.auth.models.GroupManager()),
            ],
        ),
        migrations.CreateModel(
            name="PersonRight",
            fields=[],
            options={
                "verbose_name": "right of a person",
                "verbose_name_plural": "rights of people",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("users.user_user_permissions",),
        ),
        migrations.CreateModel(
            name="PersonRightEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", pghistory.utils.JSONField(null=True)),
                ("id", models.BigIntegerField()),
                (
                    "permission",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        db_tablespace="",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="auth.permission",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        db_tablespace="",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RoleRightEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", pghistory.utils.JSONField(null=True)),
                ("id", models.IntegerField()),
                (
                    "group",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        db_tablespace="",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="auth.group",
                    ),
                ),
                (
                    "permission",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        db_tablespace="",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="auth.permission",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="users.roleright",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roleright",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_rolerightevent" ("group_id", "id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."group_id", new_values."id", new_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="939cba745ad684e7e430cce06126091c99813744",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_ed152",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="auth_group_permissions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roleright",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_rolerightevent" ("group_id", "id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."group_id", new_values."id", new_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="69d6d26f1ae3123967a9eea441d652b408a2c9c7",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_8aab3",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="auth_group_permissions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roleright",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_rolerightevent" ("group_id", "id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT old_values."group_id", old_values."id", old_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="d32b2fe0c05600d3f67ea0ae2177f83155411ba5",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_ba338",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="auth_group_permissions",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="roleevent",
            name="pgh_obj",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="events",
                to="users.role",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="role",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_roleevent" ("id", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."id", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="65acbf1f57a820f380187166bcae157321276cfa",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_204d5",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="auth_group",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="role",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_roleevent" ("id", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT new_values."id", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="afc938dc7753be732e77ca64fe7a14249c63ca5c",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_5666e",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="auth_group",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="role",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_roleevent" ("id", "name", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id") SELECT old_values."id", old_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="afd4ddd913773d4f50d3b6bfe8f8ce706db9ed9a",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_354ed",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="auth_group",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="personrightevent",
            name="pgh_obj",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="events",
                to="users.personright",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="personright",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_personrightevent" ("id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id") SELECT new_values."id", new_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', new_values."id", new_values."user_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="112618eccc18da603611a62d15efb92926db63cb",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_af347",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="users_user_user_permissions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="personright",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_personrightevent" ("id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id") SELECT new_values."id", new_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', new_values."id", new_values."user_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="3c4d3e5f2341d626754f3543b9fbd009f9aecd07",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_470bb",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="users_user_user_permissions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="personright",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "users_personrightevent" ("id", "permission_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "user_id") SELECT old_values."id", old_values."permission_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', old_values."id", old_values."user_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="80256854fe70c0681b82c548af4cf87256d29168",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_bfbe3",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="users_user_user_permissions",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(fields=["pgh_created_at", "pgh_id"], name="roleright_event_newest"),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(fields=["pgh_obj", "pgh_id"], name="roleright_event_object"),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(
                models.F("pgh_context__user"),
                models.F("pgh_created_at"),
                models.F("pgh_id"),
                name="roleright_event_actor",
            ),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(
                condition=models.Q(("pgh_context__isnull", True)),
                fields=["pgh_created_at", "pgh_id"],
                name="roleright_event_database",
            ),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(fields=["group", "pgh_created_at", "pgh_id"], name="roleright_event_group"),
        ),
        migrations.AddIndex(
            model_name="rolerightevent",
            index=models.Index(fields=["permission", "pgh_created_at", "pgh_id"], name="roleright_event_permission"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="rolerightevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="c54c6f57e449a45a616e354aefa96a798bc37177",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_87d2a",
                    table="users_rolerightevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="roleevent",
            index=models.Index(fields=["pgh_created_at", "pgh_id"], name="role_event_newest"),
        ),
        migrations.AddIndex(
            model_name="roleevent",
            index=models.Index(fields=["pgh_obj", "pgh_id"], name="role_event_object"),
        ),
        migrations.AddIndex(
            model_name="roleevent",
            index=models.Index(
                models.F("pgh_context__user"), models.F("pgh_created_at"), models.F("pgh_id"), name="role_event_actor"
            ),
        ),
        migrations.AddIndex(
            model_name="roleevent",
            index=models.Index(
                condition=models.Q(("pgh_context__isnull", True)),
                fields=["pgh_created_at", "pgh_id"],
                name="role_event_database",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="roleevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="0432b48bbe4a4076af11bdf8aa9a73bbdccf08ed",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_93313",
                    table="users_roleevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(fields=["pgh_created_at", "pgh_id"], name="personright_event_newest"),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(fields=["pgh_obj", "pgh_id"], name="personright_event_object"),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(
                models.F("pgh_context__user"),
                models.F("pgh_created_at"),
                models.F("pgh_id"),
                name="personright_event_actor",
            ),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(
                condition=models.Q(("pgh_context__isnull", True)),
                fields=["pgh_created_at", "pgh_id"],
                name="personright_event_database",
            ),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(fields=["user", "pgh_created_at", "pgh_id"], name="personright_event_user"),
        ),
        migrations.AddIndex(
            model_name="personrightevent",
            index=models.Index(fields=["permission", "pgh_created_at", "pgh_id"], name="personright_event_permission"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="personrightevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="e962c0bd95feafe71761b3bc3478243d0747efdf",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b7cd6",
                    table="users_personrightevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(_BEGIN, migrations.RunSQL.noop),
    ]
