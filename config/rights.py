"""Rights in plain words."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

#: What each of Django's four kinds of permission is called, in the order in which they are shown.
_ACTIONS = {"view": _("see"), "add": _("create"), "change": _("change"), "delete": _("delete")}


def in_words(right: str) -> str:
    """A permission, `app.codename`, by what it is about, in the reader's language: `Users: see`.

    One that is not of Django's four kinds is called by its own name.
    """
    app, _dot, codename = right.partition(".")
    action, _line, model = codename.partition("_")
    try:
        about = apps.get_model(app, model)._meta.verbose_name_plural
    except LookupError:
        return right
    return f"{capfirst(about)}: {_ACTIONS[action]}" if action in _ACTIONS else right


def may_see_people(viewer: Any) -> bool:
    """Whether the Back Office shows this person who there is.

    Others are told names where somebody must be named, and no e-mails: with those one signs in.
    """
    return bool(viewer.has_perm("users.view_user"))
