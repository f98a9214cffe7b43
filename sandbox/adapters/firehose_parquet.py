"""Conversion to Parquet as Firehose's OpenX deserializer has it, on MiniStack's converter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from ministack.services import firehose, glue

MANY = 50
"""From how many records on time matters."""


def converted(conversion: Mapping[str, Any], records: Sequence[bytes]) -> bytes | None:
    """Return the records as a Parquet object, or None if one of them does not fit.

    Args:
        conversion: The conversion of the stream.
        records: The records, from one on.
    """
    lines = b"\n".join(lowered(record) for record in records)
    try:
        return (
            _converted_at_once(conversion, lines) if len(records) > MANY else _converted_one_by_one(conversion, lines)
        )
    except duckdb.Error:
        # Something that MiniStack may see otherwise; it is the one that says which record does not fit.
        return _converted_one_by_one(conversion, lines)


def _converted_one_by_one(conversion: Mapping[str, Any], lines: bytes) -> bytes | None:
    try:
        body: bytes = firehose._convert_to_parquet(conversion, lines)
    except firehose._DeliveryError:
        return None
    return body


def _converted_at_once(conversion: Mapping[str, Any], lines: bytes) -> bytes:
    """Return the same as MiniStack does, which inserts row by row and takes 20 ms for each."""
    schema = conversion["SchemaConfiguration"]
    table = glue._tables[f"{schema['DatabaseName']}/{schema['TableName']}"]
    columns = {one["Name"]: firehose._hive_to_duckdb_type(one["Type"]) for one in table["StorageDescriptor"]["Columns"]}
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        said, written = Path(folder, "records.json"), Path(folder, "records.parquet")
        said.write_bytes(lines)
        database.read_json(str(said), columns=columns, format="newline_delimited").write_parquet(str(written))
        return written.read_bytes()


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
