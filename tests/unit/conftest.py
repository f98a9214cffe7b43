"""What all unit tests share: apps without the checks that they do not look at."""

from __future__ import annotations

import functools

import aws_cdk as cdk
import pytest


@pytest.fixture(autouse=True)
def plain_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the apps of a test have no CloudFormation Validate and no tree, unless it asks for them.

    The validation is the larger part of a synthesis, and without a look at the report, which is the gate's, it says
    nothing.
    """
    made = functools.partialmethod(cdk.App.__init__, builtin_cloud_formation_validation=False, tree_metadata=False)
    monkeypatch.setattr(cdk.App, "__init__", made)
