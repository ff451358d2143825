"""What the Back Office does in the state machine, by the write methods of its pages, and how that is undone."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from assignments.models import WarehouseUserAssignment
from config.history.undo.plan import undo
from tests.support.back_office.history import change_set
from tests.support.state_machine.change_sets import undo as undo_in_the_model
from tests.support.state_machine.parts import Person, Row
from tests.support.state_machine.world import ANY, Machine, act, mostly, one_of
from users import account_actions
from users.models import User
from users.sign_in.account_recovery import unlock_sign_in
from warehouses.models import Warehouse

rows = WarehouseUserAssignment.objects
#: Some of the three warehouses.
_SEVERAL = st.sets(st.integers(0, 2))


class BackOffice(Machine):
    """What is done with accounts, warehouses and the history."""

    # --- Accounts, warehouses and assignments -----------------------------------------------------------------------
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
        with change_set(self.admin):
            change.apply([self._user_of(who).pk], self.admin)

    @act(person=ANY, hours=st.sampled_from([None, -1, 1, 1, 2]))
    def end_employment(self, person: int, hours: int | None) -> None:
        """Sets an end, moves one or takes it back; mostly one that is there."""
        ending = [one for one in self.model.people if one.employed_until is not None]
        who = one_of([*mostly(ending), *self.model.people], person)
        until = None if hours is None else self.model.now + hours
        self.model.employs(who, until)
        user = self._user_of(who)
        user.employed_until = None if until is None else datetime.fromisoformat(self.moment(until))
        with change_set(self.admin):
            user.save()

    def _user_of(self, who: Person) -> User:
        return User.objects.get(uuid=who.uuid)

    @act(person=ANY)
    def let_try_again(self, person: int) -> None:
        """Mostly one who failed."""
        failed = [one for one in self.model.people if one.failures]
        who = one_of([*mostly(failed), *self.model.people], person)
        self.model.may_try_again(who)
        unlock_sign_in(self._user_of(who))

    @act(often=2, place=ANY)
    def switch_a_warehouse(self, place: int) -> None:
        """Off or on again; mostly one of a token that holds, or one that is off."""
        held = [grant.row.place for grant in self.holding()]
        off = [where for where in self.model.places if not where.is_active]
        where = one_of([*mostly(held), *mostly(off), *self.model.places], place)
        self.model.opens(where, is_active=not where.is_active)
        warehouse = Warehouse.objects.get(uuid=where.uuid)
        warehouse.is_active = where.is_active
        with change_set(self.admin):
            warehouse.save()

    @act(often=2, person=ANY, add=_SEVERAL, remove=_SEVERAL)
    def set_warehouses(self, person: int, add: set[int], remove: set[int]) -> None:
        """Several at once, as the page "Assign warehouses" does; a warehouse may be in both."""
        workers = [one for one in self.model.people if one.is_warehouse_user]
        if not workers:
            return
        who = one_of(workers, person)
        new = self.model.sets(who, *([self.model.places[n] for n in those] for those in (add, remove)))
        user = self._user_of(who)
        with change_set(self.admin):
            rows.set_warehouses(user, add=self._warehouses(add), remove=self._warehouses(remove))
        self._name(new)

    def _warehouses(self, those: set[int]) -> list[Warehouse]:
        return [Warehouse.objects.get(uuid=self.model.places[n].uuid) for n in those]

    def _name(self, made: list[Row]) -> None:
        """Gives new rows of the model their uuids, and their places in the order of assigning."""
        keys = {(row.person.uuid, row.place.uuid): row for row in made}
        known = [row.uuid for row in self.model.rows if row not in made]
        found = rows.filter(user__email__endswith=f"{self.here}.test").exclude(uuid__in=known).order_by("pk")
        for uuid, *key in found.values_list("uuid", "user__uuid", "warehouse__uuid"):
            row = keys.pop((str(key[0]), str(key[1])))
            row.uuid = str(uuid)
            self.model.rows.remove(row)
            self.model.rows.append(row)
        assert not keys

    # --- Undo -----------------------------------------------------------------------------------------------------
    @act(often=4)
    def undo_the_last_change_set(self) -> None:
        """Also one that undid another. All is put back that the model puts back."""
        of = self.last_act
        made, is_whole = undo_in_the_model(self.model)
        with change_set(self.admin):
            plan, former = undo(self.last, self.admin, "")
        assert former is None
        assert is_whole is not any(step.obstacles for step in plan.all_steps)
        self._name(made)
        self.answers[f"undo of {of}" if is_whole else "undo with something left out", 200] += 1
