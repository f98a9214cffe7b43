"""Scan this environment's own sources, and the corpus of credentials, with our scanner or with published rules.

The rules are those of gitleaks 8 (``aws-access-token``), detect-secrets 1.5 (``AWSKeyDetector``) and trufflehog 3
(``aws``, without its calls of AWS), restated for Python's ``re``, so that all run on one engine.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = (".venv/lib", "node_modules", "constructs", "tests")
KINDS = {
    ".py",
    ".pyi",
    ".js",
    ".ts",
    ".json",
    ".md",
    ".yaml",
    ".yml",
    ".html",
    ".css",
    ".toml",
    ".txt",
    ".xml",
    ".map",
    ".sh",
}
MOST_BYTES, LONGEST, EVERY = 12_000_000, 300_000, 17
SEED = 5

IDS_OF_GITLEAKS = re.compile(rb"\b((?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b")
IDS_OF_DETECT_SECRETS = re.compile(rb"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}")
SECRETS_OF_DETECT_SECRETS = re.compile(
    rb"aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?['\"]([0-9a-zA-Z/+]{40})['\"]", re.IGNORECASE
)
IDS_OF_TRUFFLEHOG = re.compile(rb"\b((?:AKIA|ABIA|ACCA|ASIA)[A-Z0-9]{16})\b")
SECRETS_OF_TRUFFLEHOG = re.compile(rb"(?:[^A-Za-z0-9+/]|\A)([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/])")


def entropy(text: bytes) -> float:
    """Return the bits per character."""
    return -sum(times / len(text) * math.log2(times / len(text)) for times in Counter(text).values())


def gitleaks(data: bytes) -> Iterable[bytes]:
    """Apply the rule for ids; there is none for secrets."""
    if not any(word in data for word in (b"AKIA", b"ASIA", b"ABIA", b"ACCA", b"A3T")):
        return []
    found = IDS_OF_GITLEAKS.findall(data)
    return [each for each in found if entropy(each) >= 3 and not each.endswith(b"EXAMPLE")]


def detect_secrets(data: bytes) -> Iterable[bytes]:
    """Apply the rules line by line."""
    for line in data.splitlines():
        yield from IDS_OF_DETECT_SECRETS.findall(line)
        yield from SECRETS_OF_DETECT_SECRETS.findall(line)


def trufflehog(data: bytes) -> Iterable[bytes]:
    """Apply the rules where there is an id: a secret alone is none."""
    ids = [each for each in IDS_OF_TRUFFLEHOG.findall(data) if entropy(each) >= 3]
    if ids:
        yield from ids
        for secret in SECRETS_OF_TRUFFLEHOG.findall(data):
            if entropy(secret) >= 4.25 and not re.fullmatch(rb"[a-f0-9]{40}", secret):
                yield secret


def ours() -> Callable[[bytes], Iterable[bytes]]:
    """Return our scanner."""
    sys.path.insert(0, str(ROOT / "constructs/cdk_refarch/codecommit_leak_guard/handlers/guard"))
    from scanner import scan

    def credentials(data: bytes) -> Iterable[bytes]:
        for leak in scan(data):
            yield from (each.encode() for each in (leak.key_id, leak.secret) if each)

    return credentials


def sources() -> list[bytes]:
    """Return a sample of real files, the same each time."""
    texts: list[bytes] = []
    size = 0
    paths = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in KINDS)
    for path in paths[::EVERY]:
        if path.is_file() and path.stat().st_size <= LONGEST and size < MOST_BYTES:
            texts.append(path.read_bytes())
            size += len(texts[-1])
    return texts


def speed(rules: Callable[[bytes], Iterable[bytes]]) -> float:
    """Return MB of real files per second of CPU time, the best of three."""
    texts = sources()
    times = []
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            list(rules(text))
        times.append(time.process_time() - start)
    return sum(map(len, texts)) / 1e6 / min(times)


def quality(rules: Callable[[bytes], Iterable[bytes]]) -> dict[str, float]:
    """Return what part of the corpus's ids and lone secrets is found, and what part of what is found is one."""
    sys.path.insert(0, str(ROOT))
    from tests.handlers.codecommit_leak_guard.corpus import corpus

    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    samples = [*corpus.lone_secrets(SEED, corpus.all_forms), *corpus.with_ids(SEED, corpus.all_forms)]
    for sample in (*samples, *corpus.negatives(SEED, 20)):
        got = {each.decode() for each in rules(sample.data)}
        lone = {secret for secret, key_id in sample.secrets if not key_id}
        known = sample.ids | {secret for secret, _ in sample.secrets}
        encoded = "" if sample.shape.endswith(", plain") else "encoded "
        for name, values in (("ids", sample.ids), ("secrets", lone)):
            expected[encoded + name] += len(values)
            found[encoded + name] += len(values & got)
        found["right"] += len(got & known)
        expected["right"] += len(got)
    return {name: found[name] / expected[name] for name in expected}


def main() -> None:
    """Measure the rules that the first argument names and print JSON."""
    published = {"gitleaks": gitleaks, "detect-secrets": detect_secrets, "trufflehog": trufflehog}
    rules = published.get(sys.argv[1]) or ours()
    print(json.dumps({"MB/s": speed(rules), **quality(rules)}))


if __name__ == "__main__":
    main()
