"""Credentials in the form that AWS gives them, of any account: ids that tell their account, secrets, tokens."""

from __future__ import annotations

import base64
import secrets
import string

_SECRET = string.ascii_letters + string.digits + "/+"
_TOKEN = base64.b64decode("IQoJb3JpZ2luX2Vj")
"""How every session token of today begins: a length and ``origin_ec``."""


def key_id(account: str, prefix: str = "AKIA") -> str:
    """Make the id of an access key: 80 bits in base 32, of which 40 are the account and the first is set.

    Args:
        account: The account's 12 digits; another one than the sandbox's for a key of others.
        prefix: ``AKIA`` for a key of a user, ``ASIA`` for one of a session.
    """
    bits = 1 << 79 | int(account) << 39 | secrets.randbits(39)
    return prefix + base64.b32encode(bits.to_bytes(10, "big")).decode()


def account_of(key: str) -> str | None:
    """The account in the id of an access key; None for ids that have none, such as those from before 2019.

    Args:
        key: The id.
    """
    try:
        bits = int.from_bytes(base64.b32decode(key[4:]), "big")
    except ValueError:
        return None
    return f"{bits >> 39 & (1 << 40) - 1:012d}" if len(key) == 20 and bits >> 79 else None


def secret_key() -> str:
    """Make a secret access key: 40 characters."""
    return "".join(secrets.choice(_SECRET) for _ in range(40))


def session_token() -> str:
    """Make the token that belongs to a temporary key."""
    return base64.b64encode(_TOKEN + secrets.token_bytes(300)).decode()
