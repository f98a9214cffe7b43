"""Time that does not pass while a handler waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest


def sleep_by(monkeypatch: pytest.MonkeyPatch, instead: Callable[[float], object]) -> None:
    """Call something instead of sleeping in the thread of the test; others, such as MiniStack's, sleep as they did.

    Args:
        monkeypatch: The fixture.
        instead: What is called with the seconds.
    """
    sleep, own = time.sleep, threading.get_ident()

    def pause(seconds: float) -> None:
        if threading.get_ident() == own:
            instead(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr(time, "sleep", pause)
