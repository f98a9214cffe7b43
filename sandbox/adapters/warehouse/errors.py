"""What SQL is refused with."""

from __future__ import annotations


class SqlError(Exception):
    """A statement fails; the message is what Redshift says."""
