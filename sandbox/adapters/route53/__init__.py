"""Route 53: health checks that look at something, records that fail over, and a DNS server that answers with them.

MiniStack keeps zones, records and health checks. Here health checks and records are refused as Route 53 refuses them,
CloudFormation's health checks are made, each check is healthy or not, and names of public zones resolve. What each
module leaves out is said in it.
"""

from __future__ import annotations


def install_types() -> None:
    """Provision the CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for Route 53, and keep an eye on its health checks."""
    from . import health, protocol

    protocol.install()
    health.start()
