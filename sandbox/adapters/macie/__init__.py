"""Amazon Macie: its API, its CloudFormation types, and a detector that reads what is put into buckets.

It is a service of its own here, in place of moto's. Findings are in the shape of Macie's, kept, filtered, listed, and
published to EventBridge; results go to S3 as far as policies let them. What each module leaves out is said in it.
"""

from __future__ import annotations

from typing import Any


def install_types() -> None:
    """Provision Macie's CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for Macie in moto's place, which must be installed, and begin to read."""
    from ministack import app
    from ministack.core import iam_actions

    from . import protocol, watch

    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, *rest: Any) -> Any:
        if service == protocol.SERVICE:
            region, account = rest[-2:]
            return protocol.resource_arn(method, path, region, account)
        return extract(service, method, path, *rest)

    iam_actions.extract_resource_arn = extract_resource_arn
    app.SERVICE_HANDLERS[protocol.SERVICE] = protocol.handle
    watch.start()
