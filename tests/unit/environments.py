"""What a stack may be synthesized with: other flags, values that are only known at deployment, other stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag

from tests.conftest import FLAGS, Synthesized
from tests.unit.templates import Template

NO_FLAGS = {name: "strong" if isinstance(value, str) else False for name, value in FLAGS.items()}
"""What a consumer has who never heard of feature flags; the one with text is about references between stacks."""


class Later:
    """Names and numbers that are only known at deployment; each may be a legal one.

    Args:
        stack: The stack whose parameters they are.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack, self._count = stack, 0

    def _parameter(self, **given: Any) -> cdk.CfnParameter:
        self._count += 1
        return cdk.CfnParameter(self._stack, f"Parameter{self._count}", **given)

    @property
    def name(self) -> Any:
        return self._parameter().value_as_string

    @property
    def number(self) -> Any:
        return self._parameter(type="Number").value_as_number

    @property
    def names(self) -> Any:
        return self._parameter(type="CommaDelimitedList").value_as_list

    @staticmethod
    def unused(template: Template) -> list[str]:
        """Return the parameters that nothing in a template refers to, where all tokens were resolved.

        Args:
            template: The template of the stack.
        """
        text = json.dumps(template.json)
        assert "Token[" not in text
        assert "e+2" not in text
        made = [name for name in template.json["Parameters"] if name.startswith("Parameter")]
        return [name for name in made if f'"{name}"}}' not in text]


def checked_app(flags: dict[str, Any], folder: Path) -> cdk.App:
    """Return an app with CloudFormation Validate and the security packs, whose findings do not stop it.

    Args:
        flags: The consumer's feature flags.
        folder: Where it is synthesized to.
    """
    quiet = {"@aws-cdk/core:failSynthOnValidationErrors": False}
    app = cdk.App(post_cli_context={**flags, **quiet}, outdir=str(folder), builtin_cloud_formation_validation=True)
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    return app


def open_findings(app: cdk.App, folder: Path) -> list[str]:
    """Return the rules of the packs that a synthesized app breaks.

    Args:
        app: The app.
        folder: Where it was synthesized to.
    """
    return [one["ruleName"] for report in Synthesized(app, folder).reports for one in report.get("violations", [])]


def refers(stack: cdk.Stack) -> bool:
    """Return whether a stack's template refers to another stack.

    Args:
        stack: The stack.
    """
    text = json.dumps(Template(stack).json)
    return any(one in text for one in ("Fn::GetStackOutput", "Fn::ImportValue"))
