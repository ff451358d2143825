"""Sign-in to the Back Office: password, then the second factor if it is switched on.

Every refusal has the same message after the same work, whatever the reason (contract 0.4).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import SESSION_KEY, login, logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AuthenticationForm

from config.audit.log import audit
from config.web.back_office_sessions import ACCOUNT_ONLY, COMPANY_ACCOUNT
from users.models import User
from users.sign_in import two_factor
from users.sign_in.lockouts import device_cookies, failed_attempts
from users.sign_in.refusals import Entry, sign_in_reasons

#: The session key between password and code, and how long it is valid.
_PENDING = "second_step"
_PENDING_SECONDS = 600


class BackOfficePage:
    """Adds the context of the Back Office's base template: site name, menu, theme."""

    request: HttpRequest
    title: Any = ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shared = admin.site.each_context(self.request) | {"title": self.title, "subtitle": None}
        return shared | super().get_context_data(**context)  # type: ignore[misc]


# --- Signing in -------------------------------------------------------------------------------------------------
class LoginForm(AuthenticationForm):
    """E-mail and password of a user with `User.is_staff`: an active account, not a warehouse user."""

    entry = Entry.BACK_OFFICE
    error_messages = dict.fromkeys(
        ("invalid_login", "inactive"),
        _("Authentication failed! Check the email address and the password, and try again."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Email Address")
        self.fields["password"].label = _("Password")
        self.fields["username"].widget.input_type = "email"
        for field in self.fields.values():
            field.error_messages["required"] = _("This value should not be blank.")

    def confirm_login_allowed(self, user: Any) -> None:
        """Counts the correct password of a user without access as a failure, like a wrong password."""
        if any(sign_in_reasons(user, self.entry, user.read_at)):
            failed_attempts.record_failure(self.request, failed_attempts.key_of(self.cleaned_data["username"]))
            raise self.get_invalid_login_error()


class SignInView(BackOfficePage, LoginView):
    """The login page. Pages of the Back Office redirect here if access is denied."""

    template_name = "admin/login.html"
    authentication_form = LoginForm
    title = _("Login")
    next_page = "admin:index"
    #: The names of the URLs of the second step and of "Forgot password?".
    second_step, forgotten = "admin_second_step", "admin_password_reset"
    offers_company_accounts = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "GET" and SESSION_KEY in request.session:
            if onward := self.onward(request):
                return onward
            logout(request)  # access was revoked: the session must not be valid again if it is granted again
        return super().dispatch(request, *args, **kwargs)

    def onward(self, request: Any) -> HttpResponse | None:
        """Where somebody goes who is signed in already; None if that opens nothing here."""
        if admin.site.has_permission(request):
            return HttpResponseRedirect(self.get_success_url())
        if request.user.is_authenticated and request.user.must_change_password:
            return redirect("account_password")
        is_account_only = request.session.get(ACCOUNT_ONLY)
        if is_account_only and not request.user.needs_company_account:
            return redirect("account")
        if request.user.is_staff and not is_account_only:  # no second factor, which `REQUIRE_TWO_FACTOR` demands
            return redirect("admin_two_factor")
        return None

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        forgotten = reverse(self.forgotten) if settings.SENDS_EMAIL else ""
        own: dict[str, Any] = {"app_path": self.request.get_full_path(), "forgotten_url": forgotten}
        if self.offers_company_accounts and settings.OIDC_PROVIDERS:
            query = {"next": self.get_success_url()}
            own["company_accounts"] = [
                (one.label, reverse("company_sign_in", args=[one.name], query=query))
                for one in settings.OIDC_PROVIDERS.values()
            ]
        return super().get_context_data(**context) | own

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if two_factor.is_on(user):
            store_pending(self.request, user, self.get_success_url())
            return redirect(self.second_step)
        return log_in(self.request, user, self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.non_field_errors():
            failed_attempts.log_failure(self.request, failed_attempts.key_of(form.cleaned_data["username"]))
        return super().form_invalid(form)


def log_in(
    request: HttpRequest, user: User, destination: str, company_account: dict[str, Any] | None = None
) -> HttpResponse:
    """Starts a session of `SESSION_COOKIE_AGE` seconds, which activity does not extend.

    `company_account` says how it was started, if not by password (`users.company_account.sessions`). Redirects to the
    destination, or first to the page that changes a temporary password.
    """
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.set_expiry(timedelta(seconds=settings.SESSION_COOKIE_AGE))
    request.session.pop(COMPANY_ACCOUNT, None)
    request.session[ACCOUNT_ONLY] = not (user.is_staff and (company_account or user.password_opens_back_office))
    by = {"provider": company_account["label"]} if company_account else {}
    audit.info("Successful Login", tag="successful_login", username=user.email, **by)
    if company_account:
        request.session[COMPANY_ACCOUNT] = company_account
    elif user.is_break_glass and settings.OIDC_PROVIDERS:
        audit.warning("Break-Glass Sign-in", tag="break_glass_sign_in", username=user.email)
    url = reverse("account_password") if user.must_change_password else destination
    return device_cookies.remember(request, HttpResponseRedirect(url), user)


# --- The second step of signing in ------------------------------------------------------------------------------
def store_pending(
    request: HttpRequest, user: User, destination: str, company_account: dict[str, Any] | None = None
) -> None:
    """The password was correct, or the company account was; the user is not signed in yet."""
    request.session[_PENDING] = {
        "company_account": company_account,
        "user": user.pk,
        "proof": user.get_session_auth_hash(),
        "until": time.time() + _PENDING_SECONDS,
        "next": destination,
    }


def _pending_user(request: HttpRequest, login: str) -> User | None:
    """The user of the first step, or None if it has expired or their account has changed since."""
    pending = request.session.get(_PENDING)
    if pending is None or pending["until"] < time.time():
        return None
    user = User.objects.filter(pk=pending["user"]).first()
    may_enter = user and (user.is_staff if login == "admin:login" else user.is_active)
    return user if user and may_enter and user.get_session_auth_hash() == pending["proof"] else None


@never_cache
@csrf_protect
def second_step(request: HttpRequest, login: str = "admin:login") -> HttpResponse:
    """Asks for the code and signs the user in. `login` is the name of the URL of the first step."""
    user = _pending_user(request, login)
    if user is None:
        return redirect(login)
    form = two_factor.CodeForm(request.POST or None)
    if form.is_valid():
        account = failed_attempts.key_of(user.email)
        if seconds := failed_attempts.blocked_seconds(request, account):
            return failed_attempts.page(request, seconds)
        if device := two_factor.device_accepting(user, form.cleaned_data["code"]):
            return _accept(request, user, device)
        failed_attempts.record_failure(request, account)
        failed_attempts.log_failure(request, account)
        form.refuse()
    return two_factor.page(request, "two_factor/second_step.html", _("Two-factor sign-in"), form=form)


def _accept(request: HttpRequest, user: User, device: Any) -> HttpResponse:
    pending = request.session.pop(_PENDING)
    user.otp_device = device  # type: ignore[attr-defined]  # django-otp stores it in the session
    return log_in(request, user, pending["next"], pending.get("company_account"))
