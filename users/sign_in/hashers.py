from django.contrib.auth.hashers import Argon2PasswordHasher


class OwaspArgon2Hasher(Argon2PasswordHasher):
    """Argon2id at OWASP's least parameters: 19 MiB of memory (given in KiB), two passes, one lane."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1
