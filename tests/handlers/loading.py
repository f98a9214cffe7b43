"""Handlers as Lambda loads them: their file, run anew, so that clients and settings are those of the test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parent.parent.parent / "constructs" / "cdk_refarch"
PROVIDERS = PACKAGE / "_parts" / "providers"
SHARED = {"directory_service": ("directories", "managed_ad_replicas")}
"""What modules of providers import besides the protocol, in this order."""
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:111122223333:function:handler"


class Context:
    """What Lambda tells a function of its invocation; each look at the clock takes time.

    Args:
        seconds: The time that is left.
        look: What a look takes, in seconds.
    """

    invoked_function_arn = FUNCTION_ARN
    log_stream_name = "2026/01/31/[$LATEST]abc"

    def __init__(self, seconds: float = 300, look: float = 0) -> None:
        self.seconds, self._look = seconds, look

    def get_remaining_time_in_millis(self) -> int:
        self.seconds -= self._look
        return int(self.seconds * 1000)


def load(architecture: str, name: str) -> Any:
    """Return the module of a handler; patch ``boto3`` and the environment before.

    Args:
        architecture: The architecture's folder.
        name: The handler's folder.
    """
    return _run(f"handler_{name}", PACKAGE / architecture / "handlers" / name / "index.py")


def load_provider(name: str) -> Any:
    """Return the module of a provider of custom resources, with a protocol of its own; patch ``boto3`` before.

    Args:
        name: The module in ``_parts/providers``.
    """
    with pytest.MonkeyPatch.context() as patch:
        # Its folder is the root of the function's code, and nothing of it stays for other tests.
        for shared in ("cloudformation", *SHARED.get(name, ())):
            patch.setitem(sys.modules, shared, _run(shared, PROVIDERS / f"{shared}.py"))
        return _run(f"provider_{name}", PROVIDERS / f"{name}.py")


def _run(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
