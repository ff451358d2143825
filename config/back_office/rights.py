"""Permissions in words for people, and the permission to see people."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


class NoRight(StrEnum):
    """Why somebody may not do something in the Back Office (`User.why_not`)."""

    #: No role of theirs has the right, or none that counts for the confined.
    ROLE = "role"
    #: The person concerned has rights that they lack.
    RANK = "rank"
    #: Their rights count only for other warehouses, or what it is about belongs to none.
    CONFINEMENT = "confinement"


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


#: In place of the name of a warehouse that a confined viewer does not manage.
IN_ANOTHER = _("in another warehouse")


class MenuRights:
    """`perms` of the templates: `{% if perms.users.add_user %}` asks `User.may_somewhere`.

    Django's own asks for all rows, which refuses a confined person everything.
    """

    def __init__(self, user: Any, app: str = "") -> None:
        self._user, self._app = user, app

    def __getitem__(self, name: str) -> Any:
        return self._user.may_somewhere(f"{self._app}.{name}") if self._app else MenuRights(self._user, name)

    def __iter__(self) -> Any:
        raise TypeError("Rights are asked for one by one.")


def menu_rights(request: HttpRequest) -> dict[str, Any]:
    """A context processor, after Django's of the same variable."""
    user = getattr(request, "user", None)
    return {"perms": MenuRights(user)} if user is not None and user.is_authenticated else {}


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
