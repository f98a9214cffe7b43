"""What has a name and can be changed: infrastructure, distribution, pipelines and lifecycle policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from ministack.services import iam

from .components import refuse_in_use
from .state import Fault, Record, arn, forget, get, home, keep, of, page, slug

_NOT_KEPT = ("clientToken", "dryRun")
_AWS_GROUPS = "/aws/imagebuilder/"


@dataclass(frozen=True)
class Kind:
    """A kind of configuration.

    Attributes:
        noun: Its name in operations.
        path: Its kind in ARNs.
        listed: The member that lists have it in.
        check: Refuses what Image Builder refuses.
    """

    noun: str
    path: str
    listed: str
    check: Callable[[Record], None]

    @property
    def member(self) -> str:
        """The member that one is answered in."""
        return self.noun[0].lower() + self.noun[1:]

    @property
    def arn_member(self) -> str:
        """The member that has its ARN."""
        return f"{self.member}Arn"

    def create(self, request: Record) -> Record:
        """Make one.

        Args:
            request: The request.
        """
        made = arn(self.path, slug(request["name"]))
        if made in home().resources:
            raise Fault("ResourceAlreadyExistsException", f"The resource {made} already exists.")
        self.check(request)
        keep({**_kept(request), **self._defaults(request), "arn": made})
        return {self.arn_member: made}

    def update(self, request: Record) -> Record:
        """Change one; what a request leaves out is as if it had never been given.

        Args:
            request: The request.
        """
        old = get(request[self.arn_member])
        self.check({**request, "name": old["name"]})
        stays: Record = {name: old[name] for name in ("arn", "name", "tags", "dateCreated") if name in old}
        keep({**_kept(request), **self._defaults(request), **stays})
        return {self.arn_member: old["arn"]}

    def _defaults(self, request: Record) -> Record:
        if self is not PIPELINE:
            return {"status": request.get("status", "ENABLED")} if self is POLICY else {}
        return {
            "status": request.get("status", "ENABLED"),
            "platform": get(request["imageRecipeArn"])["platform"],
            "imageTestsConfiguration": {
                "imageTestsEnabled": True,
                "timeoutMinutes": 720,
                **(request.get("imageTestsConfiguration") or {}),
            },
            "enhancedImageMetadataEnabled": request.get("enhancedImageMetadataEnabled", True),
            "consecutiveFailures": 0,
            "deploymentId": str(uuid4()),
        }

    def get(self, request: Record) -> Record:
        """One of them.

        Args:
            request: The request.
        """
        return {self.member: get(request[self.arn_member]), self.arn_member: request[self.arn_member]}

    def list(self, request: Record) -> Record:
        """All of them.

        Args:
            request: The request.
        """
        found, token = page(of(self.path), request)
        return {self.listed: found, **token}

    def delete(self, request: Record) -> Record:
        """Delete one that nothing refers to.

        Args:
            request: The request.
        """
        found = get(request[self.arn_member])["arn"]
        refuse_in_use(found)
        forget(found)
        return {self.arn_member: found}


def _kept(request: Record) -> Record:
    return {name: value for name, value in request.items() if name not in _NOT_KEPT}


def _check_infrastructure(request: Record) -> None:
    profile = request["instanceProfileName"]
    if profile not in iam._instance_profiles:
        raise Fault("InvalidRequestException", f"The instance profile {profile} does not exist.")
    if request.get("subnetId") and not request.get("securityGroupIds"):
        raise Fault("InvalidRequestException", "A subnet needs at least one security group.")
    if wrong := {"CreatedBy", "Ec2ImageBuilderArn", "Name", "Tags"} & set(request.get("resourceTags") or {}):
        raise Fault("InvalidRequestException", f"The resource tags cannot have the key {min(wrong)}.")


def _check_distribution(request: Record) -> None:
    regions = [one["region"] for one in request["distributions"]]
    if len(set(regions)) < len(regions):
        raise Fault("InvalidRequestException", "Each region can be distributed to once.")
    for one in request["distributions"]:
        settings = one.get("amiDistributionConfiguration") or {}
        name = settings.get("name")
        if name and "imagebuilder:buildDate" not in name:
            raise Fault("InvalidRequestException", "The AMI name must have {{ imagebuilder:buildDate }}.")
        targets = settings.get("targetAccountIds") or []
        for parameter in one.get("ssmParameterConfigurations") or []:
            if parameter.get("amiAccountId", home().account) not in [home().account, *targets]:
                raise Fault("InvalidRequestException", "The account of a parameter must be a target account.")


def _check_pipeline(request: Record) -> None:
    if "imageRecipeArn" not in request:
        raise Fault("InvalidRequestException", "The sandbox has pipelines of image recipes only.")
    for name in ("imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn"):
        if name in request:
            get(request[name])
    check_build(request, [(request.get("loggingConfiguration") or {}).get("imageLogGroupName")])


def check_build(request: Record, groups: list[str | None]) -> None:
    """Refuse what neither a pipeline nor an image can be made with.

    Args:
        request: The request.
        groups: The log groups.

    Raises:
        Fault: If there is such.
    """
    role = request.get("executionRole")
    if request.get("workflows"):
        raise Fault("InvalidRequestException", "The sandbox has no workflows but those of Image Builder.")
    if not role and any(group and not group.startswith(_AWS_GROUPS) for group in groups):
        raise Fault("InvalidRequestException", f"Log groups outside {_AWS_GROUPS} need an execution role.")
    tests = (request.get("imageTestsConfiguration") or {}).get("imageTestsEnabled", True)
    if (request.get("imageScanningConfiguration") or {}).get("imageScanningEnabled") and not tests:
        raise Fault("InvalidRequestException", "Scanning needs tests.")


def _check_policy(request: Record) -> None:
    for detail in request["policyDetails"]:
        kind, filter = detail["action"]["type"], detail["filter"]
        if filter["type"] == "COUNT" and kind != "DELETE":
            raise Fault("InvalidParameterCombinationException", "A filter by COUNT is for DELETE only.")
        if filter["type"] == "AGE" and "unit" not in filter:
            raise Fault("InvalidParameterCombinationException", "A filter by AGE must have a unit.")
        if "retainAtLeast" in filter and kind != "DELETE":
            raise Fault("InvalidParameterCombinationException", "retainAtLeast is for DELETE only.")
        included = detail["action"].get("includeResources") or {}
        if included.get("snapshots") and not included.get("amis"):
            raise Fault("InvalidParameterCombinationException", "Snapshots need AMIs to be included.")


INFRASTRUCTURE = Kind(
    "InfrastructureConfiguration",
    "infrastructure-configuration",
    "infrastructureConfigurationSummaryList",
    _check_infrastructure,
)
DISTRIBUTION = Kind(
    "DistributionConfiguration",
    "distribution-configuration",
    "distributionConfigurationSummaryList",
    _check_distribution,
)
PIPELINE = Kind("ImagePipeline", "image-pipeline", "imagePipelineList", _check_pipeline)
POLICY = Kind("LifecyclePolicy", "lifecycle-policy", "lifecyclePolicySummaryList", _check_policy)


def _tag(request: Record, gone: bool = False) -> Record:
    tags = get(request["resourceArn"]).setdefault("tags", {})
    for key in request["tagKeys"] if gone else ():
        tags.pop(key, None)
    tags.update({} if gone else request["tags"])
    return {}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "ListTagsForResource": lambda request: {"tags": get(request["resourceArn"]).get("tags") or {}},
    "TagResource": _tag,
    "UntagResource": partial(_tag, gone=True),
}
for _kind in (INFRASTRUCTURE, DISTRIBUTION, PIPELINE, POLICY):
    OPERATIONS[f"Create{_kind.noun}"] = _kind.create
    OPERATIONS[f"Update{_kind.noun}"] = _kind.update
    OPERATIONS[f"Get{_kind.noun}"] = _kind.get
    OPERATIONS[f"Delete{_kind.noun}"] = _kind.delete
    OPERATIONS[f"List{_kind.noun}s" if _kind is not POLICY else "ListLifecyclePolicies"] = _kind.list
