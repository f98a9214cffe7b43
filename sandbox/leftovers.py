"""What is left after stacks were deleted: exactly what was meant to be kept, or a problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from .listings import ARGUMENTS, IDS, LISTS, NESTED, OF_NO_REGION, PARENTS, WHICH
from .run import Run
from .server import ACCOUNT, REGION

Clients = Callable[[str], Any]
"""Service to its client of some region."""
Place = tuple[str, str]
"""A region, and a physical id in it."""
KEEP = ("Retain", "RetainExceptOnCreate")
_ALWAYS_THERE = {"CDKToolkit"}


@dataclass(frozen=True)
class Resource:
    """A resource of a deployed stack.

    Attributes:
        stack: The stack's name.
        region: The stack's region.
        logical_id: Its name in the template.
        type: Its CloudFormation type.
        id: Its physical id.
        retained: Whether it is to stay when the stack is deleted.
        properties: Its properties in the template, references to other resources resolved.
    """

    stack: str
    region: str
    logical_id: str
    type: str
    id: str
    retained: bool
    properties: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.type} {self.id} ({self.stack}/{self.logical_id})"

    @property
    def place(self) -> Place:
        """Where it is listed."""
        return _region(self.type, self.region), self.id


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
        problems = [
            f"stack {name}{_in(region)} must be gone after cdk destroy, but is there"
            for region in self._run.regions
            for name in stacks(self._run, region)
        ]
        for one in self._checkable:
            exists = _exists(self._run, one, there)
            if exists and one.retained:
                kept.append(one)
            elif exists:
                problems.append(f"{one} must be gone after cdk destroy, but is there")
            elif one.retained:
                problems.append(f"{one} must be retained after cdk destroy, but is gone")
        known = {(one.type, one.place) for one in self._resources}
        new = sorted((type, at) for type in there for at in there[type] - self._before[type] if (type, at) not in known)
        by_services = [f"{type} {id}{_in(region)}" for type, (region, id) in new if _is_of_a_service(type, id)]
        problems += [
            f"{type} {id}{_in(region)} must not be left behind: it is of no stack"
            for type, (region, id) in new
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
    region = run.region(stack)
    cloudformation = run.client("cloudformation", region)
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
        yield Resource(stack, region, name, one["ResourceType"], ids[name], retained, properties)


def inventory(run: Run) -> dict[str, set[Place]]:
    """Return where all is that is there in the run's regions, by type; as far as something can list it.

    Args:
        run: The embedded AWS.
    """
    return {
        type: {
            (region, id)
            for region in {_region(type, one) for one in run.regions}
            for id in _listed(partial(run.client, region=region), type)
        }
        for type in LISTS
    }


def _region(type: str, region: str) -> str:
    """Where a resource of a stack in a region is listed: what is listed everywhere counts once."""
    return REGION if type.startswith(OF_NO_REGION) else region


def _listed(client: Clients, type: str) -> Iterator[str]:
    service, operation, key, name = LISTS[type]
    if service == "macie2" and not _found(client(service).get_macie_session):
        return
    if not key:
        # There is one in an account, and its id is the account's.
        yield ACCOUNT
        return
    if type == "AWS::Events::Rule":
        for bus in _listed(client, "AWS::Events::EventBus"):
            rules = _pages(client, service, operation, key, EventBusName=bus)
            yield from (one[name] if bus == "default" else f"{bus}|{one[name]}" for one in rules)
        return
    for one in filter(WHICH.get(type), _pages(client, service, operation, key, **ARGUMENTS.get(type, {}))):
        found = one[name] if name else one
        if type == "AWS::KMS::Key":
            state = client(service).describe_key(KeyId=found)["KeyMetadata"]["KeyState"]
            if state == "PendingDeletion":
                continue
        yield (
            IDS[type].format(region=client(service).meta.region_name, account=ACCOUNT, id=found)
            if type in IDS
            else found
        )


def _pages(client: Clients, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    asked = client(service)
    pageable = asked.can_paginate(operation)
    pages = (
        asked.get_paginator(operation).paginate(**arguments) if pageable else [getattr(asked, operation)(**arguments)]
    )
    for page in pages:
        yield from page.get(key, [])


def _exists(run: Run, resource: Resource, there: Mapping[str, set[Place]]) -> bool:
    client = partial(run.client, region=resource.region)
    if resource.type in there:
        return resource.place in there[resource.type]
    if resource.type in PARENTS:
        return _policy_exists(client, resource, there)
    if resource.type in NESTED:
        return _nested_exists(client, resource, there)
    return _cloud_control_finds(client, resource)


def _nested_exists(client: Clients, resource: Resource, there: Mapping[str, set[Place]]) -> bool:
    among, (service, operation, key, name), argument = NESTED[resource.type]
    names = {resource.id.rpartition("|")[2], resource.properties.get("PolicyName")}
    region = _region(among, resource.region)
    parents = [one for one in _several(resource.properties.get(argument[0])) if (region, one) in there[among]]
    found = (one for parent in parents for one in _pages(client, service, operation, key, **{argument[1]: parent}))
    return any((one[name] if name else one) in names for one in found)


def _policy_exists(client: Clients, resource: Resource, there: Mapping[str, set[Place]]) -> bool:
    (parent, *_) = _several(resource.properties.get(PARENTS[resource.type])) or [""]
    among = resource.type.replace("Policy", "")
    if (_region(among, resource.region), parent) not in there[among]:
        return False
    if resource.type == "AWS::SQS::QueuePolicy":
        asked = client("sqs").get_queue_attributes(QueueUrl=parent, AttributeNames=["Policy"])
        return bool(asked.get("Attributes", {}).get("Policy"))
    if resource.type == "AWS::S3::BucketPolicy":
        return _found(lambda: client("s3").get_bucket_policy(Bucket=parent))
    return True


def _cloud_control_finds(client: Clients, resource: Resource) -> bool:
    control = client("cloudcontrol")
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


def stacks(run: Run, region: str) -> list[str]:
    """Return the names of the stacks that are in a region, but for the bootstrap stack.

    Args:
        run: The embedded AWS.
        region: The region.
    """
    summaries = _pages(partial(run.client, region=region), "cloudformation", "list_stacks", "StackSummaries")
    there = {one["StackName"] for one in summaries if one["StackStatus"] != "DELETE_COMPLETE"}
    return sorted(there - _ALWAYS_THERE)


def _in(region: str) -> str:
    return "" if region == REGION else f" in {region}"


def _is_of_a_service(type: str, id: str) -> bool:
    if type == "AWS::IAM::Role":
        return id == "workspaces_DefaultRole"
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
