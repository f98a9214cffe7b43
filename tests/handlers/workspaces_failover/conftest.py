"""Two sites that each test of the guard finds as they should be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.workspaces_failover.redirection import (
    FQDN,
    HEALTH_CHECK,
    PARAMETER,
    REGIONS,
    ZONE,
    load_redirection,
)
from tests.handlers.workspaces_failover.two_sites import TwoSites

SETTINGS = {
    "FQDN": FQDN,
    "ZONE_ID": ZONE,
    "PRIMARY_REGION": REGIONS["primary"],
    "FAILOVER_REGION": REGIONS["failover"],
    "PARAMETER_NAME": PARAMETER,
    "HEALTH_CHECK_ID": HEALTH_CHECK,
}


@pytest.fixture(scope="module")
def shared_sites() -> Iterator[TwoSites]:
    with pytest.MonkeyPatch.context() as patch, FakeAws() as aws:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        aws.patch(patch)
        yield TwoSites(aws, load_redirection("guard"))


@pytest.fixture
def sites(shared_sites: TwoSites) -> TwoSites:
    shared_sites.reset()
    return shared_sites
