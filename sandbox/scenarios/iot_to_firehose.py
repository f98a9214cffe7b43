"""Telemetry through AWS IoT and Firehose into S3, and what becomes of it when a part fails."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from sandbox.devices import Device
from sandbox.operations import closed, denied, keys, lines, listener, tool, waiting
from sandbox.run import Run

from . import Broken, Deployment, Outcome, _iot_actions, _iot_sinks, scenario

APP, FLEET, VARIANTS = "IotToFirehose", "Fleet", "IotToFirehoseVariants"
DEPLOYMENTS = (
    Deployment((APP,), context={"architectures": "iot_to_firehose"}),
    Deployment((FLEET,), app="examples/iot_to_firehose/app.py"),
    Deployment((VARIANTS,), app="sandbox/scenarios/apps/iot_to_firehose.py"),
    _iot_actions.DEPLOYMENT,
    _iot_sinks.DEPLOYMENT,
)
TOPIC = "refarch/{}/telemetry"
PUBLISHERS, MESSAGES = 8, 10_000
REPLAY_QUEUE = "examples/iot_to_firehose/replay_queue.py"
REPLAY_ERRORS = "examples/iot_to_firehose/replay_errors.py"


@scenario("one message reaches S3")
def first_object(run: Run) -> Outcome:
    """Publish over HTTPS, as a back end does, and read the object: prefix, compression, key, newline."""
    out = run.outputs(APP)
    publish(run, "first", [{"id": "first"}])
    key = run.wait("an object in S3", lambda: keys(run, out["BucketName"], "data/"))[0]
    hour = time.strftime("data/day=%Y-%m-%d/hour=%H/", time.gmtime())
    if not key.startswith(hour) or not key.endswith(".gz"):
        raise Broken(f"the object is {key}, expected {hour}*.gz")
    head = run.client("s3").head_object(Bucket=out["BucketName"], Key=key)
    if head.get("ServerSideEncryption") != "aws:kms":
        raise Broken(f"the object is encrypted with {head.get('ServerSideEncryption')}, expected aws:kms")
    must_be_equal("the record", lines(run, out["BucketName"], "data/"), [b'{"id":"first"}'])
    return Outcome("1 message over HTTPS", f"1 line in {hour}*.gz, under the key")


@scenario("payloads that are no JSON")
def raw(run: Run) -> Outcome:
    """``SELECT *`` takes anything; a statement that needs JSON loses it, and an alarm says so."""
    with device_of(run, FLEET, "raw") as device, listener(run, topic_of(run, FLEET)) as ears:
        payload = b"21.5;\xff\xfe;ok"
        publish(run, "raw", [payload])
        bucket = run.outputs(APP)["BucketName"]
        run.wait("the raw payload in S3", lambda: payload in lines(run, bucket, "data/"))
        device.publish("fleet/raw/telemetry", [payload])
        ears.must_hear("RuleParseErrors")
    return Outcome("2 binary payloads", "1 of SELECT * as it was", "1 where SQL needs JSON: lost, alarm rang")


@scenario("a fleet: devices, partitions, filter, consumer")
def fleet(run: Run) -> Outcome:
    """Devices with certificates; each in its folder, cold readings left out, a message to the consumer per object."""
    names = ["boiler", "chiller", "pump"]
    with ExitStack() as stack:
        devices = [stack.enter_context(device_of(run, FLEET, name)) for name in names]
        for device in devices:
            readings = [{"temperature": degrees} for degrees in (-273, *range(20))]
            device.publish(f"fleet/{device.name}/telemetry", readings)
        if not devices[0].is_refused("fleet/pump/telemetry"):
            raise Broken("device boiler could publish as pump; its policy must refuse that")
    bucket = run.resource(FLEET, "AWS::S3::Bucket", "S3Bucket")
    run.wait("60 readings in S3", lambda: len(lines(run, bucket, "data/")) >= 60)
    for name in names:
        found = [json.loads(line) for line in lines(run, bucket, f"data/device={name}/")]
        got = [(one["temperature"], one["device"]) for one in found]
        must_be_equal(f"readings of {name}", sorted(got), [(degrees, name) for degrees in range(20)])
    objects = keys(run, bucket, "data/")
    queue = consumer(run)
    told = run.wait(
        "a message for each object", lambda: heard if len(heard := waiting(run, queue)) >= len(objects) else None
    )
    must_be_equal("objects the consumer heard of", sorted({key_of(one) for one in told}), sorted(objects))
    return Outcome(
        "63 messages of 3 devices over MQTT and TLS",
        f"60 lines in {len(objects)} objects by device; the consumer heard of each",
        "3 left out by WHERE, 1 refused by the device policy",
    )


@scenario("Firehose refuses the rule")
def stream_denied(run: Run) -> Outcome:
    """Denied to the rule's role, messages wait in the error queue as they were; the replay tool brings them home."""
    out, count = run.outputs(APP), 25
    before = len(lines(run, out["BucketName"], "data/"))
    role = run.resource(APP, "AWS::IAM::Role", "RuleRole")
    with listener(run, out["AlarmTopicArn"]) as ears:
        with denied(run, role, ["firehose:PutRecord"]):
            publish(run, "denied", [{"id": f"denied-{number}"} for number in range(count)])
            failed = run.wait("the error queue", lambda: waiting(run, out["ErrorQueueUrl"]))
            ears.must_hear("ErrorQueueNotEmpty")
        originals = sorted(base64.b64decode(one["base64OriginalPayload"]) for one in failed)
        expected = sorted(json.dumps({"id": f"denied-{number}"}).encode() for number in range(count))
        must_be_equal("the payloads in the error queue", originals, expected)
        if "not authorized to perform: firehose:PutRecord" not in failed[0]["failures"][0]["errorMessage"]:
            raise Broken(f"the message in the error queue does not say why: {failed[0]['failures']}")
    must_be_equal("lines in S3 meanwhile", len(lines(run, out["BucketName"], "data/")), before)
    tool(run, REPLAY_QUEUE, "--queue-url", out["ErrorQueueUrl"])
    run.wait("the replayed messages", lambda: len(lines(run, out["BucketName"], "data/")) == before + count)
    must_be_equal("left in the error queue", waiting(run, out["ErrorQueueUrl"]), [])
    return Outcome(f"{count} messages", f"{count} after the replay", f"{count} in the error queue, alarm rang")


