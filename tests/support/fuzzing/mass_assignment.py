"""What somebody sends who hopes that it is written: every field of every model; and what a request wrote in truth."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection, models
from rest_framework_json_api.utils import format_field_name

from tests.support.api.permissions import undone
from tests.support.stored_rows import stored_rows

APPS = {"users", "warehouses", "assignments", "spreadsheets", "auth", "otp_totp", "otp_static", "sessions", "axes"}

TEXT = "mass-assigned"
UUID = "11111111-1111-4111-8111-111111111111"
MOMENT = "2001-02-03T04:05:06+00:00"
NUMBER = 424_242
ADDRESS = "203.0.113.66"
DIGEST = "e" * 64

_VALUES: list[tuple[type[models.Field], Any]] = [
    (models.UUIDField, UUID),
    (models.DateTimeField, MOMENT),
    (models.GenericIPAddressField, ADDRESS),
    (models.EmailField, "mass@assigned.test"),
    (models.IntegerField, NUMBER),
    (models.JSONField, {"mass": "assigned"}),
]


# --- What is sent -----------------------------------------------------------------------------------------------
def fields(
    *, flag: bool, spell: Callable[[str], str] = str, keys: dict[type[models.Model], str] | None = None
) -> dict[str, Any]:
    """Every field of every model, spelt so, with a value of its kind; booleans are `flag`.

    Relations point at the newest row of their model; `keys` remembers which that is.
    """
    keys = {} if keys is None else keys
    found: dict[str, Any] = {"pk": NUMBER, "is_staff": flag, "role": "Administrator", "scopes": TEXT}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in APPS:
            for field in (*model._meta.concrete_fields, *model._meta.many_to_many):
                value = _value(field, flag, keys)
                found |= {field.name: value, field.attname: value}
    return {spell(name): value for name, value in found.items()}


def all_fields() -> Iterator[dict[str, Any]]:
    """In both spellings, and with either value of booleans; some at a time, as a request has a limit of its own."""
    keys: dict[type[models.Model], str] = {}
    for spell in (str, format_field_name):
        for flag in (True, False):
            found = fields(flag=flag, spell=spell, keys=keys)
            names = [*found]
            yield from ({name: found[name] for name in names[at : at + 90]} for at in range(0, len(names), 90))


def _value(field: Any, flag: bool, keys: dict[type[models.Model], str]) -> Any:
    if isinstance(field, models.BooleanField):
        return flag
    if field.is_relation:
        value = _newest(field.related_model, keys)
        return [value] if field.many_to_many else value
    if field.choices:
        return field.choices[-1][0]
    if "digest" in field.name:
        return DIGEST
    return next((value for kind, value in _VALUES if isinstance(field, kind)), TEXT)


def _newest(model: type[models.Model], keys: dict[type[models.Model], str]) -> str:
    if model not in keys:
        row = model._base_manager.last()
        keys[model] = str(row.pk if row else NUMBER)
    return keys[model]


# --- What was written -------------------------------------------------------------------------------------------
Rows = Counter[tuple[str, str]]


def written_by(call: Callable[[], Any], before: Rows | None = None) -> tuple[int, Rows, Rows]:
    """Status of the answer, and which rows were there before only or are there since; all is taken back.

    Whatever is different each time (new ids, the time, random values) is a word for it, unless it is one of ours.
    `before` are the `rows` that are there, if they are known.
    """
    with undone():
        before = rows() if before is None else before
        answer = call()
        after = rows()
    return answer.status_code, _alike(before - after), _alike(after - before)


def rows() -> Rows:
    """Every row of every table, as its table and JSON."""
    found = stored_rows(connection.introspection.table_names())
    return Counter((table, row) for table, those in found.items() for row in those)


def _alike(rows: Rows) -> Rows:
    found: Rows = Counter()
    for (table, text), count in rows.items():
        row = {name: _masked(name, value) for name, value in json.loads(text).items()}
        found[table, json.dumps(row, sort_keys=True)] += count
    return found


_ID_COLUMNS = re.compile(r"(?:\w+_)?id|session_key|session_data|password|secret_digest|encrypted|key")
_RANDOM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _masked(name: str, value: Any) -> Any:
    if value in (UUID, DIGEST, NUMBER, str(NUMBER), TEXT) or value is None:
        return value
    if isinstance(value, dict):
        return {key: _masked(key, inner) for key, inner in value.items()}
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", value):
        age = datetime.now(UTC) - datetime.fromisoformat(value)
        return f"within {1 + abs(age) // timedelta(days=1)} days"
    if isinstance(value, str) and _RANDOM.fullmatch(value):
        return "random"
    return "some" if _ID_COLUMNS.fullmatch(name) else value
