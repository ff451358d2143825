"""What a search of people reads: one row a person, kept by a trigger (migration 0004)."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Concat

from users.models.user import User


class SearchEntry(models.Model):
    """Not columns of the person: each sign-in would write their index entries again.

    Whoever writes a person, its name is found: `search_text` is the one function that folds, of names and of what is
    searched for.
    """

    user = models.OneToOneField(
        User, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="search_entry"
    )
    name = models.TextField()
    email = models.TextField()
    #: What is found by those who may not see e-mail addresses.
    names = models.GeneratedField(
        expression=Func("name", function="search_text"), output_field=models.TextField(), db_persist=True
    )
    sought = models.GeneratedField(
        expression=Func(Concat("name", Value(" ", models.TextField()), "email"), function="search_text"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        default_permissions = ()
        # Without `fastupdate`, whose list of pending entries stalls a writer now and then.
        indexes = [
            GinIndex(Func(F("sought"), function="search_grams"), name="search_grams", fastupdate=False),
            GinIndex(Func(F("names"), function="search_near"), name="search_near", fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.name
