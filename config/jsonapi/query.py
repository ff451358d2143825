"""What a query string asks for, read strictly: what is not understood is refused, not ignored (contract 0.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote

from config.errors import UNSUPPORTED_FILTER, ApiError, Fault

_FAMILY = re.compile(r"(include|sort|filter|page|fields)(\[([^\[\]]+)\])?")
#: Characters that stay as they are when a query is echoed in a link: brackets raw, as the reference's.
_ECHO_SAFE = "[]!$()*,:;@/?"


class Query:
    """The parameters of one request. Every reader raises ApiError 400 with the parameter at fault."""

    def __init__(self, query_string: str) -> None:
        self.pairs = parse_qsl(query_string, keep_blank_values=True, errors="replace")

    @cached_property
    def echo(self) -> str:
        """The query as it was sent, for `links.self`; empty when there was none."""
        return self.link()

    def link(self, without: Iterable[str] = (), **pages: str) -> str:
        """The query with `page[...]` members left out or put in their place; "?" included."""
        left_out = {f"page[{name}]" for name in (*without, *pages)}
        pairs = [pair for pair in self.pairs if pair[0] not in left_out]
        pairs += [(f"page[{name}]", value) for name, value in pages.items()]
        text = "&".join(f"{quote(key, _ECHO_SAFE)}={quote(value, _ECHO_SAFE)}" for key, value in pairs)
        return f"?{text}" if text else ""

    @cached_property
    def families(self) -> dict[str, dict[str, str]]:
        """`{"filter": {"users.uuid": "…"}, …}`; a parameter without brackets stands under the key ""."""
        families: dict[str, dict[str, str]] = {}
        for key, value in self.pairs:
            match = _FAMILY.fullmatch(key)
            if not match:
                _refuse_near_miss(key)
                continue
            members = families.setdefault(match[1], {})
            name = match[3] or ""
            if name in members:
                raise bad_parameter(key, f"`{key}` is given more than once.")
            members[name] = value
        return families

    def include(self, known: Iterable[str]) -> list[str]:
        """The related resources asked for, each once."""
        names = self._list("include")
        if unknown := set(names) - set(known):
            raise bad_parameter("include", f"`{min(unknown)}` cannot be included here.")
        return names

    def fields(self, known: dict[str, Iterable[str]]) -> dict[str, frozenset[str]]:
        """Sparse fieldsets by type; `known` names the fields of each type this resource can answer with."""
        chosen = {}
        for resource, text in self.families.get("fields", {}).items():
            names = frozenset(filter(None, text.split(",")))
            parameter = f"fields[{resource}]" if resource else "fields"
            if resource not in known:
                unknown_type = f"There are no `{resource}` here. " if resource else ""
                raise bad_parameter(parameter, f"{unknown_type}Use `fields[type]=name,name`.")
            if unknown := names - set(known[resource]):
                raise bad_parameter(parameter, f"`{resource}` have no field `{min(unknown)}`.")
            chosen[resource] = names
        return chosen

    def sort(self, resource: str, known: Iterable[str]) -> list[tuple[str, bool]]:
        """(name, descending) of each sort field; the names may carry the prefix of the resource."""
        terms: list[tuple[str, bool]] = []
        for term in self._list("sort"):
            name = term.removeprefix("-").removeprefix(f"{resource}.")
            if name in dict(terms):
                raise bad_parameter("sort", SORTED_TWICE)
            if name not in known:
                hint = f" Use: {', '.join(known)}." if known else ""
                raise bad_parameter("sort", f"Cannot sort by `{term}`.{hint}")
            terms.append((name, term.startswith("-")))
        return terms

    def filters(self, resource: str, known: Iterable[str]) -> dict[str, str]:
        """Filter values by field. Code 011 for a missing prefix as for an unknown field."""
        chosen = {}
        for key, value in self.families.get("filter", {}).items():
            prefix, _, name = key.partition(".")
            if prefix != resource or name not in known:
                raise ApiError(_at(UNSUPPORTED_FILTER, f"filter[{key}]" if key else "filter"))
            chosen[name] = value
        return chosen

    def page(self, known: Iterable[str]) -> dict[str, str]:
        """The members of `page[...]`."""
        members = self.families.get("page", {})
        for name in members:
            if name not in known:
                parameter = f"page[{name}]" if name else "page"
                raise bad_parameter(parameter, f"`{parameter}` is not supported. Use: {', '.join(known)}.")
        return members

    def _list(self, family: str) -> list[str]:
        members = self.families.get(family, {})
        for name in members:
            if name:
                raise bad_parameter(f"{family}[{name}]", f"Use `{family}=name,name`.")
        return list(dict.fromkeys(filter(None, members.get("", "").split(","))))


SORTED_TWICE = "A field can be sorted by in one direction only."


def bad_parameter(parameter: str, detail: str) -> ApiError:
    """A refusal that names the query parameter at fault."""
    return ApiError(Fault(400, detail, parameter=parameter))


def _at(fault: Fault, parameter: str) -> Fault:
    return Fault(fault.status, fault.detail, fault.code, parameter=parameter)


def _refuse_near_miss(key: str) -> None:
    """`sort[]`, `filter[a][b]`: meant for us, but not understood. Anything else is the caller's own business."""
    if key.startswith("filter["):
        raise ApiError(_at(UNSUPPORTED_FILTER, key))
    if re.match(r"(include|sort|page|fields)\[", key):
        raise bad_parameter(key, f"`{key}` could not be understood.")


#: Written in any case of letters.
YES, NO = ("true", "1", "on", "yes"), ("false", "0", "off", "no")


def read_boolean(parameter: str, text: Any) -> bool:
    """Refuses what is neither of `YES` nor of `NO`."""
    word = text.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise bad_parameter(parameter, f"`{text}` is neither true nor false.")
