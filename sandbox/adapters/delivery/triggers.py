"""CodeCommit's triggers: functions and topics that are told of changes, as far as their own policies let it in.

The list of a repository is replaced as a whole, as on AWS. That AWS does not look at a target before it is told
something is our reading of its guide. What a deleted reference's ``commit`` is, is not documented; here it is zeros.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sns

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Record

from .objects import BRANCHES
from .repositories import Repository

WHO = "codecommit.amazonaws.com"
MOST = 10
_MOST_BRANCHES = 10
_MOST_DATA = 1000
_NOTHING = "0" * 40
_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish"}
_log = logging.getLogger("sandbox.codecommit")


def put(of: Repository, given: Sequence[Mapping[str, Any]]) -> str:
    """Replace the triggers of a repository.

    Args:
        of: The repository.
        given: All its triggers from now on, as its API has them.

    Returns:
        The id of this list.

    Raises:
        Fault: If one of them cannot be.
    """
    checked(given)
    of.triggers = [{"branches": [], "customData": "", **one} for one in given]
    of.triggers_id = str(uuid4())
    return of.triggers_id


def checked(given: Sequence[Mapping[str, Any]]) -> None:
    """Refuse triggers that cannot be.

    Args:
        given: All triggers of a repository.

    Raises:
        Fault: If one of them cannot be.
    """
    if len(given) > MOST:
        raise Fault("MaximumRepositoryTriggersExceededException", f"A repository can have {MOST} triggers at most")
    names = [one["name"] for one in given]
    for one in given:
        name, target, events = one["name"], one["destinationArn"].split(":"), one["events"]
        if not name or set(name) & set(" ,") or names.count(name) > 1:
            raise Fault("InvalidRepositoryTriggerNameException", f"The name {name!r} is not valid or not unique")
        if len(target) < 6 or target[2] not in _ACTIONS or target[4] != get_account_id():
            raise Fault("InvalidRepositoryTriggerDestinationArnException", f"{one['destinationArn']} is no target")
        if target[3] != get_region():
            raise Fault("InvalidRepositoryTriggerRegionException", "Triggers must be in the region of their target")
        if not events or ("all" in events and len(events) > 1):
            raise Fault("InvalidRepositoryTriggerEventsException", f"The events of {name} are not valid: {events}")
        if len(one.get("branches") or ()) > _MOST_BRANCHES:
            raise Fault("MaximumBranchesExceededException", f"A trigger can have {_MOST_BRANCHES} branches at most")
        if len(one.get("customData") or "") > _MOST_DATA:
            raise Fault("InvalidRepositoryTriggerCustomDataException", f"Custom data has {_MOST_DATA} characters")


def of_template(given: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Triggers as the API has them.

    Args:
        given: Triggers as a template has them.
    """
    return [{key[0].lower() + key[1:]: value for key, value in one.items()} for one in given]


def fire(of: Repository, changes: Iterable[tuple[str, str | None, str | None]]) -> None:
    """Tell the triggers what one call or push has changed; what does not let CodeCommit in is not told.

    Args:
        of: The repository.
        changes: The full names of references, with what they meant and what they mean.
    """
    listed = list(changes)
    for trigger in list(of.triggers):
        found = [_reference(name, old, new) for name, old, new in listed if _wanted(trigger, name, old, new)]
        if found:
            try:
                _send(of, trigger, found, "ReferenceChanges")
            except (access.Refused, LookupError) as error:
                _log.warning("trigger %s of %s was not told: %s", trigger["name"], of.name, error.args[0])


def _wanted(trigger: Mapping[str, Any], name: str, old: str | None, new: str | None) -> bool:
    event = "deleteReference" if new is None else "updateReference" if old else "createReference"
    branches = trigger["branches"]
    on_branch = not branches or (name.startswith(BRANCHES) and name.removeprefix(BRANCHES) in branches)
    return on_branch and bool({"all", event} & set(trigger["events"]))


def _reference(name: str, old: str | None, new: str | None) -> Record:
    more = {"deleted": True} if new is None else {} if old else {"created": True}
    return {"commit": new or _NOTHING, "ref": name, **more}


def _send(of: Repository, trigger: Mapping[str, Any], references: list[Record], event: str) -> None:
    access.over_tls()
    target, account, region = trigger["destinationArn"], get_account_id(), get_region()
    service = target.split(":")[2]
    conditions = {"aws:SourceArn": of.arn, "aws:SourceAccount": account}
    function, config, _ = lambda_svc._get_func_record_for_ref(target) if service == "lambda" else (None, None, None)
    topic = sns._topics.get(target)
    if function is None and topic is None:
        raise LookupError(f"the target {target} does not exist")
    access.require_service(WHO, _ACTIONS[service], target, account, region, conditions)
    said = {"Records": [_record(of, trigger, references, event)]}
    if service == "lambda":
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), said)
    else:
        access.require_service_key(WHO, access.own_key(topic), account, region, conditions)
        sns.publish_internal(target, json.dumps(said), subject="UPDATE: AWS CodeCommit notification")


def _record(of: Repository, trigger: Mapping[str, Any], references: list[Record], event: str) -> Record:
    return {
        "awsRegion": get_region(),
        "codecommit": {"references": references},
        "customData": trigger["customData"] or None,
        "eventId": str(uuid4()),
        "eventName": event,
        "eventPartNumber": 1,
        "eventSource": "aws:codecommit",
        "eventSourceARN": of.arn,
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "eventTotalParts": 1,
        "eventTriggerConfigId": of.triggers_id,
        "eventTriggerName": trigger["name"],
        "eventVersion": "1.0",
        "userIdentityARN": caller_arn(),
    }


def test(of: Repository, given: Sequence[Mapping[str, Any]]) -> Record:
    """Tell targets something, as if a branch had changed.

    Args:
        of: The repository.
        given: The triggers, which need not be the repository's.

    Returns:
        Which were told, and why others were not.

    Raises:
        Fault: If one of them cannot be.
    """
    checked(given)
    told, failed = [], []
    for one in given:
        trigger = {"branches": [], "customData": "", **one}
        name = next(iter(trigger["branches"]), of.default_branch or "main")
        tip = of.store.reference(BRANCHES + name) or _NOTHING
        try:
            _send(of, trigger, [{"commit": tip, "ref": BRANCHES + name}], "TriggerEventTest")
        except (access.Refused, LookupError) as error:
            failed.append({"trigger": trigger["name"], "failureMessage": error.args[0]})
        else:
            told.append(trigger["name"])
    return {"successfulExecutions": told, "failedExecutions": failed}
