"""A query lookup of our own, registered when this module is imported."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Lookup
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
