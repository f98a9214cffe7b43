"""What a stream does to records before it writes them: take apart, transform, partition, convert, compress.

MiniStack's own jq, prefixes and Parquet do the fine work. Records that fail come out as objects under the error prefix,
each with its reason and the record as it came in.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ministack.services import cloudwatch, firehose, lambda_svc

from . import access
from . import firehose_parquet as parquet

if TYPE_CHECKING:
    from .firehose_s3 import Destination

_PROCESSORS = {"AppendDelimiterToRecord", "Lambda", "MetadataExtraction", "RecordDeAggregation"}
TRIES = 4
"""The first call of a function and three more: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html"""


@dataclass(frozen=True)
class Record:
    """A record in a stream.

    Attributes:
        id: Its id.
        data: Its data now.
        arrived: When it came in, seconds since 1970.
        original: Its data when it came in.
        keys: Partition keys that the function gave it.
    """

    id: str
    data: bytes
    arrived: float
    original: bytes = b""
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredObject:
    """An object to be written.

    Attributes:
        key: Its key in the bucket.
        body: Its content.
        arrived: When its oldest record came in.
        records: How many records it holds.
    """

    key: str
    body: bytes
    arrived: float
    records: int


@dataclass(frozen=True)
class _Failure:
    record: Record
    kind: str
    code: str
    message: str
    extra: Mapping[str, Any] = field(default_factory=dict)


class _Batch:
    """Records on their way through the steps of one stream."""

    def __init__(self, stream: Mapping[str, Any], destination: Destination) -> None:
        self.stream, self.destination, self.config = stream, destination, destination.config
        self.time = firehose._arrival_time(self.config)
        self.failures: list[_Failure] = []

    def fail(self, record: Record, error: Any) -> None:
        code = error.code or "DynamicPartitioning.MetadataExtractionFailed"
        self.failures.append(_Failure(record, error.output_type, code, error.message))

    def count(self, metric: str, value: float) -> None:
        count(self.stream["name"], metric, value)

    def compressed(self, body: bytes) -> tuple[bytes, str]:
        """The body as the stream compresses it, with the extension that says so."""
        if self.config.get("CompressionFormat") == "GZIP":
            return gzip.compress(body, mtime=0), ".gz"
        return body, ""

    def object(self, prefix: str, extension: str, body: bytes, records: Sequence[Record]) -> StoredObject:
        stamp = firehose._java_time("yyyy-MM-dd-HH-mm-ss", self.time)
        name = f"{self.stream['name']}-{self.stream.get('version', 1)}-{stamp}-{uuid4()}"
        return StoredObject(f"{prefix}{name}{extension}", body, min(one.arrived for one in records), len(records))


def count(stream: str, metric: str, value: float) -> None:
    """Publish a metric of a stream.

    Args:
        stream: Its name.
        metric: The metric.
        value: The value.
    """
    cloudwatch.record_metric("AWS/Firehose", metric, value, "None", {"DeliveryStreamName": stream})


def process(records: Sequence[Record], stream: Mapping[str, Any], destination: Destination) -> list[StoredObject]:
    """Turn records into the objects that a stream writes, good ones and failed ones.

    Args:
        records: What the stream has collected.
        stream: The stream as the API describes it.
        destination: Where it writes.

    Raises:
        access.Refused: If the role may not do a step; nothing has been written then.
    """
    batch = _Batch(stream, destination)
    groups = _partition(batch, _prepared(batch, records))
    if "AppendDelimiterToRecord" in _processors(batch):
        groups = {prefix: [_delimit(record) for record in members] for prefix, members in groups.items()}
    good = [one for prefix, members in groups.items() for one in _pack(batch, prefix, members)]
    return good + list(_failed(batch))


def transform(
    records: Sequence[Record], stream: Mapping[str, Any], destination: Destination
) -> tuple[list[Record], list[StoredObject]]:
    """Turn records into those that another destination than S3 gets, and the objects of those that failed.

    Args:
        records: What the stream has collected.
        stream: The stream as the API describes it.
        destination: Where it writes those that failed.

    Raises:
        access.Refused: If the role may not do a step.
    """
    batch = _Batch(stream, destination)
    return _prepared(batch, records), list(_failed(batch))


def stored(
    body: bytes, prefix: str, records: Sequence[Record], stream: Mapping[str, Any], destination: Destination
) -> StoredObject:
    """An object, compressed and named as a stream does it.

    Args:
        body: Its content.
        prefix: The prefix of its key.
        records: The records in it.
        stream: The stream as the API describes it.
        destination: Where it goes.
    """
    batch = _Batch(stream, destination)
    content, extension = batch.compressed(body)
    return batch.object(prefix, extension, content, records)


def _processors(batch: _Batch) -> dict[str, Mapping[str, Any]]:
    processing = batch.config.get("ProcessingConfiguration") or {}
    processors = (processing.get("Processors") or []) if processing.get("Enabled") else []
    return {processor["Type"]: processor for processor in processors}


def _prepared(batch: _Batch, records: Sequence[Record]) -> list[Record]:
    """The records, taken apart and sent through the function."""
    current, kinds = [replace(record, original=record.data) for record in records], _processors(batch)
    if unknown := kinds.keys() - _PROCESSORS:
        raise access.Refused(f"the sandbox has no processor {', '.join(unknown)}; add it to firehose_processing.py")
    if "RecordDeAggregation" in kinds:
        current = _take_apart(batch, current, kinds["RecordDeAggregation"])
    return _transform(batch, current) if "Lambda" in kinds else current


def _take_apart(batch: _Batch, records: list[Record], processor: Mapping[str, Any]) -> list[Record]:
    """Make records of the JSON documents, or of the delimited parts, that a record carries."""
    from .firehose_s3 import parameters

    given = parameters(processor)
    parts: list[Record] = []
    for record in records:
        if given["SubRecordType"] == "JSON":
            try:
                found = [json.dumps(document).encode() for document in firehose._json_documents(record.data)]
            except firehose._DeliveryError as error:
                batch.fail(record, error)
                continue
        else:
            found = [part for part in record.data.split(base64.b64decode(given["Delimiter"])) if part]
        parts += [replace(record, data=part, original=part) for part in found]
    return parts


def _transform(batch: _Batch, records: list[Record]) -> list[Record]:
    """Send the records through the function; those that it does not answer with ``Ok`` are dropped or fail."""
    function = batch.destination.function
    access.require(batch.destination.assume(), "lambda:InvokeFunction", function)
    if not records:
        return []
    answers, problem = _invoke(batch, function, records)
    good: list[Record] = []
    for record in records:
        answer = answers.get(record.id, {"result": "ProcessingFailed"})
        if answer["result"] == "Ok":
            keys = (answer.get("metadata") or {}).get("partitionKeys") or {}
            good.append(replace(record, data=base64.b64decode(answer["data"]), keys=keys))
        elif answer["result"] != "Dropped":
            code, message = problem or ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
            extra = {"lambdaArn": function}
            batch.failures.append(_Failure(record, "processing-failed", code, message, extra))
    return good


def _invoke(
    batch: _Batch, function: str, records: list[Record]
) -> tuple[dict[str, dict[str, Any]], tuple[str, str] | None]:
    """Call the function, several times if it fails; return its answers by record, or why there are none."""
    event = {
        "invocationId": str(uuid4()),
        "deliveryStreamArn": batch.stream["arn"],
        "region": batch.destination.region,
        "records": [
            {
                "recordId": record.id,
                "approximateArrivalTimestamp": int(record.arrived * 1000),
                "data": base64.b64encode(record.data).decode(),
            }
            for record in records
        ],
    }
    for _ in range(TRIES):
        found, _ = lambda_svc._get_func_record_for_qualifier(*lambda_svc._resolve_name_and_qualifier(function))
        result = lambda_svc._execute_function(found, event) if found else {"error": True}
        answer = _answer(result)
        good = "records" in answer
        batch.count("ExecuteProcessing.Success", float(good))
        if good:
            return {one["recordId"]: one for one in answer["records"]}, None
    message = "The Lambda function was successfully invoked but it returned an error result."
    batch.destination.report("Lambda.FunctionError", message)
    return {}, ("Lambda.FunctionError", message)


def _answer(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a function returned; empty if it failed or returned no object."""
    body = result.get("body")
    if result.get("error") or not body:
        return {}
    answer = json.loads(body) if isinstance(body, str | bytes) else body
    return answer if isinstance(answer, dict) else {}


