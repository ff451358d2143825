"""What a company's directory keeps here by SCIM (RFC 7643, 7644): its names for people, and the roles it gives."""
