"""What a filter's text means as a condition. A comma list means "any of"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In

from config.identifiers import parse_uuid
from config.jsonapi.query import bad_parameter, read_boolean

#: Turns (parameter name, text) into a condition. Raises ApiError 400.
Filter = Callable[[str, str], Q]


def uuids(path: str) -> Filter:
    """Exact uuids; a text that is none matches nothing."""
    return lambda parameter, text: Q(**{f"{path}__in": {parse_uuid(value) for value in _values(parameter, text)}})


def uuids_of(path: str, related: Callable[[], QuerySet[Any]]) -> Filter:
    """Exact uuids of the row that a foreign key leads to.

    A single one is looked up first, so that an index on the key serves the order of the list as well.
    """
    several = uuids(f"{path}__uuid")

    def condition(parameter: str, text: str) -> Q:
        if "," in text:
            return several(parameter, text)
        return Q(**{path: related().filter(uuid=parse_uuid(*_values(parameter, text))).order_by().values("pk")[:1]})

    return condition


def texts(path: str) -> Filter:
    """Exact texts, case as written."""
    return lambda parameter, text: Q(**{f"{path}__in": set(_values(parameter, text))})


def emails(path: str) -> Filter:
    """E-mail addresses, which are the same in any case of letters. Reads the index on the lower-case ones."""
    return lambda parameter, text: Q(In(Lower(path), [value.lower() for value in _values(parameter, text)]))


def booleans(path: str) -> Filter:
    """Any of true and false, in the spellings of contract 0.2."""

    def condition(parameter: str, text: str) -> Q:
        return Q(**{f"{path}__in": {read_boolean(parameter, value) for value in _values(parameter, text)}})

    return condition


def _values(parameter: str, text: str) -> list[str]:
    values = text.split(",")
    if len(values) > settings.MAX_FILTER_VALUES:
        raise bad_parameter(parameter, f"At most {settings.MAX_FILTER_VALUES} values are accepted.")
    if "\x00" in text:
        raise bad_parameter(parameter, "A value must not contain the NUL character.")
    return values
