"""Firehose streams to OpenSearch: they collect, send in bulk, try again for their time, and write what failed to S3.

MiniStack takes the records of such streams and does nothing with them. Documents that do not fit are given up at once,
others when the time for retries, by the clock of ``firehose.CLOCK``, is over; whether Firehose sends the former again
is not documented. Nothing is delivered as long as S3 does not take what failed, as on AWS. The codes in the error log
are our reading.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import firehose

from . import access
from .firehose import CLOCK
from .firehose_processing import Record, StoredObject, count, stored, transform
from .firehose_targets import FAILED, KINDS, Document, Target

_TICK_SECONDS = 0.05
_RETRY_SECONDS = 0.2
_MIB = 1024 * 1024
_REFUSED = (401, 403)
_MALFORMED = (
    "One or more records are malformed. Ensure that each record is single, valid JSON object and that it does not "
    "contain newlines."
)
_log = logging.getLogger("sandbox.firehose")


@dataclass
class _Batch:
    """Documents that go together.

    Attributes:
        documents: Those that are not indexed yet.
        first: When they were sent first; 0 for not yet.
        retry_at: When they are sent next.
    """

    documents: list[Document]
    first: float = 0
    retry_at: float = 0


@dataclass
class _Stream:
    """What a stream has in hand."""

    account: str
    region: str
    name: str
    records: list[Record] = field(default_factory=list)
    batches: list[_Batch] = field(default_factory=list)
    objects: list[tuple[StoredObject, bool]] = field(default_factory=list)
    retry_at: float = 0


_streams: dict[tuple[str, str, str], _Stream] = {}


def install() -> None:
    """Start the deliveries."""
    threading.Thread(target=_run, name="firehose-search", daemon=True).start()


def _run() -> None:
    access.over_tls()
    while True:
        time.sleep(_TICK_SECONDS)
        there = {key: one for key, one in firehose._streams.all_items() if _kind(one) is not None}
        for key in _streams.keys() - there.keys():
            del _streams[key]
        for key, described in there.items():
            stream = _streams.setdefault(key, _Stream(*key))
            with request_scope(stream.account, stream.region):
                _advance(stream, described)


def _kind(described: Mapping[str, Any]) -> type[Target] | None:
    return next((KINDS.get(one["type"]) for one in described["destinations"][:1]), None)


def _advance(stream: _Stream, described: Mapping[str, Any]) -> None:
    """Take what has come, and do what is due."""
    _take(stream, described)
    destination, kind = described["destinations"][0], _kind(described)
    if kind is None or not (stream.records or stream.batches or stream.objects):
        return
    target = kind(destination["config"], stream.account, stream.region)
    try:
        if stream.retry_at <= time.time():
            _write(stream, target)
            if _is_due(stream, target.config):
                _process(stream, described, target)
            for batch in [one for one in stream.batches if one.retry_at <= time.time()]:
                _deliver(stream, described, target, batch)
            _write(stream, target)
    except access.Refused as error:
        stream.retry_at = time.time() + _RETRY_SECONDS
        _log.warning("%s waits: %s", stream.name, error)
        target.backup.report("S3.AccessDenied", str(error))
    _measure(stream, target)


def _take(stream: _Stream, described: Mapping[str, Any]) -> None:
    with firehose._lock:
        waiting = described["destinations"][0]["records"]
        taken = [Record(one["id"], base64.b64decode(one["data"]), time.time()) for one in waiting]
        waiting.clear()
    if taken:
        count(stream.name, "IncomingRecords", len(taken))
        stream.records += taken


def _is_due(stream: _Stream, config: Mapping[str, Any]) -> bool:
    if not stream.records:
        return False
    hints = config.get("BufferingHints") or {}
    age = time.time() - stream.records[0].arrived
    size = sum(len(record.data) for record in stream.records)
    return bool(age >= hints.get("IntervalInSeconds", 300) / CLOCK or size >= hints.get("SizeInMBs", 5) * _MIB)


def _process(stream: _Stream, described: Mapping[str, Any], target: Target) -> None:
    """Make documents of the records, and objects of all of them if the stream keeps all."""
    good, failed = transform(stream.records, described, target.backup)
    if target.config.get("S3BackupMode") == "AllDocuments":
        prefix = firehose._evaluate_prefix(target.backup.config.get("Prefix"), time.gmtime())
        body = b"".join(record.data for record in stream.records)
        stream.objects.append((stored(body, prefix, stream.records, described, target.backup), True))
    stream.records = []
    stream.objects += [(one, False) for one in failed]
    documents = [target.document(record) for record in good]
    malformed = [one for one in documents if not _is_object(one.record.data)]
    if malformed:
        target.report("OS.MalformedData", _MALFORMED)
        _give_up(stream, described, target, [(one, "400", _MALFORMED) for one in malformed])
    documents = [one for one in documents if one not in malformed]
    if documents:
        stream.batches.append(_Batch(documents))


def _is_object(data: bytes) -> bool:
    try:
        return b"\n" not in data.strip() and isinstance(json.loads(data), dict)
    except ValueError:
        return False


def _deliver(stream: _Stream, described: Mapping[str, Any], target: Target, batch: _Batch) -> None:
    """Send what is left of a batch; what fails waits, or is given up."""
    batch.first = batch.first or time.time()
    sent = batch.documents
    for one in sent:
        one.attempts += 1
    status, said = _sent(target, sent)
    answers = _answers(status, said, len(sent))
    good = [one for one, (code, _) in zip(sent, answers, strict=True) if code < 300]
    bad = [(one, code, text) for one, (code, text) in zip(sent, answers, strict=True) if code >= 300]
    _count(stream, target, good, [code for _, code, _ in bad])
    over = time.time() >= batch.first + target.retry_seconds / CLOCK
    lost = [(one, str(code), text) for one, code, text in bad if over or not _may_pass(code)]
    batch.documents = [one for one, code, _ in bad if not over and _may_pass(code)]
    batch.retry_at = time.time() + _RETRY_SECONDS
    if not batch.documents:
        stream.batches.remove(batch)
    if bad:
        _, code, text = bad[0]
        _log.warning("%s: %d of %d documents were refused: %s", stream.name, len(bad), len(sent), text)
        target.report("OS.AccessDenied" if code in _REFUSED else "OS.ServiceException", text)
    if lost:
        _give_up(stream, described, target, lost)


def _sent(target: Target, documents: Sequence[Document]) -> tuple[int, Any]:
    try:
        return target.bulk(documents)
    except access.Refused as error:
        return 403, {"message": str(error)}


def _answers(status: int, said: Any, number: int) -> list[tuple[int, str]]:
    """The status and the error of each document."""
    if status != 200:
        return [(status, json.dumps(said))] * number
    return [(int(one["status"]), json.dumps(one.get("error", ""))) for item in said["items"] for one in item.values()]


def _may_pass(code: int) -> bool:
    """Whether what was refused may be taken later."""
    return code in (404, 408, 429, *_REFUSED) or code >= 500


def _give_up(
    stream: _Stream, described: Mapping[str, Any], target: Target, lost: Sequence[tuple[Document, str, str]]
) -> None:
    """Let an object have what failed."""
    prefix = firehose._evaluate_prefix(target.backup.config["ErrorOutputPrefix"], time.gmtime(), error_type=FAILED)
    lines = [json.dumps(_failure(target.member, *one)) + "\n" for one in lost]
    records = [one.record for one, _, _ in lost]
    stream.objects.append((stored("".join(lines).encode(), prefix, records, described, target.backup), False))


def _failure(member: str, document: Document, code: str, message: str) -> dict[str, Any]:
    kind = {"esTypeName": ""} if member == "es" else {}
    return {
        "attemptsMade": max(document.attempts, 1),
        "arrivalTimestamp": int(document.record.arrived * 1000),
        "errorCode": code,
        "errorMessage": message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(document.record.data).decode(),
        f"{member}DocumentId": document.id,
        f"{member}IndexName": document.index,
        **kind,
    }


def _write(stream: _Stream, target: Target) -> None:
    while stream.objects:
        one, whole = stream.objects[0]
        target.backup.put(one)
        stream.objects.pop(0)
        count(stream.name, "DeliveryToS3.Success", 1)
        if whole:  # https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
            count(stream.name, "DeliveryToS3.Records", one.records)
            count(stream.name, "DeliveryToS3.Bytes", len(one.body))
            count(stream.name, "DeliveryToS3.DataFreshness", (time.time() - one.arrived) * CLOCK)


def _count(stream: _Stream, target: Target, good: Sequence[Document], bad: Sequence[int]) -> None:
    """Publish how an attempt went: the share that was indexed, and 0 or 1 for each way to be refused."""
    values = {
        "Success": len(good) / (len(good) + len(bad)),
        "AuthFailure": float(any(code in _REFUSED for code in bad)),
        "DeliveryRejected": float(any(code not in _REFUSED for code in bad)),
    }
    if good:
        values |= {"Records": len(good), "Bytes": sum(len(one.record.data) for one in good)}
    for name, value in values.items():
        count(stream.name, f"{target.metric}.{name}", value)


def _measure(stream: _Stream, target: Target) -> None:
    """Publish the age of the oldest record that is not in OpenSearch, by the clock of the sandbox."""
    waiting = [one.arrived for one in stream.records[:1]]
    waiting += [one.record.arrived for batch in stream.batches for one in batch.documents[:1]]
    if waiting:
        count(stream.name, f"{target.metric}.DataFreshness", (time.time() - min(waiting)) * CLOCK)
