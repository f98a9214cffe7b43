"""Requests to domains and collections: whether they get there, whether the caller may, and the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ministack.core.responses import request_scope
from ministack.services import iam
from ministack.services import opensearchserverless as aoss

from sandbox.adapters import access

from . import domains, hooks, network, security, serverless
from .domains import Domain
from .indices import Problem
from .requests import Answer, Request
from .rest import Rest

_SECURITY = ("_plugins/_security/api/", "_opendistro/_security/api/")
_log = logging.getLogger("sandbox.opensearch")


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        arn: The ARN, of the session if it is a role.
        origin: Where it comes from.
        must: Refuses an IAM action on a resource that IAM's policies, and the resource's own, do not allow.
    """

    arn: str
    origin: network.Origin
    must: Callable[[str, str], None]

    @property
    def identity(self) -> str:
        """The ARN of the role of a session, with its path; of others their own."""
        if ":assumed-role/" not in self.arn:
            return self.arn
        name = self.arn.partition(":assumed-role/")[2].split("/")[0]
        account = self.arn.split(":")[4]
        role = iam._roles.get_scoped(account, None, name) or {}
        return str(role.get("Arn", f"arn:aws:iam::{account}:role/{name}"))


class _FineGrained:
    """What the roles of a domain let a caller do."""

    each, identified = True, True

    def __init__(self, roles: security.Security | None, who: str, name: str) -> None:
        self._roles, self._who, self._name = roles, who, name

    def cluster(self, action: str) -> None:
        if self._roles is not None and not self._roles.may(self._who, action):
            raise security.denied(self._who, action)

    def index(self, action: str, name: str) -> None:
        if self._roles is not None and not self._roles.may(self._who, action, name):
            raise security.denied(self._who, action)
        if action.startswith("indices:data/write/bulk"):
            hooks.refuse_document(self._name)


def to_domain(account: str, region: str, name: str, caller: Caller, request: Request) -> Answer:
    """Answer a request to a domain.

    Args:
        account: The domain's account.
        region: Its region.
        name: Its name.
        caller: Who sends it.
        request: The request.
    """
    with request_scope(account, region):
        found = domains.find(name)
        if found is None:
            return 404, {"message": f"there is no domain {name}"}
        record, domain = found
        options = record.get("VPCOptions")
        why = network.barrier(caller.origin, options["SubnetIds"], options["SecurityGroupIds"]) if options else ""
        if why:
            return _unreached(name, why)
        if struck := hooks.strike(name, request.path):
            return struck
        try:
            caller.must(f"es:ESHttp{request.method.capitalize()}", f"{record['ARN']}/{request.path}")
        except access.Refused as refused:
            _log.warning("%s: %s", name, refused)
            return 403, {"Message": f"User: {refused}"}
        return _within(domain, name, caller, request)


def _within(domain: Domain, name: str, caller: Caller, request: Request) -> Answer:
    prefix = next((one for one in _SECURITY if request.path.startswith(one)), "")
    if not prefix:
        status, said = Rest(domain.cluster, _FineGrained(domain.security, caller.identity, name), name).answer(request)
        if status == 403:
            _log.warning("%s: %s", name, said["error"]["reason"])
        return status, said
    if domain.security is None:
        return 400, {"error": f"no handler found for uri [/{request.path}] and method [{request.method}]"}
    if not domain.security.roles_of(caller.identity):
        problem: Problem = security.denied(caller.identity, "restapi:admin")
        return problem.status, problem.answer()
    if not {"all_access", "security_manager"} & set(domain.security.roles_of(caller.identity)):
        return 403, {"status": "FORBIDDEN", "message": "No permission to access REST API: User has no admin role."}
    return domain.security.answer(request.method, request.path.removeprefix(prefix), request.body)


def to_collection(id: str, caller: Caller, request: Request) -> Answer:
    """Answer a request to a collection.

    Args:
        id: The collection's id.
        caller: Who sends it.
        request: The request.
    """
    found = serverless.find(id)
    if found is None:
        return _told(404, "404 Not Found", "NotFound")
    record, cluster = found
    _, _, _, region, account, _ = record["arn"].split(":", 5)
    with request_scope(account, region):
        why = serverless.barrier(record["name"], caller.origin)
        if why:
            return _unreached(record["name"], why)
        if struck := hooks.strike(record["name"], request.path):
            return struck
        try:
            caller.must("aoss:APIAccessAll", record["arn"])
            if not aoss._operation_supported(request.method, f"/{request.path}", record["type"], dict(request.query)):
                return _told(404, "404 Not Found", "NotFound")
            guard = serverless.DataAccess(record, caller.arn, caller.identity)
            return Rest(cluster, guard, record["name"]).answer(request)
        except (access.Refused, serverless.Forbidden) as refused:
            _log.warning("%s: %s", record["name"], refused)
            return _told(403, "403 Forbidden", "Forbidden")


def _told(status: int, reason: str, kind: str) -> Answer:
    return status, {"status": status, "request-id": str(uuid4()), "error": {"reason": reason, "type": kind}}


def _unreached(name: str, why: str) -> Answer:
    """On AWS there would be no answer, until the caller gives up."""
    _log.warning("%s is not reached: %s", name, why)
    return 504, {"message": f"the sandbox: {name} would not be reached: {why}"}


def documents(kind: str, name: str) -> list[dict[str, Any]]:
    """The documents of a domain or collection of the account and region of the request, whoever asks.

    Args:
        kind: ``domain`` or ``collection``.
        name: Its name.

    Raises:
        LookupError: If there is none.
    """
    if kind == "domain":
        found = domains.find(name)
        cluster = found[1].cluster if found else None
    else:
        record = aoss._find_by_name(name)
        there = serverless.find(record["id"]) if record else None
        cluster = there[1] if there else None
    if cluster is None:
        raise LookupError(f"there is no {kind} {name}")
    with cluster.lock:
        return cluster.found("*", {})
