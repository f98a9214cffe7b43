"""Lifecycle policies: what becomes of old images and their AMIs, as far as the policy's role lets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ministack.core.responses import request_scope
from ministack.services import ec2

from sandbox.adapters import access

from . import amis, distribution, images, roles, workflow
from .roles import CREATOR, Actor
from .state import Fault, Record, covers, get, home, of, page

_DAYS = {"DAYS": 1, "WEEKS": 7, "MONTHS": 30, "YEARS": 365}
_BY = {"DeprecatedBy": CREATOR}
_STATES = {"DEPRECATE": "DEPRECATED", "DISABLE": "DISABLED"}


def run(policy: Record, days: float) -> Record:
    """Do what a policy says, at a later time.

    Args:
        policy: The policy.
        days: How many days from now it is.

    Returns:
        The execution, with what was done to each resource.
    """
    at = datetime.now(UTC) + timedelta(days=days)
    resources: list[Record] = []
    state: Record = {"status": "SUCCESS"}
    try:
        actor = roles.executor(policy["executionRole"])
        actor.ask("tag:GetResources")
        for detail in policy["policyDetails"]:
            for image in list(_due(policy, detail, at)):
                resources += _apply(actor, image, detail["action"], at)
    except access.Refused as error:
        state = {"status": "FAILED", "reason": str(error)}
    failed = [one for one in resources if one["state"]["status"] == "FAILED"]
    if failed:
        state = {"status": "FAILED", "reason": failed[0]["state"]["reason"]}
    execution = {
        "lifecycleExecutionId": f"lce-{uuid4()}",
        "lifecyclePolicyArn": policy["arn"],
        "resourcesImpactedSummary": {"hasImpactedResources": bool(resources)},
        "state": state,
        "startTime": at.timestamp(),
        "endTime": at.timestamp(),
        "resources": resources,
    }
    policy["dateLastRun"] = at.timestamp()
    home().executions.insert(0, execution)
    return execution


def _due(policy: Record, detail: Record, at: datetime) -> Iterator[Record]:
    """The images that a policy's detail is for, newest first, without those that it keeps."""
    filter, kind = detail["filter"], detail["action"]["type"]
    wanted = [one for one in reversed(of("image")) if _selected(policy["resourceSelection"], one)]
    settled = [one for one in wanted if one["state"]["status"] in ("AVAILABLE", "DEPRECATED", "DISABLED")]
    old = [one for one in settled if _age(one, at) >= _span(filter)] if filter["type"] == "AGE" else settled
    kept = int(filter["value"]) if filter["type"] == "COUNT" else int(filter.get("retainAtLeast") or 0)
    stay = {one["arn"] for one in settled[:kept]} if kind == "DELETE" else set()
    for image in old:
        done = image["state"]["status"] == _STATES.get(kind)
        if image["arn"] not in stay and not done and not _excluded(detail.get("exclusionRules") or {}, image, at):
            yield image


def _span(filter: Record) -> timedelta:
    return timedelta(days=int(filter["value"]) * _DAYS[filter["unit"]])


def _age(image: Record, at: datetime) -> timedelta:
    return at - datetime.fromisoformat(image["dateCreated"])


def _selected(selection: Record, image: Record) -> bool:
    if selection.get("recipes"):
        recipe = image["imageRecipe"]
        return any(
            one["name"] == recipe["name"] and covers(one["semanticVersion"], recipe["version"])
            for one in selection["recipes"]
        )
    tags = image.get("tags") or {}
    return all(tags.get(key) == value for key, value in (selection.get("tagMap") or {}).items())


def _excluded(rules: Record, image: Record, at: datetime) -> bool:
    tags, of_amis = image.get("tags") or {}, rules.get("amis") or {}
    if any(tags.get(key) == value for key, value in (rules.get("tagMap") or {}).items()):
        return True
    for region, account, id in distribution.outputs(image):
        with request_scope(account, region):
            own, known = amis.tags_of(id), ec2._images.get(id)
            launched = [
                one for one in ec2._instances.values() if one["ImageId"] == id and one["State"]["Name"] != "terminated"
            ]
        if region in (of_amis.get("regions") or []):
            return True
        if any(own.get(key) == value for key, value in (of_amis.get("tagMap") or {}).items()):
            return True
        shared = {one.get("UserId", "public") for one in (known or {}).get("LaunchPermissions", [])}
        if shared & set(of_amis.get("sharedAccounts") or []) or ("public" in shared and of_amis.get("isPublic")):
            return True
        if of_amis.get("lastLaunched") and any(_recent(one, of_amis["lastLaunched"], at) for one in launched):
            return True
    return False