def _delimit(record: Record) -> Record:
    return replace(record, data=record.data.rstrip(b"\n") + b"\n")


def _partition(batch: _Batch, records: list[Record]) -> dict[str, list[Record]]:
    """The records by the prefix that their partition keys and the time give."""
    partitioned = (batch.config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    groups: dict[str, list[Record]] = {}
    for record in records:
        try:
            keys = firehose._metadata_extraction_keys(batch.config, record.data) if partitioned else None
            prefix = firehose._evaluate_prefix(batch.config.get("Prefix", ""), batch.time, keys, record.keys)
        except firehose._DeliveryError as error:
            batch.fail(record, error)
            continue
        groups.setdefault(prefix, []).append(record)
    return groups


def _pack(batch: _Batch, prefix: str, records: list[Record]) -> Iterator[StoredObject]:
    """One object of a prefix: converted to Parquet, or compressed."""
    conversion = batch.destination.conversion
    given: str = batch.config.get("FileExtension") or ""
    if conversion:
        batch.destination.admit_table()
        body = parquet.converted(conversion, [record.data for record in records])
        if body is None:  # find out which
            records = [record for record in records if _converts(batch, conversion, record)]
            body = parquet.converted(conversion, [record.data for record in records]) if records else None
        if body is not None:
            yield batch.object(prefix, given or ".parquet", body, records)
        return
    body, extension = batch.compressed(b"".join(record.data for record in records))
    yield batch.object(prefix, given or extension, body, records)


def _converts(batch: _Batch, conversion: Mapping[str, Any], record: Record) -> bool:
    try:
        firehose._convert_to_parquet(conversion, parquet.lowered(record.data))
    except firehose._DeliveryError as error:
        schema = conversion["SchemaConfiguration"]
        table = {"databaseName": schema["DatabaseName"], "tableName": schema["TableName"]}
        extra = {"dataCatalogTable": table}
        batch.failures.append(_Failure(record, error.output_type, error.code, error.message, extra))
        batch.count("FailedConversion.Records", 1)
        return False
    return True


def _failed(batch: _Batch) -> Iterator[StoredObject]:
    """The objects of the error prefix, one for each kind of failure.

    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
    """
    for kind in sorted({failure.kind for failure in batch.failures}):
        failures = [failure for failure in batch.failures if failure.kind == kind]
        prefix = firehose._evaluate_prefix(batch.config.get("ErrorOutputPrefix"), batch.time, error_type=kind)
        lines = [json.dumps(_document(failure)) + "\n" for failure in failures]
        body, extension = batch.compressed("".join(lines).encode())
        yield batch.object(prefix, extension, body, [failure.record for failure in failures])


def _document(failure: _Failure) -> dict[str, Any]:
    code, message = ("errorCode", "errorMessage")
    if failure.kind == "format-conversion-failed":
        code, message = ("lastErrorCode", "lastErrorMessage")
    return {
        "attemptsMade": TRIES if failure.code == "Lambda.FunctionError" else 1,
        "arrivalTimestamp": int(failure.record.arrived * 1000),
        code: failure.code,
        message: failure.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(failure.record.original).decode(),
        **failure.extra,
    }
