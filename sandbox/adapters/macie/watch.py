"""Reads objects as jobs and automated discovery say, and looks after buckets' public access, three times a second.

Every version of an object is read once for each job and once for automated discovery. Results of Macie and logs, whose
keys begin with ``AWSLogs/``, and whatever else is in the bucket for results, are never read. Access of Macie to objects
is not evaluated. A bucket whose four settings that block public access were all on and are not any more gives a policy
finding; who did it is not told, and if it happens again the finding is updated and published again at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from ministack.core.responses import now_iso, request_scope
from ministack.services import s3

from sandbox.adapters import access

from . import coverage, documents, export, findings, jobs
from .detector import Look, detect, format_of, readable
from .state import Record, Session, sessions

EVERY_SECONDS = 0.3
_DISCOVERY = "automated-sensitive-data-discovery"
_BLOCKS_OFF = "Policy:IAMUser/S3BlockPublicAccessDisabled"
_log = logging.getLogger("sandbox.macie")
_blocked: dict[tuple[str, str], bool] = {}
_matched: dict[str, set[str]] = {}
"""For each job with criteria, the buckets of which its log has said that they fit."""
Reads = Callable[[str, str, Record], bool]


def start() -> None:
    """Begin to watch."""
    threading.Thread(target=_run, name="macie", daemon=True).start()


def _run() -> None:
    access.over_tls()
    while True:
        time.sleep(EVERY_SECONDS)
        for macie in sessions():
            if macie.settings["status"] == "ENABLED":
                with request_scope(macie.account, macie.region):
                    _tick(macie)


def _tick(macie: Session) -> None:
    for job in list(macie.jobs.values()):
        if job["jobStatus"] in ("RUNNING", "IDLE"):
            _run_job(macie, job)
    if macie.discovery.get("status") == "ENABLED":
        names = [name for name in _own_buckets(macie) if name not in macie.excluded]
        origin = {"jobArn": None, "jobId": None, "originType": "AUTOMATED_SENSITIVE_DATA_DISCOVERY"}
        source = f"arn:aws:macie2:{macie.region}:{macie.account}:export-configuration:{_DISCOVERY}"
        _read(macie, names, lambda *_: True, lambda: coverage.look_of_discovery(macie), origin, source)
    _watch_public_access(macie)


def _own_buckets(macie: Session) -> list[str]:
    return [name for name, record in s3._buckets.items() if (record.get("region") or macie.region) == macie.region]


def _run_job(macie: Session, job: Record) -> None:
    first, once = "lastRunTime" not in job, job["jobType"] == "ONE_TIME"
    if first:
        job["lastRunTime"] = now_iso()
        job["statistics"]["numberOfRuns"] = 1
        jobs.tell(macie, job, "ONE_TIME_JOB_STARTED" if once else "SCHEDULED_RUN_STARTED")
    definition, percentage = job["s3JobDefinition"], job["samplingPercentage"]
    names = _buckets_of(macie, job, first=first)
    if first and not once and not job["initialRun"]:
        seen = macie.read.setdefault(job["jobId"], set())
        seen.update(identity for identity, *_ in _objects(macie, names) if identity[-1] <= job["createdAt"])

    def reads(bucket: str, key: str, record: Record) -> bool:
        return coverage.reads(definition, percentage, bucket, key, record)

    origin = {"jobArn": job["jobArn"], "jobId": job["jobId"], "originType": "SENSITIVE_DATA_DISCOVERY_JOB"}
    _read(macie, names, reads, lambda: coverage.look_of_job(macie, job), origin, job["jobArn"])
    if first and not jobs.ended(job):
        job["jobStatus"] = "COMPLETE" if once else "IDLE"
        jobs.tell(macie, job, "JOB_COMPLETED" if once else "SCHEDULED_RUN_COMPLETED")


def _buckets_of(macie: Session, job: Record, *, first: bool) -> list[str]:
    """The buckets that a job reads; the log says which fit its criteria, or are not there."""
    there, names = _own_buckets(macie), coverage.buckets(macie, job["s3JobDefinition"])
    if job["s3JobDefinition"].get("bucketCriteria"):
        names = [name for name in names if name in there]
        told = _matched.setdefault(job["jobId"], set())
        # A schedule reads a bucket that comes later at once, as in a run of its own.
        for name in names:
            if name not in told:
                told.add(name)
                jobs.tell(macie, job, "BUCKET_MATCHED_THE_CRITERIA", name)
        if first and not names:
            jobs.tell(macie, job, "NO_BUCKETS_MATCHED_THE_CRITERIA")
    elif first:
        for name in names:
            if name not in there:
                job["lastRunErrorStatus"] = {"code": "ERROR"}
                jobs.tell(macie, job, "BUCKET_DOES_NOT_EXIST", name)
    return names


def _objects(macie: Session, names: list[str]) -> Iterator[tuple[tuple[str, ...], str, str, Record]]:
    for bucket in names:
        if bucket == macie.export.get("bucketName"):
            continue
        for key, record in list((s3._buckets.get(bucket) or {}).get("objects", {}).items()):
            if not key.startswith("AWSLogs/"):
                version = record.get("version_id") or ""
                yield (bucket, key, version, record["etag"], record["last_modified"]), bucket, key, record


def _read(
    macie: Session, names: list[str], reads: Reads, look: Callable[[], Look], origin: Record, source: str
) -> None:
    """Read what has not been read, make findings of what is sensitive, and write the results."""
    folder = origin["jobId"] or _DISCOVERY
    seen = macie.read.setdefault(folder, set())
    new = [one for one in _objects(macie, names) if one[0] not in seen and reads(*one[1:])]
    if not new:
        return
    wanted = look()
    for identity, bucket, key, record in new:
        seen.add(identity)
        body = s3._get_object_data(bucket, key, record.get("version_id"))
        text = None if body is None else readable(key, body)
        if body is None or text is None:
            continue
        place = export.location(macie, folder)
        found = detect(text, format_of(key), wanted)
        full = {**origin, "detailedResultsLocation": place}
        finding = documents.classified(macie, bucket, key, found, full, len(body))
        if place:
            details = {**full, "result": documents.result(key, found, len(body), 1000)}
            export.write(macie, place, source, {**finding, "classificationDetails": details})
        if found:
            _log.info("%s/%s: %s", bucket, key, finding["type"])
            findings.store(macie, finding)


def _watch_public_access(macie: Session) -> None:
    for name in _own_buckets(macie):
        record = s3._buckets.get(name) or {}
        now = all(documents.blocks(record).values())
        before = _blocked.get((macie.account, name), False)
        _blocked[macie.account, name] = now
        if before and not now:
            api = "PutPublicAccessBlock" if record.get("_public_access_block") else "DeletePublicAccessBlock"
            _tell_public_access(macie, name, api)


def _tell_public_access(macie: Session, name: str, api: str) -> None:
    for finding in list(macie.findings.values()):
        same = (finding["type"], finding["resourcesAffected"]["s3Bucket"]["name"]) == (_BLOCKS_OFF, name)
        if same and not finding["sample"]:
            finding.update(count=finding["count"] + 1, updatedAt=now_iso())
            finding["resourcesAffected"]["s3Bucket"] = documents.bucket_of(macie, name)
            findings.publish(finding)
            return
    finding = documents.head(macie, _BLOCKS_OFF, "High")
    finding["resourcesAffected"]["s3Bucket"] = documents.bucket_of(macie, name)
    finding["policyDetails"] = documents.policy_action(api)
    findings.store(macie, finding)