@scenario("S3 refuses the stream")
def bucket_denied(run: Run) -> Outcome:
    """Denied to the stream's role, records wait in Firehose, the log says why, and they arrive when it is mended."""
    out, count = run.outputs(APP), 25
    before = len(lines(run, out["BucketName"], "data/"))
    role = run.resource(APP, "AWS::IAM::Role", "IngestS3Role")
    with listener(run, out["AlarmTopicArn"]) as ears, denied(run, role, ["s3:PutObject"]):
        publish(run, "late", [{"id": f"late-{number}"} for number in range(count)])
        said = run.wait("the error log", lambda: log_events(run, out["ErrorLogGroup"]))
        if "s3:PutObject" not in said[-1]:
            raise Broken(f"the error log does not say what is denied: {said[-1]}")
        ears.must_hear("Freshness")
        must_be_equal("lines in S3 meanwhile", len(lines(run, out["BucketName"], "data/")), before)
    run.wait("the late messages", lambda: len(lines(run, out["BucketName"], "data/")) == before + count)
    return Outcome(f"{count} messages", f"{count} when mended", "waited in Firehose; log and alarm said why")


@scenario("the key is disabled")
def key_disabled(run: Run) -> Outcome:
    """Without the key neither way is open: the message is lost, as the README says, and an alarm says so."""
    out = run.outputs(APP)
    key = run.resource(APP, "AWS::KMS::Key", "IngestKey")
    before = len(lines(run, out["BucketName"], "data/"))
    kms = run.client("kms")
    with listener(run, out["AlarmTopicArn"]) as ears:
        kms.disable_key(KeyId=key)
        try:
            publish(run, "locked", [{"id": "locked"}])
            ears.must_hear("ErrorActionFailed")
        finally:
            kms.enable_key(KeyId=key)
    publish(run, "unlocked", [{"id": "unlocked"}])
    run.wait("the next message", lambda: b'{"id":"unlocked"}' in lines(run, out["BucketName"], "data/"))
    must_be_equal("lines in S3", len(lines(run, out["BucketName"], "data/")), before + 1)
    return Outcome("1 message while disabled, 1 after", "1 after", "1 lost as documented, alarm rang")


@scenario("the consumer's queue refuses EventBridge")
def consumer_denied(run: Run) -> Outcome:
    """What the example's consumer cannot be told waits in its dead-letter queue, and its alarm rings."""
    dead = run.resource(FLEET, "AWS::SQS::Queue", "ConsumerFailed")
    with device_of(run, FLEET, "fan") as fan, listener(run, topic_of(run, FLEET)) as ears, closed(run, consumer(run)):
        fan.publish("fleet/fan/telemetry", [{"temperature": 20}])
        told = run.wait("the dead-letter queue", lambda: waiting(run, dead))
        ears.must_hear("ConsumerFailing")
    bucket = run.resource(FLEET, "AWS::S3::Bucket", "S3Bucket")
    must_be_equal("the object it is about", [key_of(one) for one in told], keys(run, bucket, "data/device=fan/"))
    run.client("sqs").purge_queue(QueueUrl=dead)
    return Outcome("1 message", "1 object", "1 event in the consumer's dead-letter queue, alarm rang")


