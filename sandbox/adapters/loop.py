"""The event loop that MiniStack serves on, for adapters that work in threads of their own.

CloudFormation's deployments are tasks of that loop; what a thread wants deployed must be begun there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_loops: list[asyncio.AbstractEventLoop] = []


def remember() -> None:
    """Note the running loop as the one that serves."""
    _loops[:] = [asyncio.get_running_loop()]


def call(function: Callable[[], Result]) -> Result:
    """Call a function in the loop that serves, with the context of the caller, and wait for what it returns.

    Args:
        function: What to call; it must not block.
    """

    async def called() -> Result:
        return function()

    return asyncio.run_coroutine_threadsafe(called(), _loops[0]).result()
