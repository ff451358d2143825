"""Strict parsing of query strings: malformed parameters of JSON:API are refused, not ignored (contract 0.2).

Unknown filters, sort fields and includes are refused by `config.api.filters` and the views.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote

from django.utils.functional import cached_property

from config.api.errors import UNSUPPORTED_FILTER, ApiError, Fault

_FAMILY = re.compile(r"(include|sort|filter|page|fields)(\[([^\[\]]+)\])?")
#: Characters that links do not percent-encode: brackets, as in the reference.
_ECHO_SAFE = "[]!$()*,:;@/?"
#: The members of `page[...]`.
PAGE = ("offset", "limit", "after", "before", "total")
#: Spellings of booleans, in any case.
YES, NO = ("true", "1", "on", "yes"), ("false", "0", "off", "no")


class Query:
    """The parameters of one request. Every method raises ApiError 400, which names the parameter at fault."""

    def __init__(self, query_string: str) -> None:
        self.pairs = parse_qsl(query_string, keep_blank_values=True, errors="replace")

    @cached_property
    def echo(self) -> str:
        """The query as it was sent, for `links.self`; empty if there is none."""
        return self.link()

    def link(self, without: Iterable[str] = (), **pages: str) -> str:
        """The query with `page[...]` members removed or replaced, and with the "?"."""
        left_out = {f"page[{name}]" for name in (*without, *pages)}
        pairs = [pair for pair in self.pairs if pair[0] not in left_out]
        pairs += [(f"page[{name}]", value) for name, value in pages.items()]
        text = "&".join(f"{quote(key, _ECHO_SAFE)}={quote(value, _ECHO_SAFE)}" for key, value in pairs)
        return f"?{text}" if text else ""

    @cached_property
    def families(self) -> dict[str, dict[str, str]]:
        """`{"filter": {"users.uuid": "…"}, …}`; the key of a parameter without brackets is "".

        A repeated parameter is its comma list (contract 0.5), except `page[…]`.
        """
        families: dict[str, dict[str, str]] = {}
        for key, value in self.pairs:
            match = _FAMILY.fullmatch(key)
            if not match:
                _refuse_malformed(key)
                continue
            members = families.setdefault(match[1], {})
            name = match[3] or ""
            if name in members and match[1] == "page":
                raise bad_parameter(key, f"`{key}` is given more than once.")
            members[name] = f"{members[name]},{value}" if name in members else value
        return families

    def members(self, family: str) -> dict[str, str]:
        """The values of `family[name]` by name."""
        return self.families.get(family, {})

    def names(self, family: str) -> list[str]:
        """The comma list of `include` or `sort`, each name once."""
        for name in self.members(family):
            if name:
                raise bad_parameter(f"{family}[{name}]", f"Use `{family}=name,name`.")
        return list(dict.fromkeys(filter(None, self.members(family).get("", "").split(","))))

    @cached_property
    def include(self) -> list[str]:
        """The requested relationships."""
        return self.names("include")

    @cached_property
    def fields(self) -> dict[str, frozenset[str]]:
        """Sparse fieldsets: the requested fields by type."""
        return {resource: frozenset(filter(None, text.split(","))) for resource, text in self.members("fields").items()}


def bad_parameter(parameter: str, detail: str) -> ApiError:
    """A 400 response that names the query parameter at fault."""
    return ApiError(Fault(400, detail, parameter=parameter))


def unsupported_filter(parameter: str) -> ApiError:
    """Code 011: the resource prefix is missing, or the resource has no such filter."""
    return ApiError(Fault(400, UNSUPPORTED_FILTER.detail, UNSUPPORTED_FILTER.code, parameter=parameter))


def _refuse_malformed(key: str) -> None:
    """Refuses malformed parameters of JSON:API, such as `sort[]` and `filter[a][b]`. Other names are ignored."""
    if key.startswith("filter["):
        raise unsupported_filter(key)
    if re.match(r"(include|sort|page|fields)\[", key):
        raise bad_parameter(key, f"`{key}` could not be understood.")


def read_boolean(text: str) -> bool | None:
    """None if the text is in neither `YES` nor `NO`."""
    word = text.lower()
    return True if word in YES else False if word in NO else None


def not_boolean(text: str) -> str:
    return f"`{text}` is neither true nor false."
