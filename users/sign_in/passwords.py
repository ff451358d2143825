"""Password change and password reset."""

from __future__ import annotations

from random import SystemRandom
from threading import Thread
from time import sleep
from typing import Any

import pghistory
import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView, PasswordResetView
from django.core.mail import EmailMessage
from django.forms import EmailInput
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template import loader
from django.urls import reverse, reverse_lazy
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.widgets import INPUT_CLASSES

from config.audit.log import audit
from config.database.lost_updates import RowChangedError
from users.models import User
from users.models.user import CHANGED
from users.sign_in.lockouts import device_cookies, failed_attempts
from users.sign_in.login import BackOfficePage

logger = structlog.stdlib.get_logger(__name__)

_WIDE = " ".join(INPUT_CLASSES)
_BLANK = _("This value should not be blank.")
_SENT = _("If there is an account associated with this email, you will receive an Email with further instructions.")
#: Name of the threads that send e-mail.
POSTMAN = "password e-mail"


class NewPasswordForm(SetPasswordForm):
    """The new password twice, with Unfold's styles and the contract's messages."""

    error_messages = {**SetPasswordForm.error_messages, "password_mismatch": _("The password fields must match.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = _WIDE
            field.error_messages["required"] = _BLANK
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password2"].label = _("Repeat new password")


# --- Change -----------------------------------------------------------------------------------------------------
class OwnPasswordForm(NewPasswordForm, AdminOwnPasswordChangeForm):
    """With the current password."""

    error_messages = {
        **NewPasswordForm.error_messages,
        "password_incorrect": _("Incorrect current password provided."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Current password")


class OwnPasswordView(BackOfficePage, PasswordChangeView):
    """Ends the user's other sessions; this one continues."""

    template_name = "registration/password_change_form.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:index")
    title = _("Change password")
    done = _("User password was updated successfully.")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Counts wrong passwords like failed sign-ins, against guessing in somebody else's session."""
        if seconds := failed_attempts.blocked_seconds(request, self._account):
            return failed_attempts.page(request, seconds)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Saves nothing if the user was deactivated or signed out since the request began."""
        try:
            answer = super().form_valid(form)
        except RowChangedError:
            messages.error(self.request, CHANGED)
            return redirect(self.request.path)
        messages.success(self.request, self.done)
        return device_cookies.remember(self.request, answer, form.user)

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.has_error("old_password", "password_incorrect"):
            failed_attempts.record_failure(self.request, self._account)
            failed_attempts.log_failure(self.request, self._account)
        return super().form_invalid(form)

    @property
    def _account(self) -> str:
        user: Any = self.request.user
        return failed_attempts.key_of(user.email)


# --- Reset ------------------------------------------------------------------------------------------------------
class ForgottenPasswordForm(PasswordResetForm):
    """Sends an e-mail in the person's language, if the account exists and is active, and the person has a mailbox.

    Response times do not reveal whether it does: for other addresses the same queries and templates run, for an unsaved
    user if there is none, and nothing is sent. E-mail is sent at a random time within `EMAIL_DELAY_SECONDS`, because
    the processor time for it would slow down the requests after this one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("Email Address")
        self.fields["email"].widget = EmailInput({"class": _WIDE, "autocomplete": "email", "autofocus": ""})
        self.fields["email"].error_messages["required"] = _BLANK

    def get_users(self, email: str) -> list[User]:
        """The active person, or an unsaved user."""
        return [user for user in User.objects.by_email(email).with_read_at() if user.is_active] or [User(email=email)]

    def send_mail(self, *files: Any, **given: Any) -> None:
        """In a thread, so that the response does not wait for the mail server."""
        Thread(target=self._send, args=files, kwargs=given, name=POSTMAN).start()

    def _send(
        self, subject: str, body: str, context: dict[str, Any], from_email: str | None, to_email: str, **_: Any
    ) -> None:
        user: User = context["user"]
        with translation.override(user.language_code):
            written = [loader.render_to_string(template, context) for template in (subject, body)]
        if user.pk is None or not user.has_mailbox:
            return
        sleep(SystemRandom().uniform(0, settings.EMAIL_DELAY_SECONDS))
        try:
            EmailMessage(written[0].strip(), written[1], from_email, [to_email]).send()
        except Exception:
            logger.exception("Password E-mail Not Sent", user_uuid=str(user.uuid))


@method_decorator([never_cache, csrf_protect], name="dispatch")
class ForgottenPasswordView(BackOfficePage, PasswordResetView):
    """Responds alike whether or not the account exists. Requests are throttled like sign-ins."""

    template_name = "registration/password_reset.html"
    email_template_name = "registration/password_reset_email.txt"
    subject_template_name = "registration/password_reset_subject.txt"
    extra_email_context = {"site": settings.ISSUER}
    form_class = ForgottenPasswordForm
    title = _("Forgot password?")
    #: The name of the URL of the login page that leads here.
    login = "admin:login"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirects with a message if the site is not configured to send e-mail."""
        if not settings.SENDS_EMAIL:
            messages.error(request, _("No e-mail is sent from here. Ask an administrator for a new password."))
            return redirect(self.login)
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        return reverse(self.login)

    def form_valid(self, form: Any) -> HttpResponse:
        email = failed_attempts.key_of(form.cleaned_data["email"])
        if seconds := failed_attempts.blocked_seconds(self.request, email):
            return failed_attempts.page(self.request, seconds)
        failed_attempts.record_failure(self.request, email)
        audit.info("Password Reset Requested", tag="password_reset_requested", username=email)
        messages.info(self.request, _SENT)
        return super().form_valid(form)


class NewPasswordView(BackOfficePage, PasswordResetConfirmView):
    """The page of the link in the e-mail, which is valid once, for one hour.

    Afterwards the account is unlocked and this browser is a known device. Wrong codes of the second factor are kept:
    access to the e-mail account does not prove the second factor.
    """

    template_name = "registration/password_reset_confirm.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("account_sign_in")
    title = _("New password")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active else None

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if self.validlink:
            return super().render_to_response(context, **kwargs)
        messages.error(self.request, _("Invalid request token!"))
        return redirect("account_password_reset")

    def form_valid(self, form: Any) -> HttpResponse:
        """Saves nothing if the account was deactivated since the request began. The history names the person."""
        user: Any = self.user
        try:
            with pghistory.context(user=user.pk):
                answer = super().form_valid(form)
        except RowChangedError:
            messages.error(self.request, CHANGED)
            return redirect("account_sign_in")
        failed_attempts.unlock(user.email)
        audit.info("Password Updated after Reset", tag="password_updated_after_reset", username=user.email)
        messages.success(self.request, _("Password updated."))
        return device_cookies.remember(self.request, answer, user)

    def form_invalid(self, form: Any) -> HttpResponse:
        messages.error(self.request, _("Could not update password."))
        return super().form_invalid(form)


def missing_token(request: HttpRequest) -> HttpResponse:
    """For a truncated link."""
    messages.error(request, _("Request token is missing!"))
    return redirect("account_password_reset")
