"""Provisioning by a company's directory: SCIM 2.0 (RFC 7643, 7644). Loaded only with `SCIM_ENABLED`."""