@scenario("the function fails for a record, and raises")
def transform_fails(run: Run) -> Outcome:
    """What the function fails for is in the error prefix; mended, the replay tool sends it through again."""
    bucket = run.resource(VARIANTS, "AWS::S3::Bucket", "TransformedS3Bucket")
    stream = run.resource(VARIANTS, "AWS::KinesisFirehose::DeliveryStream", "Transformed")
    function = run.resource(VARIANTS, "AWS::Lambda::Function", "Celsius")
    failed, topic = "errors/processing-failed/", "variants/oven/transformed"
    with device_of(run, VARIANTS, "oven") as oven, listener(run, topic_of(run, VARIANTS)) as ears:
        readings: list[dict[str, Any]] = [{"id": 1, "fahrenheit": 212}, {"id": 2, "fahrenheit": "hot"}]
        oven.publish(topic, [*readings, {"id": 3, "fahrenheit": 32}])
        run.wait("the failed record", lambda: len(lines(run, bucket, failed)) == 1)
        oven.publish(topic, [{"id": 4}])
        run.wait("the record that it raised for", lambda: len(lines(run, bucket, failed)) == 2)
        ears.must_hear("RecordsFailed")
        ears.must_hear("TransformFailed")
    codes = sorted(json.loads(line)["errorCode"] for line in lines(run, bucket, failed))
    must_be_equal("the error codes", codes, ["Lambda.FunctionError", "Lambda.ProcessingFailedStatus"])
    good = sorted(lines(run, bucket, "data/"))
    must_be_equal("the good records", good, [b'{"id": 1, "celsius": 100.0}', b'{"id": 3, "celsius": 0.0}'])
    client = run.client("lambda")
    client.update_function_configuration(FunctionName=function, Environment={"Variables": {"LENIENT": "1"}})
    tool(run, REPLAY_ERRORS, "--bucket", bucket, "--prefix", failed, "--stream", stream)
    run.wait("the mended records", lambda: {b'{"id": 2}', b'{"id": 4}'} <= set(lines(run, bucket, "data/")))
    must_be_equal("left in the error prefix", keys(run, bucket, failed), [])
    return Outcome("4 records", "2, and 2 after the replay", f"2 in {failed}, both alarms rang")


@scenario("Parquet")
def parquet(run: Run) -> Outcome:
    """Readings become typed columns; one that does not fit the table is in the error prefix."""
    bucket = run.resource(VARIANTS, "AWS::S3::Bucket", "ColumnsS3Bucket")
    with device_of(run, VARIANTS, "meter") as meter, listener(run, topic_of(run, VARIANTS)) as ears:
        readings: list[dict[str, Any]] = [{"temperature": n / 2, "serial": 2**40 + n} for n in range(40)]
        readings.append({"temperature": "mild", "serial": 0})
        meter.publish("variants/meter/columns", readings)
        failed = run.wait(
            "the record that does not fit", lambda: lines(run, bucket, "errors/format-conversion-failed/")
        )
        ears.must_hear("ConversionFailed")
    original = json.loads(base64.b64decode(json.loads(failed[0])["rawData"]))
    must_be_equal("the failed record", original["temperature"], "mild")
    rows = run.wait("40 rows", lambda: found if len(found := parquet_rows(run, bucket)) >= 40 else None)
    must_be_equal("the rows", rows, [("meter", n / 2, 2**40 + n) for n in range(40)])
    return Outcome("41 records", "40 rows of 3 typed columns in Parquet", "1 in errors/format-conversion-failed/")


@scenario(f"{MESSAGES:,} messages from {PUBLISHERS} publishers")
def many(run: Run) -> Outcome:
    """Every message arrives once, none is lost and none invented."""
    bucket = run.resource(FLEET, "AWS::S3::Bucket", "S3Bucket")
    share = MESSAGES // PUBLISHERS
    names = [f"publisher{number}" for number in range(PUBLISHERS)]
    with ExitStack() as stack, ThreadPoolExecutor(PUBLISHERS) as pool:
        devices = [stack.enter_context(device_of(run, FLEET, name)) for name in names]
        started = time.monotonic()
        messages = [[{"serial": n, "temperature": 20} for n in range(share)] for _ in names]
        topics = [f"fleet/{name}/telemetry" for name in names]
        list(pool.map(Device.publish, devices, topics, messages))
        taken = time.monotonic() - started
    got = run.wait(f"{MESSAGES:,} lines", lambda: found if len(found := serials(run, bucket)) >= MESSAGES else None, 60)
    arrived = time.monotonic() - started
    time.sleep(1.5)
    must_be_equal(
        "the messages", sorted(serials(run, bucket)), sorted((name, n) for name in names for n in range(share))
    )
    rate = f"{MESSAGES / taken:,.0f}/s taken, all in S3 after {arrived:.0f} s"
    return Outcome(f"{MESSAGES:,} over MQTT and TLS, QoS 1", f"{len(got):,} lines, each once; {rate}")


