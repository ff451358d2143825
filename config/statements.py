"""Statements that are compiled once.

Django works out the SQL of a queryset anew each time it runs, which costs more than all else that a request does. The
few querysets that nearly every request runs are therefore built once, with a `Given` in the place of each value, and
afterwards only filled in. The queryset stays the declaration: it stands where the statement is made, and
`tests/test_statements.py` holds that both return the same rows, on each version of Django that we move to.

PostgreSQL, too, works out once how it goes about them: they are sent as prepared statements, their values beside the
SQL, and answered in its binary format (`PREPARED_STATEMENTS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from operator import itemgetter
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models.base import ModelState
from django.db.models.expressions import Expression
from django.db.models.sql import UpdateQuery
from psycopg.pq import Format

Row = TypeVar("Row", bound=models.Model)


class Given(Expression):
    """The place of a value that is known when the statement runs; the value is sent as PostgreSQL's driver takes it."""

    def __init__(self, name: str, output_field: models.Field) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", (self,)


class Statement:
    """SQL with places for values."""

    def __init__(self, sql: str, parameters: Iterable[Any]) -> None:
        self.sql, self.parameters = sql, tuple(parameters)

    def values(self, given: dict[str, Any]) -> list[Any]:
        return [given[part.name] if isinstance(part, Given) else part for part in self.parameters]


class PreparedCursor(ServerBindingCursor):
    """Sends SQL and values apart, as prepared statements need it, and reads PostgreSQL's binary format.

    That format is read as psycopg reads it: JSON and addresses of the network come otherwise than Django's fields
    expect.
    """

    #: pghistory puts what it tells the triggers before each statement that writes, unless its cursor has a name; but
    #: two statements at once cannot be prepared. What is written this way must be of tables without history.
    name = "prepared"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.format = Format.BINARY


def execute(sql: str, values: list[Any]) -> Any:
    """Runs a prepared statement, and returns the cursor with its rows.

    While statements are logged, as in tests that count them, it is sent as all others are: with its values in it.
    """
    running = connection.cursor() if connection.queries_logged else _prepared_cursor()
    running.execute(sql, values)
    return running


def _prepared_cursor() -> Any:
    """One for each connection, which so works out only once how to read a type."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    cursor = getattr(database, "prepared_cursor", None)
    if cursor is None or cursor.connection is not database.connection:
        cursor = database.prepared_cursor = PreparedCursor(database.connection)
    return database._prepare_cursor(cursor)  # which translates what goes wrong


class Select(Generic[Row]):
    """A queryset of whole rows, compiled when it is first run. `select_related`, `only` and `annotate` are heeded.

    What else is done per row, such as prefetching, is not: do not put it here.
    """

    def __init__(self, queryset: Callable[[], models.QuerySet[Row]]) -> None:
        self._queryset = queryset

    def all(self, **given: Any) -> list[Row]:
        """The rows for these values."""
        statement = self._statement
        fetched = execute(statement.sql, statement.values(given)).fetchall()
        made = self._maker.made
        return [made(row) for row in self._converted(fetched)]

    def first(self, **given: Any) -> Row | None:
        """The first of them. The queryset should be one of at most one row, or sliced."""
        rows = self.all(**given)
        return rows[0] if rows else None

    @cached_property
    def _compiler(self) -> Any:
        compiler = self._queryset().query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._parameters = compiler.as_sql()
        return compiler

    @cached_property
    def _statement(self) -> Statement:
        _ = self._compiler
        return Statement(self._sql, self._parameters)

    @cached_property
    def _converters(self) -> Any:
        return self._compiler.get_converters([column[0] for column in self._compiler.select])

    def _converted(self, fetched: list[Any]) -> Iterable[Any]:
        return self._compiler.apply_converters(fetched, self._converters) if self._converters else fetched

    @cached_property
    def _maker(self) -> Maker:
        return Maker(self._compiler.klass_info, self._compiler.select, self._compiler.annotation_col_map)


class Maker:
    """Makes instances of one model, and those that `select_related` brings along, out of rows.

    As `Model.from_db` does, but for the signals and checks of `__init__`: rows come from the database, and nobody
    listens. Columns left out by `only` are read when they are asked for.
    """

    def __init__(self, info: dict[str, Any], select: Any, annotations: dict[str, int]) -> None:
        self.model = info["model"]
        places = {select[place][0].target.attname: place for place in info["select_fields"]} | annotations
        self.key = places[self.model._meta.pk.attname]
        self.names = tuple(places)
        self.values = itemgetter(*places.values(), self.key)  # at least two, so that it returns a tuple
        self.related = [
            (related["field"].cache_name, Maker(related, select, {})) for related in info.get("related_klass_infos", ())
        ]

    def made(self, row: Any) -> Any:
        """The instance in this row; None where an outer join found none."""
        if row[self.key] is None:
            return None
        instance = self.model.__new__(self.model)
        state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        instance.__dict__ = columns = dict(zip(self.names, self.values(row), strict=False))
        columns["_state"] = state
        if self.related:
            state.fields_cache = {name: maker.made(row) for name, maker in self.related}
        return instance


class Insert:
    """`save(force_insert=True)` of a model without parents or history, its SQL built once.

    The row's key must be set.
    """

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model

    def run(self, instance: models.Model) -> None:
        """Raises IntegrityError as `save` does. Sends no signals."""
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
    """`queryset.update(**values)`, compiled when it is first run."""

    def __init__(self, queryset: Callable[[], models.QuerySet[Any]], **values: Any) -> None:
        self._queryset, self._values = queryset, values

    def run(self, **given: Any) -> int:
        """How many rows it changed."""
        with connection.cursor() as cursor:  # not prepared: see PreparedCursor.name
            cursor.execute(self._statement.sql, self._statement.values(given))
            return cursor.rowcount

    @cached_property
    def _statement(self) -> Statement:
        query: Any = self._queryset().query.chain(UpdateQuery)
        query.add_update_values(self._values)
        return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql())
