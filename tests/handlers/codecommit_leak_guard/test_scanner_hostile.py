"""Files made to be slow are as fast as others: what a scan takes grows as the file does."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from random import Random

import pytest

from tests.handlers.codecommit_leak_guard.corpus.material import BASE64_LETTERS, ID_LETTERS, LONG_TERM, generator
from tests.handlers.codecommit_leak_guard.scanning import SCANNER

SIZE = 1_500_000
DENSE_SIZE = 600_000
LONGEST = 6 * 1024 * 1024
SECONDS_FOR_LONGEST = 3.0
GROWTH = 2.5
TOO_SHORT_TO_TELL = 0.1


def repeated(unit: bytes) -> Callable[[int], bytes]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def letters(random: Random, count: int, alphabet: str = BASE64_LETTERS) -> bytes:
    return "".join(random.choices(alphabet, k=count)).encode()


def key_ids(separator: bytes) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        text = letters(generator(1), size * 16 // (20 + len(separator)), ID_LETTERS)
        return separator.join(LONG_TERM.encode() + text[at : at + 16] for at in range(0, len(text) - 15, 16))

    return make


def secrets(before: bytes, separator: bytes) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        text = letters(generator(2), size * 40 // (40 + len(before) + len(separator)))
        return separator.join(before + text[at : at + 40] for at in range(0, len(text) - 39, 40))

    return make


def nested(times: int) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        text = b"aws_secret_access_key = none\n" * (size // 28 // 2)
        for _ in range(times):
            text = base64.b64encode(text)
        return text[:size]

    return make


def wrapped(make: Callable[[int], bytes], width: int = 76) -> Callable[[int], bytes]:
    def wrap(size: int) -> bytes:
        text = make(size)
        return b"\n".join(text[at : at + width] for at in range(0, len(text), width))

    return wrap


def noise(size: int) -> bytes:
    return letters(generator(3), size)


CALM = {
    "A": repeated(b"A"),
    "AKIA": repeated(LONG_TERM.encode()),
    "AKIA and space": repeated(LONG_TERM.encode() + b" "),
    "one line": repeated(b"x y "),
    "quotes": repeated(b"\"'"),
    "one quote": lambda size: b'"' + b"a b=" * (size // 4),
    "quotes and +": repeated(b'"+'),
    "literals of one letter": repeated(b'"a"+'),
    "literals that go on": repeated(b'"abcdefghijk" + '),
    "literals far apart": repeated(b'aws "a"' + b" " * 61),
    "backslashes and zeros": repeated(b"\\0"),
    "equals": repeated(b"="),
    "spaces": repeated(b" "),
    "line feeds": repeated(b"\n"),
    "names": repeated(b"aws_secret_access_key="),
    "names of one line": repeated(b"secret key aws "),
    "words of 39": repeated(b"a" * 39 + b" "),
    "words of 26": repeated(b"a" * 26 + b" "),
    "words of 30": repeated(b"getTheNameOfAnotherThingAgain1 "),
    "hexadecimal lines": wrapped(lambda size: letters(generator(4), size, "0123456789abcdef"), 40),
    "base64": noise,
    "base64 wrapped": wrapped(noise),
    "base64 of text": nested(1),
    "base64 of base64": nested(2),
    "base64 eight times": nested(8),
    "base64 wrapped of text": wrapped(nested(1)),
    "base64 wrapped twice": lambda size: wrapped(lambda _: base64.b64encode(wrapped(nested(1))(size // 2)))(0),
    "short base64 of text": repeated(base64.b64encode(b"this is text, no more ") + b" "),
    "base64 of falling widths": lambda size: b"\n".join(
        base64.b64encode(b"x" * (60 - n % 30)) for n in range(size // 60)
    ),
    "base64 of two bytes a letter": lambda size: base64.b64encode(("hello " * (size // 18)).encode("utf-16-le")),
    "base64 of Cyrillic": lambda size: base64.b64encode("ключи ".encode() * (size // 15)),
    "gaps after base64": repeated(base64.b64encode(b"x" * 48) + b" " * 60),
    "percent": repeated(b"%"),
    "%2F": repeated(b"%2F"),
    "%25 thrice": repeated(b"%25252F"),
    "backslashes": repeated(b"\\"),
    "escaped slashes": repeated(b"\\\\/"),
    "escaped line feeds": repeated(b"\\n"),
    "unicode escapes": repeated(b"\\u002f"),
    "entities": repeated(b"&#43;"),
    "entities twice": repeated(b"&amp;#43;"),
    "ampersands": repeated(b"&"),
    "long entities": repeated(b"&#x0000000"),
    "colours": repeated(b"\x1b[0;0m"),
    "colours without end": repeated(b"\x1b[0;0;0;0;0;0;0;0"),
    "NULs late": lambda size: b"x" * 9000 + b"\0" * (size - 9000),
    "NULs in turns": repeated(b"a\0"),
    "bytes late": lambda size: b"x" * 9000 + generator(5).randbytes(size - 9000),
    "tokens": repeated(b"FwoGZXIvYXdz" + letters(generator(6), 300) + b"\n"),
    "web tokens": repeated(b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."),
    "rules": repeated(b"-" * 40 + b"\n"),
    "underscores": repeated(b"_" * 40 + b" "),
}
DENSE = {
    "ids": key_ids(b" "),
    "ids with escapes": key_ids(b"\\n"),
    "secrets": secrets(b"", b"\n"),
    "secrets named": secrets(b"aws_secret=", b"\n"),
    "secrets of a bare name": secrets(b"SECRET_KEY=", b"\n"),
    "secrets in literals": secrets(b'"+"', b'"\n'),
    "secrets likely": secrets(b"key:", b" "),
    "ids in base64": lambda size: b"\n".join(base64.b64encode(each) for each in key_ids(b" ")(size * 2 // 3).split()),
}


def seconds(data: bytes) -> float:
    start = time.thread_time()
    SCANNER.scan(data)
    return time.thread_time() - start


def check_growth(make: Callable[[int], bytes], size: int) -> float:
    short, long = make(size // 2), make(size)
    for _ in range(3):
        whole, half = seconds(long), seconds(short)
        if whole < TOO_SHORT_TO_TELL or whole <= GROWTH * half:
            return whole
    raise AssertionError(
        f"twice the bytes must take at most {GROWTH} times as long, got {half:.2f} s and {whole:.2f} s"
    )


@pytest.mark.parametrize("name", CALM)
def test_hostile_files_are_scanned_in_time_that_grows_as_they_do(name: str) -> None:
    taken = check_growth(CALM[name], SIZE)
    assert taken * LONGEST / SIZE < SECONDS_FOR_LONGEST


@pytest.mark.parametrize("name", DENSE)
def test_files_of_nothing_but_credentials_are_scanned_in_time_that_grows_as_they_do(name: str) -> None:
    taken = check_growth(DENSE[name], DENSE_SIZE)
    # Each is a finding of its own, of which a file has a handful.
    assert taken * LONGEST / DENSE_SIZE < 5 * SECONDS_FOR_LONGEST
