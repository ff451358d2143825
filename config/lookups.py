"""What Django's queries can ask besides what comes with it."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Lookup
from django.db.models.sql import Query


@Field.register_lookup
class AnyOf(Lookup):
    """`pk__any_of=keys`: what `pk__in=keys` finds, for thousands of keys or a queryset of them.

    PostgreSQL does not see beforehand how many there are: so it looks up just these and sorts them, where it might
    walk through all rows in the wanted order to meet the few. A list, of numbers or uuids, goes along as one
    parameter, written as PostgreSQL writes an array: psycopg takes several times as long over it.
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
        kind = self.lhs.output_field.cast_db_type(connection)
        return f"(SELECT unnest(%s::{kind}[]))", ["{" + ",".join(map(str, self.rhs)) + "}"]
