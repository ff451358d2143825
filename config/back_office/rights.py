"""Permissions in words for people, and the permission to see people."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

#: The labels of Django's four default permissions, in display order.
_ACTIONS = {"view": _("see"), "add": _("create"), "change": _("change"), "delete": _("delete")}


def in_words(right: str) -> str:
    """The label of a permission such as `users.view_user`, in the active language: `Users: see`.

    A permission that is not one of the four default ones is returned as it is.
    """
    app, _dot, codename = right.partition(".")
    action, _underscore, model = codename.partition("_")
    try:
        return f"{capfirst(apps.get_model(app, model)._meta.verbose_name_plural)}: {_ACTIONS[action]}"
    except LookupError:  # no such model, or another action
        return right


def may_see_people(viewer: Any) -> bool:
    """Whether the Back Office shows this person the list of people, and their e-mail addresses.

    Others see names only, where a person must be named: the e-mail address is what people sign in with.
    """
    return bool(viewer.may_somewhere("users.view_user"))


def shows_emails(viewer: Any) -> bool:
    """Whether authors of changes are shown to this person by their e-mail addresses.

    A confined person reads names: who changes something in their warehouses may be of others.
    """
    return may_see_people(viewer) and not viewer.is_confined
