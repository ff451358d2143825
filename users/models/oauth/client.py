"""OAuth clients (RFC 6749 section 2, RFC 9700 section 2.1)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from config.audit.log import audit
from config.database.lost_updates import SavesChangedColumns
from config.digests import digest
from config.history.tracking import tracked
from users.locks import NotFreeError, briefly
from users.models.oauth.authorization_code import AuthorizationCode
from users.models.session import Session
from users.sign_in.refusals import is_registered

#: Loopback hosts, for which plain http is allowed (RFC 8252 section 7.3).
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


# --- Validators -------------------------------------------------------------------------------------------------
def check_redirect_uri(text: str) -> None:
    """Raises ValidationError unless `text` is an absolute URL with https or of a loopback host."""
    if "#" in text or "*" in text:
        raise _refusal(text, _("“%(value)s” must not contain # or *: every address is written out in full."))
    address = _parsed(text)
    if address is None:
        raise _refusal(text, _("“%(value)s” is not a complete address, such as https://app.example.com/oauth/cb."))
    _refuse_plain_http(text, address)


def check_origin(text: str) -> None:
    """Raises ValidationError unless `text` is a serialized origin (RFC 6454 section 6.2)."""
    address = _parsed(text)
    if address is None or "*" in text or text != _origin_of(address):
        words = _(
            "“%(value)s” must be the beginning of an address in small letters, with nothing after the name of the "
            "site, such as https://app.example.com."
        )
        raise _refusal(text, words)
    _refuse_plain_http(text, address)


def _origin_of(address: Any) -> str:
    """The origin, without the scheme's default port."""
    host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
    usual = {"https": 443, "http": 80}.get(address.scheme)
    return f"{address.scheme}://{host}" + ("" if address.port in (None, usual) else f":{address.port}")


def _parsed(text: str) -> Any:
    """The URL's parts; None if it is not a URL or has user information."""
    try:
        address = urlsplit(text)
        address.port  # noqa: B018 (raises ValueError for an invalid port)
    except ValueError:
        return None
    is_valid = address.hostname and "@" not in address.netloc and text.isascii() and text.isprintable()
    return address if is_valid and " " not in text and "\\" not in text else None


def _refuse_plain_http(text: str, address: Any) -> None:
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOOPBACK):
        raise _refusal(text, _("“%(value)s” must begin with https://. Only localhost may be reached by http://."))


def _refusal(text: str, words: Any) -> ValidationError:
    return ValidationError(words, params={"value": text})


class CheckedText(models.CharField):
    """A CharField whose validators are not in migrations, which must not import this module."""

    def deconstruct(self) -> Any:
        name, _path, arguments, options = super().deconstruct()
        options.pop("validators", None)
        return name, "django.db.models.CharField", arguments, options


#: What a client that provisions people does: whoever lets it do so needs these permissions.
PROVISIONING = (
    *("users.add_user", "users.change_user", "users.delete_user"),
    *("assignments.add_warehouseuserassignment", "assignments.change_warehouseuserassignment"),
    "assignments.delete_warehouseuserassignment",
)

_identifier_rule = RegexValidator(
    r"\A[A-Za-z0-9._~-]{1,100}\Z", _("At most 100 letters, digits, dots, hyphens, underscores and tildes.")
)


class ClientChangedError(Exception):
    """The client has lost its right to provision people, its secret or a role, or is being changed."""


# --- Clients ----------------------------------------------------------------------------------------------------
class ClientQuerySet(models.QuerySet["Client"]):
    def known(self, client_id: str) -> Client | None:
        """The client with this id. No query for the default one."""
        if client_id == settings.DEFAULT_CLIENT_ID:
            return self.default()
        return self.filter(client_id=client_id).first()

    def default(self) -> Client:
        """The built-in public client, from the settings. It has no row."""
        return self.model(
            client_id=settings.DEFAULT_CLIENT_ID,
            name="Fulfillment App",
            redirect_uris=settings.DEFAULT_CLIENT_REDIRECT_URIS,
            allowed_origins=settings.DEFAULT_CLIENT_ORIGINS,
        )

    def lock(self, client_id: str) -> bool:
        """Whether the client exists. Locks its row against removal until the transaction ends."""
        if client_id == settings.DEFAULT_CLIENT_ID:
            return True
        table = self.model._meta.db_table
        rows = self.raw(f'SELECT id FROM "{table}" WHERE client_id = %s FOR KEY SHARE', [client_id])  # noqa: S608 (our own name)
        return any(rows)

    def origins(self) -> set[str]:
        """The allowed origins of all clients (CORS). One query."""
        registered = self.values_list("allowed_origins", flat=True)
        return set(settings.DEFAULT_CLIENT_ORIGINS).union(*registered)


