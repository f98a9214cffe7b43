"""Looks whether users can be sent to the other site, before anybody needs it and again when the runbook is to do it."""

import json
from typing import Any

from inspection import Finding, Inspection
from sites import FQDN

TARGETS = {"failover": "failover", "failback": "primary", "drill": "failover"}

BLOCKING: dict[str, tuple[str | None, ...]] = {
    # Not None: the API of Route 53 may be gone together with the primary site, and nothing needs it to turn.
    "failover": ("failover",),
    "failback": ("primary", None),
    "drill": ("primary", "failover", None),
}
"""The sites whose findings are in the way of an action, None for what belongs to neither site."""

RECORD_FINDINGS = ("txt-missing", "txt-differs")
"""What is in the way of every action, whichever site's record it is."""

DRILL_FINDINGS = ("desktop-missing", "desktop-not-ready", "desktops-unknown", "txt-ttl")
"""What is in the way of a drill alone: in a disaster, one desktop in maintenance must not hold up everybody."""


class NotReadyError(Exception):
    """Users must not be sent there now; Step Functions knows it by this name."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Look at everything, log what is wrong, and refuse what the runbook wants to do if that is in the way.

    Args:
        event: The input of the runbook: ``action`` (failover, failback or drill), ``dryRun`` and ``force``; nothing of
            that from the schedule.
        context: Lambda's context.

    Returns:
        The findings, and for the runbook the site that users are to be sent to, and those findings that are in the way.

    Raises:
        NotReadyError: If findings are in the way of the action, and it is neither a dry run nor forced.
        ValueError: If there is no such action.
    """
    action = event.get("action")
    if action is not None and action not in TARGETS:
        raise ValueError(f"action must be failover, failback or drill, got {action!r}")
    inspection = Inspection()
    inspection.run(action)
    findings = inspection.findings
    for finding in findings:
        print(json.dumps(finding))
    print(json.dumps({"findings": len(findings), "checked": inspection.checked}))
    if action is None:
        return {"findings": findings}
    in_the_way = [one for one in findings if _blocks(one, action)]
    # Nothing but these: the text "false" forces nothing, and is no order to do anything.
    if in_the_way and event.get("dryRun") is False and event.get("force") is not True:
        told = "; ".join(f"{one['finding']} ({one['site'] or 'no site'}): {one['detail']}" for one in in_the_way)
        raise NotReadyError(f"{action} of {FQDN} must wait for this to be mended, or be forced: {told}")
    return {"target": TARGETS[action], "findings": findings, "inTheWay": in_the_way}


def _blocks(finding: Finding, action: str) -> bool:
    if finding["finding"] in DRILL_FINDINGS:
        return action == "drill"
    return finding["finding"] in RECORD_FINDINGS or finding["site"] in BLOCKING[action]
