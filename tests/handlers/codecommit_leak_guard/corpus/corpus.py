"""Files with credentials and files that resemble them, of real-world shapes, from a seed."""

from __future__ import annotations

import base64
import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from tests.handlers.codecommit_leak_guard.corpus.lone_secrets import LONE_SECRETS
from tests.handlers.codecommit_leak_guard.corpus.material import TEMPORARY, generator, key_id, secret, token
from tests.handlers.codecommit_leak_guard.corpus.negatives import NEGATIVES
from tests.handlers.codecommit_leak_guard.corpus.with_ids import WITH_IDS

FILLERS = (
    "import os\nimport sys\n\nlog = logging.getLogger(__name__)\n\n\ndef main() -> None:\n    print('hello')\n",
    "# Configuration\n#\n# Change with care.\nmode: fast\nreplicas: 3\nimage: registry.example.com/web:1.2.3\n",
    '{"name": "x", "version": "1.0.0", "scripts": {"test": "jest"}, "license": "MIT"}\n',
    "The quick brown fox jumps over the lazy dog.\n\nIt did so twice.\n",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4 2026-01-31 merge branch 'main'\n",
    "",
)


@dataclass(frozen=True)
class Sample:
    """A file and what is in it.

    Attributes:
        shape: Of what shape it is.
        data: What it holds.
        ids: The ids of keys in it.
        secrets: The secret access keys in it, each with the id of its key if that is beside it.
        tokens: The session tokens in it.
        line: Where the id is, or else the secret, if known.
    """

    shape: str
    data: bytes
    ids: frozenset[str] = frozenset()
    secrets: tuple[tuple[str, str | None], ...] = ()
    tokens: frozenset[str] = frozenset()
    line: int | None = None


def _utf16(text: str) -> bytes:
    return text.encode("utf-16")


def _wrapped(width: int, text: str) -> bytes:
    return ("data: |\n" + textwrap.indent("\n".join(textwrap.wrap(_base64(text), width)), "  ") + "\n").encode()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _notebook(text: str) -> bytes:
    return json.dumps({"cells": [{"source": text.splitlines(keepends=True)}], "nbformat": 4}, indent=1).encode()


def _patch(text: str) -> bytes:
    body = "".join(f"+{line}\n" for line in text.splitlines())
    return f"diff --git a/x b/x\nindex 0000000..1111111\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,9 @@\n{body}".encode()


FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "utf-16": _utf16,
    "utf-16 big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16 without mark": lambda text: text.encode("utf-16-le"),
    "utf-16 appended": lambda text: b"PATH=/usr/bin\r\n" + text.encode("utf-16-le"),
    "utf-8 with mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "patch": _patch,
    "notebook": _notebook,
    "json": lambda text: json.dumps({"file": text}).encode(),
    "json in json": lambda text: json.dumps({"body": json.dumps({"file": text})}).encode(),
    "repr": lambda text: repr({"file": text}).encode(),
    "indented": lambda text: textwrap.indent(text, "      ").encode(),
    "html": lambda text: f"<pre>{html.escape(text)}</pre>".encode(),
    "url": lambda text: f"https://example.com/?q={quote(text, safe='')}\n".encode(),
    "base64": lambda text: f"blob: {_base64(text)}\n".encode(),
    "base64 for URLs": lambda text: b"blob=" + base64.urlsafe_b64encode(text.encode()).rstrip(b"=") + b"\n",
    "base64 wrapped at 64": lambda text: _wrapped(64, text),
    "base64 wrapped at 76": lambda text: _wrapped(76, text),
    "base64 escaped lines": lambda text: json.dumps({"c": base64.encodebytes(text.encode()).decode()}).encode(),
    "base64 in base64": lambda text: f"x: {_base64('y: ' + _base64(text))}\n".encode(),
    "base64 thrice": lambda text: _base64(_base64(_base64(text))).encode(),
    "base64 of utf-16": lambda text: b"powershell -enc " + base64.b64encode(text.encode("utf-16-le")),
    "base64 in utf-16": lambda text: _utf16(f"blob: {_base64(text)}\n"),
}
"""By the name of the form."""


