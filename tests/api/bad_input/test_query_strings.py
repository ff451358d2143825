"""Bad input in query strings: what is not understood is refused with the parameter at fault, never ignored."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch, refused
from tests.support.api.client import ASSIGNMENTS, Api, error
from tests.support.cases import each

FILTER = "filter[warehouse-user-assignments.{}]".format
BAD_LIMIT = "`page[limit]` must be a whole number from 1 to 1000."
BAD_OFFSET = "`page[offset]` must be a whole number from 0 to 2147483647."
BAD_FORMAT = "Unsupported `Filter` format is used. Please use `filter[resource.property]`"
BAD_SORT = "Cannot sort by `{}`. Use: isActive, createdAt, updatedAt, startsAt, endsAt, warehouse.name.".format
ONE_PAGE = "Use only one of `page[after]`, `page[before]` and `page[offset]`."
PAGES = "offset, limit, after, before, total"


def _twice(parameter: str, value: str = "1") -> tuple[str, str, str]:
    return f"{parameter}={value}&{parameter}={value}", parameter, f"`{parameter}` is given more than once."


#: (query, parameter at fault, words)
BAD_QUERIES = [
    *[(f"page[limit]={text}", "page[limit]", BAD_LIMIT) for text in ("0", "-1", "1e9", "abc", "", "1001", "%2B1")],
    *[(f"page[limit]={text}", "page[limit]", BAD_LIMIT) for text in ("%D9%A1", "%C2%B2", "%00", "%FF", "1_0", "1.0")],
    ("page[limit]=" + "9" * 5_000, "page[limit]", BAD_LIMIT),
    *[(f"page[offset]={text}", "page[offset]", BAD_OFFSET) for text in ("-1", "2147483648", "9" * 20, "abc", "")],
    ("page[offset]=0&page[after]=a", "page", ONE_PAGE),
    ("page[after]=a&page[before]=b", "page", ONE_PAGE),
    ("page[total]=maybe", "page[total]", "`maybe` is neither true nor false."),
    ("page[total]=", "page[total]", "`` is neither true nor false."),
    ("page=1", "page", f"`page` is not supported. Use: {PAGES}."),
    ("page[size]=1", "page[size]", f"`page[size]` is not supported. Use: {PAGES}."),
    ("page[%00]=1", "page[\0]", f"`page[\0]` is not supported. Use: {PAGES}."),
    _twice("page[limit]"),
    _twice("page[after]", "a"),
    (f"{FILTER('isActive')}=maybe", FILTER("isActive"), "`maybe` is neither true nor false."),
    (f"{FILTER('isActive')}=", FILTER("isActive"), "`` is neither true nor false."),
    (f"{FILTER('isActive')}=true,", FILTER("isActive"), "`` is neither true nor false."),
    (f"{FILTER('isActive')}=%FF", FILTER("isActive"), "`\ufffd` is neither true nor false."),
    *[
        (f"{FILTER(name)}=a%00b", FILTER(name), "A value must not contain the NUL character.")
        for name in ("uuid", "userUuid", "warehouseUuid", "isActive")
    ],
    (f"{FILTER('uuid')}=" + "a," * 99_999 + "a", FILTER("uuid"), "At most 1000 values are accepted."),
    (f"{FILTER('isActive')}=" + "," * 1_000, FILTER("isActive"), "At most 1000 values are accepted."),
    ("sort[]=isActive", "sort[]", "`sort[]` could not be understood."),
    ("include[]=users", "include[]", "`include[]` could not be understood."),
    ("sort[x]=isActive", "sort[x]", "Use `sort=name,name`."),
    ("include[x]=users", "include[x]", "Use `include=name,name`."),
    *[("sort=" + quote(term), "sort", BAD_SORT(term)) for term in ("nope", "-", "--isActive", "id", "\0", "\ufffd")],
    *[("sort=" + term, "sort", BAD_SORT(term)) for term in ("user__password", "user.email", "users.username", "uuid")],
    ("sort=isActive,-isActive", "sort", "A field can be sorted by in one direction only."),
    ("sort=isActive&sort=-isActive", "sort", "A field can be sorted by in one direction only."),
    ("include=users&include=nope", "include", "`nope` cannot be included here."),
    (f"{FILTER('isActive')}=true&{FILTER('isActive')}=", FILTER("isActive"), "`` is neither true nor false."),
    ("&".join([f"{FILTER('uuid')}=a"] * 1_001), FILTER("uuid"), "At most 1000 values are accepted."),
    ("include=nope", "include", "`nope` cannot be included here."),
    ("include=users,%00", "include", "`\0` cannot be included here."),
    ("include=users.warehouses", "include", "`users.warehouses` cannot be included here."),
    ("fields=isActive", "fields", "Use `fields[type]=name,name`."),
    ("fields[nope]=a", "fields[nope]", "There are no `nope` here. Use `fields[type]=name,name`."),
    ("fields[users]=password", "fields[users]", "`users` have no field `password`."),
    ("fields[users]=%00", "fields[users]", "`users` have no field `\0`."),
]  # fmt: skip


@each(("query", "parameter", "words"), BAD_QUERIES)
def test_a_query_that_is_not_understood_names_the_parameter(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, query: str, parameter: str, words: str
) -> None:
    with nothing_changes():
        refused(as_olive.get(f"{ASSIGNMENTS}?{query}"), error(400, words, parameter=parameter))


BAD_FILTERS = {
    "no list": ("filter=abc", "filter"),
    "no prefix": ("filter[isActive]=true", "filter[isActive]"),
    "empty field": ("filter[warehouse-user-assignments.]=1", "filter[warehouse-user-assignments.]"),
    "unknown field": (FILTER("nope") + "=1", FILTER("nope")),
    "field in another case": (FILTER("isactive") + "=true", FILTER("isactive")),
    "field of the model": (FILTER("user__password") + "=1", FILTER("user__password")),
    "prefix of another resource": ("filter[users.uuid]=1", "filter[users.uuid]"),
    "NUL in the field": (FILTER("uuid%00") + "=1", FILTER("uuid\0")),
    "bytes that are no UTF-8": ("filter[%FF]=%FF", "filter[\ufffd]"),
}


@each(("query", "parameter"), BAD_FILTERS.values(), ids=BAD_FILTERS.keys())
def test_a_filter_without_prefix_or_of_an_unknown_field_is_code_011(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, query: str, parameter: str
) -> None:
    with nothing_changes():
        refused(as_olive.get(f"{ASSIGNMENTS}?{query}"), error(400, BAD_FORMAT, "011", parameter=parameter))


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/users", "filter[users.username]=%00", "A value must not contain the NUL character."),
        ("/users", "filter[users.isWarehouseUser]=maybe", "`maybe` is neither true nor false."),
        ("/warehouses", "filter[warehouses.name]=a%00", "A value must not contain the NUL character."),
        ("/warehouses", "sort=name", "Cannot sort by `name`."),
        ("/users", "include=warehouses", "`warehouses` cannot be included here."),
    ],
)
def test_people_and_warehouses_are_as_strict(
    as_olive: Api, nothing_changes: Watch, path: str, query: str, words: str
) -> None:
    with nothing_changes():
        refused(as_olive.get(f"{path}?{query}"), error(400, words, parameter=query.partition("=")[0]))


@each("method", ["GET", "POST", "PATCH"])
@each(
    ("query", "words"),
    [("include=nope", "`nope` cannot be included here."), ("fields[users]=x", "`users` have no field `x`.")],
)
def test_a_bad_query_is_refused_before_anything_is_written(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, method: str, query: str, words: str
) -> None:
    path = ASSIGNMENTS if method == "POST" else f"{ASSIGNMENTS}/{pat_north.uuid}"
    body = {"data": {"attributes": {"isActive": True}}}
    with nothing_changes():
        answer = as_olive.call(method, f"{path}?{query}", body if method != "GET" else None)
        refused(answer, error(400, words, parameter=query.partition("=")[0]))


HARMLESS = ["x=1&x=2", "%00=%00", "%FF=%FE", "&&&", "=1", "Page[limit]=0", "x" * 1_000_000, "&".join(["a=b"] * 100_000)]


@each("query", HARMLESS)
def test_parameters_that_are_not_ours_are_the_callers_own_business(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, query: str
) -> None:
    with nothing_changes():
        answer = as_olive.call("GET", f"{ASSIGNMENTS}?{query}")
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()["data"]] == [str(pat_north.uuid)]
    assert len(answer.json()["links"]["self"]) < 10 * len(query) + 100
