"""Names of streams, and the ids that are made of them."""

from __future__ import annotations

STREAM_NAME = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
"""What a name of a stream looks like."""

MAX_STREAM_NAME = 40


def stream_id(name: str) -> str:
    """Return the PascalCase id of a stream.

    Args:
        name: Its name.
    """
    return "".join(part.capitalize() for part in name.split("_"))
