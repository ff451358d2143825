"""OAuth 2 by Authlib, with the models of `users` (contract 0.4 and sections 2.1, 2.2).

Authlib implements the protocol. This package adds what differs in the reference: bodies as form or JSON, parameters in
snake_case or camelCase, a default client, and error messages.

`requests` parses requests, `grants` start and refresh sessions, `endpoints` revoke and introspect tokens, and `server`
combines them and makes error responses. `clients` has what is asked about a client and not about a person.
"""
