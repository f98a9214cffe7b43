"""What scenarios, which run elsewhere, can let happen: schedules, new versions of parents, findings, passing time.

``POST /_sandbox/image-builder/schedule`` with ``pipeline`` does what its schedule does at its time; the answer has the
``image`` or, in ``skipped``, why there is none. ``/parent`` with ``parentImage`` lets AWS publish a version of it.
``/cve`` with ``image``, ``critical``, ``high`` and ``medium`` lets a scan find so much. ``/lifecycle`` with ``policy``
and ``days`` runs a lifecycle policy so many days from now.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import request_scope

from sandbox.adapters import access

from . import builds, images, lifecycle
from .components import is_managed, resolve_parent
from .state import Fault, Record, get, home, of

Hook = Callable[[bytes, str, str], tuple[int, Record]]


def _hook(operation: Callable[[Record], Record]) -> Hook:
    def answered(body: bytes, account: str, region: str) -> tuple[int, Record]:
        try:
            access.over_tls()
            request = json.loads(body)
            with request_scope(account, request.get("region") or region):
                return 200, operation(request)
        except (Fault, KeyError, ValueError) as error:
            missing = isinstance(error, KeyError)
            status = error.status if isinstance(error, Fault) else 400
            return status, {"message": f"{error.args[0]} must be given" if missing else str(error)}

    return answered


def _schedule(request: Record) -> Record:
    pipeline = get(request["pipeline"])
    schedule = pipeline.get("schedule")
    if not schedule:
        return {"skipped": "the pipeline has no schedule"}
    if pipeline["status"] != "ENABLED":
        return {"skipped": "the pipeline is disabled"}
    condition = schedule.get("pipelineExecutionStartCondition", "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE")
    if condition != "EXPRESSION_MATCH_ONLY" and not _has_updates(pipeline):
        return {"skipped": "no dependency updates are available"}
    return {"image": images.run_pipeline(pipeline, scheduled=True)["arn"]}


def _has_updates(pipeline: Record) -> bool:
    """Whether the parent or a component is another one than at the latest build of the pipeline."""
    built = [one for one in of("image") if one.get("sourcePipelineArn") == pipeline["arn"]]
    if not built:
        return True
    last, recipe = built[-1], get(pipeline["imageRecipeArn"])
    now = [one["componentArn"] for one in recipe["components"]]
    resolved = [one if is_managed(one) else get(one)["arn"] for one in now]
    current = (recipe["arn"], resolved, resolve_parent(recipe["parentImage"]))
    return current != (last["imageRecipe"]["arn"], last["imageRecipe"]["componentBuilds"], last["parent"])


def _parent(request: Record) -> Record:
    name = request["parentImage"]
    here = home()
    if "/" not in name:
        name = f"arn:aws:imagebuilder:{here.region}:aws:image/{name}/x.x.x"
    elif not name.startswith("arn:"):
        name = f"arn:aws:imagebuilder:{here.region}:aws:image/{name}"
    here.parents[name] = here.parents.get(name, 0) + 1
    return {"parentImage": name, "versions": here.parents[name] + 1}


def _find(request: Record) -> Record:
    image = get(request["image"])
    if not (image.get("imageScanningConfiguration") or {}).get("imageScanningEnabled"):
        raise ValueError(f"the image {image['arn']} is not scanned")
    counts = {name: int(request.get(name, 0)) for name in ("critical", "high", "medium")}
    builds.announce_findings(image, "i-0a1b2c3d4e5f67890", counts)
    return {"image": image["arn"], **counts}


def _run_policy(request: Record) -> Record:
    policy = get(request["policy"])
    if policy["status"] != "ENABLED":
        raise ValueError("the policy is disabled")
    return lifecycle.run(policy, float(request.get("days", 0)))


HOOKS: dict[str, Hook] = {
    "/_sandbox/image-builder/schedule": _hook(_schedule),
    "/_sandbox/image-builder/parent": _hook(_parent),
    "/_sandbox/image-builder/cve": _hook(_find),
    "/_sandbox/image-builder/lifecycle": _hook(_run_policy),
}
"""What each path does, with a body in an account and region."""
