"""Permissions by the token's role; denied by default (contract section 2.5)."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.api import errors
from config.api.errors import ApiError
from users.oauth.tokens import AccessToken


class HasRight(BasePermission):
    """Allows the actions that the view's `rights` name for the token's role: `{Scope: {action, …}}`.

    A view without `rights` allows none. `visible_to` decides about *rows*.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if view.action in (None, "metadata"):  # no such method: 405 follows
            return True
        if request.auth is None:
            raise ApiError(errors.UNAUTHORIZED)
        token = cast(AccessToken, request.auth)
        rights = getattr(view, "rights", {})
        return request.user.is_authenticated and view.action in rights.get(token.role, ())
