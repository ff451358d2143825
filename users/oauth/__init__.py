"""The wiring of Authlib's OAuth 2 engine to our people, sessions and clients (contract 0.4 and sections 2.1, 2.2).

The protocol is Authlib's. Ours is what the reference does differently: bodies told apart by looking at them, keys in
either spelling, a default client, and the words of its errors.

`requests` reads what was sent, `grants` start and go on with sessions, `endpoints` withdraw and tell about tokens,
`server` ties them together and gives each error its wire form.
"""
