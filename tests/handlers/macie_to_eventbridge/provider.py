"""What the tests of Macie's custom resources share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.cloudformation import CloudFormation

SETTINGS, EXPORT, JOB, LOG = (
    f"Custom::{name}" for name in ("MacieSettings", "MacieResultsExport", "MacieClassificationJob", "MacieJobLog")
)
NEVER_ENABLED = "automated discovery must be enabled once before it is told what to read and what to use"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as fake:
        fake.patch(monkeypatch)
        yield fake


@pytest.fixture
def cloudformation(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    return CloudFormation(aws, monkeypatch, provider="macie")
