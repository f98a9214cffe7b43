"""What is left after stacks were deleted: exactly what was meant to be kept, or a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from .listings import ARGUMENTS, LISTS, NESTED, PARENTS
from .run import Run
from .server import ACCOUNT

KEEP = ("Retain", "RetainExceptOnCreate")
_ALWAYS_THERE = {"CDKToolkit"}


@dataclass(frozen=True)
class Resource:
    """A resource of a deployed stack.

    Attributes:
        stack: The stack's name.
        logical_id: Its name in the template.
        type: Its CloudFormation type.
        id: Its physical id.
        retained: Whether it is to stay when the stack is deleted.
        properties: Its properties in the template, references to other resources resolved.
    """

    stack: str
    logical_id: str
    type: str
    id: str
    retained: bool
    properties: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.type} {self.id} ({self.stack}/{self.logical_id})"


@dataclass(frozen=True)
class Remains:
    """What the check found.

    Attributes:
        kept: What stayed, as it should.
        problems: What is wrong, a line each.
        unchecked: Types of which nobody can say here whether a resource exists.
        by_services: What the services made for themselves and keep, such as log groups of Lambda functions.
    """

    kept: tuple[Resource, ...]
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]
    by_services: tuple[str, ...]


class Leftovers:
    """Knows what was there before stacks are deployed, and later tells what is left of them.

    Args:
        run: The embedded AWS, before the stacks are deployed.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._before = inventory(run)
        self._resources: list[Resource] = []
        self._checkable: set[Resource] = set()

    def remember(self, stacks: Iterable[str]) -> list[Resource]:
        """Remember the resources of deployed stacks and return them; to be called before the stacks are deleted.

        Args:
            stacks: Their names.
        """
        new = [resource for stack in stacks for resource in resources(self._run, stack)]
        self._resources += new
        # Of what cannot be found now, nobody could say later that it is gone.
        there = inventory(self._run)
        self._checkable |= {one for one in new if _exists(self._run, one, there)}
        return new

    def check(self) -> Remains:
        """Compare what is there with what should be; to be called when the stacks are deleted."""
        there = inventory(self._run)
        kept: list[Resource] = []
        problems = [f"stack {name} must be gone after cdk destroy, but is there" for name in stacks(self._run)]
        for one in self._checkable:
            exists = _exists(self._run, one, there)
            if exists and one.retained:
                kept.append(one)
            elif exists:
                problems.append(f"{one} must be gone after cdk destroy, but is there")
            elif one.retained:
                problems.append(f"{one} must be retained after cdk destroy, but is gone")
        known = {(one.type, one.id) for one in self._resources}
        new = sorted((type, id) for type in there for id in there[type] - self._before[type] if (type, id) not in known)
        by_services = [f"{type} {id}" for type, id in new if _is_of_a_service(type, id)]
        problems += [
            f"{type} {id} must not be left behind: it is of no stack"
            for type, id in new
            if not _is_of_a_service(type, id)
        ]
        unchecked = {one.type for one in self._resources if one not in self._checkable}
        kept.sort(key=lambda one: (one.type, one.stack, one.logical_id))
        return Remains(tuple(kept), tuple(problems), tuple(sorted(unchecked)), tuple(by_services))


def resources(run: Run, stack: str) -> Iterator[Resource]:
    """Yield the resources of a stack with what its template says of them, but for the CDK's note on itself.

    Args:
        run: The embedded AWS.
        stack: The stack's name.
    """
    cloudformation = run.client("cloudformation")
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]["Resources"]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    listed = [one for page in pages for one in page["StackResourceSummaries"]]
    found = [one for one in listed if one["ResourceType"] != "AWS::CDK::Metadata"]
    ids = {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}
    for one in found:
        name = one["LogicalResourceId"]
        declared = template.get(name, {})
        retained = declared.get("DeletionPolicy", "Delete") in KEEP
        properties = {key: _resolved(value, ids) for key, value in declared.get("Properties", {}).items()}
        yield Resource(stack, name, one["ResourceType"], ids[name], retained, properties)


