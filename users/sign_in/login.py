"""Sign-in to the Back Office: who may enter, and the two steps of signing in.

Everyone who is not let in gets the same words after the same work, whatever the reason (contract 0.4).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import SESSION_KEY, login, logout, signals
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AuthenticationForm

from config.logs import audit
from users.models import User
from users.sign_in import device_cookies, throttling, two_factor

#: What a session holds between password and code, and for how long.
_PENDING = "second_step"
_PENDING_SECONDS = 600


class BackOfficePage:
    """What every page of the Back Office shows around its content: name, menu, theme."""

    request: HttpRequest
    title: Any = ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shared = admin.site.each_context(self.request) | {"title": self.title, "subtitle": None}
        return shared | super().get_context_data(**context)  # type: ignore[misc]


# --- Signing in -------------------------------------------------------------------------------------------------
class LoginForm(AuthenticationForm):
    """E-mail and password. Only `User.is_staff` gets in: active, and no warehouse user."""

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
        """The right password of someone who may not enter is one more failure, as a wrong one is."""
        if not user.is_staff:
            credentials = {"username": self.cleaned_data["username"]}
            signals.user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise self.get_invalid_login_error()


class SignInView(BackOfficePage, LoginView):
    """The login page. It also receives everyone whom a page of the Back Office has turned away."""

    template_name = "admin/login.html"
    authentication_form = LoginForm
    title = _("Login")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "GET" and SESSION_KEY in request.session:
            if admin.site.has_permission(request):
                return HttpResponseRedirect(self.get_success_url())
            if request.user.is_staff:  # who lacks the second factor that an operator demands
                return redirect("admin_two_factor")
            logout(request)  # no longer one of us: the session is over, also if that should change again
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        own = {"app_path": self.request.get_full_path(), "sends_email": settings.SENDS_EMAIL}
        return super().get_context_data(**context) | own

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if two_factor.is_on(user):
            _remember(self.request, user, self.get_success_url())
            return redirect("admin_second_step")
        enter(self.request, user)
        return device_cookies.remember(self.request, HttpResponseRedirect(self.get_success_url()), user)

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.non_field_errors():
            refused(self.request, form.cleaned_data["username"])
        return super().form_invalid(form)


def enter(request: HttpRequest, user: User) -> None:
    """Signs a person in who has proved everything that was asked, for half a day however busy they are."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.set_expiry(timedelta(seconds=settings.SESSION_COOKIE_AGE))
    audit.info("Successful Login", tag="successful_login", username=user.email)


def refused(request: HttpRequest, email: str) -> None:
    throttling.tell_failure(request, throttling.key_of(email))


# --- The second step of signing in ------------------------------------------------------------------------------
def _remember(request: HttpRequest, user: User, destination: str) -> None:
    """The password was right; nobody is signed in yet."""
    request.session[_PENDING] = {
        "user": user.pk,
        "proof": user.get_session_auth_hash(),
        "until": time.time() + _PENDING_SECONDS,
        "next": destination,
    }


def _pending_user(request: HttpRequest) -> User | None:
    """Whose password was right a moment ago, if nothing about them has changed since."""
    pending = request.session.get(_PENDING)
    if pending is None or pending["until"] < time.time():
        return None
    user = User.objects.filter(pk=pending["user"]).first()
    holds = user is not None and user.is_staff and user.get_session_auth_hash() == pending["proof"]
    return user if holds else None


@never_cache
@csrf_protect
def second_step(request: HttpRequest) -> HttpResponse:
    """Asks for the code, and signs the person in."""
    user = _pending_user(request)
    if user is None:
        return redirect("admin:login")
    form = two_factor.CodeForm(request.POST or None)
    if form.is_valid():
        if not throttling.is_open(request, user.email):
            return throttling.page(request, request.retry_after)  # type: ignore[attr-defined]
        if device := two_factor.device_accepting(user, form.cleaned_data["code"]):
            return _pass(request, user, device)
        _refuse(request, user, form)
    return two_factor.page(request, "two_factor/second_step.html", _("Two-factor sign-in"), form=form)


def _pass(request: HttpRequest, user: User, device: Any) -> HttpResponse:
    destination = request.session.pop(_PENDING)["next"]
    user.otp_device = device  # type: ignore[attr-defined]  # which django-otp notes in the session
    enter(request, user)
    return device_cookies.remember(request, redirect(destination), user)


def _refuse(request: HttpRequest, user: User, form: two_factor.CodeForm) -> None:
    signals.user_login_failed.send(sender=__name__, credentials={"username": user.email}, request=request)
    refused(request, user.email)
    form.refuse()
