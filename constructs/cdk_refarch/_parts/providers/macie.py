"""What CloudFormation cannot say of Amazon Macie: settings, results export, jobs and their log, as custom resources."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import FAILED_CREATE, NotReadyError, client, code, patiently, serve

BUSY = frozenset({"ConflictException", "InternalServerException", "ThrottlingException"})
"""Errors of Macie that pass by themselves."""

NOT_YET = BUSY | {"AccessDeniedException", "ResourceNotFoundException", "ValidationException"}
"""The same, and what it says until policies, roles and Macie itself are known everywhere."""

INSPECTED = {"customDataIdentifierIds": "CustomDataIdentifierIds", "allowListIds": "AllowListIds"}
"""What automated discovery uses besides Macie's own identifiers: Macie's name for it, and the property's."""

Ids = dict[str, list[str]]

LOGS_BUSY = frozenset(
    {"AccessDeniedException", "OperationAbortedException", "ServiceUnavailableException", "ThrottlingException"}
)

macie = client("macie2")
logs = client("logs")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _put_settings(event: dict[str, Any], context: Any) -> str:
    """Make those settings of the account that are given."""
    wanted = event["ResourceProperties"]
    if "AutomatedDiscovery" in wanted:
        _put_discovery(wanted["AutomatedDiscovery"], wanted.get("DiscoveryMembers"), context)
    before = event.get("OldResourceProperties", {})
    _exclude_buckets(set(wanted.get("ExcludedBuckets", [])), set(before.get("ExcludedBuckets", [])), context)
    _inspect(wanted.get("Inspection", {}), before.get("Inspection", {}), context)
    if "PublishClassificationFindings" in wanted:
        _publish_to_security_hub(wanted["PublishClassificationFindings"] == "true", context)
    if "AutoEnableMembers" in wanted:
        auto_enable = wanted["AutoEnableMembers"] == "true"
        _patiently(context, macie.update_organization_configuration, autoEnable=auto_enable)
    return "macie-settings"


def _put_discovery(status: str, members: str | None, context: Any) -> None:
    """Start or stop automated discovery; without members, what was decided for them before stays."""
    if members is None:
        now = _patiently(context, macie.get_automated_discovery_configuration)
        if now.get("status") == status:
            return
        if now.get("firstEnabledAt"):
            # A call that does not say it means all members.
            members = now.get("autoEnableOrganizationMembers")
    chosen: dict[str, Any] = {"autoEnableOrganizationMembers": members} if members else {}
    _patiently(context, macie.update_automated_discovery_configuration, status=status, **chosen)


def _exclude_buckets(wanted: set[str], before: set[str], context: Any) -> None:
    """Exclude buckets from automated discovery, and those no more that only were wanted before."""
    if not wanted and not before:
        return
    scope_id = _patiently(context, _find, listed=macie.list_classification_scopes, key="classificationScopes")
    scope = _patiently(context, macie.get_classification_scope, id=scope_id)
    excluded = set(scope.get("s3", {}).get("excludes", {}).get("bucketNames", []))
    for operation, names in (("REMOVE", excluded & before - wanted), ("ADD", wanted - excluded)):
        if names:
            excludes = {"bucketNames": sorted(names), "operation": operation}
            _patiently(context, macie.update_classification_scope, id=scope_id, s3={"excludes": excludes})


def _inspect(wanted: Ids, before: Ids, context: Any, passing: frozenset[str] = NOT_YET) -> None:
    """Let automated discovery use identifiers and allow lists, and those no more that only were wanted before."""
    if not any((*wanted.values(), *before.values())):
        return
    listed, key = macie.list_sensitivity_inspection_templates, "sensitivityInspectionTemplates"
    template_id = _patiently(context, _find, passing, listed=listed, key=key, needed=any(wanted.values()))
    if template_id is None:
        return
    template = _patiently(context, macie.get_sensitivity_inspection_template, passing, id=template_id)
    includes, changed = template.get("includes", {}), {}
    for name, ours in INSPECTED.items():
        now, ids = set(includes.get(name, [])), set(wanted.get(ours, []))
        after = now - set(before.get(ours, [])) | ids
        if after != now:
            changed[name] = sorted(after)
    if changed:
        # What a call leaves out may be lost.
        given = {name: template[name] for name in ("description", "excludes") if name in template}
        given |= {"id": template_id, "includes": includes | changed}
        _patiently(context, macie.update_sensitivity_inspection_template, passing, **given)


def _find(listed: Callable[[], Any], key: str, needed: bool = True) -> str | None:
    """Return the id of what an account has one of; None if it is not there and is not needed."""
    found = listed().get(key, [])
    if needed and not found:
        raise NotReadyError("automated discovery must be enabled once before it is told what to read and what to use")
    return found[0]["id"] if found else None


