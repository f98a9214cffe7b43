"""Tells what chance makes from what people write: examples, placeholders, names of things."""

import re
from itertools import pairwise

EXAMPLE = b"EXAMPLE"
"""What ids, secrets and tokens of AWS's documentation contain, and one in 10^10 of real ones."""

# Each is in less than one of 10,000 real ids; most are in none.
_WORDS_OF_IDS = re.compile(
    rb"EXAMPLE|IOSFODNN|SAMPLE|PLACEHOLD|CHANGEM|REPLACE|REDACT|ACCESSKEY|YOURKEY|YOURACC|YOURAWS|SECRETKEY|TESTKEY|KEYTEST"
    rb"|FAKEKEY|FAKEFAKE|FAKEID|FAKEA[CW]|DUMMY|NOTREAL|NOTAREAL|NOTVALID|INVALID|FOOBAR|QWERTY|ASDFGH|ZXCVBN|TESTTEST"
    rb"|THISIS|INSERT|HIDDEN|REMOVED|MASKED|DOESNOT|NOSUCH"
)
FEW = 17
"""Fewer different characters are hexadecimal digits, or no secret."""

COMMON = 9
"""So many of the 15 pairs of letters of an id are common ones in words."""

_SAME = re.compile(rb"(.)\1{5}")
_COUNTS = (b"abcdef", b"ghijkl", b"mnopqr", b"uvwxyz", b"123456", b"234567", b"654321", b"fedcba", b"zyxwvu", b"qwerty")
_HEX = re.compile(rb"(?:[0-9a-f]+|[0-9A-F]+)")

_IN_ENGLISH = (
    b"ab ac ad ag ai al am an ap ar as at be bl ca ce ch ck cl co ct da de di ea ec ed ef el em en ep er es et "
    b"ex fi fo ge ha he hi ho ia ic id ie if ig il im in io ir is it ke la le li ll lo ls lu ly ma me mi mo mp "
    b"na nc nd ne ng ni no ns nt oc od ol om on op or ot ou ow pa pe pl po pr pt ra re ri rm rn ro rs rt se si "
    b"so sp ss st su ta te th ti to tr ts tt tu ty ue ul um un ur us ut va ve yp"
)
_COMMON_PAIRS = frozenset(map(tuple, _IN_ENGLISH.split()))
"""Pairs of letters that are four fifths of those in English names and an eighth of those that chance makes."""

_KINDS = bytes(
    ord("d") if chr(byte).isdigit() else ord("l") if 97 <= byte <= 122 else ord("u") if 65 <= byte <= 90 else ord("s")
    for byte in range(256)
)
_CHANGES = tuple(
    first + second for first in (b"d", b"l", b"u", b"s") for second in (b"d", b"l", b"u", b"s") if first != second
)


def is_made_up_id(tail: bytes) -> bool:
    """Say whether the 16 characters of an id are an example's or a placeholder's.

    Args:
        tail: What follows the first four characters.
    """
    return len(set(tail)) < 7 or bool(_SAME.search(tail) or _WORDS_OF_IDS.search(tail)) or _counts(tail.lower())


def is_in_words(tail: bytes) -> bool:
    """Say whether the 16 characters of an id are words.

    Args:
        tail: What follows the first four characters.
    """
    # Of real ones one in 28 is of letters only.
    return tail.isalpha() and sum(map(_COMMON_PAIRS.__contains__, pairwise(tail.lower()))) >= COMMON


def is_by_chance(value: bytes) -> bool:
    """Say whether 40 characters look drawn at random: neither written, counted, repeated nor hexadecimal.

    Args:
        value: The characters.
    """
    if len(set(value)) < FEW or _HEX.fullmatch(value) or EXAMPLE in value.upper() or _SAME.search(value):
        return False
    return not _counts(value.lower()) and not is_written(value)


def is_written(value: bytes) -> bool:
    """Say whether the characters are words: many pairs of letters common in English, few changes of their kind.

    Args:
        value: The characters.
    """
    kinds, low = value.translate(_KINDS), value.lower()
    changes = sum(map(kinds.count, _CHANGES))
    common = sum(map(_COMMON_PAIRS.__contains__, pairwise(low)))
    # Names in a path are set apart by a sign of another kind, which are changes.
    return common + value.count(b"/") > changes + 3


def is_mixed(value: bytes) -> bool:
    """Say whether there are small letters, capitals, and digits or signs, as in 9,997 of 10,000 real secrets.

    Args:
        value: The characters.
    """
    kinds = value.translate(_KINDS)
    return b"l" in kinds and b"u" in kinds and (b"d" in kinds or b"s" in kinds)


def _counts(low: bytes) -> bool:
    # Also where every other character counts, as in a1b2c3.
    text = b" ".join((low, low[::2], low[1::2]))
    for count in _COUNTS:  # noqa: SIM110 - twice as fast as any()
        if count in text:
            return True
    return False
