"""Who changed what, when and why: recorded by the database's own triggers, whoever writes (django-pghistory).

Nothing here is written by hand. A request only tells the triggers who is behind its changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pghistory
import pgtrigger
from django.apps import apps
from django.db.models import F, ForeignKey, Index, Model, Q
from django.http import HttpRequest
from pghistory.middleware import HistoryMiddleware as PgHistoryMiddleware

from config import origin
from config.paths import is_back_office

#: Form field in which Back Office staff may say why.
REASON = "change_reason"

#: Who changed something when no request did: somebody with SQL, or a command of the operator.
DATABASE = "database"


class HistoryMiddleware(PgHistoryMiddleware):
    """Tells the triggers the person, the path, the request's id, and the reason if one was given.

    The person is known once a view has authenticated them: the middleware notices when `request.user` is set.
    """

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        reason = request.POST.get(REASON, "") if is_back_office(request) else ""
        return super().get_context(request) | {
            "request_id": origin.id_of(request),
            "client": "back-office" if is_back_office(request) else "api",
            **({"reason": reason[:255]} if reason else {}),
        }


def tracked_models() -> list[type[Any]]:
    """Every model whose changes are recorded."""
    return [model for model in apps.get_models() if hasattr(model, "pgh_event_model")]


def tracked(**options: Any) -> Any:
    """Records every insert, update and delete of a model in an append-only table beside it.

    The context is kept in each row, so that reading history needs no join. Statement-level triggers: a change of
    many rows costs one.
    """

    def track(model: type[Model]) -> type[Model]:
        tracking = pghistory.track(
            pghistory.InsertEvent(),
            pghistory.UpdateEvent(),
            pghistory.DeleteEvent(),
            obj_field=pghistory.ObjForeignKey(related_name="events", db_index=False),
            context_field=pghistory.ContextJSONField(),
            context_id_field=None,  # type: ignore[arg-type]
            append_only=True,
            level=pgtrigger.Statement,
            meta={"indexes": list(_indexes(model, **options))},
            **options,
        )
        return tracking(model)

    return track


def _indexes(model: type[Model], *, exclude: Any = (), fields: Any = None, **_: Any) -> Iterator[Index]:
    """One for each way to ask (`config.changes`), newest first, so that no page of history reads it all."""
    name, newest = model.__name__.lower()[:14], ("pgh_created_at", "pgh_id")
    yield Index(fields=newest, name=f"{name}_event_newest")
    yield Index(fields=["pgh_obj", "pgh_id"], name=f"{name}_event_object")
    yield Index(F("pgh_context__user"), *newest, name=f"{name}_event_actor")
    yield Index(fields=newest, condition=Q(pgh_context__isnull=True), name=f"{name}_event_database")
    for column in model._meta.fields:
        recorded = column.name in fields if fields is not None else column.name not in exclude
        if recorded and isinstance(column, ForeignKey):
            yield Index(fields=[column.name, *newest], name=f"{name}_event_{column.name}")
