"""What breaks the rules about failure and encryption."""

from __future__ import annotations

from typing import Any

from cdk_refarch._parts.house_rules.encryption import INHERITING, STORES
from cdk_refarch._parts.house_rules.failure import ASYNCHRONOUS, TARGETS
from tests.unit.house_rules.cases import ARN, JOIN, OTHER_ARN, REF, TLS, Case, Resources, allow, chosen, it, resource

QUEUE = resource("SQS::Queue")
FUNCTION = resource("Lambda::Function")
DLQ: dict[str, Any] = {"DeadLetterConfig": {"Arn": OTHER_ARN}}
REDRIVE = {"deadLetterTargetArn": OTHER_ARN, "maxReceiveCount": 3}


def target(arn: Any, kind: str = "SQS::Queue", **more: Any) -> Resources:
    return it("Events::Rule", {"Targets": [{"Id": "T", "Arn": arn, **more}]}) | {"Other": resource(kind)}


def subscribed(protocol: Any, **more: Any) -> Resources:
    return it("SNS::Subscription", {"Protocol": protocol, "TopicArn": REF, **more})


def called(service: Any, properties: dict[str, Any] | None = None, name: Any = None, **more: Any) -> Resources:
    permission = {"Principal": service, "FunctionName": name or ARN}
    return it("Lambda::Function", properties) | {"May": resource("Lambda::Permission", permission)} | more


def on_failure(destination: Any) -> dict[str, Any]:
    config = {"FunctionName": {"Ref": "It"}, "Qualifier": "$LATEST", "DestinationConfig": destination}
    return resource("Lambda::EventInvokeConfig", config)


def received(*invocations: str) -> dict[str, Any]:
    actions = [{"LambdaAction": {"FunctionArn": ARN, "InvocationType": one}} for one in invocations]
    return resource("SES::ReceiptRule", {"RuleSetName": "mail", "Rule": {"Actions": [{"StopAction": {}}, *actions]}})


def polled(
    queue: dict[str, Any], kind: str = "Lambda::EventSourceMapping", source: str = "EventSourceArn"
) -> Resources:
    return it("SQS::Queue", queue) | {"Reader": resource(kind, {source: ARN})}


def dead(retention: Any, kind: str, properties: dict[str, Any]) -> Resources:
    kept = {} if retention is None else {"MessageRetentionPeriod": retention}
    return it("SQS::Queue", kept) | {"User": resource(kind, properties)}


def build(name: str, value: Any, **more: Any) -> Resources:
    return it("CodeBuild::Project", {"Environment": {"EnvironmentVariables": [{"Name": name, "Value": value, **more}]}})


def environment(name: str, value: Any) -> Resources:
    return it("Lambda::Function", {"Environment": {"Variables": {name: value}}})


def policy(*statements: Any, kind: str = "SQS::QueuePolicy", target: str = "Queues") -> Resources:
    return it(kind, {target: [REF], "PolicyDocument": {"Statement": list(statements)}})


ALIAS = resource("Lambda::Alias", {"FunctionName": {"Ref": "Version"}})
VERSION = resource("Lambda::Version", {"FunctionName": {"Ref": "It"}})
REDRIVEN = ("SQS::Queue", {"RedrivePolicy": {"deadLetterTargetArn": ARN}})
DAYS_14 = 1209600

NAME = {"Fn::GetAtt": ["It", "QueueName"]}