def _fill(template: str, values: dict[str, str]) -> str:
    secret_key, identifier = values["S"], values["I"]
    spellings = {
        **values,
        "S1": secret_key[:20],
        "S2": secret_key[20:],
        "I1": identifier[:9],
        "I2": identifier[9:],
        "B64S": _base64(secret_key),
        "B64I": _base64(identifier),
        "URLS": quote(secret_key, safe=""),
        "JSONS": secret_key.replace("/", "\\/"),
        "HTMLS": secret_key.replace("+", "&#43;").replace("/", "&#x2F;"),
        "UNIS": secret_key.replace("+", "\\u002b").replace("/", "\\u002F"),
    }
    return re.sub("@([A-Z0-9]+)@", lambda match: spellings[match[1]], template)


def _file(random: Random, template: str, values: dict[str, str]) -> tuple[str, int]:
    """Return the text and the line where the id is, or else the secret."""
    before, after = random.choice(FILLERS), random.choice(FILLERS)
    if not template.endswith("\n"):
        after = ""
    ahead = (
        re.split("@(?:B64)?I1?@", template)[0] if re.search("I1?@", template) else re.split("@[A-Z0-9]+@", template)[0]
    )
    return before + _fill(template, values) + after, (before + ahead).count("\n") + 1


def lone_secrets(seed: int, forms: Callable[[Random], list[str]]) -> Iterator[Sample]:
    """Return files with a secret access key whose id is not there."""
    random = generator(seed)
    for shape, template in LONE_SECRETS.items():
        for form in forms(random):
            value = secret(random)
            text, line = _file(random, template, {"S": value, "I": ""})
            yield Sample(
                f"{shape}, {form}", FORMS[form](text), secrets=((value, None),), line=line if form == "plain" else None
            )


def with_ids(seed: int, forms: Callable[[Random], list[str]]) -> Iterator[Sample]:
    """Return files with the id of a key, and often its secret."""
    random = generator(seed)
    for shape, template in WITH_IDS.items():
        for form in forms(random):
            values = {"I": key_id(random, TEMPORARY) if random.random() < 0.2 else key_id(random), "S": secret(random)}
            text, line = _file(random, template, values)
            paired = ((values["S"], values["I"]),) if re.search("S1?@", template) else ()
            yield Sample(
                f"{shape}, {form}",
                FORMS[form](text),
                frozenset({values["I"]}),
                paired,
                line=line if form == "plain" else None,
            )


def with_tokens(seed: int, forms: Callable[[Random], list[str]]) -> Iterator[Sample]:
    """Return files with a session token."""
    templates = {
        "credentials file": "[x]\naws_session_token = @T@\n",
        "shell": 'export AWS_SESSION_TOKEN="@T@"\n',
        "json": '{"SessionToken": "@T@", "Expiration": "2026-01-31T00:00:00Z"}\n',
        "url": "https://b.s3.amazonaws.com/x?X-Amz-Security-Token=@T@&X-Amz-Date=1\n",
        "python": 'Session(aws_session_token="@T@")\n',
        "old name": "aws_security_token=@T@\n",
        "bare": "@T@\n",
    }
    random = generator(seed)
    for shape, template in templates.items():
        for form in forms(random):
            value = token(random)
            spelled = quote(value, safe="") if shape == "url" else value
            text, _ = _file(random, template, {"T": spelled, "S": "", "I": ""})
            yield Sample(f"token, {shape}, {form}", FORMS[form](text), tokens=frozenset({value.rstrip("=")}))


def negatives(seed: int, rounds: int) -> Iterator[Sample]:
    """Return files without a credential."""
    random = generator(seed)
    for shape, make in NEGATIVES.items():
        for _ in range(rounds):
            before, after = random.choice(FILLERS), random.choice(FILLERS)
            form = random.choice(["plain", "plain", "crlf", "patch", "json", "utf-16", "base64 wrapped at 76"])
            yield Sample(f"{shape}, {form}", FORMS[form](before + make(random) + after))


def all_forms(_: Random) -> list[str]:
    """Return every form."""
    return list(FORMS)


def plain_only(times: int) -> Callable[[Random], list[str]]:
    """Return the plain form so often."""
    return lambda _: ["plain"] * times
