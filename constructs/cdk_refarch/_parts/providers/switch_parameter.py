"""A parameter of Systems Manager that says which way something is switched: made once, and never written again.

CloudFormation writes the value of a parameter of its own whenever it updates it, for a new tag or description, too, and
would turn back what somebody has turned since.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import BUSY, NOT_YET, client, code, patiently, serve

CONCURRENT = {"TooManyUpdates"}
"""What Systems Manager says while the function of the switch writes it."""

ssm = client("ssm")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _ensure(event: dict[str, Any], context: Any) -> str:
    """Put the parameter unless it is there; one that the resource has already is not touched, not even if it is gone.

    To put back what somebody has deleted would turn the switch, and nobody would have asked for that.
    """
    asked = event["ResourceProperties"]
    name: str = asked["Name"]
    if event["RequestType"] == "Update" and event["PhysicalResourceId"] == name:
        return name
    given = {key: asked[key] for key in ("Name", "Value", "Description", "AllowedPattern")}
    try:
        patiently(context, ssm.put_parameter, NOT_YET | CONCURRENT, Type="String", Overwrite=False, **given)
    except ClientError as error:
        # Made by an attempt before this one, or by somebody who has turned the switch since.
        if code(error) != "ParameterAlreadyExists":
            raise
    return name


def _delete(event: dict[str, Any], context: Any) -> None:
    """Delete the parameter if it is there."""
    try:
        patiently(context, ssm.delete_parameter, BUSY | CONCURRENT, Name=event["ResourceProperties"]["Name"])
    except ClientError as error:
        if code(error) != "ParameterNotFound":
            raise


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {"Custom::SwitchParameter": _ensure}
