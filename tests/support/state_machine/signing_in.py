"""How people sign in, refresh and sign out in the state machine, with right and wrong credentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.support.api.client import PASSWORD
from tests.support.oauth.code_flow import VERIFIER, challenge_of
from tests.support.state_machine.parts import MOST_FAILURES, OK, Code, Grant, Person, SignIn
from tests.support.state_machine.world import ANY, CALLBACK, Machine, act, mostly, one_of

_WRONG = "wrong-Horse-7!"
_NOBODY_KNOWS = "another-verifier.that~nobody-0123456789-ABCDEFG"
#: How old the refresh tokens are that somebody sends one after another: 0 the newest, 1 the one before.
_AGES = st.sampled_from([[0], [0, 1], [0, 1, 1], [1], [2]])


class SigningIn(Machine):
    """What is done with passwords, codes and tokens."""

    # --- By password ----------------------------------------------------------------------------------------------
    @act(often=3, person=ANY)
    def sign_in(self, person: int) -> None:
        self.sign_in_as(one_of(self.model.people, person))

    def sign_in_as(self, person: Person) -> None:
        expected = self.model.signs_in(person)
        document = self.check(expected, self.ask("POST", "/token", None, _by_password(person, PASSWORD)))
        if expected == OK:
            _keep(self.model.sign_ins[-1], document)

    @act(person=ANY, times=st.sampled_from([1, MOST_FAILURES + 2]))
    def guess(self, person: int, times: int) -> None:
        """At both routes by turns."""
        who = one_of(self.model.people, person)
        tries = [("/token", _by_password(who, _WRONG)), ("/authorize", self._login_form(who, _WRONG))]
        for number in range(times):
            path, body = tries[number % 2]
            self.check(self.model.proves(who, knows_password=False), self.ask("POST", path, None, body))

    # --- By authorization code ------------------------------------------------------------------------------------
    @act(often=2, person=ANY)
    def ask_for_a_code(self, person: int) -> None:
        who = one_of(self.model.people, person)
        expected = self.model.asks_for_code(who, self.app)
        document = self.check(expected, self.ask("POST", "/authorize", None, self._login_form(who, PASSWORD)))
        if expected == OK:
            self.model.codes[-1].text = document[0]["code"]

    def _login_form(self, person: Person, password: str) -> dict[str, str]:
        return {
            "client_id": self.app,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            "username": person.email,
            "password": password,
        }

    @act(often=4, which=ANY, mistake=st.sampled_from([None, None, None, "client_id", "code_verifier"]))
    def redeem_a_code(self, which: int, mistake: str | None) -> None:
        """Mostly one that was not yet; with a mistake now and then."""
        if not self.model.codes:
            self.ask_for_a_code(which)
        fresh = [code for code in self.model.codes if not code.made]
        if not (codes := [*mostly(fresh), *self.model.codes]):
            return
        code: Code = one_of(codes, which)
        is_its_client, knows_verifier = mistake != "client_id", mistake != "code_verifier"
        expected = self.model.redeems(code, is_its_client=is_its_client, knows_verifier=knows_verifier)
        body = {
            "grant_type": "authorization_code",
            "client_id": code.client_id if is_its_client else None,  # the default client
            "code": code.text,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER if knows_verifier else _NOBODY_KNOWS,
        }
        document = self.check(expected, self.ask("POST", "/token", None, body))
        if expected == OK:
            _keep(self.model.sign_ins[-1], document)

    # --- Going on -------------------------------------------------------------------------------------------------
    @act(often=3, which=ANY, ages=_AGES)
    def refresh(self, which: int, ages: list[int]) -> None:
        """Mostly who holds a warehouse token, or who came last, signed in or not."""
        holders = self.holders()
        sign_in = one_of([*mostly(holders), *mostly(self.model.sign_ins[-3:]), *self.model.sign_ins], which)
        of = " of a holder of a warehouse token" if sign_in in holders else ""
        for tokens in self._refreshed(sign_in, ages, sign_in.client_id, of):
            sign_in.access_token = tokens["access_token"]

    @act(often=2, which=ANY, ages=_AGES)
    def refresh_a_warehouse_token(self, which: int, ages: list[int]) -> None:
        for grant in self.one_grant(which):
            for tokens in self._refreshed(grant, ages, grant.sign_in.client_id, " of a warehouse token"):
                grant.tokens.append(tokens["access_token"])

    def one_grant(self, number: int) -> list[Grant]:
        """None as long as there is none."""
        return [one_of([*mostly(self.holding()), *self.model.grants], number)] if self.model.grants else []

    def _refreshed(self, what: SignIn | Grant, ages: list[int], client_id: str | None, of: str) -> Iterator[Any]:
        """What is given for refresh tokens of these ages, or for the first of all."""
        for age in ages:
            token = what.refresh_tokens[max(-1 - age, -len(what.refresh_tokens))]
            is_newest = token == what.refresh_tokens[-1]
            expected = self.model.refreshes(what, what.refresh_tokens[::-1].index(token))
            body = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id}
            document = self.check(expected, self.ask("POST", "/token", None, body, of))
            if expected == OK:
                is_new = document["refresh_token"] not in what.refresh_tokens
                assert is_new is is_newest, "a retry gets the same successor"
                what.refresh_tokens += [document["refresh_token"]] if is_new else []
                yield document

    # --- Signing out ----------------------------------------------------------------------------------------------
    @act(often=2, which=ANY, everywhere=st.booleans(), by_refresh_token=st.booleans())
    def sign_out(self, which: int, everywhere: bool, by_refresh_token: bool) -> None:
        sign_in = self.caller(which)
        self.model.signs_out(sign_in, everywhere=everywhere)
        token = sign_in.refresh_tokens[-1] if by_refresh_token else sign_in.access_token
        self.revoke(token, sign_in.client_id, everywhere=everywhere)

    def revoke(self, token: str, client_id: str | None, *, everywhere: bool) -> None:
        body = {"token": token, "everywhere": str(everywhere).lower(), "client_id": client_id}
        self.check(OK, self.ask("POST", "/revoke", None, body))

    # --- What others are told -------------------------------------------------------------------------------------
    @act(which=ANY)
    def introspect_a_sign_in(self, which: int) -> None:
        sign_in = self.caller(which)
        told = self.introspected(sign_in.access_token)
        assert told["active"] is sign_in.is_live
        assert told.get("act") == (sign_in.person.uuid if sign_in.is_live else None)

    def introspected(self, token: str) -> Any:
        return self.check(OK, self.ask("POST", "/introspect", None, {"token": token, **self.service}))


def _by_password(person: Person, password: str) -> dict[str, str]:
    return {"grant_type": "password", "username": person.email, "password": password}


def _keep(sign_in: SignIn, tokens: Any) -> None:
    sign_in.access_token, sign_in.refresh_tokens = tokens["access_token"], [tokens["refresh_token"]]
