"""What the sandbox's Macie takes for sensitive, and which findings its criteria match."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.adapters.macie import detector, findings

CARD, SSN = "4111 1111 1111 1111", "123-45-6789"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYabcdefgh12"  # noqa: S105 - made up


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"pays with {CARD}.", ["CREDIT_CARD_NUMBER"]),
        ("pays with 4111 1111 1111 1112.", []),
        ("0000 0000 0000 0000", []),
        (SSN, ["USA_SOCIAL_SECURITY_NUMBER"]),
        ("000-12-3456 and 1123-45-6789", []),
        ("call (206) 555-0100", ["PHONE_NUMBER"]),
        ("call +1 206-555-0100", ["PHONE_NUMBER"]),
        ("at 1712345678901 by 123456789012", []),
        (f"aws_secret_access_key = {SECRET}", ["AWS_CREDENTIALS"]),
        (f"AKIAABCDEFGHIJKLMNOP,{SECRET}", ["AWS_CREDENTIALS"]),
        (f"digest {SECRET}", []),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", []),
        ("-----BEGIN RSA PRIVATE KEY-----", ["PKCS"]),
        ("-----BEGIN PUBLIC KEY-----", []),
    ],
)
def test_the_detector_knows_sensitive_text(text: str, names: list[str]) -> None:
    look = detector.Look(detector.MANAGED, [], lambda found: False)
    assert [found.name for found in detector.detect(text, "txt", look)] == names


def test_a_keyword_counts_in_the_name_of_a_column_and_near_before_the_text() -> None:
    custom = {"name": "Id", "regex": r"\d{4}", "keywords": ["badge"], "maximumMatchDistance": 10}
    look = detector.Look([], [custom], lambda found: False)

    def count(text: str, extension: str = "txt") -> int:
        return sum(found.count for found in detector.detect(text, extension, look))

    assert (count("Badge 1234"), count("badge is number 1234"), count("1234 badge")) == (1, 0, 0)
    assert (count("badge,other\n1234,1234\n", "csv"), count("a\tbadge no\n1234\t1234\n", "tsv")) == (1, 1)


def test_criteria_reach_into_lists() -> None:
    finding = {"a": [{"type": "x"}, {"type": "y"}], "n": 3, "createdAt": "2024-04-30T15:46:02.000Z"}

    def holds(field: str, **test: Any) -> bool:
        return findings.matches(finding, {"criterion": {field: test}})

    assert holds("a.type", eq=["y", "z"])
    assert not holds("a.type", neq=["y"])
    assert holds("a.type", eqExactMatch=["x", "y"])
    assert not holds("a.type", eqExactMatch=["x"])
    assert (holds("n", gt=2), holds("n", gt=3), holds("n", gte=3, lte=3)) == (True, False, True)
    assert holds("createdAt", gte=1714491962000)
    assert not holds("createdAt", gt=1714491962000)