FAILURE = [
    Case(
        "event-target-without-dead-letter-queue",
        [
            *(target(OTHER_ARN, kind.removeprefix("AWS::")) for kind in sorted(TARGETS)),
            target({"Ref": "Other"}, "SNS::Topic"),
            target({"Fn::GetAtt": "Other.Arn"}),
            target({"Fn::Sub": "${Other.Arn}"}, "Lambda::Function"),
            target("arn:aws:states:eu-west-1:123456789012:stateMachine:a"),
            target({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":firehose:", REF]]}),
            target(OTHER_ARN, DeadLetterConfig=chosen({"Arn": REF})),
        ],
        [
            target(OTHER_ARN, **DLQ),
            target(OTHER_ARN, DeadLetterConfig=REF),
            target(OTHER_ARN, "Logs::LogGroup"),
            target(REF),
            it("Events::Rule", {"Targets": REF}),
            it("Events::Rule", {"Targets": [REF]}),
        ],
    ),
    Case(
        "schedule-without-dead-letter-queue",
        [it("Scheduler::Schedule", {"Target": {"Arn": REF}})],
        [it("Scheduler::Schedule", {"Target": DLQ}), it("Scheduler::Schedule", {"Target": REF})],
    ),
    Case(
        "subscription-without-redrive",
        [
            *(subscribed(name) for name in ("sqs", "lambda", "firehose", "http", "https")),
            it("SNS::Topic", {"Subscription": [{"Protocol": "sqs", "Endpoint": REF}]}),
        ],
        [
            subscribed("email"),
            subscribed(REF),
            subscribed("sqs", RedrivePolicy=REDRIVE),
            it("SNS::Topic", {"Subscription": [{"Protocol": "email"}, REF]}),
            it("SNS::Topic", {"Subscription": REF}),
        ],
    ),
    Case(
        "function-without-failure-destination",
        [
            *(called(f"{caller}.amazonaws.com", {"Timeout": 3}) for caller in sorted(ASYNCHRONOUS)),
            called("sns.amazonaws.com", name={"Ref": "It"}),
            called("s3.amazonaws.com", name={"Ref": "Alias"}, Alias=ALIAS, Version=VERSION),
            called("iot.amazonaws.com", Config=on_failure({"OnSuccess": {"Destination": REF}})),
            called("ses.amazonaws.com", Receipt=received("RequestResponse", "Event")),
            called("sns.amazonaws.com", Receipt=received("RequestResponse")),
        ],
        [
            called("events.amazonaws.com", {"DeadLetterConfig": {"TargetArn": REF}}),
            called("events.amazonaws.com", Config=on_failure({"OnFailure": {"Destination": REF}})),
            called("events.amazonaws.com", Config=on_failure(REF)),
            called("apigateway.amazonaws.com"),
            called("ses.amazonaws.com", Receipt=received("RequestResponse")),
            called("events.amazonaws.com", name=REF),
            called(REF),
            it("Lambda::Function"),
        ],
    ),
    Case(
        "polled-queue-without-redrive",
        [polled({"DelaySeconds": 1}), polled({}, "Pipes::Pipe", "Source")],
        [polled({"RedrivePolicy": REDRIVE}), polled({"RedrivePolicy": REF}), it("SQS::Queue")],
    ),
    Case(
        "stream-mapping-without-failure-destination",
        [
            it("Lambda::EventSourceMapping", {"EventSourceArn": OTHER_ARN}) | {"Other": resource("Kinesis::Stream")},
            it("Lambda::EventSourceMapping", {"EventSourceArn": OTHER_ARN}) | {"Other": resource("DynamoDB::Table")},
            it("Lambda::EventSourceMapping", {"EventSourceArn": "arn:aws:dynamodb:eu-west-1:1:table/a/stream/b"}),
        ],
        [
            it("Lambda::EventSourceMapping", {"EventSourceArn": OTHER_ARN, "DestinationConfig": {"OnFailure": REF}})
            | {"Other": resource("Kinesis::Stream")},
            it("Lambda::EventSourceMapping", {"EventSourceArn": OTHER_ARN}) | {"Other": QUEUE},
            it("Lambda::EventSourceMapping", {"EventSourceArn": REF}),
        ],
    ),
    Case(
        "dead-letter-queue-too-brief",
        [
            dead(None, *REDRIVEN),
            dead(DAYS_14 - 1, *REDRIVEN),
            dead("345600", "SNS::Subscription", {"RedrivePolicy": {"deadLetterTargetArn": ARN}}),
            dead(None, "Events::Rule", {"Targets": [{"DeadLetterConfig": {"Arn": ARN}}]}),
            dead(None, "Scheduler::Schedule", {"Target": {"DeadLetterConfig": {"Arn": ARN}}}),
            dead(None, "Lambda::Function", {"DeadLetterConfig": {"TargetArn": ARN}}),
            dead(None, "Lambda::EventInvokeConfig", {"DestinationConfig": {"OnFailure": {"Destination": ARN}}}),
            dead(None, "IoT::TopicRule", {"TopicRulePayload": {"ErrorAction": {"Sqs": {"QueueUrl": {"Ref": "It"}}}}}),
        ],
        [
            dead(DAYS_14, *REDRIVEN),
            dead(str(DAYS_14), *REDRIVEN),
            dead(REF, *REDRIVEN),
            it("SQS::Queue"),
            dead(None, "IoT::TopicRule", {"TopicRulePayload": {"Actions": [{"Sqs": {"QueueUrl": {"Ref": "It"}}}]}}),
        ],
    ),
    Case(
        "dead-letter-queue-without-alarm",
        [
            dead(DAYS_14, *REDRIVEN),
            dead(DAYS_14, "Events::Rule", {"Targets": [{"DeadLetterConfig": {"Arn": ARN}}]})
            | {"Alarm": resource("CloudWatch::Alarm", {"Dimensions": [{"Name": "QueueName", "Value": REF}]})},
        ],
        [
            dead(DAYS_14, *REDRIVEN)
            | {"Alarm": resource("CloudWatch::Alarm", {"Dimensions": [{"Name": "QueueName", "Value": NAME}]})},
            it("SQS::Queue"),
        ],
    ),
]

