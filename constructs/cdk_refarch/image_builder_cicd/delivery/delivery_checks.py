"""Refusal of bad arguments of ``ImageBuilderCicd``, before anything is created."""

from __future__ import annotations

import re
from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.people_topic import check_emails
from cdk_refarch._parts.resource_checks import check_access_logs, check_resource, check_same_account, managed_key

from .delivery_values import Approval, CodeCommitSource, ConnectionSource, ImageDeployment, TemplateBuild
from .stack_checks import (
    check_apart,
    check_qualifier,
    check_stack_name,
    check_statements,
    check_text_mapping,
)

CONNECTION = (
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/"
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
REPOSITORY = r"[\w.-]+(/[\w.-]+)+"
BRANCH = r"(?!refs/)(?!/)(?!.*(//|\.\.|@\{))[^\s~^:?*\[\\]{1,255}(?<![/.])"
"""Names as Git has them, none with a wildcard: https://git-scm.com/docs/git-check-ref-format"""

FILE = r"(?!/)(?!.*(^|/)\.\.(/|$))[A-Za-z0-9._/-]{1,255}"
"""A path in the repository or among the artifacts."""

OWN_VARIABLES = ("CDK_QUALIFIER", "FLEET_STACKS", "IMAGE_STACK", "PERMISSIONS_BOUNDARY")
SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|PRIVATE_KEY|API_KEY|ACCESS_KEY", re.IGNORECASE)
ACCESS_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}")
SHORTEST_MINUTES = 5
LONGEST_BUILD_MINUTES = 36 * 60
"""https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html"""
LONGEST_APPROVAL_MINUTES = 60 * 24 * 60
"""https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""


def check_source(checks: Checks, scope: Construct, source: CodeCommitSource | ConnectionSource) -> None:
    """Check where the source comes from.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        source: The argument.

    Raises:
        ValueError: If CodePipeline would refuse it, or never see a push.
    """
    if isinstance(source, ConnectionSource):
        remedy = "give the ARN from the console of CodePipeline, under Settings and Connections"
        argument, rule = "connection_arn of source", "the ARN of a connection"
        checks.matches(argument, source.connection_arn, CONNECTION, rule=rule, remedy=remedy)
        rule, remedy = "owner and name with a slash between", "write it as owner/name, without the host and .git"
        checks.matches("repository of source", source.repository, REPOSITORY, rule=rule, remedy=remedy)
    elif isinstance(source, CodeCommitSource):
        repository = source.repository
        check_resource(checks, scope, "repository of source", repository, "repository_arn", "IRepository")
        remedy = "use a repository of the same account"
        check_same_account(checks, "repository of source", repository, scope, remedy)
    else:
        got = f"{type(source).__name__} {source!r}"
        checks.refuse("source", "a CodeCommitSource or a ConnectionSource", got, "give CodeCommitSource(), say")
    rule, remedy = "the name of one branch", "write the name alone, without refs/heads/ and wildcards"
    checks.matches("branch of source", source.branch, BRANCH, rule=rule, remedy=remedy)


def check_build(checks: Checks, build: TemplateBuild) -> None:
    """Check how templates are built.

    Args:
        checks: The checks of the construct.
        build: The argument.

    Raises:
        ValueError: If CodeBuild would refuse it, or everybody could read a secret.
    """
    checks.instance("build", build, TemplateBuild, remedy="give TemplateBuild() or leave it out")
    remedy = "write it as ci/buildspec.yml"
    checks.matches("buildspec of build", build.buildspec, FILE, rule="a path in the repository", remedy=remedy)
    remedy = "give {'STAGE': 'production'}, say"
    for name, value in check_text_mapping(checks, "environment of build", build.environment, remedy=remedy).items():
        _check_variable(checks, name, value)
    check_minutes(checks, "timeout of build", build.timeout, LONGEST_BUILD_MINUTES)
    check_qualifier(checks, build.bootstrap_qualifier)


def _check_variable(checks: Checks, name: str, value: str) -> None:
    argument = "each name in environment of build"
    rule = "a letter or _, then letters, digits and _"
    checks.matches(argument, name, r"[A-Za-z_][A-Za-z0-9_]*", rule=rule, remedy="rename the variable")
    if name.startswith("CODEBUILD_"):
        checks.refuse(argument, "one that CodeBuild does not set", repr(name), "rename the variable")
    if name in OWN_VARIABLES:
        checks.refuse(argument, "one that the pipeline does not set", repr(name), "rename the variable")
    if SECRET.search(name) or ACCESS_KEY.search(value):
        remedy = "keep it in AWS Secrets Manager, and name it under env in the buildspec"
        checks.refuse(argument, "of a value that is no secret, for it stands in the template", repr(name), remedy)


def check_minutes(checks: Checks, argument: str, duration: cdk.Duration | None, longest: int) -> None:
    """Check a time that is given to a service in minutes.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        duration: The time.
        longest: The most minutes.

    Raises:
        ValueError: If it is no time, too long or too short, or has a fraction of a minute.
    """
    remedy = "give cdk.Duration.minutes(30), say"
    checks.instance(argument, duration, cdk.Duration, remedy=remedy)
    seconds = checks.seconds(argument, duration)
    if seconds is None:
        checks.refuse(argument, "known when the app runs", "a token", remedy)
    if seconds % 60:
        checks.refuse(argument, "in whole minutes", f"{seconds:g} seconds", remedy)
    checks.number(argument, seconds / 60, SHORTEST_MINUTES, longest, unit="minutes", remedy=remedy)


def check_image(checks: Checks, scope: Construct, image: ImageDeployment) -> None:
    """Check the stack of the image.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        image: The argument.

    Raises:
        ValueError: If AWS would refuse it.
    """
    checks.instance("image", image, ImageDeployment, remedy="give ImageDeployment() or leave it out")
    check_stack_name(checks, "stack_name of image", image.stack_name)
    check_template(checks, "template of image", image.template)
    check_resource(checks, None, "deploy_role of image", image.deploy_role, "role_arn", "IRole")
    check_same_account(checks, "deploy_role of image", image.deploy_role, scope, "use a role of the same account")
    check_statements(checks, "statements of image", image.statements)
    if image.deploy_role is not None and image.statements:
        rule, got = "given alone, for statements are those of a role that is created", "both"
        checks.refuse("deploy_role and statements of image", rule, got, "give the statements to the role")


def check_template(checks: Checks, argument: str, template: str | None) -> None:
    """Check the file that a template is in.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        template: The file; None for the one named after its stack.

    Raises:
        ValueError: If it is no path.
    """
    if template is not None:
        rule, remedy = "a path among the artifacts of the build", "write it as GoldenImage.template.json"
        checks.matches(argument, template, FILE, rule=rule, remedy=remedy)


def check_approval(checks: Checks, scope: Construct, approval: Approval | None) -> None:
    """Check who is asked.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        approval: The argument.

    Raises:
        ValueError: If nobody would be asked.
    """
    if approval is None:
        return
    checks.instance("approval", approval, Approval, remedy="give Approval(), or None to ask nobody")
    topic, argument = approval.topic, "topic of approval"
    check_resource(checks, scope, argument, topic, "topic_arn", "ITopic")
    check_same_account(checks, argument, topic, scope, "use a topic of the same account")
    if getattr(topic, "fifo", False):
        checks.refuse(argument, "a standard topic", "a FIFO one", "CodePipeline cannot publish to FIFO ones")
    alias = managed_key(topic)
    if alias is not None:
        remedy = "use a key whose policy lets roles of the account use it"
        checks.refuse(argument, "encrypted with a key of your own", f"one with {alias}", remedy)
    check_emails(checks, "emails of approval", approval.emails, remedy="give ['ops@example.com'], say")
    if topic is not None and approval.emails:
        rule = "given alone, for emails are subscribed to a topic that is created"
        checks.refuse("topic and emails of approval", rule, "both", "subscribe the addresses to the topic")
    check_minutes(checks, "timeout of approval", approval.timeout, LONGEST_APPROVAL_MINUTES)


def check_names(checks: Checks, scope: Construct, image_stack: str, fleet_stacks: Sequence[str]) -> None:
    """Refuse stacks whose roles could touch the resources of another of them, or of the pipeline.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        image_stack: The stack of the image.
        fleet_stacks: The stacks of the fleets.

    Raises:
        ValueError: If a name is there twice, or another begins with it.
    """
    here = cdk.Stack.of(scope).stack_name
    check_apart(checks, "stack_name of image and fleets", [image_stack, *fleet_stacks], [here])


def check_log_bucket(checks: Checks, scope: Construct, bucket: object) -> None:
    """Check the bucket for access logs.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        bucket: The argument ``access_log_bucket``, or None.

    Raises:
        ValueError: If S3 does not deliver there.
    """
    check_resource(checks, scope, "access_log_bucket", bucket, "bucket_arn", "IBucket")
    check_same_account(checks, "access_log_bucket", bucket, scope, "use a bucket of the same account")
    check_access_logs(checks, bucket)
