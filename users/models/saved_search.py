"""Searches that people in the Back Office have saved for themselves."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from users.models.user import User


class SavedSearch(models.Model):
    """A list with its search, filters and order, under a name of the person's own."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(_("Name"), max_length=100)
    #: The label of the model whose list it is, such as `users.user`.
    kind = models.CharField(max_length=100)
    #: The query string of the list.
    query = models.CharField(max_length=2_000)

    class Meta:
        default_permissions = ()
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_search_name_unique")]

    def __str__(self) -> str:
        return self.name
