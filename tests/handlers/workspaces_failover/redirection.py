"""The functions of the redirection as Lambda loads them, and the settings that they read."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from tests.handlers.loading import PACKAGE

FOLDER = PACKAGE / "workspaces_failover" / "handlers" / "redirection"
MODULES = [path.stem for path in FOLDER.glob("*.py")]

FQDN, ZONE, PARAMETER, NAMESPACE = (
    "desktop.example.com",
    "Z0123456789ABC",
    "/cdk/switch",
    "cdk-refarch/WorkspacesFailover",
)
HEALTH_CHECK = "0123-abcd"
REGIONS = {"primary": "eu-central-1", "failover": "eu-west-1"}
IDENTIFIERS = {"primary": "abc123", "failover": "xyz789"}


def load_redirection(name: str) -> Any:
    """Return a module of the folder, run anew with those it imports; patch ``boto3`` and the environment before.

    Args:
        name: The module.
    """
    with pytest.MonkeyPatch.context() as patch:
        # The folder is the root of the code; nothing of it stays for other tests.
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        for module in MODULES:
            patch.delitem(sys.modules, module, raising=False)
        try:
            return importlib.import_module(name)
        finally:
            for module in MODULES:
                sys.modules.pop(module, None)
