"""One form of what people type: names, e-mail addresses and passwords (design decision 14).

Used on saving, on looking up, in imports and filters, and at every sign-in.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import idna
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

#: Characters that take up space. In PostgreSQL's regular expressions, these have the same meaning.
BLANKS = r"\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"
#: Characters without any appearance: controls, soft hyphens, marks of direction, joiners, fillers, variation selectors.
INVISIBLE = (
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Blanks that no name contains.
OTHER_BLANKS = BLANKS.replace(r"\x20", "")
_BLANKS, _INVISIBLE = re.compile(f"[{BLANKS}]+"), re.compile(f"[{INVISIBLE}]")
_OTHER_SPACES = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
NOT_ASCII = _("Before the @, an e-mail address can have letters without accents only.")


def normal_name(text: str) -> str:
    """NFC, without invisible characters, with single inner blanks and no outer ones."""
    if not (text.isascii() and text.isprintable()):  # what was invisible kept letters and marks apart
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return _BLANKS.sub(" ", text).strip(" ")


def name_key(text: str) -> str:
    """Two names with the same key are the same name."""
    return normal_name(text).lower()


def normal_email(text: str) -> str:
    """The address as it is stored: the same as of a name, and the domain in the lower case of IDNA (UTS 46)."""
    local, at, domain = normal_name(text).rpartition("@")
    return f"{local}{at}{_normal_domain(domain) if at else domain}"


def email_key(text: str) -> str:
    """Two addresses with the same key are the same address.

    PostgreSQL's `lower` says the same of a stored address: before the @ there is ASCII only, and after it lower case.
    """
    return normal_email(text).lower()


def _normal_domain(domain: str) -> str:
    lower = domain.lower()
    if lower.isascii() and "xn--" not in lower:
        return lower
    try:
        return idna.decode(idna.encode(domain, uts46=True))
    except idna.IDNAError:  # no domain: the field's validator refuses it
        return lower


def normal_password(text: str) -> str:
    """RFC 8265 section 4.2 (OpaqueString), so that the same keys are the same password on every keyboard."""
    return unicodedata.normalize("NFC", _OTHER_SPACES.sub(" ", text))


def require_ascii_before_at(email: str) -> None:
    """A field's validator: Python and PostgreSQL disagree on the lower case of some letters (those of Turkish)."""
    if not email.rpartition("@")[0].isascii():
        raise ValidationError(NOT_ASCII)


# --- Model fields -----------------------------------------------------------------------------------------------
class _Normalized(models.Field):
    """Normalizes values on validation, on saving and in lookups. In migrations it is the field of Django."""

    def normal(self, text: str) -> str:
        return normal_name(text)

    def to_python(self, value: Any) -> Any:
        return self._normal(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        return self._normal(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self._normal(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def _normal(self, value: Any) -> Any:
        return self.normal(value) if isinstance(value, str) else value

    def deconstruct(self) -> Any:
        name, _path, arguments, options = super().deconstruct()
        base = type(self).__mro__[2]
        return name, f"django.db.models.{base.__name__}", arguments, options


class NameField(_Normalized, models.CharField):
    """A name of a person or of a warehouse."""


class EmailField(_Normalized, models.EmailField):
    """An e-mail address. See `email_key`."""

    default_validators = [*models.EmailField.default_validators, require_ascii_before_at]

    def normal(self, text: str) -> str:
        return normal_email(text)
