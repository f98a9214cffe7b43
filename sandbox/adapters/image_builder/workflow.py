"""What Image Builder does with its role to build and to test: instances, commands, inventory and the AMI."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from . import amis, roles
from .components import is_managed
from .roles import CREATED, CREATOR, Actor
from .state import Record, get, home

_READS = (
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ssm:DescribeInstanceInformation",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
)
_INVENTORY = "AWS-GatherSoftwareInventory"


def _arn(resource: str, region: str = "", owned: bool = True) -> str:
    here = home()
    return f"arn:aws:ec2:{region or here.region}:{here.account if owned else ''}:{resource}"


def image_arn(id: str, region: str = "") -> str:
    """The ARN of an AMI.

    Args:
        id: Its id.
        region: Its region; empty for that of the request.
    """
    return _arn(f"image/{id}", region, owned=False)


def snapshot_arn(id: str, region: str = "") -> str:
    """The ARN of a snapshot.

    Args:
        id: Its id.
        region: Its region; empty for that of the request.
    """
    return _arn(f"snapshot/{id}", region, owned=False)


@contextmanager
def running(actor: Actor, image: Record, parent: str, custom_log: bool) -> Iterator[str]:
    """Launch an instance that takes commands, and terminate it in the end, if its configuration says so.

    Args:
        actor: The role of Image Builder.
        image: The image.
        parent: The AMI that it is launched from.
        custom_log: Whether the role of Image Builder writes the log.

    Yields:
        The instance's id.

    Raises:
        Refused: If a role may not do something.
        LookupError: If something does not exist.
    """
    infrastructure = image["infrastructureConfiguration"]
    profile, role = roles.instance_role(infrastructure)
    actor.ask("ec2:RunInstances", image_arn(parent if parent.startswith("ami-") else "ami-0a1b2c3d4e5f67890"))
    actor.ask("ec2:RunInstances", _arn("network-interface/*"))
    if infrastructure.get("subnetId"):
        actor.ask("ec2:RunInstances", _arn(f"subnet/{infrastructure['subnetId']}"))
    for group in infrastructure.get("securityGroupIds") or []:
        actor.ask("ec2:RunInstances", _arn(f"security-group/{group}"))
    for kind in ("instance", "volume"):
        actor.ask("ec2:RunInstances", _arn(f"{kind}/*"), request=CREATED)
        actor.ask("ec2:CreateTags", _arn(f"{kind}/*"), request=CREATED, ec2__CreateAction="RunInstances")
    actor.ask("iam:PassRole", role, iam__PassedToService="ec2.amazonaws.com")
    for key in roles.keys_of(image["imageRecipe"]):
        actor.use_key(key, home().region)
    id = amis.launch(parent, infrastructure, profile)
    done = False
    try:
        roles.agent(infrastructure, image, _arn(f"instance/{id}"), log_group(image), custom_log)
        _command(actor, id)
        yield id
        done = True
    finally:
        if done:
            actor.ask("ec2:TerminateInstances", _arn(f"instance/{id}"), tags=CREATED)
        if done or infrastructure.get("terminateInstanceOnFailure", True):
            amis.terminate(id)


def _command(actor: Actor, id: str) -> None:
    here = home()
    for action in _READS:
        actor.ask(action)
    actor.ask("ssm:SendCommand", f"arn:aws:ssm:{here.region}::document/AWS-RunShellScript")
    actor.ask("ssm:SendCommand", _arn(f"instance/{id}"), tags=CREATED)


def take_inventory(actor: Actor, id: str) -> None:
    """Gather what is installed, as is done for enhanced metadata.

    Args:
        actor: The role of Image Builder.
        id: The instance.

    Raises:
        Refused: If the role may not.
    """
    here = home()
    association = f"arn:aws:ssm:{here.region}:{here.account}:association/*"
    document, instance = f"arn:aws:ssm:{here.region}::document/{_INVENTORY}", _arn(f"instance/{id}")
    actor.ask("ssm:CreateAssociation", document)
    actor.ask("ssm:CreateAssociation", instance, tags=CREATED)
    actor.ask("ssm:AddTagsToResource", association, request=CREATED)
    actor.ask("ssm:DescribeAssociationExecutions", association)
    actor.ask("ssm:ListInventoryEntries")
    actor.ask("ssm:DeleteAssociation", association)


def create_image(actor: Actor, id: str, image: Record, name: str, description: str) -> str:
    """Make an AMI of an instance.

    Args:
        actor: The role of Image Builder.
        id: The instance.
        image: The image.
        name: The AMI's name.
        description: What it says of itself.

    Returns:
        The AMI's id.

    Raises:
        Refused: If the role may not.
    """
    actor.ask("ec2:StopInstances", _arn(f"instance/{id}"), tags=CREATED)
    actor.ask("ec2:CreateImage", _arn(f"instance/{id}"), tags=CREATED)
    for arn in (image_arn("*"), snapshot_arn("*")):
        actor.ask("ec2:CreateImage", arn, request=CREATED)
        actor.ask("ec2:CreateTags", arn, request=CREATED, ec2__CreateAction="CreateImage")
    actor.ask("ec2:DescribeImages")
    recipe = image["imageRecipe"]
    made = amis.create(
        name,
        description,
        recipe["parentImage"],
        recipe.get("blockDeviceMappings") or [{"deviceName": "/dev/xvda"}],
        {**(recipe.get("amiTags") or {}), "CreatedBy": CREATOR, "Ec2ImageBuilderArn": image["arn"]},
    )
    amis.tag(made, {"sandbox:components": contents(recipe, image["parent"])})
    return made


def contents(recipe: Record, parent: str) -> str:
    """What an AMI says about what is in it, which AMIs of AWS do not: a digest, and components with their builds.

    Args:
        recipe: The recipe.
        parent: What it was built on.
    """
    texts = ["" if is_managed(build) else get(build)["data"] for build in recipe["componentBuilds"]]
    whole = json.dumps([parent, recipe["components"], recipe["componentBuilds"], texts], sort_keys=True)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    names = " ".join("/".join(build.split("/")[1:]) for build in recipe["componentBuilds"])
    return f"{digest} {names}"[:256].strip()


def log_group(image: Record) -> str:
    """The log group of an image.

    Args:
        image: The image.
    """
    given = (image.get("loggingConfiguration") or {}).get("logGroupName")
    return str(given or f"/aws/imagebuilder/{image['name']}")
