"""Macie's settings: whether it is enabled, automated discovery and what it leaves out, publication, organization.

Automated discovery is off until it is enabled. What it leaves out (the classification scope) and what it looks for (the
inspection template) exist from then on. The account counts as the administrator of an organization without members.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import now_iso

from . import state
from .state import Fault, Record, Session, new_id, session

_NAME = "automated-sensitive-data-discovery"


def enable(request: Record) -> Record:
    """EnableMacie.

    Args:
        request: The request.
    """
    frequency = request.get("findingPublishingFrequency") or "SIX_HOURS"
    state.enable(frequency, request.get("status") or "ENABLED")
    return {}


def update(request: Record) -> Record:
    """UpdateMacieSession.

    Args:
        request: The request.
    """
    session().settings.update({**request, "updatedAt": now_iso()})
    return {}


def _disable(_: Record) -> Record:
    state.disable()
    return {}


def _get_discovery(_: Record) -> Record:
    return {"status": "DISABLED", "autoEnableOrganizationMembers": "NEW", **session().discovery}


def _update_discovery(request: Record) -> Record:
    macie, now = session(), now_iso()
    known = macie.discovery
    if request["status"] == "ENABLED" and "firstEnabledAt" not in known:
        known.update(firstEnabledAt=now, classificationScopeId=new_id(), sensitivityInspectionTemplateId=new_id())
    if request["status"] == "DISABLED":
        known["disabledAt"] = now
    known.update({**request, "lastUpdatedAt": now})
    return {}


def _listed(of: str, answer: str) -> Callable[[Record], Record]:
    def listed(_: Record) -> Record:
        id = session().discovery.get(of)
        return {answer: [{"id": id, "name": _NAME}] if id else []}

    return listed


def _own(macie: Session, of: str, request: Record) -> str:
    id: Any = macie.discovery.get(of)
    if id is None or request["id"] != id:
        raise Fault("ResourceNotFoundException", "The request failed because the specified resource doesn't exist.")
    return str(id)


def _get_scope(request: Record) -> Record:
    macie = session()
    id = _own(macie, "classificationScopeId", request)
    return {"id": id, "name": _NAME, "s3": {"excludes": {"bucketNames": list(macie.excluded)}}}


def _update_scope(request: Record) -> Record:
    macie = session()
    _own(macie, "classificationScopeId", request)
    change = (request.get("s3") or {}).get("excludes")
    if not change:
        return {}
    names = change["bucketNames"]
    before = [] if change["operation"] == "REPLACE" else macie.excluded
    if change["operation"] == "REMOVE":
        macie.excluded = [name for name in before if name not in names]
    else:
        macie.excluded = list(dict.fromkeys([*before, *names]))
    return {}


def _get_template(request: Record) -> Record:
    macie = session()
    id = _own(macie, "sensitivityInspectionTemplateId", request)
    return {"sensitivityInspectionTemplateId": id, "name": _NAME, **macie.template}


def _update_template(request: Record) -> Record:
    macie = session()
    _own(macie, "sensitivityInspectionTemplateId", request)
    macie.template.update({name: value for name, value in request.items() if name != "id"})
    return {}


def _get_publication(_: Record) -> Record:
    default = {"publishClassificationFindings": False, "publishPolicyFindings": True}
    return {"securityHubConfiguration": session().publication or default}


def _put_publication(request: Record) -> Record:
    session().publication = request.get("securityHubConfiguration") or {}
    return {}


def _update_organization(request: Record) -> Record:
    session().organization["autoEnable"] = request["autoEnable"]
    return {}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "EnableMacie": enable,
    "GetMacieSession": lambda _: session().settings,
    "UpdateMacieSession": update,
    "DisableMacie": _disable,
    "GetAutomatedDiscoveryConfiguration": _get_discovery,
    "UpdateAutomatedDiscoveryConfiguration": _update_discovery,
    "ListClassificationScopes": _listed("classificationScopeId", "classificationScopes"),
    "GetClassificationScope": _get_scope,
    "UpdateClassificationScope": _update_scope,
    "ListSensitivityInspectionTemplates": _listed("sensitivityInspectionTemplateId", "sensitivityInspectionTemplates"),
    "GetSensitivityInspectionTemplate": _get_template,
    "UpdateSensitivityInspectionTemplate": _update_template,
    "GetFindingsPublicationConfiguration": _get_publication,
    "PutFindingsPublicationConfiguration": _put_publication,
    "DescribeOrganizationConfiguration": lambda _: session().organization,
    "UpdateOrganizationConfiguration": _update_organization,
}
