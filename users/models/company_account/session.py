"""Back Office sessions that a company account has started, so that its provider can end them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from users.models.company_account.account import CompanyAccount


class CompanySessionQuerySet(models.QuerySet["CompanySession"]):
    def past_retention(self) -> CompanySessionQuerySet:
        """Those whose Back Office session has ended by itself (`manage.py purge`)."""
        return self.filter(created_at__lte=timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE))


class LogoutTokenQuerySet(models.QuerySet["LogoutToken"]):
    def past_retention(self) -> LogoutTokenQuerySet:
        """Those that are refused for their age, too (`manage.py purge`)."""
        return self.filter(created_at__lt=timezone.now() - timedelta(seconds=LogoutToken.KEPT_SECONDS))


class CompanySession(models.Model):
    """A sign-in by a company account. The Back Office session names it, and is over when the row is gone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    account = models.ForeignKey(CompanyAccount, on_delete=models.CASCADE, related_name="sessions")
    #: The provider's name for its own session (Back-Channel Logout 1.0 section 2.1); "" if it names none.
    sid = models.CharField(max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[Any] = CompanySessionQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name_plural = _("sessions by a company account")

    def __str__(self) -> str:
        return str(self.pk)


class LogoutToken(models.Model):
    """A logout token that was taken, by the digest of issuer and `jti`, so that it is not taken twice."""

    #: How long rows are kept: longer than a token is taken after it was issued.
    KEPT_SECONDS = 3_600

    digest = models.CharField(max_length=64, primary_key=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[Any] = LogoutTokenQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name_plural = _("logout tokens")

    def __str__(self) -> str:
        return self.digest
