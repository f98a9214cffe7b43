"""Sensitive data discovery jobs, and what they write to the log group ``/aws/macie/classificationjobs``.

A job that runs once reads what is there and is complete a moment later. One with a schedule does not wait for it: with
``initialRun`` it reads what is there, and from then on every new object at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from ministack.core.responses import now_iso
from ministack.services import cloudwatch_logs

from . import coverage
from .state import Fault, Record, Session, new_id, page, session

LOG_GROUP = "/aws/macie/classificationjobs"
_ENDED = ("COMPLETE", "CANCELLED")
_DESCRIPTIONS = {
    "JOB_CREATED": "The job was created.",
    "ONE_TIME_JOB_STARTED": "The job started running.",
    "SCHEDULED_RUN_STARTED": "The scheduled job run started.",
    "SCHEDULED_RUN_COMPLETED": "The scheduled job run completed.",
    "JOB_COMPLETED": "The job completed.",
    "JOB_CANCELLED": "The job was cancelled.",
    "JOB_PAUSED_BY_USER": "The job was paused by a user.",
    "JOB_RESUMED_BY_USER": "The job was resumed by a user.",
    "BUCKET_MATCHED_THE_CRITERIA": "The affected bucket matched the bucket criteria specified for the job.",
    "NO_BUCKETS_MATCHED_THE_CRITERIA": "The job started running but no buckets currently match the bucket criteria "
    "specified for the job. The job didn't analyze any data.",
    "BUCKET_DOES_NOT_EXIST": "The affected S3 bucket does not exist.",
}
_MOVES = {
    "CANCELLED": ("JOB_CANCELLED", ("RUNNING", "IDLE", "PAUSED", "USER_PAUSED")),
    "USER_PAUSED": ("JOB_PAUSED_BY_USER", ("RUNNING", "IDLE")),
    "RUNNING": ("JOB_RESUMED_BY_USER", ("USER_PAUSED",)),
}
"""What a job's status can be set to, with what is logged, and from which it can."""


def tell(macie: Session, job: Record, event: str, bucket: str | None = None) -> None:
    """Write an event of a job to the log, whose group is made if it is missing.

    Args:
        macie: Macie.
        job: The job.
        event: The type of the event.
        bucket: The bucket that it is about; None for none.
    """
    text = {
        "adminAccountId": macie.account,
        "jobId": job["jobId"],
        "eventType": event,
        "occurredAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "description": _DESCRIPTIONS[event],
        "jobName": job["name"],
    }
    if bucket is not None:
        text |= {"affectedAccount": macie.account, "affectedResource": {"type": "S3_BUCKET_NAME", "value": bucket}}
    where = {"logGroupName": LOG_GROUP, "logStreamName": job["jobId"]}
    cloudwatch_logs._create_log_group(where)
    cloudwatch_logs._create_log_stream(where)
    entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(text)}
    cloudwatch_logs._put_log_events({**where, "logEvents": [entry]})


def _problems(macie: Session, request: Record) -> Iterable[str]:
    definition = request["s3JobDefinition"]
    if not 1 <= len(request["name"]) <= 500:
        yield "name must be from 1 to 500 characters"
    if not 1 <= request.get("samplingPercentage", 100) <= 100:
        yield "samplingPercentage must be from 1 to 100"
    if len(request.get("description") or "") > 200:
        yield "description must be at most 200 characters"
    if bool(definition.get("bucketDefinitions")) == bool(definition.get("bucketCriteria")):
        yield "s3JobDefinition must have either bucketDefinitions or bucketCriteria"
    if (request["jobType"] == "SCHEDULED") != bool(request.get("scheduleFrequency")):
        yield "scheduleFrequency must be given for scheduled jobs, and only for them"
    if request["jobType"] == "ONE_TIME" and request.get("initialRun"):
        yield "initialRun is only for scheduled jobs"
    known = {"customDataIdentifierIds": macie.custom_data_identifiers, "allowListIds": macie.allow_lists}
    for name, resources in known.items():
        yield from (f"{name}: {id} does not exist" for id in request.get(name) or [] if id not in resources)


def _create(request: Record) -> Record:
    macie = session()
    for job in macie.jobs.values():
        if job["clientToken"] == request["clientToken"]:
            return job
    for problem in _problems(macie, request):
        raise Fault("ValidationException", f"The job can't be created: {problem}.")
    coverage.check(request["s3JobDefinition"])
    id = new_id()
    job = {
        "initialRun": False,
        "managedDataIdentifierSelector": "RECOMMENDED",
        "samplingPercentage": 100,
        **request,
        "jobId": id,
        "jobArn": macie.arn("classification-job", id),
        "jobStatus": "RUNNING",
        "createdAt": now_iso(),
        "lastRunErrorStatus": {"code": "NONE"},
        "statistics": {"approximateNumberOfObjectsToProcess": 0, "numberOfRuns": 0},
    }
    tell(macie, job, "JOB_CREATED")
    macie.jobs[id] = job
    return job


def _get(id: str) -> Record:
    found = session().jobs.get(id)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The classification job {id} does not exist.")
    return found


def _update(request: Record) -> Record:
    job, wanted = _get(request["jobId"]), request["jobStatus"]
    if wanted not in _MOVES or job["jobStatus"] not in _MOVES[wanted][1]:
        message = f"The job's status is {job['jobStatus']}, it can't be changed to {wanted}."
        raise Fault("ValidationException", message)
    job["jobStatus"] = wanted
    tell(session(), job, _MOVES[wanted][0])
    return {}


def _list(request: Record) -> Record:
    criteria = request.get("filterCriteria") or {}

    def holds(job: Record, term: Record) -> bool:
        value, wanted = str(job[term["key"]]), term["values"]
        tests = {
            "EQ": value in wanted,
            "NE": value not in wanted,
            "CONTAINS": any(text in value for text in wanted),
            "STARTS_WITH": value.startswith(tuple(wanted)),
        }
        return tests.get(term.get("comparator", "EQ"), True)

    found = [
        job
        for job in session().jobs.values()
        if all(holds(job, term) for term in criteria.get("includes") or [])
        and not any(holds(job, term) for term in criteria.get("excludes") or [])
    ]
    wanted = request.get("sortCriteria") or {}
    if "attributeName" in wanted:
        found.sort(key=lambda job: str(job[wanted["attributeName"]]), reverse=wanted.get("orderBy") == "DESC")
    items, token = page([_summary(job) for job in found], request, 200)
    return {"items": items, **token}


def _summary(job: Record) -> Record:
    return {**job, **job["s3JobDefinition"]}


def ended(job: Record) -> bool:
    """Whether a job reads nothing any more.

    Args:
        job: The job.
    """
    return job["jobStatus"] in _ENDED


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateClassificationJob": _create,
    "DescribeClassificationJob": lambda request: _get(request["jobId"]),
    "ListClassificationJobs": _list,
    "UpdateClassificationJob": _update,
}
