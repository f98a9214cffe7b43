"""An instance refresh as it goes on, and why it may not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import new_uuid, now_iso

from .state import Record

ACTIVE = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")


class StoppedError(Exception):
    """A refresh cannot go on; the message is why."""


class CancelledError(Exception):
    """A refresh shall not go on."""


class RolledBackError(Exception):
    """A refresh shall be undone."""


@dataclass
class Refresh:
    """An instance refresh.

    Attributes:
        preferences: How it is done, with the names and values of the API.
        configuration: The launch template that it wants; ``None`` for the group's.
        status: Its status.
        reason: What it says of it.
        started: When it began.
        ended: When it ended; empty before.
        percentage: How much of it is done.
        left: How many instances are still to be replaced.
        id: Its id.
        wish: What a caller wants of it: ``cancel``, ``rollback`` or nothing.
        over: Set when it has ended.
    """

    preferences: Mapping[str, Any]
    configuration: Record | None
    status: str = "Pending"
    reason: str = ""
    started: str = field(default_factory=now_iso)
    ended: str = ""
    percentage: int = 0
    left: int = 0
    id: str = field(default_factory=new_uuid)
    wish: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def number(self, name: str, default: int) -> int:
        """A preference that is a number.

        Args:
            name: Its name.
            default: What it is when it was not given.
        """
        value = self.preferences.get(name)
        return default if value is None or value == "" else int(value)

    def flag(self, name: str) -> bool:
        """A preference that is true or false.

        Args:
            name: Its name.
        """
        return str(self.preferences.get(name, "")).lower() == "true"