@scenario("the stream is deleted")
def stream_deleted(run: Run) -> Outcome:
    """Without its stream, a rule's messages wait in the error queue."""
    stream = run.resource(VARIANTS, "AWS::KinesisFirehose::DeliveryStream", "Columns")
    queue = run.resource(VARIANTS, "AWS::SQS::Queue", "ColumnsErrorQueue")
    run.client("firehose").delete_delivery_stream(DeliveryStreamName=stream)
    with device_of(run, VARIANTS, "late") as late, listener(run, topic_of(run, VARIANTS)) as ears:
        late.publish("variants/late/columns", [{"temperature": 20.5, "serial": 1}])
        failed = run.wait("the error queue", lambda: waiting(run, queue))
        ears.must_hear("ErrorQueueNotEmpty")
    originals = [json.loads(base64.b64decode(one["base64OriginalPayload"])) for one in failed]
    must_be_equal("the payloads", originals, [{"temperature": 20.5, "serial": 1}])
    return Outcome("1 message", "none", "1 in the error queue as it was, alarm rang")


# An alarm that has rung goes on for minutes, so that what must ring comes before what may.
actions = scenario("eight actions beside the stream")(_iot_actions.each_arrives)
raising = scenario("the action's function raises")(_iot_actions.function_raises)
cut = scenario("each action cut once")(_iot_actions.each_fails_alone)
domain = scenario("documents in a domain")(_iot_sinks.domain)
collection = scenario("documents in a collection")(_iot_sinks.collection)
loads = scenario("rows in Redshift")(_iot_sinks.loads)
misfit = scenario("a document of another type")(_iot_sinks.document_does_not_fit)
unmapped = scenario("the stream's role is not mapped")(_iot_sinks.unmapped)
no_data_policy = scenario("no data access policy")(_iot_sinks.no_data_policy)
bad_record = scenario("a record that cannot be loaded")(_iot_sinks.bad_record)
unreadable = scenario("loads may not read")(_iot_sinks.unreadable)
new_column = scenario("a column more")(_iot_sinks.new_column)


def publish(run: Run, device: str, messages: Sequence[dict[str, Any] | bytes]) -> None:
    """Publish over HTTPS to the app's stack."""
    for one in messages:
        payload = one if isinstance(one, bytes) else json.dumps(one).encode()
        run.client("iot-data").publish(topic=TOPIC.format(device), qos=1, payload=payload)


@contextmanager
def device_of(run: Run, stack: str, name: str) -> Iterator[Device]:
    """A connected device with the stack's device policy."""
    with Device(run, name, run.resource(stack, "AWS::IoT::Policy")) as device:
        yield device


def topic_of(run: Run, stack: str) -> str:
    """The alarm topic of a stack."""
    return run.resource(stack, "AWS::SNS::Topic")


def consumer(run: Run) -> str:
    """The queue of the example's consumer, which hears of every object."""
    queues = run.resources(FLEET, "AWS::SQS::Queue", "Consumer")
    return next(url for url in queues if "ConsumerFailed" not in url)


def key_of(event: dict[str, Any]) -> str:
    """The object that an event of S3 is about."""
    return str(event["detail"]["object"]["key"])


def log_events(run: Run, group: str) -> list[str]:
    """What a log group holds."""
    return [one["message"] for one in run.client("logs").filter_log_events(logGroupName=group)["events"]]


def parquet_rows(run: Run, bucket: str) -> list[tuple[Any, ...]]:
    """The rows of all Parquet objects, in order of their serial."""
    rows: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory(dir=run.sandbox.folder) as folder:
        for number, key in enumerate(keys(run, bucket, "data/")):
            path = Path(folder) / f"{number}.parquet"
            run.client("s3").download_file(bucket, key, str(path))
            with duckdb.connect() as database:
                rows += database.read_parquet(str(path)).project("device, temperature, serial").fetchall()
    return sorted(rows, key=lambda row: row[2])


def serials(run: Run, bucket: str) -> list[tuple[str, int]]:
    """The device and the number of each message that arrived."""
    found = map(json.loads, lines(run, bucket, "data/device=publisher"))
    return [(one["device"], one["serial"]) for one in found]


def must_be_equal(what: str, got: Any, expected: Any) -> None:
    """Compare.

    Raises:
        Broken: If they differ.
    """
    if got != expected:
        raise Broken(f"{what}: got {str(got)[:300]}, expected {str(expected)[:300]}")
