"""Amazon SES: event publishing, suppression, reputation, what senders may do, and mail that arrives.

MiniStack takes mail and keeps it. What AWS does then, is here: events go to topics, streams, metrics and the default
bus as far as policies let them. What each module leaves out is said in it.
"""

from __future__ import annotations


def install_types() -> None:
    """Provision SES's CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Follow what is sent, and begin to publish; must run after other adapters that know requests."""
    from . import destinations, permissions, protocol, publishing

    destinations.install()
    permissions.install()
    protocol.install()
    publishing.start()
