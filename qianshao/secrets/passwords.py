"""Passwords, and what Mosquitto keeps of them."""

import secrets
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac
from hmac import compare_digest

BYTES = 24
SALT_BYTES, HASH_BYTES, ROUNDS = 12, 64, 101
"""As mosquitto_passwd has them. So few rounds are enough for passwords that nobody thought up."""


def new_password() -> str:
    """192 bits of chance, as hexadecimal digits: nothing that a URL, a shell or a table would have to quote."""
    return secrets.token_hex(BYTES)


def new_hash(password: str) -> str:
    """What Mosquitto's password file says of it: `$7$`, PBKDF2 with SHA-512 and a salt of its own."""
    return _hash(password, secrets.token_bytes(SALT_BYTES), ROUNDS)


def is_hash_of(stored: str, password: str) -> bool:
    """Whether it is what `new_hash` made of that password."""
    try:
        _, kind, rounds, salt, _ = stored.split("$")
        again = _hash(password, b64decode(salt, validate=True), int(rounds))
    except ValueError:
        return False
    return kind == "7" and compare_digest(stored, again)


def _hash(password: str, salt: bytes, rounds: int) -> str:
    digest = pbkdf2_hmac("sha512", password.encode(), salt, rounds, HASH_BYTES)
    return f"$7${rounds}${b64encode(salt).decode()}${b64encode(digest).decode()}"
