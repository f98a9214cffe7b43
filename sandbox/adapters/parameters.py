"""Names of Systems Manager parameters that templates do not name: as CloudFormation makes them, without a slash.

MiniStack puts the stack's name in front with slashes, which stand in the parameter's ARN otherwise than in policies.
"""

from __future__ import annotations

import secrets
from typing import Any

from ministack.services.cloudformation import provisioners

_PARAMETER = "AWS::SSM::Parameter"


def install() -> None:
    """Put the adapter around MiniStack's provisioner of parameters."""
    handlers = provisioners._RESOURCE_HANDLERS
    handler = handlers[_PARAMETER]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name = f"CFN-{logical_id}-{secrets.token_hex(6)}"
        return handler["create"](logical_id, {"Name": name, **properties}, stack)

    handlers[_PARAMETER] = {**handler, "create": create}
