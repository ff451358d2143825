"""Account recovery by staff, for a colleague who cannot sign in: unlock the sign-in, or reset the second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from config.logs import audit
from users.models import User
from users.sign_in import lockouts, throttling, two_factor
from users.sign_in.lockouts import Lockout


def lockouts_of(person: User) -> list[Lockout]:
    """All that keeps a person from signing in, or from asking for a new password, for having failed too often."""
    return lockouts.lockouts_of(person.email) + (two_factor.lockouts_of(person) if person.has_two_factor else [])


def unlock_sign_in(person: User) -> int:
    """Lets the person try again at once after failures or wrong codes. Returns how many of both were forgotten."""
    failures, wrong_codes = throttling.unlock(person.email), two_factor.forget_wrong_codes(person)
    audit.info("Sign-in Unlocked", user_uuid=str(person.uuid), failures=failures, wrong_codes=wrong_codes)
    return failures + wrong_codes


def reset_two_factor(person: User) -> bool:
    """For who has lost their phone: they sign in with the password alone again. False if it was not on.

    A browser on that phone is signed out of the Back Office.
    """
    with transaction.atomic():
        was_on = two_factor.switch_off(person)
        person.sign_out_of_back_office()
    audit.warning("Two-Factor Reset", user_uuid=str(person.uuid), was_on=was_on)
    return was_on


# --- Pages ------------------------------------------------------------------------------------------------------
def _button(
    act: Callable[[User], Any], done: Any, nothing: Any, *, by_administrators: bool = False
) -> Callable[..., Any]:
    """A button on a person's page or row, for those who may change them."""

    @transaction.atomic
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        actor: Any = request.user
        if not actor.has_perm("users.change_user") or (by_administrators and not actor.is_administrator):
            raise PermissionDenied  # before anybody is looked for: who may change nobody learns of nobody
        person = get_object_or_404(User.objects.locked(), pk=pk)  # nobody gives them other rights from here on
        if not person.may_be_changed_by(actor):
            raise PermissionDenied
        if act(person):
            messages.success(request, done)
        else:
            messages.info(request, nothing)
        return _back(request, pk)

    return require_POST(admin.site.admin_view(view))


def _back(request: HttpRequest, pk: int) -> HttpResponse:
    """To the person's page; to the list as it was for who came from a row of it and says so by `list`, its query."""
    if (query := request.GET.get("list")) is None:
        return redirect("admin:users_user_change", pk)
    return HttpResponseRedirect(f"{reverse('admin:users_user_changelist')}?{query}")


unlock_page = _button(
    unlock_sign_in,
    _("The sign-in is unlocked: they can try again at once."),
    _("There was nothing to unlock: no recent sign-in has failed."),
)
#: Only for administrators, who are expected to know the person's voice.
reset_page = _button(
    reset_two_factor,
    _("Two-factor sign-in is reset: they sign in with the password alone, and can switch it on again."),
    _("There was nothing to reset: two-factor sign-in is not switched on."),
    by_administrators=True,
)
