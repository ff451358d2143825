"""Warehouses, to which warehouse users are assigned."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.db import models, transaction
from django.db.models import Func, ProtectedError, Q
from django.db.models.functions import Lower, Now, Trim
from django.utils.translation import gettext_lazy as _

from config.database.lost_updates import SavesChangedColumns
from config.database.periods import current
from config.database.search import Searched
from config.history.tracking import tracked
from config.identifiers import parse_uuid
from config.text import INVISIBLE, OTHER_BLANKS, NameField, name_key

_FOLDED = Func("name", function="search_text")
#: Where a search looks.
WAREHOUSES = Searched(("name__folded",), names=("name__folded",), indexed="name__folded")
NAME_IN_USE = _("This name is already in use.")
#: Warning about a current warehouse.
UNAVAILABLE = _("“%(name)s” is not available: nobody can work there until it is.")


class WarehouseQuerySet(models.QuerySet["Warehouse"]):
    def visible_to(self, user: Any) -> WarehouseQuerySet:
        """All for a Back Office user; for a confined one, those they manage; else those now assigned to the user."""
        if not user.acts_for_others:
            return self.filter(current("assignments__"), assignments__user=user)
        return self.filter(pk__in=user.managed) if user.is_confined else self

    def by_names(self, names: Iterable[str]) -> WarehouseQuerySet:
        """The warehouses with these names, case-insensitive, by the unique index."""
        return self.alias(name_lower=Lower("name")).filter(name_lower__in={name_key(name) for name in names})

    def by_names_or_uuids(self, texts: Iterable[str]) -> dict[str, Warehouse]:
        """Text → the warehouse with this UUID or else this name, for those that there are. One query."""
        keys = {text: name_key(text) for text in texts}
        lower = self.alias(name_lower=Lower("name"))
        found = lower.filter(Q(name_lower__in=keys.values()) | Q(uuid__in=map(parse_uuid, keys.values())))
        rows = list(found)
        by_key = {name_key(one.name): one for one in rows} | {str(one.uuid): one for one in rows}
        return {text: by_key[key] for text, key in keys.items() if key in by_key}


@tracked(exclude=["created_at", "updated_at"])
class Warehouse(SavesChangedColumns):
    """A warehouse. An inactive one can be assigned, but grants no warehouse token (contract 0.3)."""

    back_office_page: ClassVar[str] = "admin:warehouses_warehouse_view_row"

    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    name = NameField(_("Name"), max_length=255)
    note = models.TextField(
        _("Note"),
        blank=True,
        default="",
        db_default="",
        help_text=_("For the Back Office only; shown nowhere else."),
    )
    is_active = models.BooleanField(_("Is this warehouse available?"), default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = WarehouseQuerySet.as_manager()

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ["id"]
        indexes = [
            GinIndex(Func(_FOLDED, function="search_grams"), name="warehouse_search_grams", fastupdate=False),
            GinIndex(Func(_FOLDED, function="search_near"), name="warehouse_search_near", fastupdate=False),
        ]
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="warehouse_uuid_unique"),
            models.UniqueConstraint(Lower("name"), name="warehouse_name_unique", violation_error_message=NAME_IN_USE),
            models.CheckConstraint(
                condition=models.Q(name=Trim("name")) & ~models.Q(name=""),
                name="warehouse_name_trimmed_not_blank",
                violation_error_message=_("A name must not be blank, nor begin or end with a space."),
            ),
            models.CheckConstraint(
                condition=models.Q(name=Func("name", function="normalize"))
                & ~models.Q(name__regex=f"[{INVISIBLE}]|  |[{OTHER_BLANKS}]"),
                name="warehouse_name_normal",
                violation_error_message=_("A name must not contain invisible characters."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def history_within(cls, viewer: Any) -> models.Q:
        """The events of the warehouses of a confined person (`config.history.tracking.seen_by`)."""
        return models.Q(pgh_obj__in=viewer.managed)

    def is_within(self, user: Any, right: str) -> bool:
        """Whether a confined person manages it (`User.may`)."""
        return self.pk in user.managed

    def working_assignments(self) -> Any:
        """The assignments of the people who work here now."""
        return self.assignments.working().select_related("user")

    def remove(self, *, with_assignments: bool = False, once_locked: Callable[[], None] = lambda: None) -> int:
        """Deletes the warehouse, and with `with_assignments` also its assignments. Returns their number.

        `once_locked` is called when nobody can be given or lose its management any more, and may raise. Raises
        ProtectedError if there are assignments otherwise, DoesNotExist if the warehouse was deleted before.
        """
        with transaction.atomic():
            assignments = self.assignments.all()
            if with_assignments:  # locks the users first (`users.locks`)
                people = assignments.select_related("user").select_for_update(no_key=True, of=("user",))
                list(people.order_by("user_id"))
            Warehouse.objects.select_for_update().get(pk=self.pk)
            once_locked()
            if not with_assignments and assignments.exists():
                raise ProtectedError("People are assigned to this warehouse.", set())
            removed, _per_model = assignments.delete()
            self.delete()
        return removed
