"""OpenSearch: domains and collections from templates, and what they hold, over HTTPS with IAM's callers.

Documents are kept in memory by an index of our own. Domains and collections are reached by path, for names of hosts do
not resolve here: ``localhost:PORT/_opensearch/domains/NAME``. What each module leaves out is said in it.
"""

from __future__ import annotations


def install_types() -> None:
    """Provision the types of collections; must run before types that MiniStack lacks are recorded."""
    from . import serverless

    serverless.install()


def install() -> None:
    """Put the checks of domains before MiniStack's."""
    from . import domains

    domains.install()
