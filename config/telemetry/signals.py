"""Django signals for what is counted and is no security event. Without `METRICS_PORT` they have no receivers."""

from django.dispatch import Signal

#: Tokens were issued at `/token`. `grant` is the grant type of the request, `kind` that of the refresh token.
token_issued = Signal()
#: A token was introspected. `active` is what the answer says.
token_introspected = Signal()
#: A sign-in was refused without checking its password, because of earlier failures.
sign_in_blocked = Signal()
