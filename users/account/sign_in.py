"""Sign-in to the pages of one's own account: as that to the Back Office, but for everybody whose account is active."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from users.sign_in import login, passwords
from users.sign_in.refusals import Entry


class AccountLoginForm(login.LoginForm):
    """For warehouse users too."""

    entry = Entry.ACCOUNT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail or sign-in name")


class AccountSignInView(login.SignInView):
    """A session of a warehouse user opens nothing of the Back Office (`config.web.back_office_sessions`)."""

    template_name = "account/sign_in.html"
    authentication_form = AccountLoginForm
    title = _("Your account")
    next_page = "account"
    second_step, forgotten = "account_second_step", "account_password_reset"
    offers_company_accounts = False

    def onward(self, request: Any) -> HttpResponse | None:
        return redirect(self.get_success_url()) if request.user.is_authenticated else None


class AccountForgottenPasswordView(passwords.ForgottenPasswordView):
    login = "account_sign_in"
