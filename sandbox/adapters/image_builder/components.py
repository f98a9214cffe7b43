"""Components and image recipes: versions counted up, what they refer to looked for, and deletion of what is in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlparse

from ministack.services import s3, ssm

from . import documents
from .state import Fault, Record, arn, counted_up, forget, get, home, keep, kind_of, of, page, slug

_MANAGED = re.compile(r"arn:aws:imagebuilder:[\w-]+:(aws|aws-marketplace):(component|image)/")
_MOST_COMPONENTS = 20


def is_managed(arn: str) -> bool:
    """Whether a component or an image is one of AWS.

    Args:
        arn: Its ARN.
    """
    return bool(_MANAGED.match(arn))


def refuse_in_use(arn: str) -> None:
    """Refuse the deletion of a resource that others refer to.

    Args:
        arn: The resource.

    Raises:
        Fault: If there are such.
    """
    users = [one["arn"] for one in list(home().resources.values()) if one["arn"] != arn and arn in _references(one)]
    if users:
        message = f"Resource dependency error: The resource ARN '{arn}' has other resources depended on it"
        raise Fault("ResourceDependencyException", f"{message}: {', '.join(sorted(users)[:3])}.")


def _references(record: Record) -> set[str]:
    kind = kind_of(record["arn"])
    if kind == "image":
        return {record["imageRecipe"]["arn"]}
    if kind == "image-recipe":
        return set(record["componentBuilds"])
    return {text for text in record.values() if isinstance(text, str)} if kind == "image-pipeline" else set()


def _versions(record: Record) -> Record:
    name, version = "/".join(record["arn"].split("/")[:2]), record["version"]
    major, minor, _ = version.split(".")
    return {
        "latestVersionArn": f"{name}/x.x.x",
        "latestMajorVersionArn": f"{name}/{major}.x.x",
        "latestMinorVersionArn": f"{name}/{major}.{minor}.x",
        "latestPatchVersionArn": f"{name}/{version}",
    }


def create_component(request: Record) -> Record:
    """Make a component, or the next build of a version that there is.

    Args:
        request: The request.
    """
    version = request["semanticVersion"]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise Fault("InvalidVersionNumberException", f"The component version {version} must be three numbers.")
    if ("data" in request) == ("uri" in request):
        raise Fault("InvalidParameterCombinationException", "Exactly one of data and uri must be given.")
    text = request["data"] if "data" in request else _content(request["uri"])
    document = documents.parsed(text)
    name = slug(request["name"])
    builds = [one for one in of("component") if one["arn"].split("/")[1:3] == [name, version]]
    if builds and builds[-1]["data"] == text and builds[-1]["platform"] == request["platform"]:
        raise Fault("InvalidRequestException", f"The component {builds[-1]['arn']} already exists.")
    number = max((int(one["arn"].rpartition("/")[2]) for one in builds), default=0) + 1
    record = {name: value for name, value in request.items() if name not in ("uri", "clientToken", "semanticVersion")}
    record |= {
        "arn": arn("component", name, version, str(number)),
        "version": version,
        "data": text,
        "type": documents.kind(document),
        "owner": home().account,
        "encrypted": True,
        "state": {"status": "ACTIVE"},
        "parameters": [
            {"name": key, "type": about.get("type", "string")} for key, about in documents.parameters(document).items()
        ],
    }
    keep(record)
    return {"componentBuildVersionArn": record["arn"], "latestVersionReferences": _versions(record)}


def _content(uri: str) -> str:
    """The text of a document in S3."""
    place = urlparse(uri)
    path = place.path.lstrip("/")
    virtual = re.match(r"(.+)\.s3[.-]", place.netloc)
    bucket, key = (place.netloc, path) if place.scheme == "s3" else (path.partition("/")[0], path.partition("/")[2])
    if virtual and place.scheme != "s3":
        bucket, key = virtual[1], path
    found = s3._get_object_data(bucket, key)
    if found is None:
        raise Fault("InvalidRequestException", f"The value supplied for parameter 'uri' is not valid: no object {uri}.")
    return str(found.decode())


def create_recipe(request: Record) -> Record:
    """Make an image recipe.

    Args:
        request: The request.
    """
    name, given = slug(request["name"]), request["semanticVersion"]
    if not re.fullmatch(r"(\d+)\.((\d+)\.(\d+|x)|x\.x)|x\.x\.x", given):
        raise Fault("InvalidVersionNumberException", f"The version {given} must be three numbers, or end with x.")
    version = counted_up("image-recipe", name, given)
    made = arn("image-recipe", name, version)
    if made in home().resources:
        raise Fault("ResourceAlreadyExistsException", f"The recipe {made} already exists.")
    components = request.get("components") or []
    if len(components) > _MOST_COMPONENTS:
        raise Fault("ServiceQuotaExceededException", f"A recipe can have {_MOST_COMPONENTS} components.")
    builds = [_component(one) for one in components]
    if len({build.rpartition("/")[0] for build in builds}) < len(builds):
        raise Fault("InvalidRequestException", "A recipe can have each component once.")
    resolve_parent(request["parentImage"])
    record = {key: value for key, value in request.items() if key not in ("clientToken", "semanticVersion")}
    record |= {
        "arn": made,
        "version": version,
        "type": "AMI",
        "platform": "Windows" if "windows" in request["parentImage"] else "Linux",
        "owner": home().account,
        "components": components,
        "componentBuilds": builds,
    }
    keep(record)
    return {"imageRecipeArn": made, "latestVersionReferences": _versions(record)}


def _component(chosen: Record) -> str:
    """The build version of a recipe's component, checked with its parameters."""
    wanted: str = chosen["componentArn"]
    if is_managed(wanted):
        return wanted
    record = get(wanted)
    documents.values(documents.parsed(record["data"]), given_values(chosen))
    return str(record["arn"])


