"""Several people at work, in any order, and the API held against `tests.contract_model` after each step."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from django.contrib.auth.hashers import make_password
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from assignments.models import WarehouseUserAssignment
from tests.client import ASSIGNMENTS, PASSWORD
from tests.contract_model import CREATED, OK, Expected, Grant, Model, Person, Place, Row, SignIn
from users import switches
from users.models import User
from warehouses.models import Warehouse

_HASH = make_password(PASSWORD)
#: Failed sign-ins before an account is closed to its address.
_MOST_FAILURES = 8
_which = st.integers(0, 2**16)
_KEYS: dict[str, Callable[[Row], Any] | None] = {
    "": None,
    "isActive": lambda row: row.is_active,
    "warehouse.name": lambda row: row.place.name,
}


_ACTS: list[st.SearchStrategy[tuple[str, dict[str, Any]]]] = []


def act(often: int = 1, **given: st.SearchStrategy[Any]) -> Callable[[Any], Any]:
    """What somebody may do in any step, so many times as likely as others.

    Hypothesis leaves most of its own rules out of most runs, and much would never meet.
    """

    def register(method: Any) -> Any:
        _ACTS.extend(often * [st.tuples(st.just(method.__name__), st.fixed_dictionaries(given))])
        return method

    return register


class World(RuleBasedStateMachine):
    """Two Back Office users, three warehouse users, three warehouses, and one more who only watches.

    A subclass says how the API is reached; `service` are a confidential client's credentials.
    """

    service: ClassVar[dict[str, str]]
    #: How often each operation was answered with which status, over all examples.
    answers: ClassVar[Counter[tuple[str, int]]] = Counter()
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.here = uuid.uuid4().hex[:8]
        self.admin = self._user("admin", is_superuser=True)
        people = [self._person(name, name[0] in "psk") for name in ("olive", "otto", "pat", "sam", "kim")]
        places = [self._place(name) for name in ("A", "B", "C")]
        self.model = Model(people, places)
        for person in [*people, Person(str(self.admin.uuid), self.admin.email, False)]:
            self._sign_in(person)
        self.watcher = self.model.sign_ins.pop()
        for worker, place in (("pat", 0), ("pat", 1), ("sam", 0)):
            self._assign(self.model.sign_ins[0], self._called(worker), places[place], active=place == 0)

    @rule(act=st.deferred(lambda: st.sampled_from(_ACTS).flatmap(lambda chosen: chosen)))
    def somebody_acts(self, act: tuple[str, dict[str, Any]]) -> None:
        name, given = act
        getattr(self, name)(**given)

    def teardown(self) -> None:
        """Nothing of this example is seen by the next."""
        WarehouseUserAssignment.objects.all().delete()
        Warehouse.objects.filter(name__endswith=self.here).delete()
        User.objects.filter(email__endswith=f"{self.here}.test").delete()

    def _user(self, name: str, **fields: Any) -> User:
        return User.objects.create(
            email=f"{name}@{self.here}.test", first_name=name, last_name="Test", password=_HASH, **fields
        )

    def _person(self, name: str, is_warehouse_user: bool) -> Person:
        user = self._user(name, is_warehouse_user=is_warehouse_user)
        return Person(str(user.uuid), user.email, is_warehouse_user)

    def _place(self, name: str) -> Place:
        warehouse = Warehouse.objects.create(name=f"{name} {self.here}")
        return Place(str(warehouse.uuid), warehouse.name)

    def send(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
        """Sends JSON, with an access token or without, and returns status and JSON."""
        raise NotImplementedError

    # --- Talking --------------------------------------------------------------------------------------------------
    def ask(self, method: str, path: str, token: str | None = None, body: Any = None) -> tuple[int, Any]:
        status, document = self.send(method, path, token, body)
        name = path.partition("?")[0]
        name = ASSIGNMENTS + "/{uuid}" if name.startswith(ASSIGNMENTS + "/") else name
        grant = f" {body['grant_type']}" if name == "/token" else ""
        self.answers[f"{method} {name}{grant}", status] += 1
        return status, document

    def check(self, expected: Expected, answer: tuple[int, Any]) -> Any:
        """Status and codes are those that the model expects; returns the document."""
        status, document = answer
        codes = [error.get("code") for error in _errors(document)] if expected[1] else []
        assert (status, codes) == expected, document
        return document

    def _sign_in(self, person: Person) -> None:
        expected = self.model.signs_in(person)
        body = {"grant_type": "password", "username": person.email, "password": PASSWORD}
        document = self.check(expected, self.ask("POST", "/token", None, body))
        if expected == OK:
            self._keep(self.model.sign_ins[-1], document)

    def _keep(self, sign_in: SignIn, tokens: Any) -> None:
        sign_in.access_token = tokens["access_token"]
        if tokens["refresh_token"] not in sign_in.refresh_tokens:
            sign_in.refresh_tokens.append(tokens["refresh_token"])

    # --- Who works where ------------------------------------------------------------------------------------------
    @act(caller=_which, person=_which, place=_which, active=st.sampled_from([True, False, "TRUE", None]))
    def assign(self, caller: int, person: int, place: int, active: Any) -> None:
        workers = [one for one in self.model.people if one.is_warehouse_user]
        who = _one([*_often(workers), *self.model.people, None], person)
        where = _one([*self.model.places, None], place)
        self._assign(self._caller(caller, mostly=_is_office), who, where, active=active)

    def _assign(self, sign_in: SignIn, who: Person | None, where: Place | None, *, active: Any) -> None:
        attributes = {
            "userUuid": who.uuid if who else str(uuid.uuid4()),
            "warehouse": {"uuid": where.uuid if where else str(uuid.uuid4())},
        } | ({} if active is None else {"isActive": active})
        new = Row(who or _NOBODY, where or _NOWHERE, is_active=bool(active))  # kept only if both are there
        expected = self.model.assigns(sign_in, who, where, new)
        body = {"data": {"type": "warehouse-user-assignments", "attributes": attributes}}
        document = self.check(expected, self.ask("POST", ASSIGNMENTS, sign_in.access_token, body))
        if expected == CREATED:
            new.uuid = document["data"]["id"]
            assert document["data"]["attributes"] == _shown(new)

    @act(caller=_which, row=_which, active=st.booleans())
    def switch(self, caller: int, row: int, active: bool) -> None:
        sign_in, chosen = self._caller(caller), self._row(row)
        expected = self.model.switches(sign_in, chosen, active=active)
        body = {"data": {"attributes": {"isActive": active}}}
        document = self.check(expected, self.ask("PATCH", f"{ASSIGNMENTS}/{chosen.uuid}", sign_in.access_token, body))
        assert expected != OK or document["data"]["attributes"] == _shown(chosen)

    @act(caller=_which, row=_which)
    def deassign(self, caller: int, row: int) -> None:
        sign_in, chosen = self._caller(caller, mostly=_is_office), self._row(row)
        expected = self.model.deassigns(sign_in, chosen)
        self.check(expected, self.ask("DELETE", f"{ASSIGNMENTS}/{chosen.uuid}", sign_in.access_token))

    @act(caller=_which, row=_which)
    def read(self, caller: int, row: int) -> None:
        sign_in, chosen = self._caller(caller), self._row(row)
        expected = self.model.reads(sign_in, chosen)
        document = self.check(expected, self.ask("GET", f"{ASSIGNMENTS}/{chosen.uuid}", sign_in.access_token))
        assert expected != OK or document["data"]["attributes"] == _shown(chosen)

    @act(
        caller=_which,
        person=st.none() | _which,
        place=st.none() | _which,
        active=st.none() | st.booleans(),
        sort=st.sampled_from(["", "isActive", "-isActive", "warehouse.name", "-warehouse.name"]),
        limit=st.integers(1, 4),
    )
    def list_some(self, caller: int, **asked: Any) -> None:
        """With filters, sorted, page by page."""
        sign_in = self._caller(caller)
        if not sign_in.is_live:
            self.check((401, ["001"]), self.ask("GET", ASSIGNMENTS, sign_in.access_token))
            return
        query, wanted = self._filters(**{name: asked[name] for name in ("person", "place", "active")})
        key = _KEYS[asked["sort"].lstrip("-")]
        rows = self.model.listed(sign_in, wanted, key, is_reversed=asked["sort"].startswith("-"))
        query += [f"sort={asked['sort']}"] if asked["sort"] else []
        assert self._pages(sign_in, [*query, f"page[limit]={asked['limit']}"]) == _documents(rows)

    def _filters(
        self, person: int | None, place: int | None, active: bool | None
    ) -> tuple[list[str], Callable[[Row], bool]]:
        who = None if person is None else _one(self.model.people, person)
        where = None if place is None else _one(self.model.places, place)
        chosen = {
            "userUuid": who and who.uuid,
            "warehouseUuid": where and where.uuid,
            "isActive": None if active is None else str(active).lower(),
        }
        query = [f"filter[warehouse-user-assignments.{name}]={value}" for name, value in chosen.items() if value]
        return (
            query,
            lambda row: who in (None, row.person) and where in (None, row.place) and active in (None, row.is_active),
        )

    def _pages(self, sign_in: SignIn, query: list[str]) -> list[Any]:
        """All rows of a list, along its `next` links."""
        found: list[Any] = []
        path: str | None = f"{ASSIGNMENTS}?{quote('&'.join(query), safe='&=[].-')}"
        while path:
            status, document = self.ask("GET", path, sign_in.access_token)
            assert status == 200, document
            found += [(row["id"], row["attributes"]) for row in document["data"]]
            following = urlsplit(document["links"].get("next") or "")
            path = f"{following.path}?{following.query}" if following.path else None
        return found

    def _caller(self, number: int, mostly: Callable[[SignIn], bool] = lambda _: True) -> SignIn:
        """One who is signed in, mostly of a kind; or of those who were the last two."""
        live = [sign_in for sign_in in self.model.sign_ins if sign_in.is_live]
        dead = [sign_in for sign_in in self.model.sign_ins if not sign_in.is_live]
        holders = [grant.sign_in for grant in self._holding() if mostly(grant.sign_in)]
        return _one([*_often([*filter(mostly, live)]), *_often(holders), *live, *dead[-2:]], number)

    def _stands_somewhere(self, sign_in: SignIn) -> bool:
        return any(row.person is sign_in.person and row.is_active for row in self.model.rows)

    def _called(self, name: str) -> Person:
        return next(person for person in self.model.people if person.email.startswith(name))

    def _row(self, number: int) -> Row:
        """Mostly one that is there; else one that is gone, or one that never was."""
        nobody = Row(self.model.people[0], self.model.places[0], uuid=str(uuid.uuid4()))
        return _one([*_often(self.model.rows), *self.model.gone[-2:], nobody], number)

    def _holding(self) -> list[Grant]:
        """Those on which something hangs: whatever ends them is what should happen now and then."""
        return [grant for grant in self.model.grants if self.model.holds(grant)]

    # --- Who is signed in -----------------------------------------------------------------------------------------
    @act(often=3, person=_which)
    def sign_in(self, person: int) -> None:
        who = _one(self.model.people, person)
        if who.failures < _MOST_FAILURES:
            self._sign_in(who)

    @act(often=2, which=_which, age=st.sampled_from([0, 0, 1, 1, 2]))
    def refresh(self, which: int, age: int) -> None:
        """Mostly one of the three who came last, whether still signed in or not."""
        sign_in = _one([*_often(self.model.sign_ins[-3:]), *self.model.sign_ins], which)
        age = min(age, len(sign_in.refresh_tokens) - 1)
        expected = self.model.refreshes(sign_in, age)
        body = {"grant_type": "refresh_token", "refresh_token": sign_in.refresh_tokens[-1 - age]}
        document = self.check(expected, self.ask("POST", "/token", None, body))
        if expected == OK:
            is_new = document["refresh_token"] not in sign_in.refresh_tokens
            assert is_new is (age == 0), "a retry gets the same successor"
            self._keep(sign_in, document)

    @act(which=_which, everywhere=st.booleans(), by_refresh_token=st.booleans())
    def sign_out(self, which: int, everywhere: bool, by_refresh_token: bool) -> None:
        sign_in = self._caller(which)
        self.model.signs_out(sign_in, everywhere=everywhere)
        token = sign_in.refresh_tokens[-1] if by_refresh_token else sign_in.access_token
        self.check(OK, self.ask("POST", "/revoke", None, {"token": token, "everywhere": str(everywhere).lower()}))

    @act(which=_which)
    def introspect_a_sign_in(self, which: int) -> None:
        sign_in = self._caller(which)
        told = self._introspected(sign_in.access_token)
        assert told["active"] is sign_in.is_live
        assert told.get("act") == (sign_in.person.uuid if sign_in.is_live else None)

    # --- Warehouse tokens -----------------------------------------------------------------------------------------
    @act(often=4, caller=_which)
    def get_a_warehouse_token(self, caller: int) -> None:
        sign_in = self._caller(caller, mostly=self._stands_somewhere)
        expected = self.model.gets_warehouse_token(sign_in)
        document = self.check(expected, self.ask("POST", "/warehouse-tokens", sign_in.access_token))
        if expected == CREATED:
            self.model.grants[-1].token = document[0]["accessToken"]

    @act(often=2, which=_which)
    def stand_elsewhere_and_come_back(self, which: int) -> None:
        """The place is the same as before, the stay is another."""
        if not (holding := self._holding()):
            return
        grant = _one(holding, which)
        for active in (False, True):
            expected = self.model.switches(grant.sign_in, grant.row, active=active)
            body = {"data": {"attributes": {"isActive": active}}}
            path = f"{ASSIGNMENTS}/{grant.row.uuid}"
            self.check(expected, self.ask("PATCH", path, grant.sign_in.access_token, body))

    @act(which=_which)
    def withdraw_a_warehouse_token(self, which: int) -> None:
        for grant in self._one_grant(which):
            grant.is_withdrawn = True
            self.check(OK, self.ask("POST", "/revoke", None, {"token": grant.token, "everywhere": "true"}))

    @act(which=_which)
    def use_a_warehouse_token_as_a_person_s(self, which: int) -> None:
        for grant in self._one_grant(which):
            self.check((403, [None]), self.ask("GET", ASSIGNMENTS, grant.token))

    @invariant()
    def the_newest_warehouse_tokens_hold_or_not_as_the_model_says(self) -> None:
        for grant in self.model.grants[-3:]:
            self._check_grant(grant)

    @act()
    def introspect_all_warehouse_tokens(self) -> None:
        for grant in self.model.grants:
            self._check_grant(grant)

    def _one_grant(self, number: int) -> list[Grant]:
        """None as long as there is none."""
        return [_one(self.model.grants, number)] if self.model.grants else []

    def _check_grant(self, grant: Grant) -> None:
        told = self._introspected(grant.token)
        assert told["active"] is self.model.holds(grant)
        if told["active"]:
            expected = (grant.sign_in.person.uuid, grant.row.uuid, grant.row.place.uuid)
            assert (told["act"], told["assignment"], told["warehouse"]) == expected

    def _introspected(self, token: str) -> Any:
        return self.check(OK, self.ask("POST", "/introspect", None, {"token": token, **self.service}))

    # --- What the Back Office does --------------------------------------------------------------------------------
    @act(person=_which, blocked=st.booleans())
    def block(self, person: int, blocked: bool) -> None:
        who = _one(self.model.people, person)
        self.model.blocks(who, blocked=blocked)
        self._change(switches.DEACTIVATE if blocked else switches.ACTIVATE, who)

    @act(person=_which, is_warehouse_user=st.booleans())
    def flag(self, person: int, is_warehouse_user: bool) -> None:
        who = _one(self.model.people, person)
        self.model.flags(who, is_warehouse_user=is_warehouse_user)
        self._change(switches.MAKE_WAREHOUSE_USER if is_warehouse_user else switches.UNMAKE_WAREHOUSE_USER, who)

    def _change(self, change: switches.Change, who: Person) -> None:
        change.apply([User.objects.get(uuid=who.uuid).pk], self.admin)

    @act(place=_which, is_active=st.booleans())
    def switch_a_warehouse(self, place: int, is_active: bool) -> None:
        where = _one([*self.model.places, *_often([grant.row.place for grant in self._holding()])], place)
        where.is_active = is_active
        warehouse = Warehouse.objects.get(uuid=where.uuid)
        warehouse.is_active = is_active
        warehouse.save()

    # --- What must be so after each step --------------------------------------------------------------------------
    @invariant()
    def the_whole_list_is_the_model_s_and_nobody_stands_in_two_warehouses(self) -> None:
        type(self).steps += 1
        found = self._pages(self.watcher, [])
        assert found == _documents(self.model.rows)
        standing = [row["userUuid"] for _id, row in found if row["isActive"]]
        assert len(standing) == len(set(standing))


_NOBODY, _NOWHERE = Person("", "", is_warehouse_user=False), Place("", "")


def _one(those: list[Any], number: int) -> Any:
    return those[number % len(those)]


def _often(those: list[Any]) -> list[Any]:
    return those * 3


def _is_office(sign_in: SignIn) -> bool:
    return not sign_in.person.is_warehouse_user


def _errors(document: Any) -> list[dict[str, Any]]:
    return document if isinstance(document, list) else document["errors"]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "userUuid": row.person.uuid,
        "isActive": row.is_active,
        "warehouse": {"name": row.place.name, "uuid": row.place.uuid, "isActive": row.place.is_active},
    }


def _documents(rows: list[Row]) -> list[Any]:
    return [(row.uuid, _shown(row)) for row in rows]
