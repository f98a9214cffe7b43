"""Amazon Redshift Serverless, its Data API, and auto-copy: a warehouse that is DuckDB in memory.

What each module leaves out is said in it. DuckDB and what reads SQL are loaded when the first statement comes.
"""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.adapters.json_rpc import Record


def install_types() -> None:
    """Provision the CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for the two services, for the Data API in moto's place, which must be installed."""
    from ministack import app

    from sandbox.adapters import json_rpc

    from . import data_api, integrations, namespaces, needs, workgroups

    operations: dict[str, Any] = {**namespaces.OPERATIONS, **workgroups.OPERATIONS, "GetCredentials": _credentials}
    app.SERVICE_HANDLERS[needs.SERVERLESS] = json_rpc.handler(needs.SERVERLESS, operations, "ValidationException")
    app.SERVICE_HANDLERS[data_api.SERVICE] = json_rpc.handler(
        data_api.SERVICE, data_api.OPERATIONS, "ValidationException", needs.refuse
    )
    needs.route()
    needs.install()
    integrations.install()


def _credentials(request: Record) -> Record:
    """Give the caller a password of its database user, which is good until the next one is asked for."""
    from ministack.core import iam_evaluator

    from .state import now, workgroup

    user = workgroup(request["workgroupName"]).namespace.of_identity(iam_evaluator.caller_arn())
    user.password = secrets.token_urlsafe(24)
    lasts = int(request.get("durationSeconds", 900))
    return {"dbUser": user.name, "dbPassword": user.password, "expiration": now() + lasts, "nextRefreshTime": now()}
