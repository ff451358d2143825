"""Several people act in any order; after each step the API is compared with the contract's model (`contract_model`)."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS
from tests.support.state_machine.assigning import Assigning
from tests.support.state_machine.contract_model import CREATED, FORBIDDEN, Grant, Person, Row, SignIn
from tests.support.state_machine.signing_in import SigningIn
from tests.support.state_machine.world import ANY, act, mostly, one_of
from users import account_actions
from users.models import User
from users.sign_in.account_recovery import unlock_sign_in
from warehouses.models import Warehouse

#: Some of the three warehouses.
_SEVERAL = st.sets(st.integers(0, 2))


class World(Assigning, SigningIn):
    """All are signed in at first, but nobody has a current warehouse yet. Everything else they do by themselves."""

    def __init__(self) -> None:
        super().__init__()
        for person in [*self.model.people, Person(str(self.admin.uuid), self.admin.email, False)]:
            self.sign_in_as(person)
        self.watcher = self.model.sign_ins.pop()
        for worker, place in (("pat", 0), ("pat", 1), ("sam", 0)):
            who, where = self.called(worker), self.model.places[place]
            self.assign_to(self.model.sign_ins[0], who, where, active=place == 0)

    # --- Warehouse tokens -----------------------------------------------------------------------------------------
    @act(often=4, caller=ANY)
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

    # --- What the Back Office does --------------------------------------------------------------------------------
    @act(person=ANY, blocked=st.booleans())
    def block(self, person: int, blocked: bool) -> None:
        who = one_of(self.model.people, person)
        self.model.blocks(who, blocked=blocked)
        self._change(account_actions.DEACTIVATE if blocked else account_actions.ACTIVATE, who)

    @act(person=ANY, is_warehouse_user=st.booleans())
    def flag(self, person: int, is_warehouse_user: bool) -> None:
        who = one_of(self.model.people, person)
        self.model.flags(who, is_warehouse_user=is_warehouse_user)
        self._change(
            account_actions.MAKE_WAREHOUSE_USER if is_warehouse_user else account_actions.UNMAKE_WAREHOUSE_USER, who
        )

    def _change(self, change: account_actions.AccountAction, who: Person) -> None:
        change.apply([User.objects.get(uuid=who.uuid).pk], self.admin)

    @act(person=ANY)
    def let_try_again(self, person: int) -> None:
        """Mostly one who failed."""
        failed = [one for one in self.model.people if one.failures]
        who = one_of([*mostly(failed), *self.model.people], person)
        self.model.may_try_again(who)
        unlock_sign_in(User.objects.get(uuid=who.uuid))

    @act(often=2, place=ANY)
    def switch_a_warehouse(self, place: int) -> None:
        """Off or on again; mostly one of a token that holds, or one that is off."""
        held = [grant.row.place for grant in self.holding()]
        off = [where for where in self.model.places if not where.is_active]
        where = one_of([*mostly(held), *mostly(off), *self.model.places], place)
        where.is_active = not where.is_active
        warehouse = Warehouse.objects.get(uuid=where.uuid)
        warehouse.is_active = where.is_active
        warehouse.save()

    @act(often=2, person=ANY, add=_SEVERAL, remove=_SEVERAL)
    def set_warehouses(self, person: int, add: set[int], remove: set[int]) -> None:
        """Several at once, as the page "Assign warehouses" does; a warehouse may be in both."""
        workers = [one for one in self.model.people if one.is_warehouse_user]
        if not workers:
            return
        who = one_of(workers, person)
        new = self.model.sets(who, *([self.model.places[n] for n in those] for those in (add, remove)))
        user = User.objects.get(uuid=who.uuid)
        WarehouseUserAssignment.objects.set_warehouses(user, add=self._warehouses(add), remove=self._warehouses(remove))
        known = [row.uuid for row in self.model.rows]
        made = WarehouseUserAssignment.objects.filter(user=user).exclude(uuid__in=known).order_by("pk")
        places = {place.uuid: place for place in new}
        self.model.rows += [
            Row(who, places[str(warehouse)], uuid=str(uuid))
            for uuid, warehouse in made.values_list("uuid", "warehouse__uuid")
        ]

    def _warehouses(self, those: set[int]) -> list[Warehouse]:
        return [Warehouse.objects.get(uuid=self.model.places[n].uuid) for n in those]

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
}
