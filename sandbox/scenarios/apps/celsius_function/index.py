"""A function for Firehose: Fahrenheit to Celsius. It fails for what is no number, and raises without a reading.

Told to be lenient, it lets both pass.
"""

import base64
import json
import os
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer each record with ``Ok`` and its new data, or with ``ProcessingFailed``."""
    return {"records": [convert(record) for record in event["records"]]}


def convert(record: dict[str, Any]) -> dict[str, Any]:
    """Convert one record."""
    reading = json.loads(base64.b64decode(record["data"]))
    lenient = os.environ.get("LENIENT")
    fahrenheit = reading.pop("fahrenheit", None) if lenient else reading.pop("fahrenheit")
    if isinstance(fahrenheit, (int, float)):
        reading["celsius"] = round((fahrenheit - 32) / 1.8, 2)
    elif not lenient:
        return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
    data = base64.b64encode((json.dumps(reading) + "\n").encode()).decode()
    return {"recordId": record["recordId"], "result": "Ok", "data": data}
