"""What it takes to sign in, to introspect and to ask through a client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.history.past_states import state_at
from users.admin.why.base import Condition, Conditions, change_of, labelled
from users.models import SigningKey
from users.models.oauth.client import Client
from users.sign_in.lockouts.in_force import wrong_passwords
from users.sign_in.refusals import ClientReason, ClientState, client_reasons


class ClientConditions(Conditions):
    """The conditions of one client, now or at a moment. The default client has no row and no history."""

    def __init__(
        self, request: HttpRequest, client: Client, *, redirect_uri: str = "", moment: datetime | None = None
    ) -> None:
        super().__init__(request, moment)
        self.client, self.redirect_uri = client, redirect_uri
        self.is_default = client.client_id == settings.DEFAULT_CLIENT_ID
        self.of_client = [] if self.is_default else self.changes(Client, client)

    @cached_property
    def _state(self) -> Any:
        """The client, or its recorded columns of the moment; None if it was not there."""
        if self.is_default:
            return self.client
        if self.moment:
            return state_at(Client, self.client.pk, self.moment)
        return Client.objects.filter(pk=self.client.pk).first()

    @cached_property
    def reasons(self) -> tuple[ClientReason, ...]:
        """Why it is refused, or not told."""
        state = self._state
        if state is None:
            return (ClientReason.UNKNOWN_CLIENT if self.moment else ClientReason.CLIENT_REMOVED,)
        has_secret = bool(state.secret_made_at if self.moment else state.secret_digest)
        of_client = ClientState(state.is_confidential, has_secret, state.redirect_uris, state.reads_reasons)
        return tuple(client_reasons(of_client, self.redirect_uri))

    def told(self) -> Iterator[Condition]:
        if self._state is None:
            yield self._missing()
            return
        if self.is_default:
            yield Condition(True, _("The client comes from the settings of the site."))
        else:
            yield Condition(True, _("The client is registered."), labelled(self.of_client, "insert"))
        yield from self._secret()
        yield self._redirect()
        if self._state.is_confidential:
            is_met = ClientReason.MAY_NOT_READ_REASONS not in self.reasons
            may, may_not = _("It may read why somebody may not work."), _("It may not read why somebody may not work.")
            yield self.condition(is_met, may if is_met else may_not, self._change("reads_reasons"), self._form())
        if not self.moment:
            has_key = SigningKey.objects.verifying().filter(signs_from__lte=timezone.now()).exists()
            text = _("There is a key to sign tokens with.") if has_key else _("There is no key to sign tokens with.")
            yield Condition(has_key, text)

    def _missing(self) -> Condition:
        if self.moment:
            return Condition(False, _("The client was not there then, as far as the history knows."))
        mend = self.link(_("Register a client"), "users.add_client", "admin:users_client_add")
        return self.condition(False, _("The client was removed."), labelled(self.of_client, "delete"), mend)

    def _secret(self) -> Iterator[Condition]:
        if not self._state.is_confidential:
            yield Condition(True, _("It is a public client, which needs no secret."))
            return
        mend = self.link(_("Make a new secret"), "users.change_client", "admin:users_client_secret", self.client.pk)
        has_secret = ClientReason.NO_SECRET not in self.reasons
        text = _("There is a secret. Whether it is right is not known.") if has_secret else _("There is no secret.")
        yield self.condition(has_secret, text, self._change("secret_made_at"), mend)
        if not self.moment:
            number = wrong_passwords(f"client {self.client.client_id}")
            wrong = ngettext("%(number)s wrong secret lately.", "%(number)s wrong secrets lately.", number)
            yield Condition(None, wrong % {"number": number})

    def _redirect(self) -> Condition:
        """The default client's addresses of a past moment are not recorded."""
        if self.is_default and self.moment:
            return Condition(None, _("Which redirect addresses were set is not recorded."))
        is_met = ClientReason.REDIRECT_NOT_REGISTERED not in self.reasons
        number = len(self._state.redirect_uris)
        if self.redirect_uri:
            text = _("%(address)s is registered.") if is_met else _("%(address)s is not registered.")
            text %= {"address": self.redirect_uri}
        elif number:
            text = ngettext(
                "%(number)s redirect address is registered.", "%(number)s redirect addresses are registered.", number
            ) % {"number": number}
        else:
            text = _("No redirect address is registered: people cannot sign in through it.")
        if self.is_default and not is_met:
            text = f"{text} {_('It belongs in the setting DEFAULT_CLIENT_REDIRECT_URIS.')}"
        is_needed = bool(number or self.redirect_uri or not is_met)
        return self.condition(is_met if is_needed else None, text, self._change("redirect_uris"), self._form())

    def _change(self, field: str) -> Any:
        return change_of(self.of_client, field, Client)

    def _form(self) -> tuple[str, str] | None:
        if self.is_default:
            return None
        label = _("Edit the client")
        return self.link(label, "users.change_client", "admin:users_client_change", self.client.pk)
