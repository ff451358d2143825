"""What staff do for a colleague who cannot get in: unlock the sign-in, or forget a lost phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from users.models import User


def _rescue(
    act: Callable[[User], Any], done: Any, nothing: Any, *, by_administrators: bool = False
) -> Callable[..., Any]:
    """A button on a person's page, for those who may change them."""

    @transaction.atomic
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        actor: Any = request.user
        person = get_object_or_404(User.objects.locked(), pk=pk)  # nobody gives them other rights from here on
        allowed = actor.has_perm("users.change_user") and person.may_be_changed_by(actor)
        if not allowed or (by_administrators and not actor.is_administrator):
            raise PermissionDenied
        if act(person):
            messages.success(request, done)
        else:
            messages.info(request, nothing)
        return redirect("admin:users_user_change", pk)

    return require_POST(admin.site.admin_view(view))


unlock_sign_in = _rescue(
    User.unlock_sign_in,
    _("The sign-in is unlocked: they can try again at once."),
    _("There was nothing to unlock: no recent sign-in has failed."),
)
#: Only for administrators, who are expected to know the person's voice.
reset_two_factor = _rescue(
    User.reset_two_factor,
    _("Two-factor sign-in is reset: they sign in with the password alone, and can switch it on again."),
    _("There was nothing to reset: two-factor sign-in is not switched on."),
    by_administrators=True,
)
