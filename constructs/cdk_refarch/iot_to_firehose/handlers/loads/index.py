"""Looks after the files that a job of Amazon Redshift loads by itself, and tells of each one that it could not load.

Redshift tells nobody: it marks a file that it could not load, and never tries it again. Messages of the queue are the
events of S3 about files that came some minutes ago. A file that was loaded is done. One that could not be loaded is
told of in the queue of failed loads, with what Redshift says of it and nothing that stands in it. All others come
again, until the work queue itself puts the event there, and so does everything while Redshift does not answer. Thus a
file that was not loaded is told of, and perhaps more than once.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WORKGROUP, DATABASE = os.environ["WORKGROUP"], os.environ["DATABASE"]
FAILED_QUEUE_URL, TABLE = os.environ["FAILED_QUEUE_URL"], os.environ["TABLE"]

JOB = os.environ["JOB"]
"""The job; another of its name with another digest is what it was before it was changed."""

FAMILY = re.compile(re.escape(re.sub("_[0-9a-f]{8}$", "", JOB)) + "_[0-9a-f]{8}")

FILES_A_QUERY = 50
"""So that a query with the longest keys is below the 100 KB that the Data API takes."""

ERRORS_A_FILE = 5

ERRORS_A_QUERY = 1000

LOCATION_CHARACTERS = 256
"""As much as Redshift keeps of where a file with an error is.
https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html"""

MESSAGES_A_CALL = 10

FILES_NAMED = """
SELECT trim(job_name), trim(file_location), trim(file_name), trim(status)
FROM sys_copy_job_detail
WHERE trim(database_name) = :database AND trim(file_name) IN ({names})
"""

ERRORS_NAMED = """
SELECT trim(file_name), error_code, trim(error_message), line_number, trim(column_name)
FROM sys_load_error_detail
WHERE trim(database_name) = :database AND trim(file_name) IN ({names})
ORDER BY start_time DESC, line_number
LIMIT {limit}
"""

VALUES = re.compile(r"['\"`\[({:]")
"""Behind these, messages of Redshift have values: ``Invalid digit, Value 'x', Pos 0``."""

RESERVE_SECONDS = 20
"""What must be left of the function's time for one more call, which is tried twice."""

LONGEST_PAUSE_SECONDS = 5

_config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})

data = boto3.client("redshift-data", config=_config)
sqs = boto3.client("sqs", config=_config)


class NoAnswerError(Exception):
    """Redshift has refused a query, or not answered it in time."""


class File(NamedTuple):
    """A file, as its event names it."""

    bucket: str
    key: str

    @property
    def location(self) -> str:
        """As much of where it is as Redshift keeps with an error."""
        return f"s3://{self.bucket}/{self.key}"[:LOCATION_CHARACTERS]


FAILURES = (BotoCoreError, ClientError, NoAnswerError)

UNREADABLE = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What reading a document raises that is no event of S3."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Look after the files of a batch, and return which of its messages must come again.

    Args:
        event: The batch of the queue.
        context: Lambda's context.
    """
    named = {record["messageId"]: _file(record["body"]) for record in event["Records"]}
    files = list(dict.fromkeys(file for file in named.values() if file))
    line: dict[str, Any] = {"files": len(files), "unreadable": sum(not file for file in named.values())}
    done: set[File] = set()
    try:
        states = _states(files, context)
        done |= {file for file in files if states.get(file) == "I"}
        line["loaded"] = len(done)
        failed = [file for file in files if states.get(file) == "E"]
        line["waiting"] = len(files) - len(done) - len(failed)
        told = _tell(failed, _errors(failed, context), context)
        line["not_loaded"] = len(told)
        done |= told
    except FAILURES as error:
        line["failed"] = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        line["reason"] = str(error)
    line["level"] = "INFO" if len(done) == len(named) else "WARNING"
    print(json.dumps(line))
    again = [number for number, file in named.items() if file not in done]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in again]}


def _file(body: str) -> File | None:
    """Return the file that an event is about; None if it cannot be read."""
    try:
        detail = json.loads(body)["detail"]
        bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    except UNREADABLE:
        return None
    is_one = isinstance(bucket, str) and isinstance(key, str) and bucket and key
    return File(bucket, key) if is_one else None


def _states(files: list[File], context: Any) -> dict[File, str]:
    """Return what has become of files: I of one that was loaded, E of one that could not be, P or ? of others."""
    states: dict[File, tuple[bool, int]] = {}
    for some in _chunks(files, FILES_A_QUERY):
        for job, bucket, key, state in _rows(FILES_NAMED, (file.key for file in some), context):
            if not FAMILY.fullmatch(job) and job != JOB:
                continue
            # What the job itself says counts more than what it was before; of that, a load counts most.
            rank = (job == JOB, "PEI".find(state[:1].upper()))
            states[File(bucket, key)] = max(rank, states.get(File(bucket, key), rank))
    return {file: "PEI?"[letter] for file, (_, letter) in states.items()}


def _errors(files: list[File], context: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the first errors of each file, by where it is."""
    found: dict[str, list[dict[str, Any]]] = {}
    for some in _chunks(files, FILES_A_QUERY):
        locations = (file.location for file in some)
        for location, number, message, line, column in _rows(ERRORS_NAMED, locations, context):
            errors = found.setdefault(location, [])
            if len(errors) < ERRORS_A_FILE:
                text = VALUES.split(message, maxsplit=1)[0].strip(" ,")
                errors.append({"code": _number(number), "message": text, "line": _number(line), "column": column})
    return found


