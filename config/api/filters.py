"""Filter backends of JSON:API lists, and the kinds of filter: a comma list means "any of" (contract 0.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django_filters import rest_framework as django_filters
from rest_framework.request import Request
from rest_framework_json_api import filters
from rest_framework_json_api.django_filters import backends
from rest_framework_json_api.utils import format_field_name, get_resource_name

from config.api.errors import ApiError, Fault
from config.api.query import PAGE, Query, bad_parameter, not_boolean, read_boolean, unsupported_filter
from config.api.serializers import field_names
from config.identifiers import parse_uuid

SORTED_TWICE = "A field can be sorted by in one direction only."


class QueryParameterValidationFilter(filters.QueryParameterValidationFilter):
    """Refuses unknown names of `include`, `fields` and `page`, repeated parameters and near misses.

    Unknown filters and sort fields are refused by the backends that apply them.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        query: Query = view.query
        included = view.serializer_class.included_serializers
        if unknown := set(query.include) - set(included):
            raise unknown_include(min(unknown))
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
    """`sort` by the `ordering_fields` of the view, under their wire names, with or without the type as a prefix.

    The row's id breaks ties. It has the direction of the last field, so that an index has this order from either end.
    """

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> list[str]:
        known = wire_names(view.ordering_fields)
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


def wire_names(ordering_fields: Iterable[str]) -> dict[str, str]:
    """`{"warehouse.name": "warehouse__name", …}`"""
    return {format_field_name(path.replace("__", ".")): path for path in ordering_fields}


def unknown_sort(term: str, known: Iterable[str]) -> ApiError:
    hint = f" Use: {', '.join(known)}." if known else ""
    return bad_parameter("sort", f"Cannot sort by `{term}`.{hint}")


class DjangoFilterBackend(backends.DjangoFilterBackend):
    """`filter[type.name]` by the view's `filterset_class`. The first parameter at fault is told."""

    def get_filterset_kwargs(self, request: Request, queryset: Any, view: Any) -> dict[str, Any]:
        known = filter_names(get_resource_name({"view": view}), view.filterset_class)
        data = {}
        for key, text in view.query.members("filter").items():
            if key not in known:
                raise unsupported_filter(f"filter[{key}]" if key else "filter")
            data[known[key]] = text
        return {"data": data, "queryset": queryset, "request": request, "filter_keys": data}

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if not view.query.members("filter"):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        for name in filterset.data:
            if errors := filterset.errors.get(name):
                parameter = f"filter[{get_resource_name({'view': view})}.{format_field_name(name)}]"
                raise ApiError(Fault(400, errors[0], parameter=parameter))
        return filterset.qs


def filter_names(resource: str, filterset_class: Any) -> dict[str, str]:
    """`{"warehouses.isActive": "is_active", …}`"""
    return {f"{resource}.{format_field_name(name)}": name for name in filterset_class.base_filters}


# --- Kinds of filter --------------------------------------------------------------------------------------------
class CommaList(forms.Field):
    """The values of a comma list, each read by `read`; an empty text is a list of one empty text. None if absent."""

    def clean(self, value: str | None) -> list[Any] | None:
        if value is None:
            return None
        values = value.split(",")
        if len(values) > settings.MAX_FILTER_VALUES:
            raise forms.ValidationError(f"At most {settings.MAX_FILTER_VALUES} values are accepted.")
        if "\x00" in value:
            raise forms.ValidationError("A value must not contain the NUL character.")
        return [self.read(one) for one in dict.fromkeys(values)]

    def read(self, text: str) -> Any:
        """Raises ValidationError for what is no value of this kind."""
        return text


class UUIDList(CommaList):
    """A text that is no uuid matches nothing."""

    read = staticmethod(parse_uuid)


class BooleanList(CommaList):
    """In the spellings of contract 0.2."""

    def read(self, text: str) -> bool:
        value = read_boolean(text)
        if value is None:
            raise forms.ValidationError(not_boolean(text))
        return value


class TextFilter(django_filters.Filter):
    """Exact texts, case as written."""

    field_class = CommaList

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, lookup_expr="in", **kwargs)


class UUIDFilter(TextFilter):
    field_class = UUIDList


class BooleanFilter(TextFilter):
    field_class = BooleanList


class EmailFilter(TextFilter):
    """E-mail addresses, which are the same in any case of letters. Reads the index on the lower-case ones."""

    def filter(self, queryset: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        if value is None:
            return queryset
        return queryset.filter(In(Lower(self.field_name), [one.lower() for one in value]))


class RelatedUUIDFilter(UUIDFilter):
    """The uuid of the row that a foreign key leads to.

    A single one is looked up first in `queryset`, so that an index on the key has the order of the list as well.
    """

    def __init__(self, *args: Any, queryset: Callable[[], QuerySet[Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queryset = queryset

    def filter(self, queryset: QuerySet[Any], value: list[Any] | None) -> QuerySet[Any]:
        if value is None:
            return queryset
        if len(value) > 1:
            return queryset.filter(**{f"{self.field_name}__uuid__in": value})
        return queryset.filter(**{self.field_name: self.queryset().filter(uuid=value[0]).order_by().values("pk")[:1]})
