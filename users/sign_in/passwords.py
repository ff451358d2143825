"""The own password of Back Office staff: changing it, and a new one for who has forgotten it."""

from __future__ import annotations

from random import SystemRandom
from threading import Thread
from time import sleep
from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView, PasswordResetView
from django.core.mail import EmailMessage
from django.forms import EmailInput, Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template import loader
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.widgets import INPUT_CLASSES

from config.logs import audit
from config.lost_updates import RowChangedError
from users.models import User
from users.models.account import CHANGED
from users.sign_in import device_cookies, throttling
from users.sign_in.login import BackOfficePage, refused

logger = structlog.stdlib.get_logger(__name__)

_WIDE = " ".join(INPUT_CLASSES)
_BLANK = _("This value should not be blank.")
_MISMATCH = _("The password fields must match.")
#: Name of the threads that deliver e-mail.
POSTMAN = "password e-mail"


# --- The own password -------------------------------------------------------------------------------------------
def _dress(form: Form) -> None:
    """Unfold's looks, and our words, for every field of a form with passwords."""
    for field in form.fields.values():
        field.widget.attrs["class"] = _WIDE
        field.error_messages["required"] = _BLANK


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """The current password, and the new one twice."""

    error_messages = {
        **AdminOwnPasswordChangeForm.error_messages,
        "password_mismatch": _MISMATCH,
        "password_incorrect": _("Incorrect current password provided."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)
        self.fields["old_password"].label = _("Current password")
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password2"].label = _("Repeat new password")


class OwnPasswordView(BackOfficePage, PasswordChangeView):
    """Changing it ends the person's other sessions; the one in use goes on."""

    template_name = "registration/password_change_form.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:index")
    title = _("Change password")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whoever finds a browser signed in must not find out the password here: wrong ones count as at sign-in."""
        if seconds := throttling.blocked_seconds(request, self._account):
            return throttling.page(request, seconds)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Whoever was blocked or signed out meanwhile stays so, and is led to the sign-in."""
        try:
            answer = super().form_valid(form)
        except RowChangedError:
            messages.error(self.request, CHANGED)
            return redirect("admin_own_password")
        messages.success(self.request, _("User password was updated successfully."))
        return device_cookies.remember(self.request, answer, form.user)

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.has_error("old_password", "password_incorrect"):
            throttling.record_failure(self.request, self._account)
            refused(self.request, self._account)
        return super().form_invalid(form)

    @property
    def _account(self) -> str:
        user: Any = self.request.user
        return throttling.key_of(user.email)


# --- A forgotten password ---------------------------------------------------------------------------------------
class ForgottenPasswordForm(PasswordResetForm):
    """Writes to the person in their own language, if there is one who may sign in.

    For every other address the same is looked up and written, for a person who does not exist, and nothing is sent.
    What is sent leaves at a random moment (`EMAIL_DELAY_SECONDS`): talking to the mail server takes time of this
    process, which those who ask next would notice.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("Email Address")
        self.fields["email"].widget = EmailInput({"class": _WIDE, "autocomplete": "email", "autofocus": ""})
        self.fields["email"].error_messages["required"] = _BLANK

    def get_users(self, email: str) -> list[User]:
        """The person, or one who does not exist and has no row."""
        return [user for user in User.objects.by_email(email) if user.is_active] or [User(email=email)]

    def send_mail(self, *files: Any, **given: Any) -> None:
        """Beside the answer, which waits for no mail server."""
        Thread(target=self._send, args=files, kwargs=given, name=POSTMAN).start()

    def _send(
        self, subject: str, body: str, context: dict[str, Any], from_email: str | None, to_email: str, **_: Any
    ) -> None:
        user: User = context["user"]
        with translation.override(user.language_code):
            written = [loader.render_to_string(template, context) for template in (subject, body)]
        if user.pk is None:
            return
        sleep(SystemRandom().uniform(0, settings.EMAIL_DELAY_SECONDS))
        try:
            EmailMessage(written[0].strip(), written[1], from_email, [to_email]).send()
        except Exception:
            logger.exception("Password E-mail Not Sent", user_uuid=str(user.uuid))


@method_decorator([never_cache, csrf_protect], name="dispatch")
class ForgottenPasswordView(BackOfficePage, PasswordResetView):
    """Says the same whether the account exists or not; too many requests are refused like too many sign-ins."""

    template_name = "registration/password_reset.html"
    email_template_name = "registration/password_reset_email.txt"
    subject_template_name = "registration/password_reset_subject.txt"
    extra_email_context = {"site": settings.ISSUER}
    form_class = ForgottenPasswordForm
    success_url = reverse_lazy("admin:login")
    title = _("Forgot password?")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Nobody is to wait for an e-mail that will never come."""
        if not settings.SENDS_EMAIL:
            messages.error(request, _("No e-mail is sent from here. Ask an administrator for a new password."))
            return redirect("admin:login")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        email = throttling.key_of(form.cleaned_data["email"])
        if seconds := throttling.blocked_seconds(self.request, email):
            return throttling.page(self.request, seconds)
        throttling.record_failure(self.request, email)
        audit.info("Password Reset Requested", tag="password_reset_requested", username=email)
        words = _(
            "If there is an account associated with this email, you will receive an Email with further instructions."
        )
        messages.info(self.request, words)
        return super().form_valid(form)


class NewPasswordForm(SetPasswordForm):
    error_messages = {**SetPasswordForm.error_messages, "password_mismatch": _MISMATCH}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password2"].label = _("Repeat new password")


class NewPasswordView(BackOfficePage, PasswordResetConfirmView):
    """Where the link of the e-mail leads. It works once, and for an hour.

    Nobody locks its person out of this browser from then on. Wrong codes of the second factor are not forgotten: an
    e-mail proves nothing about it.
    """

    template_name = "registration/password_reset_confirm.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("admin:login")
    title = _("New password")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active else None

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if self.validlink:
            return super().render_to_response(context, **kwargs)
        messages.error(self.request, _("Invalid request token!"))
        return redirect("admin_password_reset")

    def form_valid(self, form: Any) -> HttpResponse:
        """Nobody who was blocked meanwhile is let in again."""
        try:
            answer = super().form_valid(form)
        except RowChangedError:
            messages.error(self.request, CHANGED)
            return redirect("admin:login")
        user: Any = self.user
        throttling.unlock(user.email)
        audit.info("Password Updated after Reset", tag="password_updated_after_reset", username=user.email)
        messages.success(self.request, _("Password updated."))
        return device_cookies.remember(self.request, answer, user)

    def form_invalid(self, form: Any) -> HttpResponse:
        messages.error(self.request, _("Could not update password."))
        return super().form_invalid(form)


def missing_token(request: HttpRequest) -> HttpResponse:
    """The link of the e-mail, cut short."""
    messages.error(request, _("Request token is missing!"))
    return redirect("admin_password_reset")
