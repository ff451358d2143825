"""Directory entries: what a company's directory calls a person (RFC 7643 sections 3.1 and 4.1.1)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from config.history.tracking import tracked
from config.text import NameField
from users.models.user import User, within_people_seen


@tracked(exclude=["created_at", "updated_at"])
class DirectoryEntry(models.Model):
    """The directory's names for a person. Without an entry, the person's `userName` is their e-mail."""

    history_seen_with: ClassVar[str] = "users.view_user"
    history_within = staticmethod(within_people_seen)
    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Taken over by the directory")}

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="directory_entry", verbose_name=_("user"))
    #: `userName`, as the directory has sent it.
    user_name = NameField(_("Name in the directory"), max_length=254)
    #: `externalId`; "" if the directory has sent none.
    external_id = NameField(
        _("Identifier in the directory"), max_length=255, blank=True, default="", db_default="", db_index=True
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        default_permissions = ()
        verbose_name = _("directory entry")
        verbose_name_plural = _("directory entries")
        constraints = [
            models.UniqueConstraint(
                Lower("user_name"),
                name="directory_entry_user_name_unique",
                violation_error_message="This userName is already in use.",
            ),
        ]

    def __str__(self) -> str:
        return self.user_name
