"""Several people act in any order; after each step the API is compared with the contract's model (`contract_model`)."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from assignments.access.decision import decide_all
from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS
from tests.support.state_machine.assigning import Assigning
from tests.support.state_machine.back_office import BackOffice
from tests.support.state_machine.parts import CREATED, FORBIDDEN, Grant, Person, SignIn
from tests.support.state_machine.signing_in import SigningIn
from tests.support.state_machine.world import ANY, act, one_of


class World(Assigning, SigningIn, BackOffice):
    """All are signed in at first, but nobody has a current warehouse yet. Everything else they do by themselves."""

    def __init__(self) -> None:
        super().__init__()
        for person in [*self.model.people, Person(str(self.admin.uuid), self.admin.email, False)]:
            self.sign_in_as(person)
        self.watcher = self.model.sign_ins.pop()
        for worker, place in (("pat", 0), ("pat", 1), ("sam", 0)):
            who, where = self.called(worker), self.model.places[place]
            self.assign_to(self.model.sign_ins[0], who, where, active=place == 0)
        self.note_change_sets("assign")

    # --- Warehouse tokens -----------------------------------------------------------------------------------------
    @act(often=5, caller=ANY)
    def get_a_warehouse_token(self, caller: int) -> None:
        sign_in = self.caller(caller, self._stands_somewhere)
        expected = self.model.gets_warehouse_token(sign_in)
        document = self.check(expected, self.ask("POST", "/warehouse-tokens", sign_in.access_token))
        if expected == CREATED:
            grant = self.model.grants[-1]
            grant.tokens, grant.refresh_tokens = [document[0]["accessToken"]], [document[0]["refreshToken"]]

    def _stands_somewhere(self, sign_in: SignIn) -> bool:
        return any(row.person is sign_in.person and row.is_active for row in self.model.rows)

    @act(often=2, which=ANY)
    def stand_elsewhere_and_come_back(self, which: int) -> None:
        """The place is the same as before, the stay is another."""
        if holding := self.holding():
            grant = one_of(holding, which)
            for active in (False, True):
                self.switch_row(grant.sign_in, grant.row, active=active)

    @act(which=ANY, by_refresh_token=st.booleans())
    def withdraw_a_warehouse_token(self, which: int, by_refresh_token: bool) -> None:
        """It has no say in where its person is signed in."""
        for grant in self.one_grant(which):
            grant.is_live = False
            token = (grant.refresh_tokens if by_refresh_token else grant.tokens)[-1]
            self.revoke(token, grant.sign_in.client_id, everywhere=True)

    @act(which=ANY)
    def use_a_warehouse_token_as_a_person_s(self, which: int) -> None:
        for grant in self.one_grant(which):
            for path in _LISTS:
                self.check(FORBIDDEN, self.ask("GET", path, grant.tokens[-1]))

    @invariant()
    def the_newest_warehouse_tokens_hold_or_not_as_the_model_says(self) -> None:
        for grant in self.model.grants[-3:]:
            self._check_grant(grant, grant.tokens[-1])

    @invariant()
    def who_may_work_where_is_decided_as_the_model_says(self) -> None:
        asked = [(person, place) for person in self.model.people for place in self.model.places]
        found = decide_all([(UUID(person.uuid), UUID(place.uuid)) for person, place in asked])
        assert [decision.reason for decision in found] == [self.model.decides(*one) for one in asked]

    @act()
    def introspect_all_warehouse_tokens(self) -> None:
        for grant in self.model.grants:
            for token in grant.tokens:
                self._check_grant(grant, token)

    def _check_grant(self, grant: Grant, token: str) -> None:
        told = self.introspected(token)
        assert told["active"] is self.model.holds(grant)
        if told["active"]:
            expected = (grant.sign_in.person.uuid, grant.row.uuid, grant.row.place.uuid)
            assert (told["act"], told["assignment"], told["warehouse"]) == expected

    # --- Undo -----------------------------------------------------------------------------------------------------
    @act(row=ANY, hours=st.integers(0, 1))
    def end_work_and_undo_that(self, row: int, hours: int) -> None:
        """Of somebody who works for an hour more: then they work again, unless it has passed."""
        if working := [one for one in self.model.rows if one.is_active and one.person.is_warehouse_user]:
            chosen = one_of(working, row)
            self.date_row(self.watcher, chosen, chosen.starts, self.model.now + 1)
            self.note_change_sets("set_a_period")
            self.switch_row(self.watcher, chosen, active=False)
            self.note_change_sets("switch")
            if hours:
                self.let_time_pass(hours)
            self.undo_the_last_change_set()
            self.note_change_sets("undo_the_last_change_set")

    # --- What must be so after each step --------------------------------------------------------------------------
    @invariant()
    def the_whole_list_is_the_model_s_and_nobody_stands_in_two_warehouses(self) -> None:
        type(self).steps += 1
        found = self.pages(self.watcher, ASSIGNMENTS, [])
        assert found == self.documents(self.model.rows)
        active = {str(uuid) for uuid in WarehouseUserAssignment.objects.active().values_list("uuid", flat=True)}
        assert active == {row.uuid for row in self.model.rows if row.is_active}
        standing = [row["userUuid"] for _id, row in found if row["isActive"]]
        assert len(standing) == len(set(standing))


_LISTS = (ASSIGNMENTS, "/users", "/warehouses")
_UNDONE = (
    *("assign", "switch", "set_a_period", "deassign", "set_warehouses"),
    *("block", "flag", "end_employment", "switch_a_warehouse", "undo_the_last_change_set"),
)
#: What a run must have met, lest API and model agree about nothing.
MUST_BE_SEEN = {
    *((f"GET {path}", status) for path in _LISTS for status in (200, 401, 403)),
    *((f"GET {path}/{{uuid}}", status) for path in _LISTS for status in (200, 404)),
    ("POST /warehouse-user-assignments", 201),
    ("POST /warehouse-user-assignments", 400),
    ("POST /warehouse-user-assignments", 401),
    ("POST /warehouse-user-assignments", 403),
    ("PATCH /warehouse-user-assignments/{uuid}", 200),
    ("PATCH /warehouse-user-assignments/{uuid}", 400),
    ("PATCH /warehouse-user-assignments/{uuid}", 403),
    ("PATCH /warehouse-user-assignments/{uuid}", 404),
    ("DELETE /warehouse-user-assignments/{uuid}", 204),
    ("DELETE /warehouse-user-assignments/{uuid}", 403),
    ("POST /warehouse-tokens", 201),
    ("POST /warehouse-tokens", 403),
    ("POST /token password", 200),
    ("POST /token password", 400),
    ("POST /token password", 429),
    ("POST /authorize", 200),
    ("POST /authorize", 400),
    ("POST /authorize", 429),
    ("POST /token authorization_code", 200),
    ("POST /token authorization_code", 400),
    ("POST /token refresh_token", 200),
    ("POST /token refresh_token", 400),
    ("POST /token refresh_token of a holder of a warehouse token", 200),
    ("POST /token refresh_token of a warehouse token", 200),
    ("POST /token refresh_token of a warehouse token", 400),
    ("POST /revoke", 200),
    ("POST /introspect", 200),
    *((f"undo of {act}", 200) for act in _UNDONE),
}
#: The same where time is moved.
MUST_BE_SEEN_IN_TIME = {
    ("GET /warehouse-user-assignments of the past", 200),
    ("GET /warehouse-user-assignments of the past", 403),
    ("an employment ends as time passes", 200),
    ("undo with something left out", 200),
}
