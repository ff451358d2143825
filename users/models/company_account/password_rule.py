"""Whether a password opens the Back Office, or a company account is the only way."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from config.text import email_key


class PasswordRule(models.Model):
    """Mixin of `User`. Without a provider in the settings, passwords open the Back Office for everybody."""

    email: str

    company_account_only = models.BooleanField(
        _("Company account only"),
        default=False,
        db_default=False,
        help_text=_("The password no longer opens the Back Office. It still opens the app."),
    )

    class Meta:
        abstract = True

    @property
    def is_break_glass(self) -> bool:
        """Whether this is the one administrator whose password always works (`BREAK_GLASS_EMAIL`)."""
        return bool(settings.BREAK_GLASS_EMAIL) and email_key(self.email) == email_key(settings.BREAK_GLASS_EMAIL)

    @property
    def needs_company_account(self) -> bool:
        return bool(settings.OIDC_PROVIDERS) and (settings.COMPANY_ACCOUNT_ONLY or self.company_account_only)

    @property
    def password_opens_back_office(self) -> bool:
        return self.is_break_glass or not self.needs_company_account
