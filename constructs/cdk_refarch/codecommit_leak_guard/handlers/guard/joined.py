"""Finds what is written as several string literals side by side, with a + between them or nothing."""

import re
from collections.abc import Iterator

_BETWEEN = re.compile(rb"""\\{0,3}+(["'])[ \t\r\n\\+.&]{0,60}+\1([A-Za-z0-9+/]{1,38}+)(?=\\{0,3}+\1)""")
_SIGNS = tuple(quote + then for quote in (b'"', b"'") for then in (b" +", b"+", b"\n", b"\r", b"  ", b" \\"))
_OF_CREDENTIALS = (b"ecret", b"ECRET", b"aws", b"AWS", b"AKI", b"ASI", b"redential")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ENDS = _LETTERS + b"\\"


def joined(text: bytes, lengths: tuple[int, int]) -> Iterator[tuple[int, int, bytes]]:
    """Return where such literals begin and end within their quotes, and what they say together.

    Args:
        text: The text.
        lengths: How long they may be together.
    """
    if not any(word in text for word in _OF_CREDENTIALS):
        return
    for sign in _SIGNS:
        behind, at = 0, text.find(sign)
        while at >= 0:
            # Most quotes end no literal of letters only; asking first is twice as fast.
            if at >= behind and at and text[at - 1] in _ENDS and (chain := _chain(text, at)):
                start, behind, value = chain
                if len(value) in lengths:
                    yield start, behind, value
            at = text.find(sign, at + 1)


def _chain(text: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Return the literals of which the first ends here."""
    before = text[max(at - 44, 0) : at].rstrip(b"\\")
    behind = at - 44 + len(before) if at > 44 else len(before)
    first = before[len(before.rstrip(_LETTERS)) :]
    start = behind - len(first)
    if not first or not start or text[start - 1] != text[at]:
        return None
    parts, end = [first], behind
    while len(parts) < 40 and (more := _BETWEEN.match(text, end)):
        parts.append(more[2])
        end = more.end()
    return (start, end, b"".join(parts)) if len(parts) > 1 else None
