"""Staff set a temporary password for a person, and print it as a slip. It is shown once."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from config.audit.log import audit
from config.back_office.list_return import preserved_query
from config.database.lost_updates import RowChangedError
from users.account.sign_in_names import propose_sign_in_name
from users.account_actions import LeftOut
from users.admin.user.bulk_actions import actor
from users.admin.user.overview import PersonPage, person_url
from users.forms import ReasonForm
from users.models import User
from users.sign_in.two_factor import qr_code

#: Letters and digits that do not look alike, easy to type on a phone. 16 of them have 79 bits.
_CHARACTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def new_password() -> str:
    return "-".join("".join(secrets.choice(_CHARACTERS) for _n in range(4)) for _group in range(4))


def temporary_password_url(request: HttpRequest, pk: int) -> str:
    return reverse("admin:users_user_temporary_password", args=[pk]) + preserved_query(request)


class TemporaryPasswordPage(PersonPage):
    """For whoever may change the person: they may set any password of theirs."""

    def refusal_of_password(self, request: HttpRequest, person: User) -> Any:
        """Why this person gets no temporary password, as a message, or None."""
        if person.pk == actor(request).pk:
            return LeftOut.SELF.label
        if person.is_deleted:
            return LeftOut.DELETED.label
        if person.status != User.Status.ACTIVE:
            return LeftOut.DEACTIVATED.label
        return None if person.is_employed else LeftOut.LEFT.label

    def may_set_password(self: Any, request: HttpRequest, person: User) -> bool:
        return self.has_change_permission(request, person) and self.refusal_of_password(request, person) is None

    def temporary_password_view(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        """A confirmation page; then the slip, which is the only response with the password. It is not cached."""
        if not self.has_change_permission(request):
            raise PermissionDenied  # before the lookup, which would tell whether the person exists
        person = self.person_or_404(request, pk)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if refusal := self.refusal_of_password(request, person):
            self.message_user(request, refusal, messages.ERROR)
            return HttpResponseRedirect(person_url(request, pk))
        if request.method != "POST":
            return self._ask(request, person)
        password = new_password()
        try:
            self._set(person, make_password(password), seen=request.POST.get("seen", ""))
        except RowChangedError:
            text = _("Somebody has changed this user meanwhile, so no password was set. Please look again.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(person_url(request, pk))
        return self._slip(request, person, password)

    @transaction.atomic
    def _set(self, person: User, digest: str, *, seen: str) -> None:
        """Raises RowChangedError if somebody has set a password, or changed rights, since the page was shown."""
        if seen != _seen(person):
            raise RowChangedError
        person.set_temporary_password(digest)
        audit.warning("Temporary Password Set", username=person.email, user_uuid=str(person.uuid))

    def _ask(self: Any, request: HttpRequest, person: User) -> HttpResponse:
        title = _now("Set a temporary password: %(name)s") % {"name": person.get_full_name()}
        hours = settings.TEMPORARY_PASSWORD_SECONDS // 3_600
        context = {"original": person, "form": ReasonForm(), "seen": _seen(person), "hours": hours}
        return self.render_page(request, "admin/users/user/temporary_password.html", title, **context)

    def _slip(self: Any, request: HttpRequest, person: User, password: str) -> HttpResponse:
        title = _now("Temporary password of %(name)s") % {"name": person.get_full_name()}
        account = settings.ISSUER + reverse("account")
        steps = {name: (url, qr_code(url)) for name, url in (("account", account), ("app", settings.APP_URL)) if url}
        context = {"original": person, "password": password, "person_url": person_url(request, person.pk)}
        return self.render_page(request, "admin/users/user/slip.html", title, **context, **steps)

    # --- Sign-in names -----------------------------------------------------------------------------------------
    @method_decorator(require_GET)
    def sign_in_name_view(self: Any, request: HttpRequest) -> HttpResponse:
        """A free sign-in name, for the form of a person without a mailbox."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        first_name, last_name = (request.GET.get(name, "") for name in ("first_name", "last_name"))
        return JsonResponse({"name": propose_sign_in_name(first_name, last_name, actor(request))})


def _seen(person: User) -> str:
    """Differs after each new password."""
    return person.password_changed_at.isoformat() if person.password_changed_at else ""
