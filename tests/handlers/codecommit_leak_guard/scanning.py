"""The scanner as Lambda loads it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from tests.handlers.loading import PACKAGE

FOLDER = PACKAGE / "codecommit_leak_guard" / "handlers" / "guard"
MODULES = [path.stem for path in FOLDER.glob("*.py")]


def load_scanner() -> Any:
    """Return the module; nothing of its folder stays for other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        for module in MODULES:
            patch.delitem(sys.modules, module, raising=False)
        try:
            return importlib.import_module("scanner")
        finally:
            for module in MODULES:
                sys.modules.pop(module, None)


SCANNER = load_scanner()
