"""The types of columns in the Glue Data Catalog."""

from __future__ import annotations

import re

_SIMPLE = re.compile(
    r"(tinyint|smallint|int|bigint|boolean|float|double|string|binary|timestamp|date|decimal"
    r"|decimal\(\d{1,2}(,\d{1,2})?\)|(char|varchar)\([1-9]\d{0,4}\))"
)
_NESTED = re.compile(r"(array|map|struct)<(.*)>")


def is_type(text: str) -> bool:
    """Tell whether a text is a type of Hive, as Athena and Firehose read it.

    See https://docs.aws.amazon.com/athena/latest/ug/data-types.html

    Args:
        text: The text, such as ``array<struct<at:timestamp,value:double>>``.
    """
    text = text.replace(" ", "").lower()
    if _SIMPLE.fullmatch(text):
        return True
    nested = _NESTED.fullmatch(text)
    if not nested:
        return False
    inner = _arguments(nested[2])
    if nested[1] == "array":
        return len(inner) == 1 and is_type(inner[0])
    if nested[1] == "map":
        return len(inner) == 2 and bool(_SIMPLE.fullmatch(inner[0])) and is_type(inner[1])
    fields = [field.partition(":") for field in inner]
    return all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) and is_type(kind) for name, _, kind in fields)


def _arguments(text: str) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
