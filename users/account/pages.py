"""The pages of one's own account, for everybody who may sign in: password, sessions, language."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from config.back_office.error_pages import way_back
from users.models import Session
from users.sign_in import language, passwords, two_factor
from users.sign_in.lockouts import device_cookies
from users.sign_in.user_agent import in_plain_words

_ENDED = gettext_noop("ended by the person, on their account page")
_PASSWORD_PAGE = "account_password"  # noqa: S105 (the name of a URL)


def own_page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorator of the pages. With a temporary password, each leads to the one that changes it."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user: Any = request.user
        if not user.is_authenticated:
            return redirect_to_login(way_back(request), reverse("account_sign_in"))
        if user.password_has_expired:
            logout(request)
            messages.error(request, _("The time to change the temporary password is over. Ask for a new one."))
            return redirect("account_sign_in")
        if user.must_change_password and request.path != reverse(_PASSWORD_PAGE):
            return redirect(_PASSWORD_PAGE)
        return view(request, *args, **kwargs)

    return never_cache(csrf_protect(checked))


# --- The page ---------------------------------------------------------------------------------------------------
@own_page
def account(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    live = user.sessions.live().order_by("-created_at")
    sessions = [(one, in_plain_words(one.user_agent)) for one in live]
    context = {"sessions": sessions, "app_url": settings.APP_URL, "languages": user.Language.choices}
    return two_factor.page(request, "account/account.html", _("Your account"), **context)


def missing(request: HttpRequest, unknown: str) -> HttpResponse:
    """A page for people, instead of the API's error."""
    raise Http404


choose_language = own_page(language.choose_language)


# --- Sessions ---------------------------------------------------------------------------------------------------
@own_page
@require_POST
def end_session(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ends an own session. Others' are not found, and are not told from those that have ended."""
    user: Any = request.user
    session: Session | None = user.sessions.live().filter(pk=pk).first()
    if session is None:
        messages.info(request, _("This session had ended already."))
    else:
        session.end(_ENDED)
        messages.success(request, _("The session was ended."))
    return redirect("account")


@own_page
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Ends all sessions of apps and browsers but this one."""
    user: Any = request.user
    user.end_sessions(_ENDED)
    update_session_auth_hash(request, user)
    messages.success(request, _("You are signed out everywhere else."))
    return device_cookies.remember(request, redirect("account"), user)


# --- The password -----------------------------------------------------------------------------------------------
class ReplacePasswordForm(passwords.NewPasswordForm):
    """Replaces a temporary password, which the person has just typed to sign in."""

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        if self.user.check_password(password):
            raise ValidationError(_("This is the temporary password. Choose another one."))
        return password


class PasswordView(passwords.OwnPasswordView):
    """Ends the person's other sessions; this one continues."""

    template_name = "account/password.html"
    success_url = reverse_lazy("account")
    done = _("Your new password is saved. Use it from now on, in the app too.")

    def get_form_class(self) -> Any:
        user: Any = self.request.user
        return ReplacePasswordForm if user.must_change_password else super().get_form_class()


change_password = own_page(PasswordView.as_view())
