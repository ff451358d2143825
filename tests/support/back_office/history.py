"""The pages that show history."""

from __future__ import annotations

from typing import Any

from django.test import Client

from config.history.changes import RecordedChange

HISTORY = "/admin/history/"


def ask(browser: Client, path: str = HISTORY, **questions: Any) -> list[RecordedChange]:
    response = browser.get(path, questions)
    assert response.status_code == 200
    return response.context["changes"]


def said(change: RecordedChange) -> tuple[Any, ...]:
    return change.what, change.subject, [(one.label, one.before, one.after) for one in change.differences]


def tab(row: Any) -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/history/"
