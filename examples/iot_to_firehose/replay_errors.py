#!/usr/bin/env python3
"""Put the records under an error prefix into their Firehose stream again, also documents that OpenSearch did not take.

Each object is deleted after the stream has taken all of its records. Records that fail again come back as new objects
and are left there, so that the run ends. Objects that hold anything else, such as the manifests of a direct COPY, are
left there too, and told.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3

MAX_RECORDS = 500
MAX_BYTES = 4 * 1024 * 1024
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""
TRIES = 5


def replay(s3: Any, firehose: Any, bucket: str, prefix: str, stream: str) -> int:
    """Put the records of all objects that are there now and return how many that were.

    Args:
        s3: A client.
        firehose: A client.
        bucket: The bucket.
        prefix: Where the failed records are.
        stream: The stream's name.

    Raises:
        RuntimeError: If the stream does not take records after several tries; their object is still there.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    count = 0
    for number, key in enumerate(keys, 1):
        try:
            records = list(failed_records(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        except (KeyError, TypeError, ValueError):
            print(f"{key} is left: it does not hold failed records alone", file=sys.stderr)
            continue
        for batch in batches(records):
            put(firehose, stream, batch)
        s3.delete_object(Bucket=bucket, Key=key)
        count += len(records)
        print(f"{number} of {len(keys)} objects, {count} records ...", file=sys.stderr)
    return count


def failed_records(body: bytes) -> Iterator[bytes]:
    """Yield the original records of an error object.

    Args:
        body: The object, compressed or not.
    """
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    for line in body.splitlines():
        if line.strip():
            yield base64.b64decode(json.loads(line)["rawData"])


def batches(records: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the records in groups that one call can take.

    Args:
        records: The records.
    """
    batch: list[bytes] = []
    for record in records:
        if batch and (len(batch) == MAX_RECORDS or sum(map(len, batch)) + len(record) > MAX_BYTES):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


def put(firehose: Any, stream: str, batch: list[bytes], pause: float = 1) -> None:
    """Put one group of records, and those again that the stream did not take.

    Args:
        firehose: A client.
        stream: The stream's name.
        batch: The records.
        pause: Seconds to wait before the second try; doubled for each further one.

    Raises:
        RuntimeError: If some are left after several tries.
    """
    for attempt in range(TRIES):
        answer = firehose.put_record_batch(DeliveryStreamName=stream, Records=[{"Data": data} for data in batch])
        batch = [data for data, one in zip(batch, answer["RequestResponses"], strict=True) if "ErrorCode" in one]
        if not batch:
            return
        time.sleep(pause * 2**attempt)
    raise RuntimeError(f"{stream} must take {len(batch)} more records, got throttled {TRIES} times; run again later")


def main() -> None:
    """Replay the prefix named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bucket", required=True, help="the output BucketName of the stack")
    parser.add_argument("--prefix", required=True, help="such as errors/processing-failed/")
    parser.add_argument("--stream", required=True, help="the output StreamName of the stack")
    asked = parser.parse_args()
    clients = boto3.client("s3"), boto3.client("firehose")
    count = replay(*clients, asked.bucket, asked.prefix, asked.stream)
    print(f"{count} records put again; what fails again appears under {asked.prefix}")


if __name__ == "__main__":
    main()
