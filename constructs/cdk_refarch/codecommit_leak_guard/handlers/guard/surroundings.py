"""Says how much the text around 40 characters speaks for a secret access key."""

import re
from enum import IntEnum

NEAR, WIDE = 160, 320
"""How many bytes before are looked at, on the line and on the lines before."""


class Says(IntEnum):
    """What the surroundings say."""

    OTHERWISE = 0
    NOTHING = 1
    LIKELY = 2
    NAMED = 3


_NAMES = (
    b"secretaccess",
    b"accesssecret",
    b"accesskeysecret",
    b"awssecret",
    b"amazonsecret",
    b"s3secret",
    b"sessecret",
    b"secretaws",
    b"awssk",
    b"awskey",
    b"secretkey",
)
_OF_AWS = (b"aws", b"amazon", b"boto")
_SERVICES = (
    b" s3 ",
    b" s3a ",
    b" s3n ",
    b" iam ",
    b" sts ",
    b" ses ",
    b" sqs ",
    b" sns ",
    b" ec2 ",
    b" dynamodb ",
    b" minio ",
)
_PRIVATE = (
    b"secret",
    b"cred",
    b"key ",
    b"keys ",
    b" sk ",
    b"pass ",
    b"passw",
    b"pwd ",
    b" pw ",
    b" private",
    b"connection",
)
_PASSWORDS = (b"pass", b"passwd", b"password", b"pwd", b"passphrase")
_OTHER_THINGS = (
    *(
        b"sha",
        b"digest",
        b"hash",
        b"hashes",
        b"_md",
        b"integrity",
        b"checksum",
        b"checksums",
        b"commit",
        b"rev",
        b"revision",
    ),
    *(
        b"etag",
        b"signature",
        b"fingerprint",
        b"thumbprint",
        b"nonce",
        b"salt",
        b"cursor",
        b"cert",
        b"certificate",
        b"guid",
    ),
    *(
        b"publickey",
        b"public_key",
        b"pubkey",
        b"apikey",
        b"api_key",
        b"api-key",
        b"ssh-rsa",
        b"uuid",
        b"cache",
        b"blob",
    ),
    *(
        b"keyid",
        b"key_id",
        b"key-id",
        b"requestid",
        b"request_id",
        b"request-id",
        b"tree",
        b"parent",
        b"image",
        b"license",
    ),
    *(b"token", b"href", b"avatar", b"_id", b"-id", b"externalid"),
)
_OTHERS = re.compile(
    rb"stripe|paypal|captcha|jwt|session|cookie|csrf|xsrf|django|flask|rails|laravel|webhook|oauth|client|github|gitlab"
    rb"|bitbucket|slack|twitter|facebook|google|gcp|azure|heroku|datadog|npm|docker|twilio|sendgrid|mailgun|okta|auth0"
    rb"|algolia|sentry|cloudflare|digitalocean|aliyun|alibaba|tencent|qcloud|huawei|linode|shopify|square|braintree"
    rb"|plaid|coinbase|binance|kraken|signing|encrypt|hmac|app[_.-]?(?:secret|key)|(?:obs|ibm|oci)[_.-]|consumer|relic|mapbox"
    rb"|firebase|pusher|segment|nexus|sonar|artifactory|jfrog|hubspot|zoom|discord|telegram|linkedin|dropbox|vault|consul"
    rb"|rabbit|kafka|salesforce|token|key_?base|auth_?secret"
)
_SAYS_NOTHING = frozenset(
    [b"", *b"value default val string text data plaintext stringvalue str s b is content const literal env".split()]
)
_IDS = (b"akia", b"asia")
_DIGITS = b"0123456789"
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
        before = self._before(start).lower()
        label = _label(before)
        near = before[-100:]
        of_aws = bool(_first(near, _OF_AWS))
        if _is_of_others(label, of_aws):
            return Says.OTHERWISE
        if name := _name_of_secret(before):
            others = name == b"secretkey" and not of_aws and _OTHERS.search(near[-60:])
            return Says.NOTHING if others else Says.NAMED
        wide = self._wide(start, end).lower()
        if _name_of_secret(wide) or (self._text[end : end + 1] == b"@" and b"s3" in near):
            return Says.NAMED
        if b"arn:" in before.rpartition(b" ")[2]:
            return Says.NOTHING
        if of_aws or _first(self._behind(end), _OF_AWS):
            return Says.LIKELY
        private = bool(_first(_words(before), _PRIVATE))
        if not private and label.translate(None, _NOT_LETTERS) in _SAYS_NOTHING:
            private = bool(_first(_words(wide), _PRIVATE))
        if not private or (label.endswith(_PASSWORDS) and label not in _PASSWORDS):
            return Says.NOTHING
        return Says.LIKELY if _is_about_aws(wide) or self._is_about_aws() else Says.NOTHING

    def names(self, start: int, names: tuple[bytes, ...]) -> bool:
        """Say whether what stands before on the line is one of these names, and the text is about AWS.

        Args:
            start: Where the characters begin.
            names: The names, in small letters only.
        """
        before = self._before(start)[-60:].lower().translate(None, _NOT_LETTERS)
        return bool(_first(before, names)) and (bool(_first(before, _OF_AWS)) or self._is_about_aws())

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
            self._about_aws = bool(_first(self._text.lower(), (*_OF_AWS, b"s3a", b"s3:")))
        return self._about_aws


def _first(text: bytes, words: tuple[bytes, ...]) -> bytes:
    for word in words:  # twice as fast as next()
        if word in text:
            return word
    return b""


def _name_of_secret(low: bytes) -> bytes:
    # All names have one of these in them, and most texts have none.
    return _first(low.translate(None, _NOT_LETTERS), _NAMES) if b"secret" in low or b"aws" in low else b""


def _words(low: bytes) -> bytes:
    return b" " + low.translate(_SPACES) + b" "


def _is_about_aws(low: bytes) -> bool:
    return bool(_first(low, _OF_AWS) or _first(_words(low), _SERVICES))


def _label(before: bytes) -> bytes:
    """Return the name that stands last before, without what stands between it and the value."""
    named = before[-100:].rstrip(_NOT_LETTERS)
    label = named[len(named.rstrip(_OF_LABELS)) :]
    # What a comma stands behind is an argument before, as an id is.
    return b"" if label.startswith(_IDS) or b"," in before[-100:][len(named) :] else label


def _is_of_others(label: bytes, of_aws: bool) -> bool:
    if b"secret" not in label and label.rstrip(_DIGITS).endswith(_OTHER_THINGS):
        return True
    return not of_aws and bool(_OTHERS.search(label))
