"""Filters of SCIM as conditions of the database (RFC 7644 section 3.4.2.2). Only what an index finds can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q
from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    AttrPath,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

#: Most characters of a filter.
MAX_CHARACTERS = 2_000

#: Operator → lookup. `ne` is the opposite of `eq`.
LOOKUPS = {
    "eq": "exact",
    "co": "contains",
    "sw": "startswith",
    "ew": "endswith",
    "gt": "gt",
    "ge": "gte",
    "lt": "lt",
    "le": "lte",
}

#: The condition of an attribute: lookup and value → condition. `isnull` with False asks whether there is any.
Condition = Callable[[str, Any], Q]

#: True of every row, and its opposite of none; the opposite of an empty Q would be an empty Q.
ALWAYS = ~Q(pk__in=())


def text(column: str, *, is_folded: bool = False) -> Condition:
    """Compares with a column; if it is folded, which is in lower case, without regard to case."""

    def condition(lookup: str, value: Any) -> Q:
        if lookup == "isnull":
            return ~Q(**{column: ""}) & Q(**{f"{column}__isnull": False})
        return Q(**{f"{column}__{lookup}": folded(value) if is_folded else words(value)})

    return condition


def words(value: Any) -> str:
    """Raises InvalidFilterException for anything but a text."""
    if not isinstance(value, str) or "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidFilterException(detail="This attribute is compared with a text, in double quotes.")
    return value


def folded(value: Any) -> str:
    """The text in lower case. Raises as `words` does."""
    return words(value).lower()


def yes_or_no(when_true: Q, present: Q = ALWAYS) -> Condition:
    """A truth value, which is only equal or not."""

    def condition(lookup: str, value: Any) -> Q:
        if lookup == "isnull":
            return present
        if lookup != "exact" or not isinstance(value, bool):
            raise InvalidFilterException(detail="This attribute is compared by eq or ne with true or false.")
        return when_true if value else ~when_true

    return condition


def key(found: Callable[[str], Q], present: Q = ALWAYS) -> Condition:
    """An identifier, which is only equal or not."""

    def condition(lookup: str, value: Any) -> Q:
        if lookup == "isnull":
            return present
        if lookup != "exact":
            raise InvalidFilterException(detail="This attribute is compared by eq or ne.")
        return found(words(value))

    return condition


class Filters(FilterVisitor[Q]):
    """The conditions of one kind of resource: name of an attribute in lower case → its condition."""

    def __init__(self, conditions: Mapping[str, Condition], core: str) -> None:
        self.conditions, self.core, self.parent = conditions, core.lower(), ""

    def condition_of(self, sent: ScimFilter) -> Q:
        """Raises InvalidFilterException, which says what can be asked."""
        if len(sent) > MAX_CHARACTERS:
            raise InvalidFilterException(detail=f"A filter has at most {MAX_CHARACTERS} characters.")
        return self.visit(sent.ast)

    def visit_comparison(self, node: Comparison) -> Q:
        condition = self._named(node.attr_path)
        if node.value is None:
            if node.op not in ("eq", "ne"):
                raise InvalidFilterException(detail="null is compared by eq or ne.")
            present = condition("isnull", False)
            return present if node.op == "ne" else ~present
        if node.op == "ne":
            return ~condition("exact", node.value)
        return condition(LOOKUPS[node.op], node.value)

    def visit_present(self, node: Present) -> Q:
        return self._named(node.attr_path)("isnull", False)

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        return reduce(and_ if node.op == LogicalOperator.and_ else or_, map(self.visit, node.terms))

    def visit_value_path(self, node: ValuePath) -> Q:
        """Such as `emails[value eq "a@example.com"]`, which of one e-mail says the same as `emails.value eq …`."""
        inside = Filters(self.conditions, self.core)
        inside.parent = f"{self._name(node.attr_path)}."
        return self._named(node.attr_path)("isnull", False) & inside.visit(node.val_filter)

    def _named(self, path: AttrPath) -> Condition:
        condition = self.conditions.get(self._name(path))
        if condition is None:
            known = ", ".join(self.conditions)
            raise InvalidFilterException(detail=f"{path} cannot be asked for. What can: {known}.")
        return condition

    def _name(self, path: AttrPath) -> str:
        schema = (path.uri or "").lower()
        prefix = f"{schema}:" if schema not in ("", self.core) else ""
        return f"{prefix}{self.parent}{path.attr}{f'.{path.sub_attr}' if path.sub_attr else ''}".lower()
