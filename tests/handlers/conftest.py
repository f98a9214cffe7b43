"""What the tests of handlers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.cloudformation import CloudFormation


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """A fake AWS in place of the real one, at the end of which all calls must have been expected."""
    with FakeAws() as fake:
        fake.patch(monkeypatch)
        yield fake


@pytest.fixture
def cloudformation(request: pytest.FixtureRequest, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    """CloudFormation with the provider that the module of the test names in ``PROVIDER``."""
    return CloudFormation(aws, monkeypatch, provider=request.module.PROVIDER)
