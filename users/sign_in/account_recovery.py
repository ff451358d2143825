"""Account recovery by staff: unlock the sign-in of a person, or reset their second factor."""

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

from config.audit.log import audit
from config.back_office.list_return import preserved_query
from users.models import User
from users.sign_in import two_factor
from users.sign_in.lockouts import failed_attempts, in_force
from users.sign_in.lockouts.in_force import Lockout


def lockouts_of(person: User) -> list[Lockout]:
    """Lockouts of sign-in, password reset and second factor after too many failures."""
    return in_force.lockouts_of(person.email) + (two_factor.lockouts_of(person) if person.has_two_factor else [])


def unlock_sign_in(person: User) -> int:
    """Deletes failed sign-ins and wrong codes. Returns how many there were."""
    failures, wrong_codes = failed_attempts.unlock(person.email), two_factor.reset_wrong_codes(person)
    audit.info("Sign-in Unlocked", user_uuid=str(person.uuid), failures=failures, wrong_codes=wrong_codes)
    return failures + wrong_codes


def reset_two_factor(person: User) -> bool:
    """For a lost phone: deletes the second factor. Returns whether there was one.

    Signs the person out of the Back Office, because a browser on that phone may be signed in.
    """
    with transaction.atomic():
        was_on = two_factor.switch_off(person)
        person.sign_out_of_back_office()
    audit.warning("Two-Factor Reset", user_uuid=str(person.uuid), was_on=was_on)
    return was_on


# --- Pages ------------------------------------------------------------------------------------------------------
def person_button(
    act: Callable[[User], Any], done: Any, nothing: Any, *, by_administrators: bool = False
) -> Callable[..., Any]:
    """The view of a button on a person's page or row, for users who may change that person."""

    @transaction.atomic
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        actor: Any = request.user
        if not actor.may_somewhere("users.change_user") or (by_administrators and not actor.is_administrator):
            raise PermissionDenied  # before the lookup, which would tell whether the person exists
        # Their roles and warehouses cannot change until the transaction ends.
        person = get_object_or_404(User.objects.visible_to(actor).locked(), pk=pk)
        if not person.may_be_changed_by(actor):
            raise PermissionDenied
        if act(person):
            messages.success(request, done)
        else:
            messages.info(request, nothing)
        return _redirect(request, pk)

    return require_POST(admin.site.admin_view(view))


def _redirect(request: HttpRequest, pk: int) -> HttpResponse:
    """To the person's page, or to the list if the parameter `list` has the list's query string."""
    if (query := request.GET.get("list")) is None:
        return redirect(reverse("admin:users_user_view", args=[pk]) + preserved_query(request))
    return HttpResponseRedirect(f"{reverse('admin:users_user_changelist')}?{query}")


unlock_page = person_button(
    unlock_sign_in,
    _("The sign-in is unlocked: they can try again at once."),
    _("There was nothing to unlock: no recent sign-in has failed."),
)
#: For administrators only: they must make sure that the request comes from the person.
reset_page = person_button(
    reset_two_factor,
    _("Two-factor sign-in is reset: they sign in with the password alone, and can switch it on again."),
    _("There was nothing to reset: two-factor sign-in is not switched on."),
    by_administrators=True,
)
