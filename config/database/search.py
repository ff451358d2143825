"""Search as people type: a part of any word, in any order, case and spelling, or an id or uuid.

`Searched` says where the rows of a model are looked up. PostgreSQL folds the texts, and what is searched for, by
`search_text`; see migration users.0004.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q, QuerySet

import config.database.lookups  # noqa: F401 (registers the lookups)
from config.identifiers import NIL, parse_key, parse_uuid

#: More of a text is not read: the length of the longest name, and ten words.
MAX_CHARACTERS, MAX_WORDS = 255, 10
#: Words of up to so many letters are taken as they are. So many entries of the index begin with one that it is left to
#: `has_word`, if there are longer ones.
_SHORT = 2
#: What separates the words in which a typing error is allowed, as in `search_near`.
_BETWEEN_NAMES = r"[\s,;\0'-]+"


def words_in(text: str, between: str = r"[\s,;\0]+") -> list[str]:
    """The words of a search. An empty list finds everything."""
    return [word for word in re.split(between, text[:MAX_CHARACTERS]) if word][:MAX_WORDS]


@dataclass(frozen=True)
class Searched:
    """The lookups from a row to what is searched."""

    #: Folded texts.
    texts: tuple[str, ...]
    #: Folded names, in which one typing error is allowed.
    names: tuple[str, ...]
    #: The folded text with an index of `search_grams`; "" for a table of some hundred rows.
    indexed: str = ""
    keys: tuple[str, ...] = ("pk",)
    uuids: tuple[str, ...] = ("uuid",)

    def found_or_similar(self, rows: QuerySet[Any], text: str, limit: int) -> tuple[list[Any], bool]:
        """What is found, or else what is similar, and whether it is only similar."""
        if found := self.found(rows, text, limit):
            return found, False
        found = self.similar(rows, text, limit)
        return found, bool(found)

    def found(self, rows: QuerySet[Any], text: str, limit: int) -> list[Any]:
        """Primary keys of the rows with this id or uuid, or with all words of the text; at most `limit` by either."""
        found = by_id(rows, text, self.keys, self.uuids, limit)
        if parse_uuid(text.strip()) == NIL:
            found += _first(rows, self.with_words(words_in(text)), limit)
        return list(dict.fromkeys(found))

    def similar(self, rows: QuerySet[Any], text: str, limit: int) -> list[Any]:
        """The same with one typing error in a name."""
        words = words_in(text, _BETWEEN_NAMES) if parse_uuid(text.strip()) == NIL else []
        for number, word in enumerate(words):
            if len(word) <= _SHORT:
                continue
            others = words[:number] + words[number + 1 :]
            near = reduce(or_, (Q(**{f"{name}__is_near": word}) for name in self.names))
            # By the index first: PostgreSQL takes `search_near` of each row that meets the list's filters for cheaper.
            by_index = rows.model._base_manager.filter(near & self.with_words(others)).order_by().values("pk")
            if found := _first(rows, Q(pk__any_of=by_index[: 4 * limit]), limit):
                return found
        return []

    def with_words(self, words: list[str]) -> Q:
        """The rows with all these words."""
        longer = [word for word in words if len(word) > _SHORT] or words
        by_index = [Q(**{f"{self.indexed}__has_grams": word}) for word in longer if self.indexed]
        return reduce(and_, [*by_index, *(self._has(word) for word in words)], Q())

    def _has(self, word: str) -> Q:
        return reduce(or_, (Q(**{f"{text}__has_word": word}) for text in self.texts))


def by_id(
    rows: QuerySet[Any],
    text: str,
    keys: tuple[str, ...] = ("pk",),
    uuids: tuple[str, ...] = ("uuid",),
    limit: int = 1,
) -> list[Any]:
    """Primary keys of the rows with this id or uuid, by one query for each lookup if the text is one, else by none."""
    uuid, key = parse_uuid(text.strip()), parse_key(text.strip())
    ways = [Q(**{path: uuid}) for path in uuids if uuid != NIL] + [Q(**{path: key}) for path in keys if key is not None]
    return [pk for way in ways for pk in _first(rows, way, limit)]


def _first(rows: QuerySet[Any], condition: Q, limit: int) -> list[Any]:
    return list(rows.filter(condition).order_by().values_list("pk", flat=True)[:limit])
