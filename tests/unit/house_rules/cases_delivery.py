"""What breaks the rules about delivery, operations and compute."""

from __future__ import annotations

from typing import Any

from tests.unit.house_rules.cases import JOIN, OTHER_ARN, REF, Case, Resources, chosen, it, resource

PARTITIONED = {"DynamicPartitioningConfiguration": {"Enabled": True}, "ErrorOutputPrefix": "errors/"}
CONVERTED: dict[str, Any] = {
    "DataFormatConversionConfiguration": {"SchemaConfiguration": {}, "OutputFormatConfiguration": {}}
}


def iot_rule(**payload: Any) -> Resources:
    return it("IoT::TopicRule", {"TopicRulePayload": {"Sql": "SELECT * FROM 'a'", **payload}})


def stream(**destination: Any) -> Resources:
    return it(
        "KinesisFirehose::DeliveryStream",
        {"ExtendedS3DestinationConfiguration": {"BucketARN": REF, **destination}},
    )


def buffer(size: Any, interval: Any = 300) -> dict[str, Any]:
    return {"BufferingHints": {"SizeInMBs": size, "IntervalInSeconds": interval}}


def group(largest: Any, **update: Any) -> Resources:
    policy = {"AutoScalingRollingUpdate": update}
    return it("AutoScaling::AutoScalingGroup", {"MinSize": "1", "MaxSize": largest}, UpdatePolicy=policy)


def record(**properties: Any) -> Resources:
    return it("Route53::RecordSet", {"Name": "a", "Type": "TXT", **properties})


def alarms(first: dict[str, Any], second: dict[str, Any], *, topic: bool = True, **more: Any) -> Resources:
    topics = {"Topic": resource("SNS::Topic")} if topic else {}
    return it("CloudWatch::Alarm", first) | {"Second": resource("CloudWatch::Alarm", second)} | topics | more


ACTING = {"AlarmActions": [{"Ref": "Topic"}]}

