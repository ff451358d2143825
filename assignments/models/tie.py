"""Which people are of which warehouse: a view, by which confined people are shown those of their warehouses."""

from __future__ import annotations

from django.db import models

from users.models import User
from warehouses.models import Warehouse


class Tie(models.Model):
    """A person is assigned to a warehouse, or manages it, until `ends_at`; also if that has passed.

    One view of both tables, so that PostgreSQL chooses for each list whether to read it in its order and ask about each
    person, or to collect the people of the warehouses first. Two conditions joined with OR would leave it no choice.
    """

    pk = models.CompositePrimaryKey("user_id", "warehouse_id")
    user = models.ForeignKey(User, models.DO_NOTHING, related_name="ties")
    warehouse = models.ForeignKey(Warehouse, models.DO_NOTHING, related_name="ties")
    ends_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "assignments_tie"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} in {self.warehouse_id}"
