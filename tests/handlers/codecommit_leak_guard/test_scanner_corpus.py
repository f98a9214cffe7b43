"""What the scanner finds and what it leaves alone, on files of real-world shapes with generated credentials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.handlers.codecommit_leak_guard.corpus.corpus import (
    Sample,
    all_forms,
    lone_secrets,
    negatives,
    plain_only,
    with_ids,
    with_tokens,
)
from tests.handlers.codecommit_leak_guard.scanning import SCANNER

SEED = 20260131
ROUNDS = 6


def samples() -> Iterable[Sample]:
    for forms in (all_forms, plain_only(ROUNDS)):
        yield from lone_secrets(SEED, forms)
        yield from with_ids(SEED + 1, forms)
        yield from with_tokens(SEED + 2, forms)


POSITIVES = list(samples())
FOUND = {sample: SCANNER.scan(sample.data) for sample in POSITIVES}


def check_recall(what: str, expected: int, missed: Counter[str], least: float) -> None:
    recall = 1 - missed.total() / expected
    listed = "\n".join(f"{times:4} {shape}" for shape, times in missed.most_common())
    assert expected > 100
    assert recall >= least, f"recall of {what} must be {least}, got {recall:.4f} of {expected}; missed:\n{listed}"


def test_every_id_of_a_key_is_found() -> None:
    missed: Counter[str] = Counter()
    for sample in POSITIVES:
        found = {leak.key_id for leak in FOUND[sample]}
        missed[sample.shape] += len(sample.ids - found)
    check_recall("ids", sum(len(sample.ids) for sample in POSITIVES), +missed, 1)


def test_lone_secrets_are_found() -> None:
    missed: Counter[str] = Counter()
    lone = [(sample, secret) for sample in POSITIVES for secret, key_id in sample.secrets if not key_id]
    for sample, secret in lone:
        missed[sample.shape] += secret not in {leak.secret for leak in FOUND[sample] if leak.kind == "secret_key"}
    check_recall("lone secrets", len(lone), +missed, 0.98)


def test_secrets_beside_their_id_belong_to_that_keys_leak() -> None:
    missed: Counter[str] = Counter()
    pairs = [(sample, *pair) for sample in POSITIVES for pair in sample.secrets if pair[1]]
    for sample, secret, key_id in pairs:
        missed[sample.shape] += [(leak.key_id, leak.secret) for leak in FOUND[sample]] != [(key_id, secret)]
    check_recall("pairs", len(pairs), +missed, 0.99)


def test_session_tokens_are_found() -> None:
    missed: Counter[str] = Counter()
    for sample in POSITIVES:
        found = {leak.secret for leak in FOUND[sample] if leak.kind == "session_token"}
        missed[sample.shape] += len(sample.tokens - found)
    check_recall("session tokens", sum(len(sample.tokens) for sample in POSITIVES), +missed, 0.99)


def test_what_is_found_is_a_credential() -> None:
    right, wrong = 0, []
    for sample, leaks in [*FOUND.items(), *((each, SCANNER.scan(each.data)) for each in negatives(SEED + 3, 12))]:
        credentials = sample.ids | sample.tokens | {secret for secret, _ in sample.secrets}
        for leak in leaks:
            right += (leak.key_id or leak.secret) in credentials
            if (leak.key_id or leak.secret) not in credentials:
                wrong.append(f"{sample.shape}: {leak}")
    precision = right / (right + len(wrong))
    listed = "\n".join(wrong[:40])
    assert precision >= 0.99, f"precision must be 0.99, got {precision:.4f} of {right + len(wrong)}; wrong:\n{listed}"


def test_lines_are_those_of_the_file() -> None:
    known = [sample for sample in POSITIVES if sample.line]
    wrong = [sample.shape for sample in known if sample.line not in {leak.line for leak in FOUND[sample]}]
    assert not wrong


def test_forms_of_two_bytes_a_letter_are_no_binaries() -> None:
    assert not [sample.shape for sample in POSITIVES if SCANNER.is_binary(sample.data)]
