from django.contrib.auth.hashers import Argon2PasswordHasher


class OwaspArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with OWASP's minimum parameters: 19 MiB of memory (in KiB), two iterations, one lane."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1
