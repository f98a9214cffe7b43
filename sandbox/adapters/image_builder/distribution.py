"""An AMI brought to regions and accounts, shared, and put into launch templates and parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from ministack.core.responses import request_scope
from ministack.services import ec2, ssm

from sandbox.adapters import access

from . import amis, roles, workflow
from .roles import CREATED, Actor
from .state import Record, home, now

_OF_SOURCE = ("DescribeKey", "CreateGrant", "Decrypt", "ReEncryptFrom")
_OF_TARGET = ("DescribeKey", "CreateGrant", "GenerateDataKeyWithoutPlaintext", "ReEncryptTo")


class DistributionFailed(Exception):
    """Something could not be done in one region or more.

    Args:
        failures: What, as the API has it.
    """

    def __init__(self, failures: list[Record]) -> None:
        self.failures = failures
        lines = (f"Distribution failed in {one['region']}: {one['errorMessage']}" for one in failures)
        super().__init__("; ".join(lines))


def named(image: Record) -> tuple[str, str]:
    """The name and the description of the AMI of the build's region.

    Args:
        image: The image.
    """
    settings = next((_settings(one) for one in _places(image) if one["region"] == home().region), {})
    return _name(settings, image), settings.get("description", "")


def _name(settings: Record, image: Record) -> str:
    given = settings.get("name") or f"{image['name']} {{{{ imagebuilder:buildDate }}}}"
    values = {"buildDate": now().replace(":", "-"), "buildVersion": image["arn"].rpartition("/")[2]}
    return re.sub(r"\{\{\s*imagebuilder:(\w+)\s*\}\}", lambda found: values.get(found[1], found[0]), given)


def _places(image: Record) -> list[Record]:
    given: Record = image.get("distributionConfiguration") or {}
    return list(given.get("distributions") or [{"region": home().region}])


def _settings(place: Record) -> Record:
    return dict(place.get("amiDistributionConfiguration") or {})


class Distribution:
    """The distribution of one image.

    Args:
        actor: The role of Image Builder.
        image: The image.
        id: The AMI of the build's region.
    """

    def __init__(self, actor: Actor, image: Record, id: str) -> None:
        self._actor, self._image, self._id = actor, image, id
        self._made: dict[tuple[str, str], str] = {}

    def copy(self) -> None:
        """Have an AMI in each region and account, shared as configured.

        Raises:
            DistributionFailed: If that was not possible everywhere; the others have theirs.
        """
        self._each("", self._bring)

    def integrate(self) -> None:
        """Put the AMIs into launch templates and parameters.

        Raises:
            DistributionFailed: If that was not possible everywhere; the others are done.
        """
        self._each("UPDATE_LAUNCH_TEMPLATES", self._into_templates)
        self._each("PUT_SSM_PARAMETERS", self._into_parameters)

    def _each(self, step: str, do: Callable[[Record], None]) -> None:
        failures = []
        for place in _places(self._image):
            try:
                do(place)
            except (access.Refused, LookupError, ValueError) as error:
                what = {"region": place["region"], "status": "FAILED", "errorMessage": str(error.args[0])}
                failures.append({**what, "imageConfigurationStep": step} if step else what)
        if failures:
            raise DistributionFailed(failures)

    def _bring(self, place: Record) -> None:
        here, region, settings = home(), place["region"], _settings(place)
        tags = settings.get("amiTags") or {}
        if region == here.region:
            id = self._id
        else:
            self._may_copy(self._actor, region, settings)
            id = self._copied(region, here.account, settings)
        if tags:
            self._actor.ask("ec2:CreateTags", workflow.image_arn(id, region), request=tags, tags=CREATED)
            with request_scope(here.account, region):
                amis.tag(id, tags)
        self._keep(region, here.account, id, settings)
        self._share(region, id, settings)
        for account in settings.get("targetAccountIds") or []:
            self._to_account(account, region, settings)

    def _may_copy(self, actor: Actor, region: str, settings: Record) -> None:
        """Ask whether a role may copy the AMI into a region, with the keys of both."""
        home_region = home().region
        for key in roles.keys_of(self._image["imageRecipe"]):
            own = access.key_arn(key, home().account, home_region) if "alias/" not in key else key
            actor.use_key(own, home_region, _OF_SOURCE)
        actor.use_key(settings.get("kmsKeyId") or "", region, _OF_TARGET)
        for arn in (workflow.image_arn("*", region), workflow.snapshot_arn("*", region)):
            actor.ask("ec2:CopyImage", arn, request=CREATED)
        actor.ask("ec2:CreateTags", workflow.image_arn("*", region), request=CREATED, ec2__CreateAction="CopyImage")
        actor.ask("ec2:DescribeImages")

    def _copied(self, region: str, account: str, settings: Record) -> str:
        recipe, key = self._image["imageRecipe"], settings.get("kmsKeyId")
        mappings = [
            {**one, "ebs": {**(one.get("ebs") or {}), **({"kmsKeyId": key, "encrypted": True} if key else {})}}
            for one in recipe.get("blockDeviceMappings") or [{"deviceName": "/dev/xvda"}]
        ]
        tags = amis.tags_of(self._id)
        with request_scope(account, region):
            name = _name(settings, self._image)
            return amis.create(name, settings.get("description", ""), recipe["parentImage"], mappings, tags)

    def _to_account(self, account: str, region: str, settings: Record) -> None:
        self._may_share(region, self._id)
        other = roles.across(self._actor, account, region)
        self._may_copy(other, region, settings)
        id = self._copied(region, account, settings)
        tags = settings.get("amiTags") or {}
        if tags:
            other.ask("ec2:CreateTags", workflow.image_arn(id, region), request=tags, tags=CREATED)
            with request_scope(account, region):
                amis.tag(id, tags)
        self._keep(region, account, id, settings)

    def _may_share(self, region: str, id: str) -> None:
        self._actor.ask("ec2:ModifyImageAttribute", workflow.image_arn(id, region), tags=CREATED)
        self._actor.ask("ec2:ModifySnapshotAttribute", workflow.snapshot_arn("*", region), tags=CREATED)

    def _share(self, region: str, id: str, settings: Record) -> None:
        permission = settings.get("launchPermission") or {}
        if not any(permission.values()):
            return
        self._may_share(region, id)
        with request_scope(home().account, region):
            amis.share(id, permission)

    def _keep(self, region: str, account: str, id: str, settings: Record) -> None:
        with request_scope(account, region):
            name = ec2._images[id]["Name"]
        self._made[region, account] = id
        about = {"region": region, "accountId": account, "image": id, "name": name}
        outputs = self._image.setdefault("outputResources", {}).setdefault("amis", [])
        outputs[:] = [one for one in outputs if one["image"] != id]
        outputs.append({**about, "description": settings.get("description", ""), "state": {"status": "AVAILABLE"}})

    def _for_account(self, account: str | None, region: str) -> tuple[Actor, str]:
        own = home().account
        if account in (None, own):
            return self._actor, own
        return roles.across(self._actor, str(account), region), str(account)

    def _into_templates(self, place: Record) -> None:
        region = place["region"]
        for one in place.get("launchTemplateConfigurations") or []:
            actor, account = self._for_account(one.get("accountId"), region)
            self._new_version(actor, region, account, one)

    def _new_version(self, actor: Actor, region: str, account: str, about: Record) -> None:
        id = about["launchTemplateId"]
        arn = f"arn:aws:ec2:{region}:{account}:launch-template/{id}"
        actor.ask("ec2:DescribeLaunchTemplates")
        with request_scope(account, region):
            found = ec2._launch_templates.get(id)
            tags = amis.tags_of(id)
        if found is None:
            raise LookupError(f"The launch template {id} does not exist in {region}")
        actor.ask("ec2:CreateLaunchTemplateVersion", arn, tags=tags)
        last = about.get("setDefaultVersion", True)
        if last:
            actor.ask("ec2:ModifyLaunchTemplate", arn, tags=tags)
        with request_scope(account, region):
            version = {
                "LaunchTemplateId": [id],
                "SourceVersion": [str(found["DefaultVersionNumber"])],
                "LaunchTemplateData.ImageId": [self._made[region, account]],
                "VersionDescription": [self._image["arn"]],
            }
            ec2._create_launch_template_version(version)
            if last:
                number = str(found["LatestVersionNumber"])
                ec2._modify_launch_template({"LaunchTemplateId": [id], "SetDefaultVersion": [number]})

    def _into_parameters(self, place: Record) -> None:
        region = place["region"]
        for one in place.get("ssmParameterConfigurations") or []:
            actor, account = self._for_account(one.get("amiAccountId"), region)
            name, kind = one["parameterName"], one.get("dataType", "text")
            actor.ask("ssm:PutParameter", f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}")
            if kind == "aws:ec2:image":
                actor.ask("ec2:DescribeImages")
            value = {"Name": name, "Value": self._made[region, account], "Type": "String", "DataType": kind}
            with request_scope(account, region):
                status, _, answer = ssm._put_parameter({**value, "Overwrite": True})
            if status != 200:
                raise ValueError(json.loads(answer).get("message", str(answer)))


def outputs(image: Record) -> Iterator[tuple[str, str, str]]:
    """The region, account and id of each AMI of an image.

    Args:
        image: The image.
    """
    for one in (image.get("outputResources") or {}).get("amis") or []:
        yield one["region"], one["accountId"], one["image"]