def _publish_to_security_hub(classification: bool, context: Any) -> None:
    """Say whether findings of sensitive data go to Security Hub; policy findings go where they went."""
    now = _patiently(context, macie.get_findings_publication_configuration).get("securityHubConfiguration", {})
    wanted = {
        "publishClassificationFindings": classification,
        # True is Macie's default.
        "publishPolicyFindings": now.get("publishPolicyFindings", True),
    }
    _patiently(context, macie.put_findings_publication_configuration, securityHubConfiguration=wanted)


def _put_export(event: dict[str, Any], context: Any) -> str:
    """Say where Macie keeps the results of all objects."""
    wanted = event["ResourceProperties"]
    destination = {"bucketName": wanted["BucketName"], "kmsKeyArn": wanted["KmsKeyArn"]}
    for name, ours in (("expectedBucketOwner", "BucketOwner"), ("keyPrefix", "KeyPrefix")):
        if wanted.get(ours):
            destination[name] = wanted[ours]
    _patiently(context, macie.put_classification_export_configuration, configuration={"s3Destination": destination})
    return "macie-results-export"


def _create_job(event: dict[str, Any], context: Any) -> str:
    """Create a job, also in place of another, unless nothing of it has changed."""
    wanted = event["ResourceProperties"]["Job"]
    if event.get("OldResourceProperties", {}).get("Job") == wanted:
        unchanged: str = event["PhysicalResourceId"]
        return unchanged
    job = {key: value for key, value in wanted.items() if key != "schedule"}
    job["jobType"] = "SCHEDULED" if "schedule" in wanted else "ONE_TIME"
    if "schedule" in wanted:
        job["scheduleFrequency"] = _frequency(wanted["schedule"])
    # CloudFormation makes text of numbers and truth values.
    if "samplingPercentage" in wanted:
        job["samplingPercentage"] = int(wanted["samplingPercentage"])
    if "initialRun" in wanted:
        job["initialRun"] = wanted["initialRun"] == "true"
    # However often a request is tried, it makes one job.
    made = _patiently(context, macie.create_classification_job, clientToken=event["RequestId"], **job)
    job_id: str = made["jobId"]
    return job_id


def _frequency(schedule: str) -> dict[str, Any]:
    """Return ``DAILY``, a day of the week or a day of the month as Macie takes it."""
    if schedule == "DAILY":
        return {"dailySchedule": {}}
    if schedule.isdecimal():
        return {"monthlySchedule": {"dayOfMonth": int(schedule)}}
    return {"weeklySchedule": {"dayOfWeek": schedule}}


def _delete(event: dict[str, Any], context: Any) -> None:
    """Cancel a job, and take from automated discovery what the stack deletes and it would go on using."""
    job_id = event["PhysicalResourceId"]
    try:
        if event["ResourceType"] == "Custom::MacieClassificationJob" and job_id != FAILED_CREATE:
            _patiently(context, macie.update_classification_job, BUSY, jobId=job_id, jobStatus="CANCELLED")
        if event["ResourceType"] == "Custom::MacieSettings":
            # Also after a failed create, which may have come as far as this.
            _inspect({}, event["ResourceProperties"].get("Inspection", {}), context, BUSY)
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        macie_is_off = code(error) == "AccessDeniedException" and "not enabled" in message
        # A job has ended, or a template names somebody else's identifier that is gone: both are as good as done.
        if code(error) not in ("ResourceNotFoundException", "ValidationException") and not macie_is_off:
            raise


def _create_job_log(event: dict[str, Any], context: Any) -> str:
    """Create the log group of Macie's jobs, unless it is there; then it stays as it is."""
    wanted = event["ResourceProperties"]
    name: str = wanted["LogGroupName"]
    try:
        _patiently(context, logs.create_log_group, LOGS_BUSY, logGroupName=name)
    except logs.exceptions.ResourceAlreadyExistsException:
        return name
    if "RetentionInDays" in wanted:
        days = int(wanted["RetentionInDays"])
        _patiently(context, logs.put_retention_policy, LOGS_BUSY, logGroupName=name, retentionInDays=days)
    return name


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {
    "Custom::MacieSettings": _put_settings,
    "Custom::MacieResultsExport": _put_export,
    "Custom::MacieClassificationJob": _create_job,
    "Custom::MacieJobLog": _create_job_log,
}


def _patiently(context: Any, call: Callable[..., Any], passing: frozenset[str] = NOT_YET, **given: Any) -> Any:
    """Make a call with patience, with new policies and roles too."""
    return patiently(context, call, passing, **given)
