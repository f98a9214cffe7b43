#!/usr/bin/env python3
"""The CDK app: a stack for each reference architecture, as the context says (see stacks/config.py)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stacks.runtime import use_pinned_node

if TYPE_CHECKING:
    import aws_cdk as cdk


def build(context: Mapping[str, Any] | None = None, outdir: str | None = None) -> cdk.App:
    """Return the app with the stacks that the context asks for.

    Args:
        context: Context on top of what the CDK command line passes; None for none.
        outdir: Where the assembly goes; None for where the command line wants it.

    Raises:
        ValueError: If a setting is unknown or bad.
    """
    use_pinned_node()
    import aws_cdk as cdk

    import stacks
    from stacks.config import Settings

    # The command line checks the bootstrap version itself; the rule in the template only clutters reviews.
    synthesizer = cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    app = cdk.App(context=context, outdir=outdir, default_stack_synthesizer=synthesizer)
    # CDK_VALIDATION=false is the CDK's own switch; it leaves the security packs out too.
    if os.environ.get("CDK_VALIDATION", "").lower() != "false":
        add_checks(app)
    stacks.build(app, Settings.from_context(app.node))
    return app


def add_checks(app: cdk.App) -> None:
    """Hold every stack of an app against the security packs and the house rules when it is synthesized.

    Args:
        app: The app.
    """
    import aws_cdk as cdk
    import cdk_nag

    from cdk_refarch import HouseRules

    packs = (cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    cdk.Validations.of(app).add_plugins(*packs, HouseRules())


if __name__ == "__main__":
    try:
        build().synth()
    except ValueError as error:
        sys.exit(f"error: {error}")
