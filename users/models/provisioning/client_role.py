"""The roles that a client may give and take by SCIM, where they are groups (RFC 7643 section 4.2)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from config.history.tracking import tracked
from config.text import NameField
from users.models.oauth.client import Client


@tracked(exclude=["created_at", "updated_at"])
class ClientRole(models.Model):
    """A role that a client may give to people and take from them. People with other roles are above it."""

    history_seen_with: ClassVar[str] = "users.view_client"
    history_labels: ClassVar[dict[str, Any]] = {
        "insert": _("May give a role"),
        "delete": _("May no longer give a role"),
    }

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="client_roles", verbose_name=_("client"))
    role = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="client_roles", verbose_name=_("role"))
    #: `externalId` of the group in the directory; "" if it has sent none.
    external_id = NameField(_("Identifier in the directory"), max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        default_permissions = ()
        verbose_name = _("role of a client")
        verbose_name_plural = _("roles of clients")
        constraints = [models.UniqueConstraint(fields=["client", "role"], name="client_role_unique")]

    def __str__(self) -> str:
        return f"{self.client} → {self.role}"
