"""Conversion to Parquet as Firehose's OpenX deserializer has it, on MiniStack's converter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import firehose


def converted(conversion: Mapping[str, Any], records: Sequence[bytes]) -> bytes | None:
    """Return the records as a Parquet object, or None if one of them does not fit.

    Args:
        conversion: The conversion of the stream.
        records: The records, from one on.
    """
    try:
        body: bytes = firehose._convert_to_parquet(conversion, b"\n".join(lowered(record) for record in records))
    except firehose._DeliveryError:
        return None
    return body


def lowered(record: bytes) -> bytes:
    """Return a record with all its keys in lower case, as the deserializer reads them, also those of maps.

    See https://github.com/rcongiu/Hive-JSON-Serde/issues/236

    Args:
        record: The record.
    """

    def lower(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.lower(): lower(one) for key, one in value.items()}
        return [lower(one) for one in value] if isinstance(value, list) else value

    try:
        return json.dumps(lower(json.loads(record))).encode()
    except ValueError:
        return record
