"""Who changed what, when and why: recorded by the database's own triggers, whoever writes (django-pghistory).

Nothing here is written by hand. A request only tells the triggers who is behind its changes.
"""

from __future__ import annotations

import uuid
from typing import Any

import pghistory
import pgtrigger
from django.http import HttpRequest
from pghistory.middleware import HistoryMiddleware as PgHistoryMiddleware

#: Form field in which Back Office staff may say why.
REASON = "change_reason"


class HistoryMiddleware(PgHistoryMiddleware):
    """Tells the triggers the person, the path, the request's id, and the reason if one was given.

    The person is known once a view has authenticated them: the middleware notices when `request.user` is set.
    """

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        reason = request.POST.get(REASON, "") if request.path_info.startswith("/admin/") else ""
        return super().get_context(request) | {
            "request_id": request.headers.get("X-Request-Id", "")[:64] or uuid.uuid4().hex,
            "client": "back-office" if request.path_info.startswith("/admin/") else "api",
            **({"reason": reason[:255]} if reason else {}),
        }


def tracked(**options: Any) -> Any:
    """Records every insert, update and delete of a model in an append-only table beside it.

    The context is kept in each row, so that reading history needs no join. Statement-level triggers: a change of
    many rows costs one.
    """
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        context_field=pghistory.ContextJSONField(),
        context_id_field=None,  # type: ignore[arg-type]
        append_only=True,
        level=pgtrigger.Statement,
        **options,
    )
