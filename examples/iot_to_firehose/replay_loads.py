#!/usr/bin/env python3
"""Load the files of a queue of failed loads into their table, each by a COPY of its own.

A copy job never tries a file again that it could not load. Each message is deleted after its file is in the table: by
this run, by an earlier one, or by the job after all. What Redshift refuses again is left in the queue, and told.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import boto3

DOCUMENTS = "FORMAT AS JSON 'noshred' GZIP"
MEMBERS = "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"
"""What the job of the sink has, without columns and with them."""

UNSEEN_SECONDS = 3600
"""How long messages are not seen by another run, which would load their files a second time."""

YOUNG_SECONDS = 1800
"""How long a job has for a file that it does not know yet."""

OF_JOBS = """
SELECT trim(status) FROM sys_copy_job_detail
WHERE trim(database_name) = :database AND trim(file_location) = :bucket AND trim(file_name) = :key
"""

OF_LOADS = """
SELECT trim(status) FROM sys_load_history
WHERE trim(database_name) = :database AND trim(data_source) = :source
"""

MOST_ERRORS = 100_000
"""https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html"""


class LeftError(Exception):
    """The message stays where it is; the reason is for people."""


class File(NamedTuple):
    """A file."""

    bucket: str
    key: str

    @property
    def source(self) -> str:
        """What COPY calls it."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where files are loaded, and how.

    Attributes:
        workgroup: The workgroup's name.
        database: The database.
        name: The schema and the table with a dot between.
        role_arn: The role with which Redshift reads the bucket.
        secret_arn: The secret of the administrator, who alone sees what jobs have loaded.
        options: What COPY is told of the files.
    """

    workgroup: str
    database: str
    name: str
    role_arn: str
    secret_arn: str
    options: str

    def copy(self, file: File) -> str:
        """Return the statement that loads a file.

        Args:
            file: The file.
        """
        schema, _, table = self.name.rpartition(".")
        name = ".".join('"' + part.replace('"', '""') + '"' for part in (schema or "public", table))
        return f"COPY {name} FROM {literal(file.source)} IAM_ROLE {literal(self.role_arn)} {self.options}"


def replay(sqs: Any, data: Any, queue_url: str, table: Table) -> tuple[int, int]:
    """Load the files that the queue tells of now, and return how many messages are done and how many were left.

    Args:
        sqs: A client.
        data: A client of the Redshift Data API.
        queue_url: The queue.
        table: Where the files belong.
    """
    count, held = 0, dict[str, None]()
    try:
        while messages := _received(sqs, queue_url):
            held |= dict.fromkeys(message["ReceiptHandle"] for message in messages)
            for message in messages:
                handle = message["ReceiptHandle"]
                try:
                    file = named(message["Body"])
                    age = time.time() - int(message["Attributes"]["SentTimestamp"]) / 1000
                    how = load(data, table, file, is_young=age < YOUNG_SECONDS)
                except LeftError as reason:
                    print(f"{message['MessageId']} is left: {reason}", file=sys.stderr)
                    continue
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)
                del held[handle]
                count += 1
                print(f"{file.key} {how}", file=sys.stderr)
    finally:
        for handle in held:
            sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=0)
    return count, len(held)


def _received(sqs: Any, queue_url: str) -> Sequence[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=2,
        VisibilityTimeout=UNSEEN_SECONDS,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    messages: Sequence[dict[str, Any]] = answer.get("Messages", [])
    return messages


def named(body: str) -> File:
    """Return the file that a message is about: one of the function, or the event of S3 if nobody could ask Redshift.

    Args:
        body: The message.

    Raises:
        LeftError: If it names none.
    """
    try:
        told = json.loads(body)
        if "detail" in told:
            return File(told["detail"]["bucket"]["name"], told["detail"]["object"]["key"])
        return File(told["bucket"], told["key"])
    except (KeyError, TypeError, ValueError) as error:
        raise LeftError("it names no file") from error


def load(data: Any, table: Table, file: File, *, is_young: bool) -> str:
    """Load a file that is not in the table yet, and return what was done.

    Args:
        data: A client of the Redshift Data API.
        table: Where the file belongs.
        file: The file.
        is_young: Whether the job may still come across the file.

    Raises:
        LeftError: If it is not in the table after that.
    """
    jobs = rows(data, table, OF_JOBS, bucket=file.bucket, key=file.key)
    loads = rows(data, table, OF_LOADS, source=file.source)
    if any(state[:1].upper() == "I" for state in jobs) or "completed" in loads:
        return "was loaded before"
    if any(state[:1].upper() == "P" for state in jobs) or "running" in loads or (is_young and not jobs):
        raise LeftError(f"{file.key} is perhaps being loaded; run again later")
    run(data, table, table.copy(file))
    return "loaded"


def rows(data: Any, table: Table, sql: str, **values: str) -> list[str]:
    """Return the first column of what a query finds in the database.

    Args:
        data: A client of the Redshift Data API.
        table: Where to ask.
        sql: The query.
        values: Its parameters, besides ``database``.

    Raises:
        LeftError: If Redshift does not answer it.
    """
    values = {"database": table.database, **values}
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    number = run(data, table, sql, Parameters=parameters)
    pages = data.get_paginator("get_statement_result").paginate(Id=number)
    return [record[0].get("stringValue", "") for page in pages for record in page["Records"]]


def run(data: Any, table: Table, sql: str, **more: Any) -> str:
    """Run a statement to its end, before which a workgroup may have to wake up, and return its number.

    Args:
        data: A client of the Redshift Data API.
        table: Where to run it.
        sql: The statement.
        more: Further arguments of the call.

    Raises:
        LeftError: If it has no success.
    """
    started = data.execute_statement(
        WorkgroupName=table.workgroup, Database=table.database, SecretArn=table.secret_arn, Sql=sql, **more
    )
    number: str = started["Id"]
    while True:
        told = data.describe_statement(Id=number)
        if told["Status"] == "FINISHED":
            return number
        if told["Status"] in ("FAILED", "ABORTED"):
            raise LeftError(told.get("Error") or f"a statement was {told['Status'].lower()}")
        time.sleep(1)


def literal(text: str) -> str:
    """Return a text as it stands in a statement.

    Args:
        text: The text.
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def main() -> None:
    """Load the files that the queue named on the command line tells of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue-url", required=True, help="the output FailedLoadsUrl of the stack")
    parser.add_argument("--workgroup", required=True, help="the output RedshiftWorkgroup of the stack")
    parser.add_argument("--database", default="iot", help="as in RedshiftWorkgroup(database=...)")
    parser.add_argument("--table", required=True, help="such as public.telemetry")
    parser.add_argument("--role-arn", required=True, help="the role with which Redshift reads the bucket")
    parser.add_argument("--secret-arn", required=True, help="the secret of the administrator")
    parser.add_argument("--documents", action="store_true", help="for a sink without columns")
    parser.add_argument("--max-errors", type=int, default=0, help="how many records of a file may be left out")
    asked = parser.parse_args()
    if not 0 <= asked.max_errors < MOST_ERRORS:
        parser.error(f"--max-errors must be from 0 to {MOST_ERRORS - 1}, got {asked.max_errors}; give less")
    options = DOCUMENTS if asked.documents else MEMBERS
    table = Table(
        workgroup=asked.workgroup,
        database=asked.database,
        name=asked.table,
        role_arn=asked.role_arn,
        secret_arn=asked.secret_arn,
        options=f"{options} MAXERROR {asked.max_errors}" if asked.max_errors else options,
    )
    count, left = replay(boto3.client("sqs"), boto3.client("redshift-data"), asked.queue_url, table)
    print(f"{count} messages done, {left} left in the queue")


if __name__ == "__main__":
    main()
