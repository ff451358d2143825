"""Compiled queries: querysets whose SQL is compiled once.

Django compiles the SQL of a queryset at every execution, which is the largest part of a request's processor time. The
few querysets that nearly every request executes are compiled once, with a `Parameter` for each value. The queryset
remains the declaration. `tests/api/test_compiled_queries.py` checks that both return the same rows.

The queries are executed as server-side prepared statements in binary format (`PREPARED_STATEMENTS`).

This module uses internals of Django's SQL compiler, and is the only one to use private interfaces of a dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models.base import ModelState
from django.db.models.expressions import Expression
from django.db.models.sql import UpdateQuery
from django.utils.functional import cached_property
from psycopg.pq import Format

Row = TypeVar("Row", bound=models.Model)

#: Cursors of one connection.
_MAX_CURSORS = 20


class Parameter(Expression):
    """A placeholder for a value that is passed at execution, in a type that psycopg adapts."""

    def __init__(self, name: str, output_field: models.Field) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", (self,)


class Statement:
    """SQL and its parameters, some of which are `Parameter` placeholders."""

    def __init__(self, sql: str, parameters: Iterable[Any]) -> None:
        self.sql, self.parameters = sql, tuple(parameters)

    def values(self, given: dict[str, Any]) -> list[Any]:
        return [given[part.name] if isinstance(part, Parameter) else part for part in self.parameters]


class PreparedCursor(ServerBindingCursor):
    """Binds values on the server, as prepared statements require, and reads the binary format.

    psycopg converts the values: JSON and network addresses differ from what Django's fields expect.
    """

    #: pghistory prepends a statement with its context to each write, except for a cursor with a name. Two statements
    #: at once cannot be prepared. Only tables without history may be written with this cursor.
    name = "prepared"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.format = Format.BINARY


def execute(sql: str, values: list[Any]) -> Any:
    """Executes a prepared statement and returns the cursor.

    Uses Django's cursor while queries are logged, as in tests that count queries.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up for each attribute
    cursor = database.cursor() if database.queries_logged else _prepared_cursor(database, sql)
    cursor.execute(sql, values)
    return cursor


def fetch(sql: str, values: list[Any]) -> list[Any]:
    """The rows of a prepared statement."""
    cursor = execute(sql, values)
    with cursor.db.wrap_database_errors:  # as Django's cursor does for each method, with more processor time
        return cursor.cursor.fetchall()


def _prepared_cursor(database: Any, sql: str) -> Any:
    """One cursor for each statement of a connection: psycopg looks up adapters anew for another statement."""
    database.ensure_connection()
    cursors = vars(database.connection).setdefault("prepared_cursors", {})
    if sql not in cursors:
        if len(cursors) >= _MAX_CURSORS:  # lists of many sizes; each cursor holds the rows that it has read last
            del cursors[next(iter(cursors))]
        cursors[sql] = PreparedCursor(database.connection)
    return database._prepare_cursor(cursors[sql])  # wraps exceptions


class Select(Generic[Row]):
    """A queryset of model instances, compiled at its first execution.

    Supports `select_related`, `only` and `annotate`, and nothing else that Django does per row, such as prefetching.
    """

    def __init__(self, queryset: Callable[[], models.QuerySet[Row]]) -> None:
        self._queryset = queryset

    def all(self, **given: Any) -> list[Row]:
        """The rows for these values of the parameters."""
        compiler, statement, converters, builder = self._compiled
        rows = fetch(statement.sql, statement.values(given))
        if converters:
            rows = compiler.apply_converters(rows, converters)
        return [builder.build(row) for row in rows]

    def first(self, **given: Any) -> Row | None:
        """The first row. The queryset should have at most one row, or be sliced."""
        rows = self.all(**given)
        return rows[0] if rows else None

    @cached_property
    def _compiled(self) -> tuple[Any, Statement, Any, InstanceBuilder]:
        compiler: Any = self._queryset().query.get_compiler(DEFAULT_DB_ALIAS)
        statement = Statement(*compiler.as_sql())  # which sets the attributes read below
        converters = compiler.get_converters([column[0] for column in compiler.select])
        builder = InstanceBuilder(compiler.klass_info, compiler.select, compiler.annotation_col_map)
        return compiler, statement, converters, builder


class InstanceBuilder:
    """Builds model instances with their `select_related` instances from rows.

    Like `Model.from_db` without the signals and checks of `Model.__init__`. Columns left out by `only` are deferred.
    """

    def __init__(self, info: dict[str, Any], select: Any, annotations: dict[str, int]) -> None:
        self.model = info["model"]
        positions = {select[index][0].target.attname: index for index in info["select_fields"]} | annotations
        self.key = positions[self.model._meta.pk.attname]
        self.names = tuple(positions)
        self.values = itemgetter(*positions.values(), self.key)  # at least two, so that it returns a tuple
        self.related = [
            (related["field"].cache_name, InstanceBuilder(related, select, {}))
            for related in info.get("related_klass_infos", ())
        ]

    def build(self, row: Any) -> Any:
        """The instance in this row; None if an outer join found none."""
        if row[self.key] is None:
            return None
        instance = self.model.__new__(self.model)
        state = ModelState()
        state.adding = False
        state.db = DEFAULT_DB_ALIAS
        columns = instance.__dict__
        columns.update(zip(self.names, self.values(row)))  # noqa: B905 (the values end with the key, once more)
        columns["_state"] = state
        if self.related:
            state.fields_cache = {name: builder.build(row) for name, builder in self.related}
        return instance


class Insert:
    """`save(force_insert=True)` with SQL that is compiled once, for a model without parents or history.

    The primary key must be set.
    """

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model

    def run(self, instance: models.Model) -> None:
        """Raises IntegrityError as `save` does; sends no signals."""
        execute(
            self._sql,
            [field.get_db_prep_save(field.pre_save(instance, True), connection) for field in self._fields],
        )
        instance._state.adding, instance._state.db = False, DEFAULT_DB_ALIAS

    @cached_property
    def _fields(self) -> list[Any]:
        return [*self._model._meta.local_concrete_fields]

    @cached_property
    def _sql(self) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(field.column) for field in self._fields)
        places = ", ".join("%s" for _ in self._fields)
        return f"INSERT INTO {quote(self._model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 (our own names)


class Update:
    """`queryset.update(**values)`, compiled at its first execution."""

    def __init__(self, queryset: Callable[[], models.QuerySet[Any]], **values: Any) -> None:
        self._queryset, self._values = queryset, values

    def run(self, **given: Any) -> int:
        """Returns the number of rows changed."""
        with connection.cursor() as cursor:  # not prepared: see PreparedCursor.name
            cursor.execute(self._statement.sql, self._statement.values(given))
            return cursor.rowcount

    @cached_property
    def _statement(self) -> Statement:
        query: Any = self._queryset().query.chain(UpdateQuery)
        query.add_update_values(self._values)
        return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql())
