"""History tracking: PostgreSQL triggers (django-pghistory) record who changed what, when and why, for raw SQL too.

No code writes history. A request only passes its context to the triggers.
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

from config.web import request_context
from config.web.paths import is_account, is_page

#: The Back Office's form field for the reason of a change.
REASON = "change_reason"

#: The actor of changes without a request: raw SQL or a management command.
DATABASE = "database"

#: Recorded fields that nobody sees.
HIDDEN = {"id", "uuid", "activation"}

#: The condition that no event meets.
NOTHING = Q(pk__in=())


class HistoryMiddleware(PgHistoryMiddleware):
    """The context of a request: user, path, request id, client, and the reason if one was entered.

    pghistory adds the user when `request.user` is set, which a view of the API does after authentication.
    """

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().get_context(request) | {"request_id": request_context.request_id(request), "client": "api"}
        if is_page(request):
            context["client"] = "account" if is_account(request) else "back-office"
            if reason := request.POST.get(REASON):
                context["reason"] = reason[:255]
        return context


def tracked_models() -> list[type[Any]]:
    """Every model with recorded history."""
    return [model for model in apps.get_models() if hasattr(model, "pgh_event_model")]


def seen_by(model: Any, viewer: Any) -> Q:
    """The condition of the events of a model that a person may see.

    A confined person sees those that concern their warehouses: `history_within(viewer)` of the model is the
    condition for them. Models without it belong to no warehouse.
    """
    if not viewer.is_confined:
        return Q()
    within = getattr(model, "history_within", None)
    return within(viewer) if within else NOTHING


def seen_events(model: Any, viewer: Any) -> Any:
    """The events of a model that a person may see (`seen_by`)."""
    return model.pgh_event_model.objects.filter(seen_by(model, viewer))


def tracked(**options: Any) -> Any:
    """Class decorator: records every insert, update and delete of a model in an append-only event table.

    Each event holds its context, so that reading history needs no join. The triggers run once for each statement,
    not for each row.
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
    """One for each query of `config.history.changes`, newest first, so that a page reads only its own events."""
    name, newest = model.__name__.lower()[:14], ("pgh_created_at", "pgh_id")
    yield Index(fields=newest, name=f"{name}_event_newest")
    yield Index(fields=["pgh_obj", "pgh_id"], name=f"{name}_event_object")
    yield Index(F("pgh_context__user"), *newest, name=f"{name}_event_actor")
    yield Index(fields=newest, condition=Q(pgh_context__isnull=True), name=f"{name}_event_database")
    for column in model._meta.fields:
        recorded = column.name in fields if fields is not None else column.name not in exclude
        if recorded and isinstance(column, ForeignKey):
            yield Index(fields=[column.name, *newest], name=f"{name}_event_{column.name}")
