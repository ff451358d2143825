"""Search among people: whose e-mail or names begin with what was typed. No word matches from its middle.

Each column has an index for "begins with" (migration 0001). Asked for any of them at once, PostgreSQL reads all that
match before it takes a few, or everybody; asked for one after the other, it stops at as many as are wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower

NAMES = ("first_name", "last_name")
SEARCHED = ("email", *NAMES)


class _AsIndexed(OrderBy):
    """In the order of the indexes, byte by byte: so they are read, and a table is not sorted nor hoped to be lucky."""

    template = "%(expression)s USING ~<~ /* ASC */"  # Django looks for one of its two words


def keys_found(
    rows: QuerySet[Any], text: str, most: int, *, person: str = "", searched: Sequence[str] = SEARCHED
) -> QuerySet[Any, Any]:
    """Primary keys of rows whose person has e-mail or names beginning with the text, or with each of its words.

    At most `most` by each column, the first ones by it; some perhaps twice. `person` leads from a row to the person,
    such as `user__`; `searched` are the columns to look into. Of no words, any rows.
    """
    rows = rows.alias(**{f"{field}_lower": Lower(f"{person}{field}") for field in searched})
    found = [
        rows.filter(way).order_by(_AsIndexed(F(f"{field}_lower"))).values_list("pk", flat=True)[:most]
        for field, way in _ways(text.lower().split(), searched)
    ]
    return found[0].union(*found[1:], all=True)


def _ways(words: list[str], searched: Sequence[str]) -> Iterator[tuple[str, Q]]:
    """One for each index to look into: for the longest word, then for all words as one name."""
    longest = max(words, key=len, default="")
    others = [reduce(or_, _begins(word, searched).values()) for word in words if word != longest]
    for field, begins in _begins(longest, searched).items():
        yield field, reduce(and_, others, begins)
    if others:
        yield from _begins(" ".join(words), searched).items()


def _begins(text: str, searched: Sequence[str]) -> dict[str, Q]:
    return {field: Q(**{f"{field}_lower__startswith": text}) for field in searched}
