"""Finds the ids of access keys: long-term ones, and those of temporary credentials."""

import re
from collections.abc import Iterator

from looks import is_in_words, is_made_up_id

LENGTH = 20
_KINDS = {b"AKIA": "access_key", b"ASIA": "temporary_key"}
_CAPITALS = re.compile(rb"[A-Z0-9]*+")
_TAIL = re.compile(rb"[A-Z2-7]{16}")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LONG_RUN = 200
"""In so long a run of base64 an id that nothing sets apart from it is made by chance."""
_LONG_RUN_BETWEEN_LETTERS = 100
"""The same where small letters are on both sides."""


def key_ids(text: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Return where ids of access keys are, their kind and themselves.

    Args:
        text: The text, escapes undone.
    """
    for prefix, kind in _KINDS.items():
        at = text.find(prefix)
        while at >= 0:
            run = _CAPITALS.match(text, at)
            end = run.end() if run else at + 4
            if end - at == LENGTH and _is_id(text, at, end):
                yield at, kind, text[at:end]
            at = text.find(prefix, end)


def _is_id(text: bytes, at: int, end: int) -> bool:
    if text[max(at - 1, 0) : at].isalnum() and not text[at - 1 : at].islower() and text[max(at - 3, 0) : at] != b"=3D":
        return False
    tail = text[at + 4 : end]
    # Names of things begin with Asia, and none with the letters of the other kind.
    if text[at : at + 4] == b"ASIA" and is_in_words(tail):
        return False
    return bool(_TAIL.fullmatch(tail)) and not is_made_up_id(tail) and not _is_in_base64(text, at, end)


def _is_in_base64(text: bytes, at: int, end: int) -> bool:
    joined = text[max(at - 1, 0) : at] + text[end : end + 1]
    if not (any(97 <= byte <= 122 for byte in joined) or b"+" in joined):
        return False
    before, after = text[max(at - _LONG_RUN, 0) : at], text[end : end + _LONG_RUN]
    run = before[len(before.rstrip(_BASE64)) :] + after[: len(after) - len(after.lstrip(_BASE64))]
    longest = _LONG_RUN_BETWEEN_LETTERS if len(joined) == 2 and joined.islower() and joined.isalpha() else _LONG_RUN
    return len(run) + LENGTH > longest and sum(97 <= byte <= 122 for byte in run) * 7 > len(run)
