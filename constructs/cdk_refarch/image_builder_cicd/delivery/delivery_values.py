"""What a pipeline delivers, from where, and through whose hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_codecommit as codecommit
    from aws_cdk import aws_sns as sns


@dataclass(frozen=True, kw_only=True)
class CodeCommitSource:
    """A repository of AWS CodeCommit. A push to its branch starts the pipeline through Amazon EventBridge.

    Args:
        repository: The repository, of the stack's account and region; None to create one.
        branch: The branch.
    """

    repository: codecommit.IRepository | None = None
    branch: str = "main"


@dataclass(frozen=True, kw_only=True)
class ConnectionSource:
    """A repository of GitHub, GitLab or Bitbucket, through AWS CodeConnections.

    Args:
        connection_arn: The connection. Somebody must have authorized it in the console, which nothing can automate.
        repository: Owner and name, with a slash between; in GitLab, groups come before the name.
        branch: The branch.
    """

    connection_arn: str
    repository: str
    branch: str = "main"


@dataclass(frozen=True, kw_only=True)
class TemplateBuild:
    """How the repository becomes templates.

    The build reads in its environment ``IMAGE_STACK``, ``FLEET_STACKS`` (names with commas between),
    ``PERMISSIONS_BOUNDARY`` (the name of the policy that every role must have as its boundary) and ``CDK_QUALIFIER``.

    Args:
        buildspec: The file of the repository with the commands. What it declares as artifacts are the templates, each
            named after its stack, as in ``GoldenImage.template.json``.
        environment: Further variables. No secrets: these stand in the template.
        timeout: How long it may take, from 5 minutes to 36 hours.
        bootstrap_qualifier: The qualifier of the CDK's bootstrap stack, to which assets are published.
    """

    buildspec: str = "buildspec.yml"
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: cdk.Duration = cdk.Duration.minutes(30)
    bootstrap_qualifier: str = "hnb659fds"


@dataclass(frozen=True, kw_only=True)
class ImageDeployment:
    """The stack of the golden image.

    Args:
        stack_name: Its name, up to 60 characters.
        template: The file among the artifacts of the build; None for the one named after the stack.
        deploy_role: The role that CloudFormation deploys it with; None to create one that can make a ``GoldenImage``
            and nothing else.
        statements: What the created role may do besides, for other resources of the stack.
    """

    stack_name: str = "GoldenImage"
    template: str | None = None
    deploy_role: iam.IRole | None = None
    statements: Sequence[iam.PolicyStatement] = ()


@dataclass(frozen=True, kw_only=True)
class FleetDeployment:
    """A stack with a fleet.

    Args:
        id: Tells it from the other fleets; it begins with a capital letter.
        stack_name: Its name, up to 60 characters.
        template: The file among the artifacts of the build; None for the one named after the stack.
        parameters: Values of the template's parameters, by name.
        region: The region; None for the pipeline's. Another needs a bucket in ``artifact_buckets``.
        account: The account; None for the pipeline's. Another needs ``action_role_arn`` and ``deploy_role_arn``, which
            ``FleetDeployRoles`` creates there.
        action_role_arn: The role in the other account by which the pipeline calls CloudFormation; None in the
            pipeline's own account.
        deploy_role_arn: The role that CloudFormation deploys it with; None to create one that can make a
            ``RollingFleet`` and nothing else.
        statements: What the created role may do besides, for other resources of the stack.
    """

    id: str = "Fleet"
    stack_name: str = "Fleet"
    template: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    account: str | None = None
    action_role_arn: str | None = None
    deploy_role_arn: str | None = None
    statements: Sequence[iam.PolicyStatement] = ()


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Somebody looks at the first fleet's change set before it is executed.

    Args:
        topic: Who is asked; None for a topic that is created. If it is encrypted, its key must let roles of the
            account use it through Amazon SNS.
        emails: Addresses that are asked, once their owners have confirmed. Only with a topic that is created.
        timeout: How long the pipeline waits, from 5 minutes to 60 days.
    """

    topic: sns.ITopic | None = None
    emails: Sequence[str] = ()
    timeout: cdk.Duration = cdk.Duration.days(7)
