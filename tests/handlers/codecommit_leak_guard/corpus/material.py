"""Credentials and what resembles them, drawn anew at run time: none of them is or was anybody's."""

from __future__ import annotations

import base64
import string
from random import Random

ID_LETTERS = string.ascii_uppercase + "234567"
BASE64_LETTERS = string.ascii_letters + string.digits + "+/"
LONG_TERM, TEMPORARY = "AK" + "IA", "AS" + "IA"


def generator(seed: int) -> Random:
    """Return where everything is drawn from."""
    return Random(seed)  # noqa: S311


def key_id(random: Random, prefix: str = LONG_TERM) -> str:
    return prefix + "".join(random.choices(ID_LETTERS, k=16))


def secret(random: Random) -> str:
    return "".join(random.choices(BASE64_LETTERS, k=40))


def token(random: Random) -> str:
    start = random.choice([b"\x17\n\x06er/aws\x10", b"!\n\torigin_ec\x10", b"\x15\n\x06er/aws\x10"])
    return base64.b64encode(start + random.randbytes(random.randint(180, 600))).decode()


def alphanumeric(random: Random, length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def hexadecimal(random: Random, length: int) -> str:
    return "".join(random.choices("0123456789abcdef", k=length))


def base64_of_noise(random: Random, size: int) -> str:
    return base64.b64encode(random.randbytes(size)).decode()
