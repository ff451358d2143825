"""Query lookups of our own, registered when this module is imported."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Lookup, TextField, Transform
from django.db.models.sql import Query


@Field.register_lookup
class AnyOf(Lookup):
    """`pk__any_of=keys`: the same rows as `pk__in=keys`, faster for thousands of keys or a queryset of keys.

    PostgreSQL does not know the number of keys when it plans, so it looks up each key and sorts the rows found. With
    IN it may scan all rows in the requested order instead. A list of numbers or uuids is sent as one parameter in
    PostgreSQL's array syntax, which psycopg takes several times as long to build.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, values = self.process_lhs(compiler, connection)
        keys, more = self._keys(compiler, connection)
        return f"{column} = ANY (ARRAY{keys})", [*values, *more]

    def _keys(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        if isinstance(self.rhs, Query):
            query, values = compiler.compile(self.rhs)
            return query, list(values)
        column_type = self.lhs.output_field.cast_db_type(connection)
        return f"(SELECT unnest(%s::{column_type}[]))", ["{" + ",".join(map(str, self.rhs)) + "}"]


# --- Search (the functions are in migration users.0004) --------------------------------------------------------------
@Field.register_lookup
class Folded(Transform):
    """`name__folded`: the column as `search_text` folds it."""

    lookup_name = "folded"
    function = "search_text"
    output_field = TextField()


class _WordLookup(Lookup):
    """Compares a folded text with a word as it was typed. PostgreSQL folds the word, once for each statement."""

    prepare_rhs = False
    template: str

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        text, values = self.process_lhs(compiler, connection)
        return self.template.format(text=text), [*values, self.rhs]


@Field.register_lookup
class HasWord(_WordLookup):
    """Whether the word, in any of its spellings, is part of the text."""

    lookup_name = "has_word"
    template = (
        r"{text} LIKE ANY (string_to_array('%%' || replace(regexp_replace(search_text(%s), '([\\%%_])', '\\\1', 'g'), "
        "' ', '%% %%') || '%%', ' '))"
    )


@Field.register_lookup
class HasGrams(_WordLookup):
    """A condition for the index that all rows with `has_word` meet."""

    lookup_name = "has_grams"
    template = "search_grams({text}) @@ search_query(%s)"


@Field.register_lookup
class IsNear(_WordLookup):
    """Whether the text has a word that differs from this one by one letter."""

    lookup_name = "is_near"
    template = "search_near({text}) && search_near(search_text(%s))"