ENCRYPTION = [
    Case(
        "data-store-without-encryption",
        [
            *(it(kind.removeprefix("AWS::")) for kind in STORES),
            it("SQS::Queue", {"SqsManagedSseEnabled": False}),
            it("SNS::Topic", {"KmsMasterKeyId": chosen(REF)}),
            it("RDS::DBCluster", {"StorageEncrypted": "false"}),
            it("KinesisFirehose::DeliveryStream", {"DeliveryStreamType": "DirectPut"}),
            it("WorkSpaces::Workspace", {"UserVolumeEncryptionEnabled": True}),
            it("WorkSpaces::Workspace", {"RootVolumeEncryptionEnabled": True}),
        ],
        [
            it("S3::Bucket", {"BucketEncryption": REF}),
            it("SQS::Queue", {"KmsMasterKeyId": REF}),
            it("SQS::Queue", {"SqsManagedSseEnabled": True}),
            it("SNS::Topic", {"KmsMasterKeyId": JOIN}),
            it("RDS::DBCluster", {"StorageEncrypted": REF}),
            *(it("RDS::DBInstance", {name: REF}) for name in INHERITING),
            it("OpenSearchService::Domain", {"EncryptionAtRestOptions": {"Enabled": "true"}}),
            it("WorkSpaces::Workspace", {"UserVolumeEncryptionEnabled": True, "RootVolumeEncryptionEnabled": REF}),
            it("DynamoDB::Table"),
        ],
    ),
    Case(
        "disk-without-encryption",
        [
            it("ImageBuilder::ImageRecipe", {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}),
            it(
                "ImageBuilder::ContainerRecipe",
                {"InstanceConfiguration": {"BlockDeviceMappings": [{"Ebs": {"Iops": 1}}]}},
            ),
            it("EC2::LaunchTemplate", {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {"Encrypted": False}}]}}),
            it("EC2::Instance", {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": "false"}}]}),
            it("AutoScaling::LaunchConfiguration", {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}),
        ],
        [
            it("ImageBuilder::ImageRecipe", {"BlockDeviceMappings": [{"Ebs": {"Encrypted": True}}]}),
            it("ImageBuilder::ImageRecipe", {"BlockDeviceMappings": [{"Ebs": {"Encrypted": REF}}, {"Ebs": REF}]}),
            it("ImageBuilder::ImageRecipe", {"BlockDeviceMappings": [{"VirtualName": "ephemeral0"}, REF]}),
            it("EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"SnapshotId": REF}}]}),
        ],
    ),
    Case(
        "key-without-rotation",
        [it("KMS::Key"), it("KMS::Key", {"KeySpec": "SYMMETRIC_DEFAULT", "EnableKeyRotation": False})],
        [
            it("KMS::Key", {"EnableKeyRotation": True}),
            it("KMS::Key", {"EnableKeyRotation": REF}),
            it("KMS::Key", {"KeySpec": "RSA_2048"}),
            it("KMS::Key", {"KeySpec": REF}),
            *(it("KMS::Key", {"Origin": origin}) for origin in ("EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE")),
        ],
    ),
    Case(
        "plain-http-allowed",
        [
            *(it(kind) for kind in ("S3::Bucket", "SQS::Queue", "SNS::Topic")),
            policy(),
            policy(allow({"AWS": REF})["Statement"][0], kind="SNS::TopicPolicy", target="Topics"),
            policy(TLS | {"Effect": "Allow"}, kind="S3::BucketPolicy", target="Bucket"),
            policy(TLS | {"Principal": {"AWS": REF}}),
            policy(TLS | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            policy(chosen(TLS)),
        ],
        [
            policy(TLS),
            policy(REF, TLS | {"Principal": {"AWS": "*"}, "Condition": {"Bool": {"AWS:SecureTransport": [False]}}}),
            it("SQS::QueuePolicy", {"Queues": REF, "PolicyDocument": REF}),
            it("SQS::QueuePolicy", {"Queues": REF, "PolicyDocument": {"Statement": REF}}),
            it("SNS::Topic") | {"Other": resource("SNS::TopicPolicy", {"Topics": [{"Ref": "It"}]})},
            it("S3::Bucket") | {"Other": resource("S3::BucketPolicy", {"Bucket": {"Ref": "It"}})},
        ],
    ),
    Case(
        "secret-in-plain-text",
        [
            *(build(name, "x1y2") for name in ("GITHUB_TOKEN", "dbPassword", "API_KEY", "CLIENT_SECRET", "apiKeys")),
            build("NPM_TOKEN", "x1y2", Type="PLAINTEXT"),
            environment("DB_PASSWORD", "x1y2"),
            environment("AWS_ACCESS_KEY_ID", "x1y2"),
            environment("WHO", "AKIA" + "A" * 16),
            it("ECS::TaskDefinition", {"ContainerDefinitions": [{"Environment": [{"Name": "KEY", "Value": "x"}]}]}),
        ],
        [
            build("GITHUB_TOKEN", "prod/token:key", Type="SECRETS_MANAGER"),
            build("GITHUB_TOKEN", "/prod/token", Type="PARAMETER_STORE"),
            build("GITHUB_TOKEN", "x1y2", Type=REF),
            build("GITHUB_TOKEN", REF),
            build("GITHUB_TOKEN", "{{resolve:secretsmanager:prod:SecretString:token}}"),
            *(environment(name, "a") for name in ("PARTITION_KEY", "SECRET_NAME", "KEYWORDS", "KMS_KEY_ID", "MODE")),
            environment("SECRET", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"),
            environment("MAX_TOKENS", "100"),
            environment("DB_PASSWORD", JOIN),
            it("Lambda::Function", {"Environment": {"Variables": REF}}),
            it("CodeBuild::Project", {"Environment": {"EnvironmentVariables": [REF]}}),
        ],
    ),
]

CASES = [*FAILURE, *ENCRYPTION]
