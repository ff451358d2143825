"""The stock site: what somebody writes from the documentation of Django REST framework and its JSON:API library.

Honest, not naive: related rows are joined, connections are kept, keys are parsed once, the switch is locked. It reads
and writes the product's tables. It lacks security headers, request ids and audit events.
"""