def _recent(instance: Record, limit: Record, at: datetime) -> bool:
    span = timedelta(days=int(limit["value"]) * _DAYS[limit["unit"]])
    return at - datetime.fromisoformat(instance["LaunchTime"]) < span


def _apply(actor: Actor, image: Record, action: Record, at: datetime) -> list[Record]:
    """Do an action to an image and what it includes: first the AMIs, then the image."""
    kind, included = action["type"], action.get("includeResources") or {}
    done = []
    if included.get("amis"):
        for region, account, id in list(distribution.outputs(image)):
            if account == home().account:
                done.append(_to_ami(actor, kind, region, id, bool(included.get("snapshots")), at))
    if not any(one["state"]["status"] == "FAILED" for one in done):
        done.append(_recorded(image["arn"], home().region, kind, lambda: _to_image(actor, kind, image)))
    return done


def _recorded(id: str, region: str, kind: str, do: Callable[[], None]) -> Record:
    about = {"resourceId": id, "region": region, "accountId": home().account, "action": {"name": kind}}
    try:
        do()
    except (access.Refused, Fault) as error:
        return {**about, "state": {"status": "FAILED", "reason": str(error)}}
    return {**about, "state": {"status": "SUCCESS"}}


def _to_image(actor: Actor, kind: str, image: Record) -> None:
    if kind == "DELETE":
        actor.ask("imagebuilder:DeleteImage", image["arn"])
        images.delete(image)
        return
    image["state"] = {"status": _STATES[kind]}


def _to_ami(actor: Actor, kind: str, region: str, id: str, snapshots: bool, at: datetime) -> Record:
    def do() -> None:
        with request_scope(home().account, region):
            if id in ec2._images:
                _change(actor, kind, region, id, snapshots, at)

    return _recorded(id, region, kind, do)


def _change(actor: Actor, kind: str, region: str, id: str, snapshots: bool, at: datetime) -> None:
    tags, arn = amis.tags_of(id), workflow.image_arn(id, region)
    actor.ask("ec2:DescribeImages")
    if kind == "DEPRECATE":
        actor.ask("ec2:EnableImageDeprecation", arn, tags=tags)
        actor.ask("ec2:CreateTags", arn, request=_BY, tags=tags)
        ec2._images[id]["DeprecationTime"] = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
        amis.tag(id, _BY)
    elif kind == "DISABLE":
        actor.ask("ec2:DisableImage", arn, tags=tags)
        ec2._images[id]["Disabled"] = True
    else:
        gone = amis.snapshots(id)
        actor.ask("ec2:DeregisterImage", arn, tags=tags)
        ec2._deregister_image({"ImageId": [id]})
        for snapshot in gone if snapshots else ():
            actor.ask("ec2:DeleteSnapshot", workflow.snapshot_arn(snapshot, region), tags=amis.tags_of(snapshot))
            ec2._delete_snapshot({"SnapshotId": [snapshot]})


def remove(image: Record, role: str) -> None:
    """Delete an image with its AMIs and snapshots.

    Args:
        image: The image.
        role: The role that does it.

    Raises:
        Refused: If the role may not.
        Fault: If the image cannot be deleted.
    """
    actor = roles.executor(role)
    for region, account, id in list(distribution.outputs(image)):
        if account == home().account:
            with request_scope(account, region):
                if id in ec2._images:
                    _change(actor, "DELETE", region, id, True, datetime.now(UTC))
    images.delete(image)


def _list(request: Record) -> Record:
    get(request["resourceArn"])
    found, token = page(
        [one for one in home().executions if one["lifecyclePolicyArn"] == request["resourceArn"]], request
    )
    return {"lifecycleExecutions": found, **token}


def _list_resources(request: Record) -> Record:
    id = request["lifecycleExecutionId"]
    execution = next((one for one in home().executions if one["lifecycleExecutionId"] == id), None)
    if execution is None:
        raise Fault("ResourceNotFoundException", f"The lifecycle execution {id} does not exist.")
    found, token = page(execution["resources"], request)
    return {
        "lifecycleExecutionId": id,
        "lifecycleExecutionState": execution["state"],
        "resources": found,
        **token,
    }


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "ListLifecycleExecutionResources": _list_resources,
    "ListLifecycleExecutions": _list,
}
