"""Rules about who may do what."""

from __future__ import annotations

from collections.abc import Iterator

from .policies import (
    IDENTITY_POLICIES,
    RESOURCE_POLICIES,
    granted_by,
    granted_to,
    is_for_everyone,
    narrows,
    service_name,
    services,
    statements,
)
from .rule import rule
from .template import Resource, Template, dig, flag, is_intrinsic, listing, literal, shape

PERMISSION = "AWS::Lambda::Permission"
SWITCHES = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
TOPICS = ("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy")
QUEUES = ("AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy")
KEYS = ("AWS::KMS::Key",)
BUCKETS = ("AWS::S3::BucketPolicy",)
ROLES = ("AWS::IAM::Role",)

SUPPORTING = {
    # https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
    "iot": (*ROLES, PERMISSION),
    # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
    "firehose": ROLES,
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    "scheduler": ROLES,
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-firehose.html
    # https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
    "ses": (*ROLES, *TOPICS, *KEYS, *BUCKETS, PERMISSION),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    "s3": (*TOPICS, *QUEUES, PERMISSION),
    # Not for topics, where EventBridge names no source and a condition stops all events, nor for keys, of which AWS
    # says nothing.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    "events": (*QUEUES, PERMISSION),
    # https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
    "sns": (*QUEUES, PERMISSION),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    "cloudwatch": (*TOPICS, *KEYS),
    # https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html
    "macie": (*BUCKETS, *KEYS),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    "logging.s3": BUCKETS,
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html
    "delivery.logs": BUCKETS,
    # https://docs.aws.amazon.com/codecommit/latest/userguide/how-to-notify-lambda-cc.html
    "codecommit": (PERMISSION,),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
    "lambda.alarms.cloudwatch": (PERMISSION,),
}
"""Which services say for whom they act, and to which kinds of policy."""

SOURCE_KEYS = {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"}


def _says_who(key: str) -> bool:
    known = ("aws:source", "aws:principal", "aws:userid", "aws:username", "kms:calleraccount", "sts:externalid")
    return key.startswith(known)


def _says_for_whom(key: str) -> bool:
    return key in SOURCE_KEYS or key.startswith(("sts:externalid", "kms:encryptioncontext"))


def _names_its_source(permission: Resource) -> bool:
    keys = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")
    return any(permission.get(key) not in (None, "*") for key in keys)


@rule(PERMISSION, *RESOURCE_POLICIES)
def policy_open_to_everyone(resource: Resource, template: Template) -> Iterator[str]:
    """The principal ``*`` is every AWS account and the anonymous user, and only a condition about the caller closes it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous
    """
    remedy = "name the principal, or add a condition about the caller such as aws:SourceAccount or aws:PrincipalOrgID"
    if resource.kind == PERMISSION:
        if resource.get("Principal") == "*" and not _names_its_source(resource):
            yield "everyone may invoke the function; name the principal, or set SourceAccount or PrincipalOrgID"
        return
    for statement in granted_by(resource):
        if "NotPrincipal" in statement:
            yield f"a statement allows everyone but the ones it names (NotPrincipal); {remedy}"
        elif is_for_everyone(statement) and not narrows(statement, _says_who):
            yield f"a statement allows everyone, and no condition says who; {remedy}"


@rule(PERMISSION, *RESOURCE_POLICIES)
def service_without_source_condition(resource: Resource, template: Template) -> Iterator[str]:
    """A service acts for all of its customers: who can make it act reaches whatever trusts the service alone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    if resource.kind == PERMISSION:
        service = service_name(resource.get("Principal"))
        if resource.kind in SUPPORTING.get(service, ()) and not _names_its_source(resource):
            yield f"{service} may invoke the function for any of its customers; set SourceArn or SourceAccount"
        return
    for statement in granted_by(resource):
        for service in services(statement):
            if resource.kind in SUPPORTING.get(service, ()) and not narrows(statement, _says_for_whom):
                yield (
                    f"{service} is let in for any of its customers; "
                    "add a condition on aws:SourceAccount, aws:SourceArn or aws:SourceOrgID"
                )


@rule(*IDENTITY_POLICIES)
def wildcard_action(resource: Resource, template: Template) -> Iterator[str]:
    """All actions of a service hold those that change its policies, delete its data, and those that AWS adds next year.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege
    """
    for statement in granted_to(resource):
        if "NotAction" in statement:
            yield "a statement allows all actions but the ones it names (NotAction); list the actions that are needed"
        for action in listing(dig(statement, "Action")):
            if (literal(action) or "").split(":")[-1] == "*":
                yield f"a statement allows {action}; list the actions that are needed"


@rule("AWS::S3::Bucket")
def bucket_can_be_made_public(resource: Resource, template: Template) -> Iterator[str]:
    """A private bucket becomes public by the next policy or access control list, unless it refuses both.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    switches = {name: resource.get("PublicAccessBlockConfiguration", name) for name in SWITCHES}
    absent = [name for name, value in switches.items() if not is_intrinsic(value) and not flag(value)]
    if absent:
        yield f"{', '.join(absent)} must be true; set all four in PublicAccessBlockConfiguration"


@rule("AWS::IoT::Policy", *IDENTITY_POLICIES)
def policy_variable_without_version(resource: Resource, template: Template) -> Iterator[str]:
    """A variable such as ``${aws:username}`` is plain text in a policy of the old version, and so matches nothing.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    inside = [dig(policy, "PolicyDocument") for policy in listing(resource.get("Policies"))]
    for document in [resource.get("PolicyDocument"), *inside]:
        old = not is_intrinsic(document) and literal(dig(document, "Version")) != "2012-10-17"
        if old and any("${" in shape(one) for one in _resources(document)):
            yield 'the policy has a variable and another version; set Version to "2012-10-17"'


def _resources(document: object) -> list[object]:
    found = [statement.get("Resource") for statement in statements(document)]
    return [part for one in found for part in ([one] if is_intrinsic(one) else listing(one))]