def inventory(run: Run) -> dict[str, set[str]]:
    """Return the physical ids of all that is there, by type; as far as something can list them.

    Args:
        run: The embedded AWS.
    """
    return {type: set(_listed(run, type)) for type in LISTS}


def _listed(run: Run, type: str) -> Iterator[str]:
    service, operation, key, name = LISTS[type]
    if service == "macie2" and not _found(run.client(service).get_macie_session):
        return
    if not key:
        # There is one in an account, and its id is the account's.
        yield ACCOUNT
        return
    if type == "AWS::Events::Rule":
        for bus in _listed(run, "AWS::Events::EventBus"):
            rules = _pages(run, service, operation, key, EventBusName=bus)
            yield from (one[name] if bus == "default" else f"{bus}|{one[name]}" for one in rules)
        return
    for one in _pages(run, service, operation, key, **ARGUMENTS.get(type, {})):
        found = one[name] if name else one
        if type == "AWS::KMS::Key":
            state = run.client(service).describe_key(KeyId=found)["KeyMetadata"]["KeyState"]
            if state == "PendingDeletion":
                continue
        yield found


def _pages(run: Run, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    client = run.client(service)
    pageable = client.can_paginate(operation)
    pages = (
        client.get_paginator(operation).paginate(**arguments) if pageable else [getattr(client, operation)(**arguments)]
    )
    for page in pages:
        yield from page.get(key, [])


def _exists(run: Run, resource: Resource, there: Mapping[str, set[str]]) -> bool:
    if resource.type in there:
        return resource.id in there[resource.type]
    if resource.type in PARENTS:
        return _policy_exists(run, resource, there)
    if resource.type in NESTED:
        return _nested_exists(run, resource, there)
    return _cloud_control_finds(run, resource)


def _nested_exists(run: Run, resource: Resource, there: Mapping[str, set[str]]) -> bool:
    among, (service, operation, key, name), argument = NESTED[resource.type]
    names = {resource.id.rpartition("|")[2], resource.properties.get("PolicyName")}
    parents = [one for one in _several(resource.properties.get(argument[0])) if one in there[among]]
    found = (one for parent in parents for one in _pages(run, service, operation, key, **{argument[1]: parent}))
    return any((one[name] if name else one) in names for one in found)


def _policy_exists(run: Run, resource: Resource, there: Mapping[str, set[str]]) -> bool:
    (parent, *_) = _several(resource.properties.get(PARENTS[resource.type])) or [""]
    if parent not in there[resource.type.replace("Policy", "")]:
        return False
    if resource.type == "AWS::SQS::QueuePolicy":
        asked = run.client("sqs").get_queue_attributes(QueueUrl=parent, AttributeNames=["Policy"])
        return bool(asked.get("Attributes", {}).get("Policy"))
    if resource.type == "AWS::S3::BucketPolicy":
        return _found(lambda: run.client("s3").get_bucket_policy(Bucket=parent))
    return True


def _cloud_control_finds(run: Run, resource: Resource) -> bool:
    control = run.client("cloudcontrol")
    return _found(lambda: control.get_resource(TypeName=resource.type, Identifier=resource.id))


def _found(ask: Any) -> bool:
    try:
        ask()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404 or "NotFound" in code or "NoSuch" in code:
            return False
        if code in ("TypeNotFoundException", "UnsupportedActionException") or "not enabled" in str(error):
            return False
        raise
    return True


def stacks(run: Run) -> list[str]:
    """Return the names of the stacks that are there, but for the bootstrap stack.

    Args:
        run: The embedded AWS.
    """
    summaries = _pages(run, "cloudformation", "list_stacks", "StackSummaries")
    there = {one["StackName"] for one in summaries if one["StackStatus"] != "DELETE_COMPLETE"}
    return sorted(there - _ALWAYS_THERE)


def _is_of_a_service(type: str, id: str) -> bool:
    if type == "AWS::SSM::Parameter":
        return id.startswith("/imagebuilder/")
    return type == "AWS::Logs::LogGroup" and id.startswith("/aws/") and not id.startswith("/aws/cloudformation/")


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _resolved(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolved(one, ids) for one in value]
    if isinstance(value, Mapping) and value.get("Ref") in ids:
        return ids[value["Ref"]]
    return value
