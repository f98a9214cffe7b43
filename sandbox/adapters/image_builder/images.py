"""Images: started by pipelines, by requests and by schedules; listed, cancelled and deleted."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from uuid import uuid4

from . import builds
from .components import refuse_in_use, resolve_parent
from .configurations import check_build
from .state import Fault, Record, arn, forget, get, home, keep, now, of, page, slug

_OF_PIPELINE = (
    "imageRecipeArn",
    "infrastructureConfigurationArn",
    "distributionConfigurationArn",
    "imageTestsConfiguration",
    "imageScanningConfiguration",
    "enhancedImageMetadataEnabled",
    "executionRole",
)
_lock = threading.Lock()
"""Held from the choice of a build number until it is taken."""


def run_pipeline(pipeline: Record, tags: Record | None = None, scheduled: bool = False) -> Record:
    """Let a pipeline build an image.

    Args:
        pipeline: The pipeline.
        tags: The image's tags besides the pipeline's; None for no others.
        scheduled: Whether its schedule does it.

    Returns:
        The image, pending.
    """
    request: Record = {name: pipeline[name] for name in _OF_PIPELINE if name in pipeline}
    request["tags"] = {**(pipeline.get("imageTags") or {}), **(tags or {})}
    logs = pipeline.get("loggingConfiguration") or {}
    if "imageLogGroupName" in logs:
        request["loggingConfiguration"] = {"logGroupName": logs["imageLogGroupName"]}
    request |= {"sourcePipelineArn": pipeline["arn"], "sourcePipelineName": pipeline["name"]}
    with _lock:
        image = keep(_pending(request, "SCHEDULED" if scheduled else "USER_INITIATED"))
    pipeline["dateLastRun"] = now()
    builds.start(image, pipeline)
    return image


def create(request: Record) -> Record:
    """Build an image without a pipeline.

    Args:
        request: The request.

    Returns:
        The image, pending.
    """
    if "imageRecipeArn" not in request:
        raise Fault("InvalidRequestException", "The sandbox has images of image recipes only.")
    check_build(request, [(request.get("loggingConfiguration") or {}).get("logGroupName")])
    with _lock:
        image = keep(_pending(request, "USER_INITIATED"))
    builds.start(image, None)
    return image


def _pending(request: Record, kind: str) -> Record:
    """An image with what it is built of, as it is now; later changes do not count for it."""
    recipe = copy.deepcopy(get(request["imageRecipeArn"]))
    name, version = slug(recipe["name"]), recipe["version"]
    chosen = recipe.get("components") or []
    resolve = [get(one["componentArn"])["arn"] if _is_own(one) else one["componentArn"] for one in chosen]
    recipe["componentBuilds"] = resolve
    numbers = [int(one["arn"].rpartition("/")[2]) for one in of("image") if one["imageRecipe"]["arn"] == recipe["arn"]]
    number = str(max(numbers, default=0) + 1)
    image = {key: value for key, value in request.items() if key not in ("clientToken", "dryRun")}
    image |= {
        "arn": arn("image", name, version, number),
        "type": "AMI",
        "name": recipe["name"],
        "version": f"{version}/{number}",
        "platform": recipe["platform"],
        "owner": home().account,
        "osVersion": "Amazon Linux 2023",
        "state": {"status": "PENDING"},
        "imageRecipe": recipe,
        "infrastructureConfiguration": copy.deepcopy(get(request["infrastructureConfigurationArn"])),
        "buildType": kind,
        "imageSource": "CUSTOM",
        "outputResources": {"amis": []},
        "parent": resolve_parent(recipe["parentImage"]),
    }
    if "distributionConfigurationArn" in request:
        image["distributionConfiguration"] = copy.deepcopy(get(request["distributionConfigurationArn"]))
    return image


def _is_own(component: Record) -> bool:
    return f":{home().account}:" in component["componentArn"]


def _once(request: Record, make: Callable[[], Record]) -> Record:
    """Do what a request asks for, but not again if it comes again."""
    token = request.get("clientToken") or str(uuid4())
    tokens = home().tokens
    if token not in tokens:
        tokens[token] = {"clientToken": token, "imageBuildVersionArn": make()["arn"]}
    return tokens[token]


def _start(request: Record) -> Record:
    pipeline = get(request["imagePipelineArn"])
    return _once(request, lambda: run_pipeline(pipeline, request.get("tags")))


def _create(request: Record) -> Record:
    return _once(request, lambda: create(request))


def _get(request: Record) -> Record:
    return {"image": get(request["imageBuildVersionArn"])}


def cancel(image: Record) -> None:
    """Let a build end at the next occasion.

    Args:
        image: The image.
    """
    if image["state"]["status"] in builds.ENDED:
        raise Fault("InvalidRequestException", f"The image {image['arn']} is not being built.")
    image["cancelled"] = True


def _cancel(request: Record) -> Record:
    cancel(get(request["imageBuildVersionArn"]))
    return {"imageBuildVersionArn": request["imageBuildVersionArn"]}


def delete(image: Record) -> None:
    """Delete an image, but not its AMIs.

    Args:
        image: The image.
    """
    if image["state"]["status"] not in builds.ENDED:
        raise Fault("InvalidRequestException", f"The image {image['arn']} is being built.")
    refuse_in_use(image["arn"])
    forget(image["arn"])


def _delete(request: Record) -> Record:
    image = get(request["imageBuildVersionArn"])
    delete(image)
    return {"imageBuildVersionArn": image["arn"]}


def _list(request: Record) -> Record:
    """The versions of images, each once."""
    versions = {one["arn"].rpartition("/")[0]: one for one in of("image")}
    found = [
        {**one, "arn": version, "version": one["version"].partition("/")[0]}
        for version, one in versions.items()
        if _passes(one, request)
    ]
    shown, token = page(found if request.get("owner", "Self") == "Self" else [], request)
    return {"imageVersionList": shown, **token}


def _passes(image: Record, request: Record) -> bool:
    return all(image.get(one["name"]) in one["values"] for one in request.get("filters") or [])


def _list_builds(request: Record) -> Record:
    prefix = f"{request['imageVersionArn']}/" if "imageVersionArn" in request else ""
    found = [one for one in of("image") if one["arn"].startswith(prefix) and _passes(one, request)]
    shown, token = page(found, request)
    return {"imageSummaryList": shown, **token}


def _list_of_pipeline(request: Record) -> Record:
    pipeline = get(request["imagePipelineArn"])["arn"]
    found = [one for one in of("image") if one.get("sourcePipelineArn") == pipeline and _passes(one, request)]
    shown, token = page(found, request)
    return {"imageSummaryList": shown, **token}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CancelImageCreation": _cancel,
    "CreateImage": _create,
    "DeleteImage": _delete,
    "GetImage": _get,
    "ListImageBuildVersions": _list_builds,
    "ListImagePipelineImages": _list_of_pipeline,
    "ListImages": _list,
    "StartImagePipelineExecution": _start,
}
