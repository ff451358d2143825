"""People, how they sign in, the clients they do it through, and the history of all that, roles and rights."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.models import GroupManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import migrations, models
from django.db.models.deletion import CASCADE, DO_NOTHING, SET_NULL
from django.db.models.functions import Lower, Now
from django.utils import timezone
from pghistory.utils import JSONField
from pgtrigger.compiler import Trigger, UpsertTriggerSql
from pgtrigger.migrations import AddTrigger

TEXT = {"blank": True, "db_default": "", "default": ""}
OFF = {"db_default": False, "default": False}
NAME = RegexValidator("^[^:/<>]+$", "A name must not contain any of : / < >")
CLIENT_ID = RegexValidator(
    "\\A[A-Za-z0-9._~-]{1,100}\\Z", "At most 100 letters, digits, dots, hyphens, underscores and tildes."
)

# --- Columns that the history records -----------------------------------------------------------------------------
RECORDED_OF_A_USER = [
    (
        "is_superuser",
        models.BooleanField(
            "superuser status",
            help_text="Designates that this user has all permissions without explicitly assigning them.",
            **OFF,
        ),
    ),
    ("uuid", models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False)),
    ("email", models.EmailField("E-mail", max_length=254)),
    ("first_name", models.CharField("First Name", max_length=45, validators=[NAME])),
    ("last_name", models.CharField("Last Name", max_length=255, validators=[NAME])),
    (
        "status",
        models.CharField(
            "Status",
            choices=[("active", "Active"), ("blocked", "Deactivated"), ("deleted", "Deleted")],
            db_default="active",
            default="active",
            max_length=7,
        ),
    ),
    ("is_warehouse_user", models.BooleanField("This user is a warehouse user", **OFF)),
    (
        "language",
        models.CharField(
            "Interface language",
            choices=[("en_US", "English"), ("de_DE", "Deutsch")],
            db_default="en_US",
            default="en_US",
            max_length=5,
        ),
    ),
    (
        "roles",
        ArrayField(models.CharField(max_length=150), db_default=[], default=list, editable=False, verbose_name="Roles"),
    ),
    ("has_two_factor", models.BooleanField("Two-factor sign-in", editable=False, **OFF)),
    ("password_changed_at", models.DateTimeField("Password changed", editable=False, null=True)),
]
RECORDED_OF_A_SESSION = [
    ("client_id", models.CharField("Client", max_length=255)),
    ("address", models.GenericIPAddressField("Address", null=True)),
    ("user_agent", models.CharField("Browser", max_length=255, **TEXT)),
    ("ended_at", models.DateTimeField(null=True)),
    ("end_reason", models.CharField(max_length=255, **TEXT)),
]
RECORDED_OF_A_CLIENT = [
    ("client_id", models.CharField("Client ID", max_length=100, validators=[CLIENT_ID])),
    ("name", models.CharField("Name", max_length=255)),
    (
        "redirect_uris",
        ArrayField(
            models.CharField(max_length=2000),
            blank=True,
            db_default=[],
            default=list,
            verbose_name="Redirect addresses",
        ),
    ),
    (
        "allowed_origins",
        ArrayField(
            models.CharField(max_length=255), blank=True, db_default=[], default=list, verbose_name="Allowed origins"
        ),
    ),
    ("is_confidential", models.BooleanField("This client can keep a secret", **OFF)),
    ("secret_made_at", models.DateTimeField("Secret made", editable=False, null=True)),
]

# --- What PostgreSQL does by itself -------------------------------------------------------------------------------
#: `users_user`: an index for `lower(column) LIKE 'text%'`, which an ordinary one serves only where letters sort as bytes
#: do. `axes_accessfailurelog`, which is django-axes': each sign-in asks for the failures of the account, and the
#: dashboard for the latest. `account` is the e-mail of an audit event in small letters.
INDEXES = """
CREATE INDEX user_search_email ON users_user (lower(email) text_pattern_ops);
CREATE INDEX user_search_first_name ON users_user (lower(first_name) text_pattern_ops);
CREATE INDEX user_search_last_name ON users_user (lower(last_name) text_pattern_ops);
CREATE INDEX auditevent_by_account ON users_auditevent (account text_pattern_ops, at, id);
CREATE INDEX axes_failure_by_time ON axes_accessfailurelog (attempt_time);
CREATE INDEX axes_failure_by_account ON axes_accessfailurelog (username, ip_address, attempt_time);
"""
NO_INDEXES = """
DROP INDEX axes_failure_by_account;
DROP INDEX axes_failure_by_time;
"""


# --- History, as django-pghistory declares and compiles it --------------------------------------------------------
def copied_key(to: str, **options: Any) -> models.ForeignKey:
    """A copy of a foreign key: it may point to a row that is deleted."""
    options = {"related_name": "+", "related_query_name": "+"} | options
    return models.ForeignKey(to, DO_NOTHING, db_constraint=False, db_index=False, **options)


def create_event_model(model: str, name: str, fields: list[Any], keys: dict[str, Any]) -> migrations.CreateModel:
    """The table in which the changes of a model are recorded. `name` begins the names of its indexes."""
    of = models.ForeignKey(
        f"users.{model.lower()}", DO_NOTHING, db_constraint=False, db_index=False, related_name="events"
    )
    newest = ["pgh_created_at", "pgh_id"]
    return migrations.CreateModel(
        name=f"{model}Event",
        fields=[
            ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
            ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
            ("pgh_label", models.TextField(help_text="The event label.")),
            ("pgh_context", JSONField(null=True)),
            ("pgh_obj", of),
            *fields,
            *keys.items(),
        ],
        options={
            "indexes": [
                models.Index(fields=newest, name=f"{name}_event_newest"),
                models.Index(fields=["pgh_obj", "pgh_id"], name=f"{name}_event_object"),
                models.Index("pgh_context__user", *newest, name=f"{name}_event_actor"),
                models.Index(
                    condition=models.Q(pgh_context__isnull=True), fields=newest, name=f"{name}_event_database"
                ),
                *(models.Index(fields=[key, *newest], name=f"{name}_event_{key}") for key in keys),
            ]
        },
    )


OLD, NEW = "OLD TABLE AS old_values ", "NEW TABLE AS new_values "
#: Operation → the tables that its trigger can read.
REFERENCING = {"INSERT": NEW, "UPDATE": OLD + " " + NEW, "DELETE": OLD}


def triggers(model: str, table: str, columns: str, *, whole_row: bool = False) -> Iterator[AddTrigger]:
    """Those that record the changes of a table, and one that keeps the records as they are.

    An update is recorded if one of the columns changes; `whole_row` says that they are all columns of the table.
    """
    for operation, referencing in REFERENCING.items():
        verb = operation.lower()
        sql = UpsertTriggerSql(
            func=recording(f"users_{model.lower()}event", columns.split(), verb, whole_row),
            level="STATEMENT",
            operation=operation,
            pgid=identifier(model, f"{verb}_{verb}"),
            referencing=f"REFERENCING {referencing}",
            table=table,
            when="AFTER",
        )
        yield AddTrigger(model.lower(), Trigger(name=f"{verb}_{verb}", sql=sql))
    append_only = UpsertTriggerSql(
        func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
        operation="UPDATE OR DELETE",
        pgid=identifier(f"{model}Event", "append_only"),
        table=f"users_{model.lower()}event",
        when="BEFORE",
    )
    yield AddTrigger(f"{model.lower()}event", Trigger(name="append_only", sql=append_only))


def identifier(model: str, name: str) -> str:
    """What django-pgtrigger calls a trigger and its function."""
    return f"pgtrigger_{name}_{hashlib.sha1(f'users.{model}:{name}'.encode()).hexdigest()[:5]}"  # noqa: S324 (it is a name)


def recording(event_table: str, columns: list[str], verb: str, whole_row: bool) -> str:
    """The statement by which a trigger writes a row for each one that was changed."""
    rows = "old_values" if verb == "delete" else "new_values"
    values = {column: f'{rows}."{column}"' for column in columns} | {
        "pgh_context": "COALESCE(NULLIF(CURRENT_SETTING('pghistory.context_metadata', TRUE), ''), NULL)::JSONB",
        "pgh_created_at": "NOW()",
        "pgh_label": f"'{verb}'",
        "pgh_obj_id": f'{rows}."id"',
    }
    names = ", ".join(f'"{name}"' for name in sorted(values))
    changed = " OR ".join(f'old_values."{name}" IS DISTINCT FROM (new_values."{name}")' for name in columns)
    changed = "old_values.* IS DISTINCT FROM new_values.*" if whole_row else changed
    source = {
        "insert": "new_values ",
        "update": f'old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE ({changed})',
        "delete": "old_values ",
    }[verb]
    return (
        "WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) "  # noqa: S608 (our own names)
        f'INSERT INTO "{event_table}" ({names}) SELECT {", ".join(values[name] for name in sorted(values))} '
        f"FROM ( SELECT {rows}.* FROM {source} ) AS {rows}, _pgh_attached_context; RETURN NULL;"
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("pghistory", "0007_auto_20250421_0444"),  # makes the function that the triggers call
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField("password", max_length=128)),
                ("last_login", models.DateTimeField("last login", blank=True, null=True)),
                *RECORDED_OF_A_USER,
                ("has_warehouse", models.BooleanField(editable=False, **OFF)),
                ("signed_out_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "ordering": ["id"],
                "indexes": [
                    models.Index(Lower("first_name"), "id", name="user_by_first_name"),
                    models.Index(Lower("last_name"), "id", name="user_by_last_name"),
                    models.Index(models.F("last_login").asc(nulls_first=True), "id", name="user_by_last_login"),
                    models.Index(fields=["status", "id"], name="user_by_status"),
                    models.Index(fields=["is_warehouse_user", "id"], name="user_by_kind"),
                    models.Index(condition=models.Q(is_superuser=True), fields=["id"], name="user_superusers"),
                    models.Index(
                        condition=models.Q(has_warehouse=False, is_warehouse_user=True),
                        fields=["status", "id"],
                        name="user_without_warehouse",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["uuid"], name="user_uuid_unique"),
                    models.UniqueConstraint(
                        Lower("email"),
                        name="user_email_unique",
                        violation_error_message="This e-mail is already in use.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(status__in=["active", "blocked", "deleted"]), name="user_status_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=RandomUUID(), default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("user", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, related_name="sessions")),
                *RECORDED_OF_A_SESSION,
                ("requested_scope", models.CharField(max_length=255, **TEXT)),
                ("created_at", models.DateTimeField(db_default=Now(), default=timezone.now, editable=False)),
                ("last_used_at", models.DateTimeField(db_default=Now(), default=timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("refresh_digest", models.CharField(editable=False, max_length=64)),
                ("previous_refresh_digest", models.CharField(editable=False, max_length=64, null=True)),
                ("refreshed_at", models.DateTimeField(editable=False, null=True)),
                ("retry_used", models.BooleanField(editable=False, **OFF)),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["created_at", "id"], name="session_by_created_at"),
                    models.Index(
                        condition=models.Q(ended_at=None), fields=["created_at", "id"], name="session_not_ended"
                    ),
                    models.Index(condition=models.Q(ended_at=None), fields=["expires_at"], name="session_open"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["refresh_digest"], name="session_refresh_digest_unique"),
                    models.UniqueConstraint(fields=["previous_refresh_digest"], name="session_previous_digest_unique"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Client",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *RECORDED_OF_A_CLIENT,
                ("secret_digest", models.CharField(editable=False, max_length=64, **TEXT)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
            ],
            options={
                "verbose_name": "client",
                "verbose_name_plural": "clients",
                "ordering": ["client_id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["client_id"],
                        name="client_id_unique",
                        violation_error_message="This client ID is already in use.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(is_confidential=True) | models.Q(secret_digest=""),
                        name="client_public_has_no_secret",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuthorizationCode",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("user", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE, related_name="+")),
                ("session", models.ForeignKey("users.session", SET_NULL, null=True, related_name="+")),
                ("proof", models.CharField(max_length=64)),
                ("client_id", models.CharField(max_length=255)),
                ("redirect_uri", models.CharField(max_length=2000, **TEXT)),
                ("requested_scope", models.CharField(max_length=255, **TEXT)),
                ("challenge", models.CharField(max_length=128)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("redeemed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("kid", models.CharField(max_length=43, primary_key=True, serialize=False)),
                ("encrypted", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("signs_from", models.DateTimeField()),
                ("verifies_until", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1), condition=models.Q(verifies_until=None), name="signing_key_one_newest"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField("Time")),
                ("event", models.CharField("Event", max_length=100)),
                ("tag", models.CharField("Kind of event", max_length=100)),
                (
                    "level",
                    models.CharField(
                        "Level", choices=[("info", "Notice"), ("warning", "Warning"), ("error", "Error")], max_length=8
                    ),
                ),
                ("username", models.CharField("E-mail", max_length=254, **TEXT)),
                (
                    "account",
                    models.GeneratedField(
                        db_persist=True, expression=Lower("username"), output_field=models.TextField()
                    ),
                ),
                ("user_uuid", models.UUIDField("UUID of the user", null=True)),
                ("client_id", models.CharField("Client", max_length=255, **TEXT)),
                ("session", models.UUIDField("Session", null=True)),
                ("address", models.GenericIPAddressField("Address", null=True)),
                ("user_agent", models.CharField("Browser", max_length=255, **TEXT)),
                ("request_id", models.CharField("Request", max_length=64, **TEXT)),
                ("path", models.CharField("Path", max_length=255, **TEXT)),
                ("details", models.JSONField("Details", db_default={}, default=dict)),
            ],
            options={
                "verbose_name": "security event",
                "verbose_name_plural": "security events",
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["at", "id"], name="auditevent_newest"),
                    models.Index(fields=["tag", "at", "id"], name="auditevent_by_tag"),
                    models.Index(
                        condition=~models.Q(level="info"), fields=["level", "at", "id"], name="auditevent_by_level"
                    ),
                    models.Index(
                        condition=models.Q(user_uuid__isnull=False),
                        fields=["user_uuid", "at", "id"],
                        name="auditevent_by_user_uuid",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeviceFailure",
            fields=[
                (
                    "accessfailurelog_ptr",
                    models.OneToOneField(
                        "axes.accessfailurelog",
                        CASCADE,
                        auto_created=True,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("device", models.UUIDField(db_index=True)),
            ],
            options={"default_permissions": ()},
            bases=("axes.accessfailurelog",),
        ),
        migrations.CreateModel(
            name="Role",
            fields=[],
            options={"verbose_name": "role", "verbose_name_plural": "roles", "proxy": True, "default_permissions": ()},
            bases=("auth.group",),
            managers=[("objects", GroupManager())],
        ),
        migrations.CreateModel(
            name="RoleRight",
            fields=[],
            options={
                "verbose_name": "right of a role",
                "verbose_name_plural": "rights of roles",
                "proxy": True,
                "default_permissions": (),
            },
            bases=("auth.group_permissions",),
        ),
        migrations.CreateModel(
            name="PersonRight",
            fields=[],
            options={
                "verbose_name": "right of a person",
                "verbose_name_plural": "rights of people",
                "proxy": True,
                "default_permissions": (),
            },
            bases=("users.user_user_permissions",),
        ),
        create_event_model("User", "user", [("id", models.BigIntegerField()), *RECORDED_OF_A_USER], {}),
        *triggers(
            "User",
            "users_user",
            "email first_name has_two_factor id is_superuser is_warehouse_user language last_name password_changed_at "
            "roles status uuid",
        ),
        create_event_model(
            "Session",
            "session",
            [
                ("id", models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False, serialize=False)),
                *RECORDED_OF_A_SESSION,
            ],
            {"user": copied_key(settings.AUTH_USER_MODEL)},
        ),
        *triggers("Session", "users_session", "address client_id end_reason ended_at id user_id user_agent"),
        create_event_model("Client", "client", [("id", models.BigIntegerField()), *RECORDED_OF_A_CLIENT], {}),
        *triggers(
            "Client", "users_client", "allowed_origins client_id id is_confidential name redirect_uris secret_made_at"
        ),
        create_event_model(
            "Role", "role", [("id", models.IntegerField()), ("name", models.CharField("name", max_length=150))], {}
        ),
        *triggers("Role", "auth_group", "id name", whole_row=True),
        create_event_model(
            "RoleRight",
            "roleright",
            [("id", models.IntegerField())],
            {
                "group": copied_key("auth.group", db_tablespace=""),
                "permission": copied_key("auth.permission", db_tablespace=""),
            },
        ),
        *triggers("RoleRight", "auth_group_permissions", "group_id id permission_id", whole_row=True),
        create_event_model(
            "PersonRight",
            "personright",
            [("id", models.BigIntegerField())],
            {
                "user": copied_key(settings.AUTH_USER_MODEL, db_tablespace=""),
                "permission": copied_key("auth.permission", db_tablespace=""),
            },
        ),
        *triggers("PersonRight", "users_user_user_permissions", "id permission_id user_id", whole_row=True),
        migrations.RunSQL(INDEXES, NO_INDEXES),
    ]
