"""The stages of the pipeline: source, templates, the image, and the fleets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_codepipeline as codepipeline

from .source import ARTIFACT as SOURCE

L1 = codepipeline.CfnPipeline
Action = codepipeline.CfnPipeline.ActionDeclarationProperty
Stage = codepipeline.CfnPipeline.StageDeclarationProperty

TEMPLATES = "Templates"
IMAGE_STAGE = "Image"
FLEET_STAGE = "Fleet"
CHANGE_SET = "Pipeline"
"""The name of the change sets, each of which replaces the one before it."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A stack as its actions need it.

    Args:
        stack_name: The stack.
        template: The file among the templates.
        parameters: Values of its parameters.
        region: Its region; None for the pipeline's.
        action_role_arn: The role of the actions.
        deploy_role_arn: The role of CloudFormation.
        suffix: What the names of the actions have behind them.
    """

    stack_name: str
    template: str
    parameters: Mapping[str, str]
    region: str | None
    action_role_arn: str
    deploy_role_arn: str
    suffix: str = ""

    def prepare(self, order: int) -> Action:
        """Return the action that makes the change set.

        Args:
            order: When it runs in its stage.
        """
        configuration = {
            "ActionMode": "CHANGE_SET_REPLACE",
            "TemplatePath": f"{TEMPLATES}::{self.template}",
            # Roles without names of their own, as these stacks have.
            "Capabilities": "CAPABILITY_IAM",
            "RoleArn": self.deploy_role_arn,
        }
        if self.parameters:
            configuration["ParameterOverrides"] = json.dumps(self.parameters, separators=(",", ":"))
        return self._action("Prepare", order, configuration, [L1.InputArtifactProperty(name=TEMPLATES)])

    def execute(self, order: int) -> Action:
        """Return the action that executes the change set.

        Args:
            order: When it runs in its stage.
        """
        return self._action("Execute", order, {"ActionMode": "CHANGE_SET_EXECUTE"}, None)

    def _action(
        self,
        name: str,
        order: int,
        configuration: Mapping[str, str],
        artifacts: list[codepipeline.CfnPipeline.InputArtifactProperty] | None,
    ) -> Action:
        return L1.ActionDeclarationProperty(
            name=f"{name}{self.suffix}",
            action_type_id=L1.ActionTypeIdProperty(
                category="Deploy", owner="AWS", provider="CloudFormation", version="1"
            ),
            configuration={"StackName": self.stack_name, "ChangeSetName": CHANGE_SET, **configuration},
            input_artifacts=artifacts,
            region=self.region,
            role_arn=self.action_role_arn,
            run_order=order,
        )


def build_stage(project_name: str) -> Stage:
    """Return the stage that makes templates.

    Args:
        project_name: The project of CodeBuild.
    """
    action = L1.ActionDeclarationProperty(
        name="Build",
        action_type_id=L1.ActionTypeIdProperty(category="Build", owner="AWS", provider="CodeBuild", version="1"),
        configuration={"ProjectName": project_name},
        input_artifacts=[L1.InputArtifactProperty(name=SOURCE)],
        output_artifacts=[L1.OutputArtifactProperty(name=TEMPLATES)],
        run_order=1,
    )
    return stage("Build", [action])


def approve(topic_arn: str, stack_name: str, minutes: int) -> Action:
    """Return the action that asks somebody.

    Args:
        topic_arn: Who is asked.
        stack_name: The stack whose change set is looked at.
        minutes: How long it waits.
    """
    return L1.ActionDeclarationProperty(
        name="Approve",
        action_type_id=L1.ActionTypeIdProperty(category="Approval", owner="AWS", provider="Manual", version="1"),
        configuration={
            "NotificationArn": topic_arn,
            "CustomData": f"Look at the change set {CHANGE_SET} of the stack {stack_name} in CloudFormation. "
            "Approved, it is executed, and the instances are replaced.",
        },
        run_order=2,
        timeout_in_minutes=minutes,
    )


def image_stage(image: Deployment) -> Stage:
    """Return the stage that deploys the stack of the image, and is through when there is one.

    Args:
        image: The stack.
    """
    return stage(IMAGE_STAGE, [image.prepare(1), image.execute(2)])


def fleet_stage(fleets: Sequence[Deployment], approval: Action | None) -> Stage:
    """Return the stage that deploys the fleets: the first one alone, then all others at once.

    All change sets are made before anything is executed, and the stage is one: so every fleet gets the image that was
    looked at and that the first one has proved, whatever is built meanwhile.

    Args:
        fleets: Their stacks.
        approval: Who is asked before the first one; None for nobody.
    """
    first, *others = fleets
    asked = [] if approval is None else [approval]
    alone = 2 + len(asked)
    executed = [first.execute(alone), *(one.execute(alone + 1) for one in others)]
    return stage(FLEET_STAGE, [*(one.prepare(1) for one in fleets), *asked, *executed])


def stage(name: str, actions: Sequence[Action]) -> Stage:
    """Return a stage.

    Args:
        name: Its name.
        actions: Its actions.
    """
    return L1.StageDeclarationProperty(name=name, actions=list(actions))
