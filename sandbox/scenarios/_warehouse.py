"""What becomes of readings on their way into Redshift: loaded, or not and told of; mended; and with a new column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.operations import denied, keys, listener, waiting
from sandbox.run import Run

from . import Broken, Outcome

DATA = "data/"
_SECONDS = 90
"""How long a file may take to be looked for five times."""
_BAD_LINES = 10
Record = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """A delivery to Redshift that loads by a job, in a stack.

    Attributes:
        run: The run.
        stack: The stack.
        name: Its construct id, such as ``Redshift``, which is in the logical ids of its resources.
        topic: An MQTT topic of its rule.
        table: Its table, with its schema.
        member: What finds the member ``reading`` of a record in the table: a column, or a path into the document.
    """

    run: Run
    stack: str
    name: str
    topic: str
    table: str = "public.telemetry"
    member: str = "document.reading::varchar"

    def resource(self, type: str, path: str) -> str:
        """The physical id of one of its resources.

        Args:
            type: Its type, without ``AWS::``.
            path: A part of the logical id behind the delivery's name.
        """
        return self.run.resource(self.stack, f"AWS::{type}", f"{self.name}{path}")

    @cached_property
    def namespace(self) -> Record:
        """The namespace that was made for it."""
        name = self.resource("RedshiftServerless::Namespace", "Workgroup")
        found: Record = self._client("redshift-serverless").get_namespace(namespaceName=name)["namespace"]
        return found

    @property
    def bucket(self) -> str:
        """The bucket that its stream writes to."""
        return self.resource("S3::Bucket", "StagingBucket")

    @property
    def files(self) -> list[str]:
        """The keys of its files."""
        return keys(self.run, self.bucket, DATA)

    @property
    def failed(self) -> list[Record]:
        """What waits in the queue of failed loads."""
        return waiting(self.run, self.resource("SQS::Queue", "LoadsFailedLoads"), self.run.region(self.stack))

    def publish(self, records: Sequence[Record | bytes]) -> None:
        """Publish over HTTPS.

        Args:
            records: The payloads.
        """
        for one in records:
            payload = one if isinstance(one, bytes) else json.dumps(one).encode()
            self._client("iot-data").publish(topic=self.topic, qos=1, payload=payload)

    def sql(self, text: str) -> list[list[Any]]:
        """Have the administrator run a statement over the Data API, and return the rows.

        Args:
            text: The statement.

        Raises:
            Broken: If it fails.
        """
        data = self._client("redshift-data")
        group = self.resource("RedshiftServerless::Workgroup", "Workgroup")
        where = {"WorkgroupName": group, "Database": self.namespace["dbName"]}
        id = data.execute_statement(Sql=text, SecretArn=self.namespace["adminPasswordSecretArn"], **where)["Id"]

        def ended() -> Record | None:
            found: Record = data.describe_statement(Id=id)
            return found if found["Status"] in ("FINISHED", "FAILED", "ABORTED") else None

        told = self.run.wait(f"the end of {text}", ended)
        if told["Status"] != "FINISHED":
            raise Broken(f"{text}: {told.get('Error')}")
        if not told["HasResultSet"]:
            return []
        records = data.get_statement_result(Id=id)["Records"]
        return [[None if field.get("isNull") else next(iter(field.values())) for field in row] for row in records]

    def readings(self, name: str) -> int:
        """How many rows there are of a reading.

        Args:
            name: The value of the member ``reading``.
        """
        return int(self.sql(f"SELECT count(*) FROM {self.table} WHERE {self.member} = '{name}'")[0][0])  # noqa: S608

    def copy(self, key: str) -> None:
        """Load a file by hand, as its job would, without the records that do not fit.

        Args:
            key: Its key.
        """
        (how,) = self.sql("SELECT trim(job_text) FROM sys_copy_job")[0]
        role = self.namespace["iamRoles"][0]
        options = how.partition(f"'{role}'")[2]
        source = f"s3://{self.bucket}/{key}"
        self.sql(f"COPY {self.table} FROM '{source}' IAM_ROLE '{role}' {options} MAXERROR {_BAD_LINES}")

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Look for files after a second, and again after five, instead of after minutes."""
        sqs, queue = self._client("sqs"), self.resource("SQS::Queue", "LoadsFiles")
        names = ["DelaySeconds", "VisibilityTimeout"]
        before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "1", "VisibilityTimeout": "5"})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let the alarm of failed loads ring before the context ends, and take what was told away behind it.

        One that rings already, from before, need only go on.
        """
        topic, alarm = self.run.resource(self.stack, "AWS::SNS::Topic"), self._alarm
        with self.impatient(), listener(self.run, topic) as ears:
            yield
            if alarm["StateValue"] != "ALARM":
                ears.must_hear(alarm["AlarmName"])
            _must_be("the state of the alarm", self._alarm["StateValue"], "ALARM")
        self._client("sqs").purge_queue(QueueUrl=self.resource("SQS::Queue", "LoadsFailedLoads"))

    @property
    def _alarm(self) -> Record:
        name = self.resource("CloudWatch::Alarm", "LoadsLoadsFailed")
        found: Record = self._client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        return found

    def _client(self, service: str) -> Any:
        return self.run.client(service, self.run.region(self.stack))


def files_are_loaded(delivery: Delivery) -> Outcome:
    """Readings become rows of the table, each once, and their files are known as loaded.

    Args:
        delivery: The delivery.
    """
    count = 20
    with delivery.impatient():
        delivery.publish([{"reading": "loaded", "value": number} for number in range(count)])
        got = delivery.run.wait("the rows", lambda: found if (found := delivery.readings("loaded")) >= count else None)
    _must_be("the rows", got, count)
    states = dict(delivery.sql("SELECT file_name, status FROM sys_copy_job_detail"))
    _must_be("the files that were not loaded", [key for key in delivery.files if states.get(key) != "I"], [])
    _must_be("the failed loads", delivery.failed, [])
    return Outcome(f"{count} messages", f"{count} rows by the Data API, each once")


def a_bad_record_fails_its_file(delivery: Delivery, bad: bytes = b'{"reading": ') -> Outcome:
    """A record that cannot be loaded fails its whole file for ever: the queue has the reason, and COPY mends it.

    Args:
        delivery: The delivery.
        bad: A payload that the table does not take.
    """
    with delivery.told():
        delivery.publish([{"reading": "beside", "value": 1}, bad, {"reading": "beside", "value": 2}])
        (one,) = delivery.run.wait("the failed load", lambda: delivery.failed, _SECONDS)
        _must_be("the bucket and the table", (one["bucket"], one["table"]), (delivery.bucket, delivery.table))
        if not one["errors"] or not one["errors"][0]["code"] or not one["errors"][0]["line"]:
            raise Broken(f"the message does not say what does not fit, and where: {one}")
        _must_be("the rows of the file", delivery.readings("beside"), 0)
        delivery.copy(one["key"])
        _must_be("the rows of the file when it is mended", delivery.readings("beside"), 2)
    told = one["errors"][0]
    why = f"{told['message']}, code {told['code']} in line {told['line']}"
    return Outcome("2 messages and a bad one in a file", "2 rows after COPY", f"1 failed load: {why}; alarm rang")


def a_role_that_may_not_read(delivery: Delivery) -> Outcome:
    """Without ``s3:GetObject`` the role of loads fails each file; mended, they are loaded by hand, the next by itself.

    Args:
        delivery: The delivery.
    """
    role = delivery.resource("IAM::Role", "WorkgroupCopyRole")
    with delivery.told():
        with denied(delivery.run, role, ["s3:GetObject"]):
            delivery.publish([{"reading": "unread", "value": 1}])
            (one,) = delivery.run.wait("the failed load", lambda: delivery.failed, _SECONDS)
        said = " ".join(str(row[0]) for row in delivery.sql("SELECT trim(message) FROM sys_copy_job_info"))
        if "s3:GetObject" not in said:
            raise Broken(f"Redshift does not say what is denied: {said}")
        _must_be("the rows meanwhile", delivery.readings("unread"), 0)
        delivery.copy(one["key"])
        delivery.publish([{"reading": "unread", "value": 2}])
        delivery.run.wait("both rows", lambda: delivery.readings("unread") == 2)
    return Outcome("2 messages", "1 by itself, 1 after COPY", "1 failed load, alarm rang, Redshift says why")


def a_new_column(delivery: Delivery, column: str = "humidity", type: str = "double precision") -> Outcome:
    """A stack update adds a column to the table; what is there stays, and what comes has it.

    Args:
        delivery: A delivery with columns of its own.
        column: The column.
        type: Its type.
    """
    before = delivery.sql(f"SELECT count(*) FROM {delivery.table}")[0][0]  # noqa: S608 - the table is ours
    jobs = delivery.sql("SELECT trim(job_name) FROM sys_copy_job")
    _update(delivery, {"Name": column, "Type": type})
    _must_be("the rows", delivery.sql(f"SELECT count(*) FROM {delivery.table}")[0][0], before)  # noqa: S608
    _must_be("the jobs", delivery.sql("SELECT trim(job_name) FROM sys_copy_job"), jobs)
    delivery.publish([{"reading": "wider", column: 0.5}])
    text = f"SELECT {column} FROM {delivery.table} WHERE {delivery.member} = 'wider'"  # noqa: S608
    _must_be("the new column", delivery.run.wait("the row", lambda: delivery.sql(text)), [[0.5]])
    return Outcome("1 message behind a stack update", f"1 row with {column}; {before} rows stayed")


def _update(delivery: Delivery, column: Record) -> None:
    """Update the stack with a column more; the CDK would only change this in the template."""
    cloudformation = delivery.run.client("cloudformation", delivery.run.region(delivery.stack))
    found = cloudformation.get_template(StackName=delivery.stack, TemplateStage="Original")["TemplateBody"]
    template = json.loads(found) if isinstance(found, str) else json.loads(json.dumps(found))
    one = next(
        resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == "Custom::RedshiftTable" and delivery.name in name
    )
    one["Properties"]["Columns"].append(column)
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    # More than a call of CloudFormation takes.
    s3, key = delivery.run.client("s3"), f"{delivery.stack}-wider.json"
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("cdk-"))
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    url = f"https://s3.{delivery.run.region(delivery.stack)}.amazonaws.com/{bucket}/{key}"
    cloudformation.update_stack(StackName=delivery.stack, TemplateURL=url, Capabilities=capabilities)

    def ended() -> str | None:
        state: str = cloudformation.describe_stacks(StackName=delivery.stack)["Stacks"][0]["StackStatus"]
        return None if state.endswith("_IN_PROGRESS") else state

    _must_be("the state of the stack", delivery.run.wait(delivery.stack, ended, _SECONDS), "UPDATE_COMPLETE")


def _must_be(what: str, got: Any, expected: Any) -> None:
    """Compare.

    Raises:
        Broken: If they differ.
    """
    if got != expected:
        raise Broken(f"{what}: got {str(got)[:300]}, expected {str(expected)[:300]}")
