"""Says how much the text around 40 characters speaks for a secret access key."""

import re
from enum import IntEnum

from words import (
    ASSIGNED,
    IDS,
    NAMES,
    NEVER,
    OF_AWS,
    OTHER_THINGS,
    OTHERS,
    PASSWORDS,
    PRIVATE,
    SAYS_NOTHING,
    SERVICES,
)

NEAR, WIDE = 160, 320
"""How many bytes before are looked at, on the line and on the lines before."""


class Says(IntEnum):
    """What the surroundings say."""

    OTHERWISE = 0
    OF_OTHERS = 1
    NOTHING = 2
    LIKELY = 3
    NAMED = 4


_DIGITS = b"0123456789"
_OF_PASSWORDS = frozenset([b"", b"aws", b"amazon", b"s3", b"iam", b"boto", b"aws_s3", b"aws_iam"])
_NAME = rb"(?m)^[ \t+-]*+(?:(?:export|set|env|arg)[ \t]++)?+[A-Z0-9_]{2,}+[ \t]*+[=:]"
_LINES = re.compile(_NAME + rb"[^\n]*+")
"""Lines of a name and a value, as of the environment, which speak for their own value only."""
_VALUES = re.compile(_NAME + rb"[^A-Za-z0-9\n]*+[A-Za-z0-9][^\n]*+")
"""Those of them whose value is there."""
_REGION = re.compile(rb"\b(?:us|eu|ap|sa|ca|me|af|cn|il)-[a-z]{4,9}-[1-9]\b")
_IN_ARN = re.compile(rb"arn:[a-z-]*+:[^ \"',;<>=]*+$")
_NOT_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalnum() or byte > 0x7F)
_SPACES = bytes(ord(" ") if byte in _NOT_LETTERS else byte for byte in range(256))
_OF_LABELS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_OF_BLOCKS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Surroundings:
    """A text, and what stood before it where it was found in another one.

    Args:
        text: The text.
        outer: What stood before it.
    """

    def __init__(self, text: bytes, outer: bytes = b"") -> None:
        self._text, self._outer = text, outer
        self._about_aws: bool | None = None

    def says(self, start: int, end: int) -> Says:
        """Return how much speaks for a secret access key.

        Args:
            start: Where the characters begin.
            end: Where they end.
        """
        line = self._before(start)
        before = line.lower()
        label = _label(before)
        near = before[-100:]
        of_aws = bool(_first(near, OF_AWS) or _first(_words(label), SERVICES))
        if b"secret" not in label and label.rstrip(_DIGITS).endswith(OTHER_THINGS):
            return Says.OTHERWISE
        if NEVER.search(label) or (not of_aws and OTHERS.search(label)):
            return Says.OF_OTHERS
        if b"arn:" in before and _IN_ARN.search(before):
            return Says.NOTHING
        if name := _name_of_secret(before):
            others = name == b"secretkey" and not of_aws and OTHERS.search(near[-60:])
            return Says.NOTHING if others or not self._is_of_aws(label, of_aws, start, end) else Says.NAMED
        wide = self._wide(start, end)
        if self._is_named(wide, line, label) or (self._text[end : end + 1] == b"@" and b"s3" in near):
            return Says.NAMED
        if _is_other_password(label):
            return Says.NOTHING
        if of_aws or _first(self._behind(end), OF_AWS):
            return Says.LIKELY
        return self._private(before, label, wide)

    def _is_of_aws(self, label: bytes, of_aws: bool, start: int, end: int) -> bool:
        """Say whether a name that others have too, such as Django, is of AWS here."""
        if of_aws or label.translate(None, _NOT_LETTERS) != b"secretkey":
            return True
        value = self._text[start:end]
        if b"/" in value or b"+" in value or self._is_about_aws():
            return True
        wide = self._wide(start, end)
        return bool(_REGION.search(wide) or b"bucket" in _VALUES.sub(b"", wide).lower())

    def _is_named(self, wide: bytes, line: bytes, label: bytes) -> bool:
        low = wide.lower()
        if not _name_of_secret(low):
            return False
        if not _is_assigned(line, label):
            return bool(_name_of_secret(_VALUES.sub(b"", wide).lower()))
        return b"$" + label in low or b"${" + label in low

    def _private(self, before: bytes, label: bytes, wide: bytes) -> Says:
        private = bool(_first(_words(before), PRIVATE))
        wide = _LINES.sub(b"", wide).lower()
        if not private and label.translate(None, _NOT_LETTERS) in SAYS_NOTHING:
            private = bool(_first(_words(wide), PRIVATE))
        if not private:
            return Says.NOTHING
        return Says.LIKELY if _says_aws(wide) or self._is_about_aws() else Says.NOTHING

    def names(self, start: int, names: tuple[bytes, ...]) -> bool:
        """Say whether what stands before on the line is one of these names, and the text is about AWS.

        Args:
            start: Where the characters begin.
            names: The names, in small letters only.
        """
        before = self._before(start)[-60:].lower().translate(None, _NOT_LETTERS)
        return bool(_first(before, names)) and (bool(_first(before, OF_AWS)) or self._is_about_aws())

    def stands_in_block(self, start: int, end: int) -> bool:
        """Say whether the characters are a line of a longer block, such as a certificate's last.

        Args:
            start: Where the characters begin.
            end: Where they end.
        """
        text = self._text
        line = text.rfind(b"\n", max(start - NEAR, 0), start)
        if line < 0 or text[line + 1 : start].strip(b" \t\"'"):
            return False
        above = text[max(line - NEAR, 0) : line].rstrip(b"\r \"'\\,+").rpartition(b"\n")[2].strip(b" \t\"'")
        return len(above) >= 56 and not above.strip(_OF_BLOCKS)

    def _before(self, start: int) -> bytes:
        line = self._text[max(start - NEAR, 0) : start]
        if start < NEAR and b"\n" not in line:
            line = self._outer + line
        return line.rpartition(b"\n")[2]

    def _behind(self, end: int) -> bytes:
        behind = self._text[end : end + NEAR // 2].partition(b"\n")[0].lower()
        # A user's name in a URL.
        return b"" if behind.startswith(b"@") else behind

    def _wide(self, start: int, end: int) -> bytes:
        lines = self._text[max(start - WIDE, 0) : start].split(b"\n")[-4:]
        after = self._text[end : end + NEAR // 2].split(b"\n")[:2]
        outer = self._outer if start < NEAR else b""
        return outer + b"\n".join(lines) + b" " + b"\n".join(after)

    def _is_about_aws(self) -> bool:
        if self._about_aws is None:
            low = self._text.lower()
            words = (*OF_AWS, b"s3a", b"s3:")
            self._about_aws = bool(_first(low, words)) and bool(_first(_LINES.sub(b"", self._text).lower(), words))
        return self._about_aws


def _first(text: bytes, words: tuple[bytes, ...]) -> bytes:
    for word in words:  # twice as fast as next()
        if word in text:
            return word
    return b""


def _name_of_secret(low: bytes) -> bytes:
    # All names have one of these in them, and most texts have none.
    if b"secret" in low or b"aws" in low or b"static" in low:
        return _first(low.translate(None, _NOT_LETTERS), NAMES)
    return b""


def _words(low: bytes) -> bytes:
    return b" " + low.translate(_SPACES) + b" "


def _says_aws(low: bytes) -> bool:
    return bool(_first(low, OF_AWS) or _first(_words(low), SERVICES))


def _label(before: bytes) -> bytes:
    """Return the name that stands last before, without what stands between it and the value."""
    named = before[-100:].rstrip(_NOT_LETTERS)
    label = named[len(named.rstrip(_OF_LABELS)) :]
    # What a comma stands behind is an argument before, as an id is.
    return b"" if label.startswith(IDS) or b"," in before[-100:][len(named) :] else label


def _is_assigned(line: bytes, label: bytes) -> bool:
    """Say whether what follows has a name of its own, with a sign between as in NAME=value."""
    if not label or label.translate(None, _NOT_LETTERS) in SAYS_NOTHING:
        return False
    named = line.rstrip(_NOT_LETTERS)
    between = line[len(named) :]
    if b"=" not in between and b":" not in between:
        return False
    return bool(_first(label, ASSIGNED)) or (b"=" in between and named[-len(label) :].isupper())


def _is_other_password(label: bytes) -> bool:
    for password in PASSWORDS:
        if label.endswith(password):
            return label[: -len(password)].strip(b"_.-") not in _OF_PASSWORDS
    return False