def given_values(chosen: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values that a recipe has for the parameters of a component.

    Args:
        chosen: The component as the recipe has it.
    """
    return {one["name"]: one["value"] for one in chosen.get("parameters") or []}


def resolve_parent(parent: str) -> str:
    """What a parent image is now: the AMI of a parameter, the build of an image, an AMI as it is.

    Args:
        parent: The parent image of a recipe.

    Raises:
        Fault: If there is no such parameter or image.
    """
    if parent.startswith("ssm:"):
        found = ssm.resolve_parameter_value(parent.removeprefix("ssm:"))
        if found is None:
            raise Fault("InvalidRequestException", f"The parameter {parent.removeprefix('ssm:')} does not exist.")
        return str(found)
    if parent.startswith(("ami-", "prod-")):
        return parent
    if not parent.startswith("arn:"):
        problem = f"The value supplied for parameter 'parentImage' is not valid: {parent}."
        raise Fault("InvalidRequestException", problem)
    if is_managed(parent):
        return f"{parent}/{1 + home().parents.get(parent, 0)}"
    return str(get(parent)["arn"])


def _get_component(request: Record) -> Record:
    record = get(request["componentBuildVersionArn"])
    return {"component": record, "latestVersionReferences": _versions(record)}


def _delete_component(request: Record) -> Record:
    found = get(request["componentBuildVersionArn"])["arn"]
    refuse_in_use(found)
    forget(found)
    return {"componentBuildVersionArn": found}


def _list_components(request: Record) -> Record:
    found, token = page([{**one, "status": "ACTIVE"} for one in of("component")], request)
    return {"componentVersionList": found, **token}


def _list_builds(request: Record) -> Record:
    wanted = request.get("componentVersionArn", "")
    found, token = page([one for one in of("component") if one["arn"].startswith(f"{wanted}/")], request)
    return {"componentSummaryList": found, **token}


def _get_recipe(request: Record) -> Record:
    record = get(request["imageRecipeArn"])
    return {"imageRecipe": record, "latestVersionReferences": _versions(record)}


def _delete_recipe(request: Record) -> Record:
    found = get(request["imageRecipeArn"])["arn"]
    refuse_in_use(found)
    forget(found)
    return {"imageRecipeArn": found}


def _list_recipes(request: Record) -> Record:
    found, token = page(of("image-recipe"), request)
    return {"imageRecipeSummaryList": found, **token}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateComponent": create_component,
    "CreateImageRecipe": create_recipe,
    "DeleteComponent": _delete_component,
    "DeleteImageRecipe": _delete_recipe,
    "GetComponent": _get_component,
    "GetImageRecipe": _get_recipe,
    "ListComponentBuildVersions": _list_builds,
    "ListComponents": _list_components,
    "ListImageRecipes": _list_recipes,
}