def _number(text: str) -> int | None:
    return int(text) if text else None


def _tell(files: list[File], errors: Mapping[str, list[dict[str, Any]]], context: Any) -> set[File]:
    """Tell of files in the queue of failed loads, and return those that it has taken."""
    told: set[File] = set()
    for some in _chunks(files, MESSAGES_A_CALL):
        if not _has_time(context):
            break
        entries = [
            {"Id": str(number), "MessageBody": json.dumps(_message(file, errors.get(file.location, [])))}
            for number, file in enumerate(some)
        ]
        try:
            taken = sqs.send_message_batch(QueueUrl=FAILED_QUEUE_URL, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            # The others may still be taken, and these come again.
            print(json.dumps({"level": "ERROR", "untold": len(some), "reason": str(error)}))
            continue
        refused = [one["Code"] for one in taken.get("Failed", [])]
        if refused:
            print(json.dumps({"level": "ERROR", "untold": len(refused), "reason": ", ".join(sorted(set(refused)))}))
        told |= {some[int(one["Id"])] for one in taken.get("Successful", [])}
    return told


def _message(file: File, errors: list[dict[str, Any]]) -> dict[str, Any]:
    reason = "Redshift could not load the file, and will not try it again by itself"
    if not errors:
        reason += "; it tells no errors of the file itself, see sys_copy_job_info and sys_load_history"
    about = {"bucket": file.bucket, "key": file.key, "table": TABLE, "job": JOB}
    return {**about, "reason": reason, "errors": errors, "loaded": False}


def _rows(sql: str, names: Iterable[str], context: Any) -> Iterator[list[str]]:
    """Yield what a query finds of names."""
    values = {f"n{number}": name for number, name in enumerate(dict.fromkeys(names))}
    text = sql.format(names=", ".join(f":{name}" for name in values), limit=ERRORS_A_QUERY)
    parameters = [{"name": name, "value": value} for name, value in {"database": DATABASE, **values}.items()]
    _needs_time(context)
    number = data.execute_statement(WorkgroupName=WORKGROUP, Database=DATABASE, Sql=text, Parameters=parameters)["Id"]
    _wait(number, context)
    page: dict[str, Any] = {"NextToken": ""}
    while "NextToken" in page:
        _needs_time(context)
        token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
        page = data.get_statement_result(Id=number, **token)
        for record in page["Records"]:
            yield [str(field.get("stringValue", field.get("longValue", ""))) for field in record]


def _wait(number: str, context: Any) -> None:
    """Wait for the end of a query, before which a workgroup may have to wake up."""
    pause = 0.5
    while True:
        _needs_time(context)
        told = data.describe_statement(Id=number)
        if told["Status"] == "FINISHED":
            return
        if told["Status"] in ("FAILED", "ABORTED"):
            raise NoAnswerError(told.get("Error") or f"the query was {told['Status'].lower()}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _has_time(context: Any) -> bool:
    left: float = context.get_remaining_time_in_millis() / 1000
    return left >= RESERVE_SECONDS


def _needs_time(context: Any) -> None:
    if not _has_time(context):
        raise NoAnswerError("there is no time left for another call")


def _chunks(files: list[File], size: int) -> Iterator[list[File]]:
    for start in range(0, len(files), size):
        yield files[start : start + size]
