"""Custom resources: what CloudFormation has no resource for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from .findings import acknowledge
from .functions import python_function
from .operation import Operation

PROVIDERS = Path(__file__).parent / "providers"

TIMEOUT = cdk.Duration.minutes(5)
"""What services verify, such as a bucket policy, can take minutes to be seen everywhere."""

PATIENCE = cdk.Duration.minutes(10)
"""How long CloudFormation waits for an answer, twice as long as the function may run."""


class Provider(Construct):
    """A function that CloudFormation calls for custom resources.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        module: The module in ``_parts/providers`` with its ``handler``.
        description: What it does.
        statements: What the custom resources of the construct need, and no more.
        operation: What it shares with the other parts.
        any_resource: Why some of the statements are for any resource, in sentences; empty if none is.

    Attributes:
        function: The function.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        module: str,
        description: str,
        statements: Sequence[iam.PolicyStatement],
        operation: Operation,
        any_resource: str = "",
    ) -> None:
        super().__init__(scope, id)
        self.function = python_function(
            self,
            code=PROVIDERS,
            # A change of another provider must not change this function.
            exclude=["*", "!cloudformation.py", f"!{module}.py"],
            handler=f"{module}.handler",
            description=description,
            timeout=TIMEOUT,
            statements=statements,
            environment={},
            operation=operation,
            any_resource=any_resource,
        )
        acknowledge(
            self.function,
            "Serverless::Serverless-LambdaDLQ",
            "Only CloudFormation calls this function. It answers every call, failures too, and CloudFormation tells of "
            "them and rolls back.",
        )

    def resource(self, scope: Construct, id: str, kind: str, properties: Mapping[str, Any]) -> cdk.CustomResource:
        """Create a custom resource.

        Args:
            scope: The construct that it belongs to.
            id: Its id.
            kind: What it is, behind ``Custom::``.
            properties: What the function reads; None is left out.
        """
        return cdk.CustomResource(
            scope,
            id,
            service_token=self.function.function_arn,
            resource_type=f"Custom::{kind}",
            properties={name: value for name, value in properties.items() if value is not None},
            service_timeout=PATIENCE,
        )
