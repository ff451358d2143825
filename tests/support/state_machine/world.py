"""What the state machine is made of: acts to choose from, a small world of people and places, and how the API is asked.

The acts are in `assigning`, `signing_in` and `machine`, beside this module.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from django.contrib.auth.hashers import make_password
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from assignments.models import WarehouseUserAssignment
from config.history.positions import Operation
from tests.support.api.client import PASSWORD
from tests.support.state_machine.contract_model import Model
from tests.support.state_machine.parts import INVALID_TOKEN, Expected, Grant, Person, Place, SignIn
from users.models import User
from users.models.oauth.client import Client
from warehouses.models import Warehouse

_HASH = make_password(PASSWORD)
#: Which of several: see `one_of`.
ANY = st.integers(0, 2**16)
#: Where an app of this world gets its codes.
CALLBACK = "https://app.example.test/callback"


# --- Choosing ---------------------------------------------------------------------------------------------------
#: Names of methods, each as often as it is likely, with what they are given.
_ACTS: list[tuple[str, st.SearchStrategy[dict[str, Any]]]] = []
#: From one turn to the next; as a prime it leads past every act.
_STRIDE = 7919


def act(often: int = 1, **given: st.SearchStrategy[Any]) -> Callable[[Any], Any]:
    """What somebody may do in any step, so many times as likely as others.

    Hypothesis leaves most of its own rules out of most runs, and much would never meet.
    """

    def register(method: Any) -> Any:
        _ACTS.extend(often * [(method.__name__, st.fixed_dictionaries(given))])
        return method

    return register


def one_of(those: list[Any], number: int) -> Any:
    return those[number % len(those)]


def mostly(those: list[Any]) -> list[Any]:
    return those * 3


class Machine(RuleBasedStateMachine):
    """Two Back Office users, three warehouse users, three warehouses, an app, and one more who only watches.

    A subclass says how the API is reached; `service` are a confidential client's credentials.
    """

    service: ClassVar[dict[str, str]]
    beginning: datetime
    #: How often each operation was answered with which status, over all examples.
    answers: ClassVar[Counter[tuple[str, int]]] = Counter()
    steps: ClassVar[int] = 0
    #: The last change set in the history, and the name of the act that made it.
    last: Operation
    last_act: str

    def __init__(self) -> None:
        super().__init__()
        #: What `note_change_sets` has noted.
        self.newest: dict[Any, int] = {}
        self.noted = 0
        self.turns = 0
        self.here = uuid.uuid4().hex[:8]
        self.admin = self._user("admin", is_superuser=True)
        people = [self._person(name, name[0] in "psk") for name in ("olive", "otto", "pat", "sam", "kim")]
        self.model = Model(people, [self._place(name) for name in ("A", "B", "C")])
        self.app = f"app-{self.here}"
        Client.objects.create(client_id=self.app, name="App", redirect_uris=[CALLBACK])

    @rule(which=ANY, data=st.data())
    def somebody_acts(self, which: int, data: st.DataObject) -> None:
        """The same number is another act in the next turn: Hypothesis likes to draw it again and again."""
        self.turns += 1
        name, given = one_of(_ACTS, which + self.turns * _STRIDE)
        getattr(self, name)(**data.draw(given, name))
        self.note_change_sets(name)

    def note_change_sets(self, name: str) -> None:
        """Notes which change set is the last one, if this act made any: what the model changes is in the history."""
        is_new = False
        for model in (User, Warehouse, WarehouseUserAssignment):
            event = model.pgh_event_model.objects.order_by("-pgh_id").first()  # type: ignore[union-attr]
            if event and event.pgh_id > self.newest.get(model, 0):
                self.newest[model], is_new = event.pgh_id, True
                if event.pgh_context:
                    self.last = Operation(event.pgh_created_at, event.pgh_context["request_id"])
                    self.last_act = name
        assert is_new is (self.model.change_sets > self.noted), name
        self.noted = self.model.change_sets

    def teardown(self) -> None:
        """Nothing of this example is seen by the next."""
        WarehouseUserAssignment.objects.all().delete()
        Warehouse.objects.filter(name__endswith=self.here).delete()
        User.objects.filter(email__endswith=f"{self.here}.test").delete()
        Client.objects.filter(client_id=self.app).delete()

    def _user(self, name: str, **fields: Any) -> User:
        return User.objects.create(
            email=f"{name}@{self.here}.test", first_name=name, last_name="Test", password=_HASH, **fields
        )

    def _person(self, name: str, is_warehouse_user: bool) -> Person:
        user = self._user(name, is_warehouse_user=is_warehouse_user)
        return Person(str(user.uuid), user.email, is_warehouse_user, name)

    def _place(self, name: str) -> Place:
        warehouse = Warehouse.objects.create(name=f"{name} {self.here}")
        return Place(str(warehouse.uuid), warehouse.name)

    # --- Whom it is about -----------------------------------------------------------------------------------------
    def caller(self, number: int, kind: Callable[[SignIn], bool] = lambda _: True) -> SignIn:
        """One who is signed in, mostly of a kind; or now and then one of the last two who were."""
        live = [sign_in for sign_in in self.model.sign_ins if sign_in.is_live]
        dead = [sign_in for sign_in in self.model.sign_ins if not sign_in.is_live]
        holders = [sign_in for sign_in in self.holders() if kind(sign_in)]
        return one_of([*mostly([*filter(kind, live)]), *mostly(holders), *live, *mostly(dead[-2:])], number)

    def called(self, name: str) -> Person:
        return next(person for person in self.model.people if person.name == name)

    def holding(self) -> list[Grant]:
        """Those on which something hangs: whatever ends them is what should happen now and then."""
        return [grant for grant in self.model.grants if self.model.holds(grant)]

    def holders(self) -> list[SignIn]:
        return [grant.sign_in for grant in self.holding()]

    # --- When -----------------------------------------------------------------------------------------------------
    def let_time_pass(self, hours: int) -> None:
        raise NotImplementedError

    def move_clock(self, hours: int) -> None:
        """Moves the database's clock."""
        raise NotImplementedError

    def moment(self, hour: int) -> str:
        """As the API shows it. Hours count from `beginning`."""
        return (self.beginning + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")

    # --- Talking --------------------------------------------------------------------------------------------------
    def send(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
        """Sends JSON, with an access token or without, and returns status and JSON."""
        raise NotImplementedError

    def ask(self, method: str, path: str, token: str | None = None, body: Any = None, of: str = "") -> tuple[int, Any]:
        """`of` tells in the count what it is about."""
        status, document = self.send(method, path, token, body)
        name = re.sub("/[0-9a-f-]{36}$", "/{uuid}", path.partition("?")[0])
        grant = f" {body['grant_type']}" if name == "/token" else ""
        self.answers[f"{method} {name}{grant}{of}", status] += 1
        return status, document

    def check(self, expected: Expected, answer: tuple[int, Any]) -> Any:
        """Status and codes are those that the model expects; returns the document."""
        status, document = answer
        assert (status, _codes(document) if expected[1] else []) == expected, document
        return document

    def check_one(self, expected: Expected, answer: tuple[int, Any], shown: dict[str, Any]) -> None:
        """The same for what shows one resource, if all is well."""
        document = self.check(expected, answer)
        assert expected[0] >= 400 or document["data"]["attributes"] == shown

    def check_list(self, caller: SignIn, path: str, query: list[str], rows: list[Any], of: str = "") -> None:
        """A list has exactly these rows, in this order; each is its id and what is shown of it."""
        if caller.is_live:
            assert self.pages(caller, path, query, of) == rows
        else:
            self.check(INVALID_TOKEN, self.ask("GET", path, caller.access_token))

    def pages(self, caller: SignIn, path: str, query: list[str], of: str = "") -> list[Any]:
        """All rows of a list, along its `next` links."""
        found: list[Any] = []
        page: str | None = f"{path}?{quote('&'.join(query), safe='&=[].,-')}"
        while page:
            status, document = self.ask("GET", page, caller.access_token, of=of)
            assert status == 200, document
            found += [(row["id"], row["attributes"]) for row in document["data"]]
            following = urlsplit(document["links"].get("next") or "")
            page = f"{following.path}?{following.query}" if following.path else None
        return found


def filters(resource: str, **wanted: Any) -> list[str]:
    """The parts of a query that ask for this; None asks for nothing, a list for any of them."""
    texts = {
        name: ",".join(value) if isinstance(value, list) else str(value).lower()
        for name, value in wanted.items()
        if value is not None
    }
    return [f"filter[{resource}.{name}]={text}" for name, text in texts.items()]


def _codes(document: Any) -> list[Any]:
    """Of all errors there are; OAuth has one, whose code is a word (RFC 6749 section 5.2)."""
    if "error" in document:
        return [document["error"]]
    return [error.get("code") for error in (document if isinstance(document, list) else document.get("errors", []))]
