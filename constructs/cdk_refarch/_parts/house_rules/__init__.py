"""House rules: what no other checker knows, as plain Python over the template and as a CDK validation plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import aws_cdk as cdk
import jsii

from . import access, compute, delivery, encryption, failure, operations
from .rule import Finding, Rule
from .template import branches

__all__ = ["RULES", "Finding", "HouseRules", "Rule", "check_template"]


def _rules(module: ModuleType) -> Iterator[Rule]:
    return (found for found in vars(module).values() if isinstance(found, Rule))


RULES = tuple(
    rule for module in (access, compute, delivery, encryption, failure, operations) for rule in _rules(module)
)
"""All rules, each a function with ``@rule`` in one of the modules."""


def check_template(template: dict[str, Any]) -> list[Finding]:
    """Return what the house rules have against a template, without a CDK app.

    What only the deployment knows is not judged. Of ``Fn::If`` both branches are, once with all conditions true and
    once with all of them false.

    Args:
        template: The template, as read from its JSON.
    """
    found = (finding for one in branches(template) for rule in RULES for finding in rule.findings(one))
    return list(dict.fromkeys(found))


@jsii.implements(cdk.IPolicyValidationPlugin)
class HouseRules:
    """Checks every stack of an app by the house rules, nested stacks included.

    Add it with ``cdk.Validations.of(app).add_plugins(HouseRules())``. A finding is an error; one that must be accepted
    is acknowledged where it is, or above, as ``HouseRules::<rule>``:

        cdk.Validations.of(queue).acknowledge(
            cdk.Acknowledgment(id="HouseRules::dead-letter-queue-too-brief", reason="...")
        )
    """

    @property
    def name(self) -> str:
        """What reports call it."""
        return "HouseRules"

    @property
    def rule_ids(self) -> list[str] | None:
        """The rules."""
        return [rule.id for rule in RULES]

    @property
    def version(self) -> str | None:
        """The version of this package, when it is installed and not just on the path."""
        try:
            return metadata.version("cdk-refarch")
        except metadata.PackageNotFoundError:
            return None

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Check the templates of an app.

        Args:
            context: What the CDK tells about them.
        """
        paths = (path for top in context.template_paths for path in _with_nested(Path(top)))
        violations = [
            _violation(finding, path)
            for path in dict.fromkeys(paths)
            for finding in check_template(json.loads(path.read_text(encoding="utf-8")))
        ]
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)


def _with_nested(template: Path) -> Iterator[Path]:
    yield template
    # The CDK hands out no nested stacks; they are among the assets of the stack above them.
    manifest = template.with_name(template.name.removesuffix(".template.json") + ".assets.json")
    if manifest.exists():
        for asset in json.loads(manifest.read_text(encoding="utf-8")).get("files", {}).values():
            source = str(asset.get("source", {}).get("path", ""))
            if source.endswith(".nested.template.json"):
                yield template.with_name(source)


def _violation(finding: Finding, template: Path) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=finding.rule,
        description=finding.message,
        fix=finding.source,
        severity="error",
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=finding.logical_id, template_path=str(template), locations=[]
            )
        ],
    )
