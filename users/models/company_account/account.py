"""Company accounts: which account of an identity provider signs in which person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from config.history.tracking import tracked
from users.models.user import User, within_people_seen


@tracked()
class CompanyAccount(models.Model):
    """A person's account at an identity provider, by issuer and `sub`, which no other person ever gets (OpenID Connect
    Core section 5.7). A second provider that claims the same `sub` is another account."""

    history_seen_with: ClassVar[str] = "users.view_user"
    history_within = staticmethod(within_people_seen)
    history_labels: ClassVar[dict[str, Any]] = {
        "insert": _("Company account linked"),
        "delete": _("Company account unlinked"),
    }

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="company_accounts", verbose_name=_("user"))
    issuer = models.CharField(_("Provider"), max_length=500)
    subject = models.CharField(_("Identifier at the provider"), max_length=255)
    created_at = models.DateTimeField(_("Linked"), db_default=Now(), editable=False)

    class Meta:
        default_permissions = ()
        verbose_name = _("company account")
        verbose_name_plural = _("company accounts")
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="company_account_unique"),
            models.UniqueConstraint(fields=["user", "issuer"], name="company_account_one_each"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.issuer})"
