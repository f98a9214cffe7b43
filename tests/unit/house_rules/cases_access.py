"""What breaks the rules about access."""

from __future__ import annotations

import json
from typing import Any

from cdk_refarch._parts.house_rules.policies import RESOURCE_POLICIES
from tests.unit.house_rules.cases import ACCOUNT, JOIN, REF, Case, Resources, allow, chosen, it, service

LAMBDA = "Lambda::Permission"
SOURCES = ("aws:SourceOrgID", "aws:SourceOrgPaths", "AWS:SourceOwner", "kms:EncryptionContext:aws:sns:topicArn")


def topic(document: Any) -> Resources:
    return it("SNS::TopicPolicy", {"Topics": [REF], "PolicyDocument": document})


def role(document: Any) -> Resources:
    return it("IAM::Role", {"AssumeRolePolicyDocument": document})


def granting(action: Any, **more: Any) -> Resources:
    statement = {"Effect": "Allow", "Resource": "*", "Action": action, **more}
    return it("IAM::Role", {"Policies": [{"PolicyName": "P", "PolicyDocument": {"Statement": statement}}]})


def open_by_default(kind: str, place: str) -> Resources:
    value: Any = allow({"AWS": "*"})
    if kind == "AWS::Events::EventBusPolicy":
        value = value["Statement"][0]
    for name in reversed(place.split(".")):
        value = {name: value}
    return it(kind.removeprefix("AWS::"), value)


