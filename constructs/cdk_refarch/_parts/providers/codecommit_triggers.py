"""A trigger of a repository of CodeCommit that belongs to no stack, or to another one.

CodeCommit writes all triggers of a repository at once, and cannot be told which it should have now. What is written is
therefore read again a moment later: whoever wrote at the same time may have overwritten it.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import BUSY, NOT_YET, NotReadyError, RefusedError, client, code, patiently, serve

EVENTS = ["createReference", "updateReference"]

MAX_TRIGGERS = 10
"""https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html"""

Trigger = dict[str, Any]

codecommit = client("codecommit")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _ensure(event: dict[str, Any], context: Any) -> str:
    """Make sure that the repository has the trigger."""
    asked = event["ResourceProperties"]
    name: str = asked["Name"]
    repository: str = asked["RepositoryName"]
    before = event.get("OldResourceProperties", {})
    # The name that it had is replaced in the same write, so that it needs no place of its own.
    replaced = {name: asked["FunctionArn"]}
    if before.get("RepositoryName") == repository:
        replaced = {before["Name"]: before["FunctionArn"]}
    patiently(context, _written, NOT_YET, repository=repository, name=name, arn=asked["FunctionArn"], replaced=replaced)
    return f"{repository}/{name}"


def _written(repository: str, name: str, arn: str, replaced: dict[str, str]) -> None:
    """Write the trigger unless it is there."""
    ours = {"name": name, "destinationArn": arn, "branches": [], "events": EVENTS}
    found = _triggers(repository)
    others = [one for one in found if one["name"] != name and not _is_one(one, replaced)]
    same = [one for one in found if one["name"] == name]
    if same and same[0]["destinationArn"] not in (arn, replaced.get(name)):
        raise RefusedError(
            f"repository {repository} must have no trigger {name} of anything else, got one for "
            f"{same[0]['destinationArn']}; delete it there first"
        )
    if len(others) >= MAX_TRIGGERS:
        raise RefusedError(
            f"repository {repository} must have fewer than {MAX_TRIGGERS} other triggers, got {len(others)}; delete "
            "one there first, or let EventBridge tell of pushes"
        )
    if len(others) + 1 == len(found) and same and _normal(same[0]) == _normal(ours):
        return
    codecommit.put_repository_triggers(repositoryName=repository, triggers=[*others, ours])
    raise NotReadyError(f"repository {repository} does not show trigger {name} yet, or somebody has overwritten it")


def _delete(event: dict[str, Any], context: Any) -> None:
    """Make sure that the repository, if it is there, has no such trigger of ours."""
    asked = event["ResourceProperties"]
    ours = {asked["Name"]: asked["FunctionArn"]}
    try:
        patiently(context, _removed, BUSY, repository=asked["RepositoryName"], ours=ours)
    except ClientError as error:
        if code(error) != "RepositoryDoesNotExistException":
            raise


def _removed(repository: str, ours: dict[str, str]) -> None:
    """Write the triggers without ours, if that is among them."""
    found = _triggers(repository)
    others = [one for one in found if not _is_one(one, ours)]
    if len(others) < len(found):
        codecommit.put_repository_triggers(repositoryName=repository, triggers=others)
        raise NotReadyError(f"repository {repository} still shows trigger {', '.join(ours)}")


def _triggers(repository: str) -> list[Trigger]:
    found: list[Trigger] = codecommit.get_repository_triggers(repositoryName=repository).get("triggers", [])
    return found


def _is_one(trigger: Trigger, ours: dict[str, str]) -> bool:
    """Tell whether a trigger has the name and the function of one of ours; another function is somebody else's."""
    return bool(ours.get(trigger["name"]) == trigger["destinationArn"])


def _normal(trigger: Trigger) -> Trigger:
    """Return a trigger as it is compared: what is empty may be left out, and the order of events says nothing."""
    filled = {key: value for key, value in trigger.items() if value}
    return {**filled, "events": sorted(trigger["events"])}


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {"Custom::CodeCommitTrigger": _ensure}
