"""The records of a construct as a resolver on the internet sees them, once SES has told its DKIM tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.ses_config_sets.built import Scene

SES_ADDRESS = "54.240.11.7"
"""One that SES sends from."""

Record = tuple[str, str, str]
"""Name, type and value."""


class Key:
    """A key pair as SES makes one for each DKIM token."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def private(self) -> bytes:
        """What SES signs with."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )

    @property
    def record(self) -> str:
        """What SES publishes."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        lines = self._key.public_key().public_bytes(encoding, form).decode().splitlines()
        return f"p={''.join(lines[1:-1])}"


class Resolver:
    """Answers from the records of a domain and those of SES.

    Args:
        records: The records of the domain.
        key: The key that SES signs with.
    """

    def __init__(self, records: Iterable[Record], key: Key) -> None:
        self.records: list[Record] = [
            *records,
            *((f"token{number}.dkim.amazonses.com", "TXT", key.record) for number in (1, 2, 3)),
            # As SES publishes it, in short.
            ("amazonses.com", "TXT", "v=spf1 ip4:199.255.192.0/22 ip4:54.240.0.0/18 -all"),
        ]

    def look_up(self, name: str, kind: str) -> list[str]:
        """Return the values of a name, by way of its alias if it has one."""
        name = name.rstrip(".").lower()
        aliases = [value for own, of, value in self.records if (own, of) == (name, "CNAME")]
        return [value for own, of, value in self.records if (own, of) == (name, kind)] or [
            value for alias in aliases for value in self.look_up(alias, kind)
        ]

    def text(self, name: str | bytes, timeout: int = 5) -> str | None:
        """Return the one TXT record of a name, as dkimpy and authheaders ask."""
        found = self.look_up(name.decode() if isinstance(name, bytes) else name, "TXT")
        assert len(found) <= 1
        return found[0] if found else None

    def spf(self, name: str, kind: str, *_: object) -> list[tuple[tuple[str, str], object]]:
        """Return records as pyspf asks."""
        return [((name, kind), (value.encode(),) if kind == "TXT" else value) for value in self.look_up(name, kind)]


def listed(scene: Scene, domain: str) -> list[Record]:
    """Return the records that somebody else is to write."""
    records = [(scene.shown(one.name), one.type, scene.shown(one.value)) for one in scene.email.dns_records]
    return [_deployed(one, domain) for one in records]


def written(scene: Scene, domain: str) -> list[Record]:
    """Return the records in the hosted zone."""
    found = []
    for one in scene.all("AWS::Route53::RecordSet"):
        (value,) = one["ResourceRecords"]
        if one["Type"] == "TXT":
            # Route 53 wants quotes around a text, which are no part of it.
            assert value == f'"{value[1:-1]}"'
            assert len(value) <= 257
            value = value[1:-1]
        assert one["Name"].endswith(".")
        found.append(_deployed((one["Name"][:-1], one["Type"], value), domain))
    return found


def _deployed(record: Record, domain: str) -> Record:
    """Put what SES returns for the tokens of its identity: the whole name and the whole target."""
    name, kind, value = record
    name = re.sub(r"^<\w+\.DkimDNSTokenName([123])>$", rf"token\1._domainkey.{domain}", name)
    value = re.sub(r"^<\w+\.DkimDNSTokenValue([123])>$", r"token\1.dkim.amazonses.com", value)
    assert "<" not in name + value
    return name, kind, value