OPEN = Case(
    "policy-open-to-everyone",
    [
        topic(allow("*")),
        topic(allow({"AWS": ["*"]})),
        topic(allow("*", {"Bool": {"aws:SecureTransport": "true"}})),
        topic(allow("*", {"StringLike": {"aws:PrincipalAccount": "*"}})),
        topic(allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})),
        topic(allow("*", {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}})),
        topic(allow("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
        topic(allow("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}})),
        topic({"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "*"}}),
        topic({"Statement": [chosen(allow("*")["Statement"][0])]}),
        topic({"Statement": [chosen(REF, allow("*")["Statement"][0])]}),
        topic(allow("*", {"Null": {"aws:PrincipalOrgID": "false"}})),
        topic(allow("*", {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}})),
        *(open_by_default(kind, place) for kind, place in RESOURCE_POLICIES.items()),
        it("SecretsManager::ResourcePolicy", {"ResourcePolicy": json.dumps(allow("*"))}),
        it(LAMBDA, {"Principal": "*", "FunctionName": REF}),
        it(LAMBDA, {"Principal": "*", "FunctionName": REF, "SourceAccount": "*"}),
    ],
    [
        topic(allow({"AWS": REF})),
        topic(allow(REF)),
        topic(REF),
        topic({"Statement": [REF]}),
        topic("no policy"),
        topic(allow("*", ACCOUNT)),
        topic(allow("*", {"StringEquals": {"aws:PrincipalOrgID": REF}})),
        *(topic(allow("*", {"StringEquals": {key: REF}})) for key in ("aws:userid", "aws:username", "sts:ExternalId")),
        topic(allow("*", {"StringEquals": REF})),
        topic(allow("*", REF)),
        topic({"Statement": [allow("*")["Statement"][0] | {"Effect": "Deny"}]}),
        it("KMS::Key", {"KeyPolicy": allow({"AWS": "*"}, {"StringEquals": {"kms:CallerAccount": REF}})}),
        *(it(LAMBDA, {"Principal": "*", key: REF}) for key in ("PrincipalOrgID", "SourceArn", "EventSourceToken")),
        it(LAMBDA, {"Principal": REF}),
    ],
)

SOURCE = Case(
    "service-without-source-condition",
    [
        role(service("iot.amazonaws.com")),
        role(service(["ec2.amazonaws.com", "firehose.amazonaws.com"])),
        role(service("firehose.amazonaws.com", {"StringEqualsIfExists": {"aws:SourceAccount": REF}})),
        role(service("iot.amazonaws.com", {"ArnLike": {"aws:SourceArn": "arn:aws:iot:eu-west-1:*:rule/x"}})),
        role(service({"Fn::Sub": "iot.${AWS::URLSuffix}"})),
        role(service({"Fn::Join": ["", ["iot.", {"Ref": "AWS::URLSuffix"}]]})),
        role(service("scheduler.amazonaws.com")),
        topic(service("cloudwatch.amazonaws.com")),
        topic(service("s3.amazonaws.com")),
        topic(service("ses.amazonaws.com", {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})),
        it("SNS::TopicInlinePolicy", {"PolicyDocument": service("s3.amazonaws.com")}),
        it("SQS::QueueInlinePolicy", {"PolicyDocument": service("s3.amazonaws.com")}),
        it("SQS::QueuePolicy", {"PolicyDocument": service("events.amazonaws.com")}),
        it("SQS::QueuePolicy", {"PolicyDocument": service("sns.amazonaws.com")}),
        it("S3::BucketPolicy", {"PolicyDocument": service("logging.s3.amazonaws.com")}),
        it("S3::BucketPolicy", {"PolicyDocument": service("delivery.logs.amazonaws.com")}),
        it("KMS::Key", {"KeyPolicy": service("macie.amazonaws.com")}),
        it(LAMBDA, {"Principal": "s3.amazonaws.com"}),
        it(LAMBDA, {"Principal": "events.amazonaws.com.cn"}),
    ],
    [
        role(service("iot.amazonaws.com", ACCOUNT)),
        role(service("firehose.amazonaws.com", {"StringEquals": {"sts:ExternalId": REF}})),
        role(service("iot.amazonaws.com", {"ArnLike": {"aws:SourceArn": JOIN}})),
        role(service("iot.amazonaws.com", REF)),
        role(service("lambda.amazonaws.com")),
        role(service("ec2.amazonaws.com")),
        role(service("codebuild.amazonaws.com")),
        role(service(REF)),
        role(REF),
        it("KMS::Key", {"KeyPolicy": service("events.amazonaws.com")}),
        topic(service("events.amazonaws.com")),
        *(topic(service("ses.amazonaws.com", {"StringEquals": {key: REF}})) for key in SOURCES),
        it(LAMBDA, {"Principal": "s3.amazonaws.com", "SourceAccount": REF}),
        it(LAMBDA, {"Principal": "apigateway.amazonaws.com"}),
        it(LAMBDA, {"Principal": REF}),
    ],
)

WILDCARD = Case(
    "wildcard-action",
    [
        granting("*"),
        granting(["s3:GetObject", "kms:*"]),
        it("IAM::Policy", {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}}),
        it("IAM::ManagedPolicy", {"PolicyDocument": {"Statement": [{"Effect": "Allow", "NotAction": "iam:*"}]}}),
    ],
    [
        granting(["s3:GetObject*", "kms:Decrypt"]),
        granting("*", Effect="Deny"),
        granting(REF),
        granting([REF, JOIN]),
        it("IAM::Policy", {"PolicyDocument": REF}),
    ],
)

PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": "true",
    "IgnorePublicAcls": REF,
    "RestrictPublicBuckets": True,
}


def bucket(block: Any) -> Resources:
    return it("S3::Bucket", {"PublicAccessBlockConfiguration": block})


PUBLIC = Case(
    "bucket-can-be-made-public",
    [
        it("S3::Bucket"),
        bucket({"BlockPublicAcls": True}),
        bucket({**PRIVATE, "BlockPublicPolicy": False}),
        bucket({**PRIVATE, "RestrictPublicBuckets": "false"}),
        bucket(chosen(PRIVATE)),
    ],
    [bucket(PRIVATE), bucket(REF)],
)


def named(resource: Any, **document: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "iot:Publish", "Resource": resource}
    return {"PolicyDocument": {"Statement": [statement], **document}}


VARIABLE = "arn:aws:iot:eu-west-1:111122223333:topic/${iot:ClientId}"
OLD_VERSION = Case(
    "policy-variable-without-version",
    [
        it("IoT::Policy", named(VARIABLE)),
        it("IAM::Policy", named({"Fn::Join": ["", ["arn:aws:s3:::b/", "${aws:username}"]]})),
        it("IAM::Role", {"Policies": [named([REF, VARIABLE], Version="2008-10-17")]}),
    ],
    [
        it("IoT::Policy", named(VARIABLE, Version="2012-10-17")),
        it("IoT::Policy", named("arn:aws:iot:eu-west-1:111122223333:topic/a")),
        it("IAM::Policy", {"PolicyDocument": REF}),
        it("IAM::Role", {"Policies": [REF, named(REF)]}),
    ],
)

CASES = [OPEN, SOURCE, WILDCARD, PUBLIC, OLD_VERSION]
