"""The stacks that a pipeline deploys, each with roles of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from .artifacts import Store
from .delivery_values import FleetDeployment, ImageDeployment, TemplateBuild
from .deploy_roles import action_role, deploy_role
from .deployment_checks import is_away, region_of
from .fleet_statements import fleet_statements
from .image_statements import image_statements
from .stack_scope import StackScope, scope_of
from .stages import Deployment


class Deployments(Construct):
    """Creates the roles that the stacks of the pipeline's account are deployed with.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        image: The stack of the image.
        fleets: The stacks of the fleets.
        boundary_arn: The permissions boundary of their roles.
        qualifier: The qualifier of the CDK's bootstrap stack.
        pipeline: The role of the pipeline.
        stores: Where artifacts are, by region; None for the pipeline's.

    Attributes:
        image: The stack of the image as the pipeline's actions need it.
        fleets: The stacks of the fleets.
        image_role: The role that CloudFormation deploys the image's stack with, given or created.
        fleet_roles: The roles for fleets that were created, by the ids of these.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ImageDeployment,
        fleets: Sequence[FleetDeployment],
        boundary_arn: str,
        qualifier: str,
        pipeline: iam.IRole,
        stores: Mapping[str | None, Store],
    ) -> None:
        super().__init__(scope, id)
        self._stores = stores
        self._pipeline = iam.ArnPrincipal(pipeline.role_arn)
        self._boundary_arn, self._qualifier, self._image_stack = boundary_arn, qualifier, image.stack_name
        within, stack = Construct(self, "Image"), self._stack(image.stack_name, None)
        self.image_role: iam.IRole = image.deploy_role or deploy_role(
            within, stack, image_statements(stack), image.statements
        )
        self.image = Deployment(
            stack_name=image.stack_name,
            template=image.template or f"{image.stack_name}.template.json",
            parameters={},
            region=None,
            action_role_arn=self._action_role(within, stack, self.image_role.role_arn, None).role_arn,
            deploy_role_arn=self.image_role.role_arn,
        )
        made: dict[str, iam.Role] = {}
        self.fleet_roles: Mapping[str, iam.Role] = made
        within = Construct(self, "Fleets")
        self.fleets: Sequence[Deployment] = [
            self._fleet(within, fleet, made, fleet.id if number else "") for number, fleet in enumerate(fleets)
        ]

    @property
    def action_role_arns(self) -> list[str]:
        """The roles of all actions that deploy."""
        return [one.action_role_arn for one in (self.image, *self.fleets)]

    def _fleet(self, scope: Construct, fleet: FleetDeployment, made: dict[str, iam.Role], suffix: str) -> Deployment:
        region = region_of(self, fleet)
        action_role_arn, deploy_role_arn = fleet.action_role_arn, fleet.deploy_role_arn
        if not is_away(self, fleet):
            within, stack = Construct(scope, fleet.id), self._stack(fleet.stack_name, region)
            if deploy_role_arn is None:
                made[fleet.id] = deploy_role(within, stack, fleet_statements(stack), fleet.statements)
                deploy_role_arn = made[fleet.id].role_arn
            action_role_arn = self._action_role(within, stack, deploy_role_arn, region).role_arn
        return Deployment(
            stack_name=fleet.stack_name,
            template=fleet.template or f"{fleet.stack_name}.template.json",
            parameters=fleet.parameters,
            region=region,
            # Both are there: of an account where nothing can be created, they were demanded.
            action_role_arn=str(action_role_arn),
            deploy_role_arn=str(deploy_role_arn),
            suffix=suffix,
        )

    def _stack(self, stack_name: str, region: str | None) -> StackScope:
        return scope_of(
            self,
            stack_name=stack_name,
            region=region,
            boundary_arn=self._boundary_arn,
            image_stack=self._image_stack,
            qualifier=self._qualifier,
        )

    def _action_role(self, scope: Construct, stack: StackScope, deploy_role_arn: str, region: str | None) -> iam.Role:
        return action_role(
            scope,
            stack,
            deploy_role_arn=deploy_role_arn,
            pipeline=self._pipeline,
            artifacts=self._stores[region],
        )


def roles_elsewhere(scope: Construct, fleets: Sequence[FleetDeployment], region: str | None) -> dict[str, str]:
    """Return the roles of other accounts that read artifacts in a region, to their accounts.

    Args:
        scope: The pipeline's construct.
        fleets: The fleets.
        region: The region; None for the pipeline's.
    """
    return {
        str(fleet.action_role_arn): str(fleet.account)
        for fleet in fleets
        if is_away(scope, fleet) and region_of(scope, fleet) == region
    }


def publishing_roles(scope: Construct, build: TemplateBuild, fleets: Sequence[FleetDeployment]) -> list[str]:
    """Return the roles of the CDK's bootstrap stacks by which assets are published where a stack is deployed.

    Args:
        scope: The pipeline's construct.
        build: How templates are made.
        fleets: The fleets.
    """
    return list(dict.fromkeys(_publishing_roles(scope, build.bootstrap_qualifier, fleets)))


def _publishing_roles(scope: Construct, qualifier: str, fleets: Sequence[FleetDeployment]) -> Iterator[str]:
    stack = cdk.Stack.of(scope)
    places = [(stack.account, stack.region)]
    places += [(fleet.account or stack.account, fleet.region or stack.region) for fleet in fleets]
    for account, region in places:
        name = f"cdk-{qualifier}-file-publishing-role-{account}-{region}"
        yield f"arn:{stack.partition}:iam::{account}:role/{name}"
