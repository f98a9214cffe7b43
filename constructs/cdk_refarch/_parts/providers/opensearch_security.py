"""Who may write to, read and administer a domain of OpenSearch with fine-grained access control, as a custom resource.

The function signs its requests with its own role, which must be the domain's master user or be mapped like it. A role
and its mapping that belong to the resource are put as a whole. The mappings of the administrators belong to everybody:
they are only patched, which OpenSearch does in one step, so that who adds somebody at the same time is not overwritten.

A patch cannot be made to depend on what is there, as OpenSearch takes neither ``test`` nor a version. What goes is
therefore named by its place, and what is there is read again a moment later. Only who takes away another one that
stands before it in that very moment can make it the wrong one.
"""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from cloudformation import NotReadyError, code, log, patiently, serve

PASSING = frozenset({401, 403, 409, 429, 500, 502, 503, 504})
"""What a domain answers until its policy, its security index and its master user are there, while it has no manager or
too much to do, and when somebody else has written at the same time."""

NEVER: frozenset[str] = frozenset()
"""The codes of errors that pass: what passes is a ``NotReadyError``."""

ADMINISTRATORS = ("all_access", "security_manager")
"""What a master user is mapped to.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html#fgac-more-masters
"""

LONGEST_MESSAGE = 300

Properties = dict[str, Any]

https = URLLib3Session(timeout=(5, 10), verify=os.environ.get("AWS_CA_BUNDLE") or True)
session = boto3.Session()


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _allow(event: dict[str, Any], context: Any) -> str:
    """Put roles and mappings as they are wanted; of what this resource wanted before, nothing else stays.

    The physical id is the domain's endpoint: a role of another name is changed here, because a delete that follows an
    update would take away administrators that are still wanted.
    """
    wanted, before = event["ResourceProperties"], event.get("OldResourceProperties", {})
    endpoint: str = wanted["Endpoint"]
    if before.get("Endpoint") != endpoint:
        before = {}
    roles = _roles(wanted)
    for name, (role, principals) in roles.items():
        patiently(context, _call, NEVER, method="PUT", endpoint=endpoint, path=_path("roles", name), body=role)
        mapping = {"backend_roles": sorted(principals), "hosts": [], "users": []}
        path = _path("rolesmapping", name)
        patiently(context, _call, NEVER, method="PUT", endpoint=endpoint, path=path, body=mapping)
    admins = set(wanted.get("Admins", []))
    _change_admins(endpoint, context, admins, set(before.get("Admins", [])) - admins)
    _forget(endpoint, context, (_names(wanted) | _names(before)) - roles.keys())
    return endpoint


def _roles(wanted: Properties) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return the security roles that are wanted, and the IAM roles that are mapped to each, by name."""
    writer = {
        "description": "What a delivery stream does in its indices",
        # What AWS names for Firehose, without which documents end in the bucket of failed ones: bulk requests; health
        # and nodes; new indices of each period; their settings, mappings and statistics.
        # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html#fgac-integrations
        "cluster_permissions": ["cluster_composite_ops", "cluster_monitor"],
        "index_permissions": [
            {"index_patterns": wanted["Indices"], "allowed_actions": ["create_index", "manage", "crud"]}
        ],
    }
    roles = {wanted["Role"]: (writer, wanted["Writers"])}
    if wanted.get("Readers"):
        reader = {
            "description": "Reads the indices of a delivery stream",
            "cluster_permissions": ["cluster_composite_ops_ro"],
            "index_permissions": [{"index_patterns": wanted["Indices"], "allowed_actions": ["read"]}],
        }
        roles[f"{wanted['Role']}_read"] = (reader, wanted["Readers"])
    return roles


def _names(given: Properties) -> set[str]:
    """Return the names of all roles that a resource with such properties may have."""
    return {given["Role"], f"{given['Role']}_read"} if "Role" in given else set()


def _change_admins(endpoint: str, context: Any, wanted: set[str], unwanted: set[str]) -> None:
    """Map administrators, and take away those that this resource has mapped and are wanted no more."""
    if not wanted and not unwanted:
        return
    for role in ADMINISTRATORS:
        given = {"endpoint": endpoint, "role": role, "wanted": wanted, "unwanted": unwanted}
        patiently(context, _changed_admins, NEVER, **given)


def _changed_admins(endpoint: str, role: str, wanted: set[str], unwanted: set[str]) -> None:
    """Make sure that a role is mapped to these, and not to those, and stays mapped to all others."""
    path = _path("rolesmapping", role)
    mapping = _found("GET", endpoint, path)
    if mapping is None:
        if wanted:
            _call("PUT", endpoint, path, {"backend_roles": sorted(wanted), "hosts": [], "users": []})
        return
    mapped = mapping[role].get("backend_roles", [])
    missing = sorted(wanted - set(mapped))
    # From the end, so that the places of the others stay.
    gone = [place for place in reversed(range(len(mapped))) if mapped[place] in unwanted]
    changes: list[dict[str, Any]] = [{"op": "remove", "path": f"/backend_roles/{place}"} for place in gone]
    if mapped:
        changes += [{"op": "add", "path": "/backend_roles/-", "value": principal} for principal in missing]
    elif missing:
        # A patch does not see an empty list, and so there is no end of it.
        changes = [{"op": "add", "path": "/backend_roles", "value": missing}]
    if changes:
        try:
            _call("PATCH", endpoint, path, changes)
        except ClientError as error:
            # There is no such place any more.
            if code(error) != "400":
                raise
            raise NotReadyError(str(error)) from error
        raise NotReadyError(f"{role} of {endpoint} does not show its administrators yet, or somebody has changed them")


def _forget(endpoint: str, context: Any, names: Iterable[str]) -> None:
    """Make sure that there are no such roles of ours, and that nobody is mapped to them."""
    for name in sorted(names):
        for kind in ("rolesmapping", "roles"):
            patiently(context, _found, NEVER, method="DELETE", endpoint=endpoint, path=_path(kind, name))


def _delete(event: dict[str, Any], context: Any) -> None:
    """Leave the domain as it is: it goes too, or is kept, and then those whom it knows are the only ones who get in."""
    log(left=event["ResourceProperties"]["Endpoint"])


def _path(kind: str, name: str) -> str:
    """Return the path of a role or of its mapping."""
    return f"/_plugins/_security/api/{kind}/{name}"


def _found(method: str, endpoint: str, path: str) -> Any:
    """Return what a call returns; None if there is no such thing."""
    try:
        return _call(method, endpoint, path)
    except ClientError as error:
        if code(error) != "404":
            raise
        return None


def _call(method: str, endpoint: str, path: str, body: Any = None) -> Any:
    """Send the domain a signed request and return what it answers.

    Raises:
        ClientError: If it refuses; the code is the HTTP status.
        NotReadyError: If it refuses what it may take later, also in another invocation.
    """
    data = b"" if body is None else json.dumps(body).encode()
    request = AWSRequest(method, f"https://{endpoint}{path}", {"Content-Type": "application/json"}, data)
    SigV4Auth(session.get_credentials().get_frozen_credentials(), "es", session.region_name).add_auth(request)
    response = https.send(request.prepare())
    if response.status_code >= 300:
        # What is said behind it of a wrong signature has the token of the function's session in it.
        message = response.text.partition("The Canonical String")[0][:LONGEST_MESSAGE].strip()
        error = ClientError({"Error": {"Code": str(response.status_code), "Message": message}}, f"{method} {path}")
        if response.status_code in PASSING:
            raise NotReadyError(str(error)) from error
        raise error
    return json.loads(response.text)


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {"Custom::OpenSearchAccess": _allow}
