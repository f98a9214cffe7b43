"""Custom resources: what CloudFormation has no resource for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from .findings import acknowledge
from .functions import python_function
from .operation import Operation

if TYPE_CHECKING:
    from .network import Network

PROVIDERS = Path(__file__).parent / "providers"

TIMEOUT = cdk.Duration.minutes(5)
"""What services verify, such as a bucket policy, can take minutes to be seen everywhere."""

PATIENCE = cdk.Duration.minutes(10)
"""How long CloudFormation waits for an answer, twice as long as the function may run."""

LONGEST_PATIENCE = cdk.Duration.hours(1)
"""The same for what goes on in further invocations, which is as long as CloudFormation ever waits."""


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
        shared: Further modules in ``_parts/providers`` that the module imports.
        lasts: How long after its first invocation for a request the function may still go on in another one; at most
            50 minutes, because the last one and its answer must end before CloudFormation's hour, and Lambda takes more
            than 16 for a loop. None if one invocation is enough.
        network: Where in a VPC the function stands, with a way to Amazon S3, where CloudFormation waits for its
            answers; None for nowhere.

    Attributes:
        function: The function.
        role: Its role.
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
        shared: Sequence[str] = (),
        lasts: cdk.Duration | None = None,
        network: Network | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.function = python_function(
            self,
            code=PROVIDERS,
            # A change of another provider must not change this function.
            exclude=["*", *(f"!{name}.py" for name in ("cloudformation", module, *shared))],
            handler=f"{module}.handler",
            description=description,
            timeout=TIMEOUT,
            statements=statements,
            environment={} if lasts is None else {"LASTS_SECONDS": str(lasts.to_seconds())},
            operation=operation,
            any_resource=any_resource,
            network=network,
        )
        acknowledge(
            self.function,
            "Serverless::Serverless-LambdaDLQ",
            "Only CloudFormation calls this function, and it itself where it goes on. It answers each request, "
            "failures too, and CloudFormation tells of them and rolls back.",
        )
        self.role: iam.Role = cast("iam.Role", self.node.find_child("FunctionRole"))
        self._going_on = None if lasts is None else self._allow_itself()

    def _allow_itself(self) -> iam.Policy:
        """Let the function call itself."""
        # A policy of its own, because the function needs the role before its name is known.
        return iam.Policy(
            self,
            "GoingOn",
            roles=[self.role],
            statements=[
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn]),
            ],
        )

    def resource(self, scope: Construct, id: str, kind: str, properties: Mapping[str, Any]) -> cdk.CustomResource:
        """Create a custom resource.

        Args:
            scope: The construct that it belongs to.
            id: Its id.
            kind: What it is, behind ``Custom::``.
            properties: What the function reads; None is left out.
        """
        resource = cdk.CustomResource(
            scope,
            id,
            service_token=self.function.function_arn,
            resource_type=f"Custom::{kind}",
            properties={name: value for name, value in properties.items() if value is not None},
            service_timeout=PATIENCE if self._going_on is None else LONGEST_PATIENCE,
        )
        if self._going_on is not None:
            # Also when it is deleted.
            resource.node.add_dependency(self._going_on)
        return resource
