"""The parameter that says where users are sent, which no deployment writes once it is there."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider


@dataclass(frozen=True)
class SwitchParameter:
    """The parameter.

    Attributes:
        name: Its name, which the template knows.
        arn: Its ARN.
        resource: What must be there before somebody reads it.
    """

    name: str
    arn: str
    resource: cdk.CustomResource


def switch_parameter(scope: Construct, fqdn: str, operation: Operation) -> SwitchParameter:
    """Create the parameter, which says ``primary`` at first.

    It is no ``AWS::SSM::Parameter``: an update of that, for new tags, say, writes what the template says. It would send
    users back whom somebody has sent to the failover site.

    Args:
        scope: The switch.
        fqdn: The name of the sites.
        operation: What the parts of the construct share.
    """
    stack = cdk.Stack.of(scope)
    # Without a slash, which stands in the ARN otherwise than in the name.
    name = f"cdk-refarch-{address(scope)}"
    arn = f"arn:{stack.partition}:ssm:{stack.region}:{stack.account}:parameter/{name}"
    provider = Provider(
        scope,
        "ParameterProvider",
        module="switch_parameter",
        description="Makes the parameter that says where users of WorkSpaces are sent",
        statements=[statement(["ssm:DeleteParameter", "ssm:PutParameter"], arn)],
        operation=operation,
    )
    asked = {
        "Name": name,
        "Value": "primary",
        "AllowedPattern": "^(primary|failover)$",
        "Description": f"Where users of {fqdn} are sent: primary or failover. The runbook turns it",
    }
    return SwitchParameter(name, arn, provider.resource(scope, "Site", "SwitchParameter", asked))
