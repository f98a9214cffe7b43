"""Firehose streams to S3 as they run on AWS: they collect, process, write with their role, and try again.

MiniStack writes each record at once, as an object of its own, uncompressed and whatever the role may do, and forgets
what it cannot write. Here a stream buffers by its hints, with a clock that runs ``CLOCK`` times faster, and keeps
every object until S3 has taken it; unlike Firehose, which gives up after 24 hours, for as long as the sandbox runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import firehose

from . import access
from .firehose_processing import Record, StoredObject, count, process
from .firehose_s3 import Destination
from .firehose_targets import KINDS, Target

CLOCK = 300
"""Times faster than on AWS: a buffer interval of 300 s takes one second."""
_TICK_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_MIB = 1024 * 1024
_log = logging.getLogger("sandbox.firehose")


@dataclass
class _Stream:
    """What a stream has in hand: records that it collects, and objects that S3 has not taken yet."""

    account: str
    region: str
    name: str
    records: list[Record] = field(default_factory=list)
    objects: list[StoredObject] = field(default_factory=list)
    retry_at: float = 0


_DESTINATIONS: dict[str, type[Destination | Target]] = {
    "ExtendedS3DestinationConfiguration": Destination,
    "S3DestinationConfiguration": Destination,
    **{kind.request: kind for kind in KINDS.values()},
}
_streams: dict[tuple[str, str, str], _Stream] = {}
_lock = threading.Lock()
_create = firehose._create_delivery_stream


def install() -> None:
    """Put the adapter in MiniStack's place and start the deliveries."""
    firehose._deliver_records_to_s3 = _collect
    firehose._create_delivery_stream = _create_stream
    firehose._HANDLERS["CreateDeliveryStream"] = _create_stream
    threading.Thread(target=_run, name="firehose", daemon=True).start()


def _create_stream(request: dict[str, Any]) -> Any:
    """Create a stream if its role can be assumed and may do its work: what is refused now would fail every delivery.

    AWS checks the trust at once and finds out about permissions when it delivers. Asking for them here makes a
    template that creates the stream before its role's policy fail always, not now and then.
    """
    for key, destination in _DESTINATIONS.items():
        if key in request:
            try:
                destination(request[key], get_account_id(), get_region()).check()
            except access.Refused as error:
                return firehose._invalid(f"Firehose is unable to work with the role: {error}")
    return _create(request)


def _collect(stream: Mapping[str, Any], _: Any, records: Iterable[tuple[str, bytes]]) -> None:
    now = time.time()
    key = (get_account_id(), get_region(), stream["name"])
    with _lock:
        mine = _streams.setdefault(key, _Stream(*key))
        mine.records += [Record(id, data, now) for id, data in records]
    count(mine.name, "IncomingRecords", 1)


def _run() -> None:
    access.over_tls()
    while True:
        time.sleep(_TICK_SECONDS)
        for stream in list(_streams.values()):
            with request_scope(stream.account, stream.region):
                described = firehose._streams.get(stream.name)
                if described is None:
                    _streams.pop((stream.account, stream.region, stream.name), None)
                else:
                    _advance(stream, described)


def _advance(stream: _Stream, described: Mapping[str, Any]) -> None:
    """Process what has been collected for long enough, and write what waits."""
    config = described["destinations"][0]["config"]
    destination = Destination(config, stream.account, stream.region)
    try:
        if stream.retry_at <= time.time():
            if _is_due(stream, config):
                _process(stream, described, destination)
            _write(stream, destination)
    except access.Refused as error:
        stream.retry_at = time.time() + _RETRY_SECONDS
        _log.warning("%s waits: %s", stream.name, error)
        destination.report("S3.AccessDenied", str(error))
    _measure(stream)


def _is_due(stream: _Stream, config: Mapping[str, Any]) -> bool:
    if not stream.records:
        return False
    hints = config.get("BufferingHints") or {}
    age = time.time() - stream.records[0].arrived
    size = sum(len(record.data) for record in stream.records)
    return bool(age >= hints.get("IntervalInSeconds", 300) / CLOCK or size >= hints.get("SizeInMBs", 5) * _MIB)


def _process(stream: _Stream, described: Mapping[str, Any], destination: Destination) -> None:
    destination.assume()
    with _lock:
        collected, stream.records = stream.records, []
    try:
        stream.objects += process(collected, described, destination)
    except access.Refused:
        with _lock:
            stream.records = collected + stream.records
        raise


def _write(stream: _Stream, destination: Destination) -> None:
    while stream.objects:
        one = stream.objects[0]
        destination.put(one)
        stream.objects.pop(0)
        count(stream.name, "DeliveryToS3.Records", one.records)
        count(stream.name, "DeliveryToS3.Success", 1)


def _measure(stream: _Stream) -> None:
    """Publish the age of the oldest record that is not in S3, by the clock of the sandbox."""
    waiting = [record.arrived for record in stream.records[:1]] + [one.arrived for one in stream.objects[:1]]
    if waiting:
        count(stream.name, "DeliveryToS3.DataFreshness", (time.time() - min(waiting)) * CLOCK)
