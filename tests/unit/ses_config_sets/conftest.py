"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.unit.ses_config_sets.built import Built, built


@pytest.fixture(scope="session")
def made() -> Built:
    """The constructs of ``built``."""
    return built()
