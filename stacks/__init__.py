"""The deployable stacks, one for each architecture; a stack is wiring and outputs only."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import aws_cdk as cdk

    from .config import Settings

Architecture = Literal[
    "iot_to_firehose",
    "macie_to_eventbridge",
    "ses_config_sets",
    "image_builder_cicd",
    "workspaces_failover",
    "codecommit_leak_guard",
]

STACKS: dict[Architecture, str] = {
    "iot_to_firehose": "IotToFirehose",
    "macie_to_eventbridge": "MacieToEventBridge",
    "ses_config_sets": "SesConfigSets",
    "image_builder_cicd": "ImageBuilderCicd",
    "workspaces_failover": "WorkspacesFailover",
    "codecommit_leak_guard": "CodeCommitLeakGuard",
}
"""Architecture to the name of its stack; the class is named the same with ``Stack`` behind. It adds stacks of other
regions that belong to it, which have its name with more behind."""


def build(app: cdk.App, settings: Settings) -> None:
    """Add the stacks that the settings ask for, and load no other architecture.

    Args:
        app: The app.
        settings: The settings.
    """
    for architecture in settings.architectures:
        name = STACKS[architecture]
        module = importlib.import_module(f"stacks.{architecture}_stack")
        getattr(module, f"{name}Stack")(app, f"{settings.prefix}{name}", settings=settings)