CASES = [
    Case(
        "iot-rule-without-error-action",
        [iot_rule(), iot_rule(ErrorAction={}), iot_rule(ErrorAction=chosen({"Sqs": {"QueueUrl": REF}}))],
        [
            iot_rule(ErrorAction={"Sqs": {"QueueUrl": REF}}),
            iot_rule(ErrorAction=REF),
            it("IoT::TopicRule", {"TopicRulePayload": REF}),
        ],
    ),
    Case(
        "iot-rule-without-sql-version",
        [iot_rule()],
        [iot_rule(AwsIotSqlVersion="2016-03-23"), iot_rule(AwsIotSqlVersion=REF)],
    ),
    Case(
        "event-pattern-not-lists",
        [
            it("Events::Rule", {"EventPattern": {"source": "aws.s3"}}),
            it("Events::Rule", {"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": "b"}}}}),
            it("Events::Rule", {"EventPattern": '{"source": "aws.s3"}'}),
        ],
        [
            it("Events::Rule", {"EventPattern": {"source": ["aws.s3"], "detail": {"key": [{"prefix": "data/"}]}}}),
            it("Events::Rule", {"EventPattern": {"source": REF, "account": [REF]}}),
            it("Events::Rule", {"EventPattern": REF}),
            it("Events::Rule", {"ScheduleExpression": "rate(1 day)"}),
        ],
    ),
    Case(
        "firehose-without-error-log",
        [stream(), stream(CloudWatchLoggingOptions={"Enabled": False}), stream(CloudWatchLoggingOptions={})],
        [
            stream(CloudWatchLoggingOptions={"Enabled": "true", "LogGroupName": REF}),
            stream(CloudWatchLoggingOptions={"Enabled": REF}),
            stream(CloudWatchLoggingOptions=REF),
        ],
    ),
    Case(
        "firehose-without-error-prefix",
        [
            stream(DynamicPartitioningConfiguration={"Enabled": "true"}),
            stream(Prefix="day=!{timestamp:dd}/"),
            stream(Prefix={"Fn::Join": ["", [REF, "!{timestamp:dd}/"]]}),
            stream(S3BackupConfiguration={"BucketARN": REF, "Prefix": "!{timestamp:dd}/"}),
        ],
        [
            stream(),
            stream(Prefix="data/"),
            stream(Prefix=REF),
            stream(Prefix="!{timestamp:dd}/", ErrorOutputPrefix=REF),
            stream(DynamicPartitioningConfiguration={"Enabled": REF}),
        ],
    ),
    Case(
        "firehose-buffer-too-small",
        [
            stream(**PARTITIONED, **buffer(63)),
            stream(**PARTITIONED, **buffer(64, 59)),
            stream(**CONVERTED, **buffer("5")),
            stream(**CONVERTED, **buffer(chosen(5, 64))),
            stream(**CONVERTED, **buffer(chosen(64, 5))),
        ],
        [
            stream(**PARTITIONED, **buffer(64, 60)),
            stream(**CONVERTED, **buffer(64, 0)),
            stream(**PARTITIONED, **buffer(REF, REF)),
            stream(**PARTITIONED),
            stream(**buffer(5)),
            stream(DataFormatConversionConfiguration={"Enabled": False}, **buffer(5)),
        ],
    ),
    Case(
        "firehose-conversion-compressed",
        [stream(**CONVERTED, CompressionFormat="GZIP")],
        [
            stream(**CONVERTED, CompressionFormat="UNCOMPRESSED"),
            stream(**CONVERTED),
            stream(CompressionFormat="GZIP"),
            stream(**CONVERTED, CompressionFormat=REF),
        ],
    ),
    Case(
        "firehose-destination-not-single",
        [
            it("KinesisFirehose::DeliveryStream", {"DeliveryStreamType": "DirectPut"}),
            it(
                "KinesisFirehose::DeliveryStream",
                {"S3DestinationConfiguration": REF, "RedshiftDestinationConfiguration": REF},
            ),
        ],
        [
            stream(),
            it("KinesisFirehose::DeliveryStream", REF),
            it("KinesisFirehose::DeliveryStream", {"DeliveryStreamType": "DirectPut", "Fn::Transform": {"Name": "A"}}),
            it(
                "KinesisFirehose::DeliveryStream",
                {
                    "S3DestinationConfiguration": chosen(REF),
                    "RedshiftDestinationConfiguration": chosen({"Ref": "AWS::NoValue"}, REF),
                },
            ),
        ],
    ),
    Case(
        "ses-without-tls",
        [
            it("SES::ConfigurationSet"),
            it("SES::ConfigurationSet", {"DeliveryOptions": {"SendingPoolName": "a"}}),
            it("SES::ConfigurationSet", {"DeliveryOptions": {"TlsPolicy": "OPTIONAL"}}),
        ],
        [
            it("SES::ConfigurationSet", {"DeliveryOptions": {"TlsPolicy": "REQUIRE"}}),
            it("SES::ConfigurationSet", {"DeliveryOptions": {"TlsPolicy": REF}}),
            it("SES::ConfigurationSet", {"DeliveryOptions": REF}),
        ],
    ),
    Case(
        "rolling-update-without-room",
        [group("2", MinInstancesInService=2), group(1, MinInstancesInService="2")],
        [
            group("2", MinInstancesInService=1),
            group(REF, MinInstancesInService=2),
            group("2"),
            group("2", MinInstancesInService=REF),
            group(chosen("8", "2"), MinInstancesInService=chosen("4", "1")),
        ],
    ),
    Case(
        "pause-time-invalid",
        [group("2", PauseTime=text) for text in ("5m", "PT2H", "PT1H1S", "PT61M", "PT", "P1D", "300")],
        [group("2", PauseTime=value) for value in ("PT1H", "PT0S", "PT15M", "PT5M30S", REF, JOIN)],
    ),
    Case(
        "component-version-not-exact",
        [it("ImageBuilder::Component", {"Version": text}) for text in ("1.0.x", "1.0", "v1.0.0", "x.x.x")]
        + [it("ImageBuilder::Workflow", {"Version": "1.0.x"})],
        [it("ImageBuilder::Component", {"Version": value}) for value in ("1.0.0", "10.20.30", REF, JOIN)],
    ),
    Case(
        "recipe-version-out-of-order",
        [it("ImageBuilder::ImageRecipe", {"Version": text}) for text in ("1.x.0", "x.0.0", "x.0.x", "1.0", "latest")]
        + [it("ImageBuilder::ContainerRecipe", {"Version": "1.x.0"})],
        [it("ImageBuilder::ImageRecipe", {"Version": value}) for value in ("1.0.0", "1.0.x", "1.x.x", "x.x.x", REF)],
    ),
    Case(
        "build-instance-without-imdsv2",
        [
            it("ImageBuilder::InfrastructureConfiguration"),
            it(
                "ImageBuilder::InfrastructureConfiguration",
                {"InstanceMetadataOptions": {"HttpPutResponseHopLimit": 2}},
            ),
            it("ImageBuilder::InfrastructureConfiguration", {"InstanceMetadataOptions": {"HttpTokens": "optional"}}),
        ],
        [
            it("ImageBuilder::InfrastructureConfiguration", {"InstanceMetadataOptions": {"HttpTokens": "required"}}),
            it("ImageBuilder::InfrastructureConfiguration", {"InstanceMetadataOptions": {"HttpTokens": REF}}),
            it("ImageBuilder::InfrastructureConfiguration", {"InstanceMetadataOptions": REF}),
        ],
    ),
    Case(
        "failover-record-without-health-check",
        [
            record(Failover="PRIMARY"),
            record(Failover="PRIMARY", AliasTarget={"DNSName": "b", "EvaluateTargetHealth": False}),
            it("Route53::RecordSetGroup", {"RecordSets": [{"Failover": "SECONDARY"}, {"Failover": "PRIMARY"}]}),
        ],
        [
            record(Failover="PRIMARY", HealthCheckId=REF),
            record(Failover="PRIMARY", AliasTarget={"DNSName": "b", "EvaluateTargetHealth": True}),
            record(Failover="PRIMARY", AliasTarget=REF),
            record(Failover="SECONDARY"),
            record(Failover=REF),
            record(),
            it("Route53::RecordSetGroup", {"RecordSets": [REF]}),
        ],
    ),
    Case(
        "alarm-without-action",
        [
            alarms({}, ACTING),
            alarms(
                {"Threshold": 1},
                {},
                Third=resource("CloudWatch::CompositeAlarm", ACTING),
                Check=resource("Route53::HealthCheck", {"Name": {"Ref": "Second"}}),
            ),
            it("CloudWatch::CompositeAlarm", {})
            | {"Topic": resource("SNS::Topic"), "Other": resource("CloudWatch::Alarm", ACTING)},
            alarms({"AlarmActions": []}, ACTING),
            alarms({**ACTING, "ActionsEnabled": False}, ACTING),
        ],
        [
            alarms(ACTING, ACTING),
            alarms({}, {}),
            alarms({}, ACTING, topic=False),
            alarms({}, {"AlarmActions": [OTHER_ARN]}, Other=resource("Lambda::Function")),
            alarms({"AlarmActions": REF}, ACTING),
            alarms({}, ACTING, Check=resource("Route53::HealthCheck", {"Name": {"Ref": "It"}})),
        ],
    ),
    Case(
        "log-group-without-retention",
        [
            it("Logs::LogGroup"),
            it("Logs::LogGroup", {"KmsKeyId": REF}),
            it("Logs::LogGroup", {"RetentionInDays": chosen(30)}),
        ],
        [it("Logs::LogGroup", {"RetentionInDays": 30}), it("Logs::LogGroup", {"RetentionInDays": REF})],
    ),
]
