"""What a file says, as bytes in which credentials look as they are: text of two bytes a letter, and escapes, undone."""

import re
import string

HEAD = 8192
"""How much is looked at to tell text from what is not, as git does."""

DOUBLY_ESCAPED = 3
"""How often escapes within escapes are undone."""

_NUL = b"\0"
_PLAIN = bytes(sorted({*string.printable.encode(), 0x1B, *range(0x80, 0x100)} - {0x0B}))
_PAIRS = bytes(ord("0") if byte == 0 else ord("a") if byte in _PLAIN else ord(" ") for byte in range(256))
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")

_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_BACKSLASH = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(0(?:[0-7]{2}|(?![0-9]))))")
_ENTITY = re.compile(
    rb"&(?:#x0{0,4}([2-7][0-9A-Fa-f])|#0{0,4}([0-9]{2,3})|(quot|apos|amp|lt|gt|plus|sol|equals|nbsp));"
)
_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,16}[A-Za-z]")
_NAMED = {
    b"quot": b'"',
    b"apos": b"'",
    b"amp": b"&",
    b"lt": b"<",
    b"gt": b">",
    b"plus": b"+",
    b"sol": b"/",
    b"equals": b"=",
    b"nbsp": b" ",
}
# What is no character that is seen becomes a space, but for what begins a colour.
_CHARACTERS = [bytes([byte]) if byte == 0x1B or 0x20 < byte < 0x7F else b" " for byte in range(0x80)]
_SHORT = ((rb"\/", b"/"), (rb"\n", b"  "), (rb"\r", b"  "), (rb"\t", b"  "))


def is_binary(data: bytes) -> bool:
    """Say whether this is no text: there is a NUL early in it, and it is not text of two bytes a letter either.

    Args:
        data: What the file holds.
    """
    head = data[:HEAD]
    return _NUL in head and not _is_wide(head)


def readings(data: bytes) -> list[tuple[bytes, str]]:
    """Return the text that the data can be read as, and how it is encoded; what is binary has no reading.

    Line feeds are where they were, so that lines keep their numbers.

    Args:
        data: What the file holds.
    """
    head = data[:HEAD]
    if _NUL not in head:
        return [(data, "")]
    if not _is_wide(head):
        return []
    # Files of one form with an end of the other are common where two shells append to them.
    both = [(data.replace(_NUL, b""), "utf-16")]
    codec = _codec(head)
    if codec:
        both.insert(0, (data.decode(codec, "replace").encode("utf-8", "replace"), "utf-16"))
    return both


def unescaped(text: bytes) -> tuple[bytes, str]:
    """Return the text with escapes undone, and their kind if there were any: ``url``, or ``escaped``.

    Escaped line feeds become spaces, so that lines keep their numbers.

    Args:
        text: The text.
    """
    kind = ""
    for _ in range(DOUBLY_ESCAPED):
        before = text
        if b"%" in text:
            text = _PERCENT.sub(_percent, text)
            kind = "url" if text != before else kind
        text = _without_others(text)
        if text == before:
            break
        kind = kind or "escaped"
    return text, kind


def _without_others(text: bytes) -> bytes:
    if b"\\" in text:
        while b"\\\\" in text:
            text = text.replace(b"\\\\", b"\\")
        for escape, character in _SHORT:
            text = text.replace(escape, character)
        if b"\\u" in text or b"\\x" in text or b"\\0" in text:
            text = _BACKSLASH.sub(_backslash, text)
    if b"&" in text:
        text = _ENTITY.sub(_entity, text)
    if b"\x1b[" in text:
        text = _COLOUR.sub(b" ", text)
    return text


def _percent(match: re.Match[bytes]) -> bytes:
    return _character(int(match[1], 16))


def _backslash(match: re.Match[bytes]) -> bytes:
    return _character(int(match[3], 8) if match[3] else int(match[1] or match[2], 16))


def _character(number: int) -> bytes:
    return _CHARACTERS[number] if number < 0x80 else b" "


def _entity(match: re.Match[bytes]) -> bytes:
    by_hex, by_number, by_name = match.groups()
    if by_name:
        return _NAMED[by_name]
    return _character(int(by_hex, 16) if by_hex else int(by_number))


def _is_wide(head: bytes) -> bool:
    codec = _codec(head)
    if codec:
        text = head[: len(head) // 2 * 2].decode(codec, "replace")
        odd = sum(not (character.isprintable() or character.isspace()) or character == "\ufffd" for character in text)
        if odd * 50 <= len(text):
            return True
    # Wide text in places: letters and NULs in turns.
    shape = head.translate(_PAIRS)
    in_turns = 4 * (shape.count(b"a0a0a0a0") or shape.count(b"0a0a0a0a"))
    return b" " not in shape and b"00" not in shape and in_turns * 5 >= 4 * head.count(_NUL) and in_turns > 0


def _codec(head: bytes) -> str:
    if head.startswith(_BYTE_ORDER_MARKS):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    enough = max(len(head) * 3 // 10, 4)
    if odd >= enough and even * 30 <= odd:
        return "utf-16-le"
    return "utf-16-be" if even >= enough and odd * 30 <= even else ""