@tracked(exclude=["secret_digest", "created_at", "updated_at"])
class Client(ClientMixin, SavesChangedColumns):
    """An OAuth client. Only a confidential one authenticates with a secret."""

    client_id = models.CharField(_("Client ID"), max_length=100, validators=[_identifier_rule])
    name = models.CharField(_("Name"), max_length=255)
    redirect_uris = ArrayField(
        CheckedText(max_length=2000, validators=[check_redirect_uri]),
        verbose_name=_("Redirect addresses"),
        default=list,
        db_default=[],
        blank=True,
    )
    allowed_origins = ArrayField(
        CheckedText(max_length=255, validators=[check_origin]),
        verbose_name=_("Allowed origins"),
        default=list,
        db_default=[],
        blank=True,
    )
    is_confidential = models.BooleanField(_("This client can keep a secret"), default=False, db_default=False)
    #: Off by default: a reason tells that somebody was blocked, or when their employment ended.
    reads_reasons = models.BooleanField(_("May read why somebody may not work"), default=False, db_default=False)
    #: Whether it creates, changes and deletes people (`docs/provisioning.md`). It gives the roles of `ClientRole` only.
    provisions_people = models.BooleanField(_("May provision people (SCIM)"), default=False, db_default=False)
    #: SHA-256: the secret has 256 random bits, so a slow hash is not needed.
    secret_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    #: For the history, which does not contain the secret's digest.
    secret_made_at = models.DateTimeField(_("Secret made"), null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = ClientQuerySet.as_manager()

    #: It is never a superuser, nor confined: for the questions that are asked about people, too.
    is_superuser = is_confined = False

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ["client_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["client_id"],
                name="client_id_unique",
                violation_error_message=_("This client ID is already in use."),
            ),
            models.CheckConstraint(
                condition=models.Q(is_confidential=True) | models.Q(secret_digest=""),
                name="client_public_has_no_secret",
            ),
            models.CheckConstraint(
                condition=models.Q(is_confidential=True) | models.Q(provisions_people=False),
                name="client_public_provisions_nobody",
                violation_error_message=_("Only a program that keeps a secret can provision people."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self._state.adding and self.client_id == settings.DEFAULT_CLIENT_ID:
            raise ValidationError({"client_id": _("This client comes from the settings of the site.")})

    def make_secret(self) -> str:
        """Replaces the secret, and returns it. Only its digest is stored."""
        secret = secrets.token_urlsafe(32)
        self.keep_secret(secret)
        audit.info("Client Secret Made", tag="client_secret_made", client_id=self.client_id)
        return secret

    def keep_secret(self, secret: str) -> None:
        self.secret_digest = digest(secret)
        self.secret_made_at = timezone.now()

    # --- Rights -------------------------------------------------------------------------------------------------
    @cached_property
    def grantable_roles(self) -> frozenset[str]:
        """The names of the roles that it may give and take. Whoever has another one is above it (`User.outranks`)."""
        return frozenset(self.client_roles.values_list("role__name", flat=True)) if self.pk else frozenset()

    def outranks(self, user: Any) -> bool:
        """Whether it may do more than this person, who must not change it then, nor make it a secret."""
        if not self.provisions_people or user.is_superuser:
            return False
        return not (all(map(user.may, PROVISIONING)) and user.grantable_roles.issuperset(self.grantable_roles))

    def confirm_provisioning(self) -> None:
        """Locks the client's row until the transaction ends. Call it last. Raises ClientChangedError."""
        table = self._meta.db_table
        try:
            with briefly():
                rows = list(Client.objects.raw(f'SELECT * FROM "{table}" WHERE id = %s FOR SHARE', [self.pk]))  # noqa: S608 (our own name)
        except NotFreeError as problem:
            raise ClientChangedError from problem
        known = self.provisions_people, self.secret_digest
        if not rows or (rows[0].provisions_people, rows[0].secret_digest) != known:
            raise ClientChangedError
        if not rows[0].grantable_roles >= vars(self).get("grantable_roles", frozenset()):
            raise ClientChangedError

    def sessions(self) -> Any:
        """The sessions of this client."""
        return Session.objects.filter(client_id=self.client_id)

    def remove(self) -> int:
        """Deletes the client and its codes, and ends its sessions. Returns the number of sessions.

        Codes first, since redemption locks the code before the client (`lock`).
        """
        with transaction.atomic():
            AuthorizationCode.objects.filter(client_id=self.client_id, redeemed_at=None).delete()
            self.delete()
            ended = self.sessions().end_all(gettext_noop("client removed"))
            audit.info("Client Removed", tag="client_removed", client_id=self.client_id)
        return int(ended)

    # --- Authlib's interface, as far as our grants ask ----------------------------------------------------------
    def get_allowed_scope(self, scope: str | None) -> str:
        """Every scope: rights depend on the account, not on the client."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return is_registered(redirect_uri, self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret_digest) and constant_time_compare(self.secret_digest, digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A confidential client must authenticate."""
        return self.is_confidential == (method != "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True
