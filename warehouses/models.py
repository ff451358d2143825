"""A warehouse: a named place people can be assigned to."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now, Trim

from config.history import tracked

if TYPE_CHECKING:
    from users.models import User


class WarehouseQuerySet(models.QuerySet["Warehouse"]):
    def visible_to(self, user: User) -> WarehouseQuerySet:
        """All for those who see everyone; else the warehouses assigned to this user."""
        return self if user.sees_everyone else self.filter(assignments__user=user)


@tracked(exclude=["created_at", "updated_at"])
class Warehouse(models.Model):
    """A place of work. Inactive: people may still be assigned, but it grants no warehouse token (contract 0.3)."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    note = models.TextField(blank=True, db_default="", help_text="For the Back Office only; shown nowhere else.")
    is_active = models.BooleanField("Is this warehouse available?", default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = WarehouseQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="warehouse_uuid_unique"),
            models.UniqueConstraint(
                fields=["name"],
                name="warehouse_name_unique",
                violation_error_message="This name is already in use.",
            ),
            models.CheckConstraint(
                condition=models.Q(name=Trim("name")) & ~models.Q(name=""),
                name="warehouse_name_trimmed_not_blank",
                violation_error_message="A name must not be blank, nor begin or end with a space.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
