"""Calls of AWS as the answer to a leak makes them: what passes by itself is raised, what is refused is an outcome."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUSY = frozenset(
    {
        "ConcurrentModification",
        "ConcurrentModificationException",
        "EntityTemporarilyUnmodifiable",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestExpired",
        "RequestLimitExceeded",
        "ServiceFailure",
        "ServiceUnavailable",
        "SlowDown",
        "Throttled",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""What passes by itself. IAM's own limits, which do not, are said as ``LimitExceeded``."""

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

UNAVAILABLE, TOO_MANY = 500, 429

# What is tried no longer here, Step Functions tries again.
_config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the function runs.

    Args:
        partition: The partition.
        region: The region.
        account: The account.
    """

    partition: str
    region: str
    account: str


def place_of(context: Any) -> Place:
    """Return where a function runs.

    Args:
        context: Lambda's context.
    """
    _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
    return Place(partition, region, account)


def client(service: str, region: str | None = None) -> Any:
    """Return a client whose calls end in time.

    Args:
        service: The service, as boto3 calls it.
        region: The region; None for the function's.
    """
    return boto3.client(service, region_name=region, config=_config)


def code(error: ClientError) -> str:
    """Return the code of an error of a service.

    Args:
        error: The error.
    """
    found: str = error.response["Error"]["Code"]
    return found


def refusal(action: str, error: ClientError) -> str:
    """Return in words what was refused, without the service's own text, which may have the key's id in it.

    Args:
        action: The action, as IAM names it.
        error: What the service says.

    Raises:
        ClientError: If it passes by itself, so that it is worth another try.
    """
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code(error) in BUSY or status >= UNAVAILABLE or status == TOO_MANY:
        raise error
    if code(error) in DENIED:
        return f"{action} is not allowed to the guard ({code(error)})"
    return f"{action} was refused ({code(error)})"
