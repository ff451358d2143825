"""Filter backends of JSON:API lists, and the filter types. A comma list means "any of" (contract 0.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django_filters import rest_framework as django_filters
from rest_framework.request import Request
from rest_framework_json_api import filters
from rest_framework_json_api.django_filters import backends
from rest_framework_json_api.utils import format_field_name, get_resource_name

from config.api.errors import ApiError
from config.api.query import PAGE, Query, bad_parameter, not_boolean, read_boolean, unsupported_filter
from config.api.serializers import field_names, parse_moment
from config.identifiers import parse_uuid
from config.text import email_key

NOT_A_MOMENT = "Must be one moment with its offset, such as `2026-11-24T10:00:00Z`; in a URL, `+` is written `%2B`."
SORTED_TWICE = "A field can be sorted by in one direction only."


class QueryParameterValidationFilter(filters.QueryParameterValidationFilter):
    """Refuses unknown names in `include`, `fields` and `page`, and malformed parameters.

    Unknown filters and sort fields are refused by the backends that apply them.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        query: Query = view.query
        included = view.serializer_class.included_serializers
        if unknown := [name for name in query.include if name not in included]:
            raise unknown_include(min(unknown))
        if query.fields:
            kinds = (view.serializer_class, *included.values())
            _check_fields(query.fields, {kind.Meta.resource_name: field_names(kind) for kind in kinds})
        if view.action == "list":
            _check_page_members(query)
        return queryset


def _check_fields(chosen: dict[str, frozenset[str]], known: dict[str, Iterable[str]]) -> None:
    for resource, names in chosen.items():
        parameter = f"fields[{resource}]" if resource else "fields"
        if resource not in known:
            unknown_type = f"There are no `{resource}` here. " if resource else ""
            raise bad_parameter(parameter, f"{unknown_type}Use `fields[type]=name,name`.")
        if unknown := names - set(known[resource]):
            raise unknown_field(resource, min(unknown))


def _check_page_members(query: Query) -> None:
    for name in query.members("page"):
        if name not in PAGE:
            parameter = f"page[{name}]" if name else "page"
            raise bad_parameter(parameter, f"`{parameter}` is not supported. Use: {', '.join(PAGE)}.")


def unknown_include(name: str) -> ApiError:
    return bad_parameter("include", f"`{name}` cannot be included here.")


def unknown_field(resource: str, name: str) -> ApiError:
    return bad_parameter(f"fields[{resource}]", f"`{resource}` have no field `{name}`.")


class OrderingFilter(filters.OrderingFilter):
    """Sorts by the view's `ordering_fields`, with or without the type as a prefix.

    The row's id breaks ties. It has the direction of the last field, so that one index serves both directions.
    """

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> list[str]:
        known = view.ordering_fields
        chosen: dict[str, str] = {}
        for term in view.query.names("sort"):
            name = term.removeprefix("-").removeprefix(f"{get_resource_name({'view': view})}.")
            if name in chosen:
                raise bad_parameter("sort", SORTED_TWICE)
            if name not in known:
                raise unknown_sort(term, known)
            chosen[name] = f"-{known[name]}" if term.startswith("-") else known[name]
        ordering = list(chosen.values())
        return [*ordering, "-id" if ordering and ordering[-1].startswith("-") else "id"]


def unknown_sort(term: str, known: Iterable[str]) -> ApiError:
    hint = f" Use: {', '.join(known)}." if known else ""
    return bad_parameter("sort", f"Cannot sort by `{term}`.{hint}")


class DjangoFilterBackend(backends.DjangoFilterBackend):
    """Applies `filter[type.name]` by the filters of the view's `filterset_class`, in the order of the query.

    The class's filters are used directly: the library would copy all of them and build a form for each request.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        chosen = view.query.members("filter")
        known = filter_names(get_resource_name({"view": view}), view.filterset_class)
        for key in chosen:
            if key not in known:
                raise unsupported_filter(f"filter[{key}]" if key else "filter")
        for key, text in chosen.items():
            declared = view.filterset_class.base_filters[known[key]]
            try:
                queryset = declared.filter(queryset, declared.field.clean(text))
            except forms.ValidationError as invalid:
                raise bad_parameter(f"filter[{key}]", str(invalid.message)) from None
        return queryset


@cache
def filter_names(resource: str, filterset_class: Any) -> dict[str, str]:
    """`{"warehouses.isActive": "is_active", …}`"""
    return {f"{resource}.{format_field_name(name)}": name for name in filterset_class.base_filters}


# --- Filter types -----------------------------------------------------------------------------------------------
class CommaList(forms.Field):
    """A comma list. `read` converts each value, or raises ValidationError."""

    def __init__(self, *, read: Callable[[str], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.read = read

    def clean(self, value: str) -> list[Any]:
        values = value.split(",")
        if len(values) > settings.MAX_FILTER_VALUES:
            raise forms.ValidationError(f"At most {settings.MAX_FILTER_VALUES} values are accepted.")
        if "\x00" in value:
            raise forms.ValidationError("A value must not contain the NUL character.")
        return [self.read(one) for one in dict.fromkeys(values)]


def _boolean(text: str) -> bool:
    value = read_boolean(text)
    if value is None:
        raise forms.ValidationError(not_boolean(text))
    return value


class TextFilter(django_filters.Filter):
    """Exact texts; case-sensitive."""

    field_class = CommaList
    read: Callable[[str], Any] = str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, lookup_expr="in", label="", read=self.read, **kwargs)


class UUIDFilter(TextFilter):
    """Exact UUIDs; any other text matches no row."""

    read = staticmethod(parse_uuid)


class BooleanFilter(TextFilter):
    """Booleans in the spellings of contract 0.2."""

    read = staticmethod(_boolean)


class ConditionFilter(BooleanFilter):
    """Booleans that are no column: whether a row meets the condition, or `otherwise` (default: its negation)."""

    def __init__(self, condition: Q, otherwise: Q | None = None) -> None:
        super().__init__()
        self.condition, self.otherwise = condition, otherwise or ~condition

    def filter(self, queryset: QuerySet[Any], value: list[bool]) -> QuerySet[Any]:
        if len(value) > 1:
            return queryset
        return queryset.filter(self.condition if value[0] else self.otherwise)


class MomentField(forms.Field):
    """One moment of RFC 3339."""

    def clean(self, value: str) -> datetime:
        moment = parse_moment(value)
        if moment is None:
            raise forms.ValidationError(NOT_A_MOMENT)
        return moment


class MomentFilter(django_filters.Filter):
    """The moment of which a list tells. The view reads it and chooses its rows; here it narrows nothing."""

    field_class = MomentField

    def __init__(self, description: str) -> None:
        super().__init__()
        self.description = description

    def filter(self, queryset: QuerySet[Any], value: datetime) -> QuerySet[Any]:
        return queryset


class EmailFilter(TextFilter):
    """E-mail addresses in any spelling, by the index on the lower-case addresses."""

    read = staticmethod(email_key)

    def filter(self, queryset: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        return queryset.filter(In(Lower(self.field_name), value))


class RelatedUUIDFilter(UUIDFilter):
    """The UUID of the row that a foreign key refers to.

    A single UUID becomes a subquery for the key, so that an index on the key can also provide the list's order.
    """

    def __init__(self, *args: Any, to: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.to = to

    def filter(self, queryset: QuerySet[Any], value: list[Any]) -> QuerySet[Any]:
        if len(value) > 1:
            return queryset.filter(**{f"{self.field_name}__uuid__in": value})
        found = self.to.objects.filter(uuid=value[0]).order_by().values("pk")[:1]
        return queryset.filter(**{self.field_name: found})
