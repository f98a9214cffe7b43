"""What a sink for Amazon Redshift becomes: workgroup, files, table, job, and what looks after the loads."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk.assertions import Annotations, Match

from cdk_refarch._parts.names import address
from tests.unit.iot_to_firehose.warehouses import (
    FUNCTION_ARN,
    HERE,
    HOST,
    NAMESPACE_ARN,
    SECRET_ARN,
    SUBNETS,
    Warehouses,
    warehouses,
)
from tests.unit.scenes import Scene
from tests.unit.templates import flat, plain

LOADER = f"arn:aws:secretsmanager:{HERE}:secret:loader"
FOLDERS = "day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"


@pytest.fixture(scope="module")
def made() -> Warehouses:
    return warehouses()


def kinds(scene: Scene, path: str = "") -> set[str]:
    """The types of all resources below a path."""
    root = scene.named(path) if path else scene.made
    return {one.cfn_resource_type for one in root.node.find_all() if hasattr(one, "cfn_resource_type")}


def waits_for(scene: Scene, construct: Any) -> set[str]:
    """The resources that are named to be made before, without hashes."""
    return {plain(one) for one in scene.template.resource(construct).get("DependsOn", [])}


def name(scene: Scene, path: str) -> str:
    """The name that a part makes up, which the namespace, its workgroup or the integration has."""
    return f"iot-{address(scene.named(path))[:20]}"


def test_the_namespace_is_encrypted_and_keeps_its_password_to_itself(made: Warehouses) -> None:
    policy = made.plain.of(made.plain.named("Redshift/Workgroup/Namespace"))
    assert policy.pop("NamespaceResourcePolicy")
    assert policy == {
        "NamespaceName": name(made.plain, "Redshift/Workgroup"),
        "DbName": "iot",
        "AdminUsername": "administrator",
        "ManageAdminPassword": True,
        "AdminPasswordSecretKmsKeyId": "<PlainKey.Arn>",
        "KmsKeyId": "<PlainKey.Arn>",
        "IamRoles": ["<PlainRedshiftWorkgroupCopyRole.Arn>"],
        "LogExports": ["userlog", "connectionlog", "useractivitylog"],
    }


def test_the_namespace_admits_events_of_one_bucket_and_the_account_to_send_them(made: Warehouses) -> None:
    bucket = {"aws:SourceArn": "<PlainRedshiftStagingBucket.Arn>"}
    assert made.plain.of(made.plain.named("Redshift/Workgroup/Namespace"))["NamespaceResourcePolicy"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "redshift.amazonaws.com"},
                "Action": "redshift:AuthorizeInboundIntegration",
                "Condition": {"StringEquals": {**bucket, "aws:SourceAccount": "111122223333"}},
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": "redshift:CreateInboundIntegration",
                "Condition": {"StringEquals": bucket},
            },
        ],
    }


SETTINGS = [
    {"ParameterKey": "require_ssl", "ParameterValue": "true"},
    {"ParameterKey": "enable_user_activity_logging", "ParameterValue": "true"},
]


def test_the_workgroup_is_private_wants_tls_and_has_one_subnet_in_each_zone(made: Warehouses) -> None:
    assert made.plain.of(made.plain.named("Redshift/Workgroup/Workgroup")) == {
        "WorkgroupName": name(made.plain, "Redshift/Workgroup"),
        "NamespaceName": "<PlainRedshiftWorkgroupNamespace>",
        "BaseCapacity": 8,
        "MaxCapacity": 64,
        "EnhancedVpcRouting": True,
        "PubliclyAccessible": False,
        "Port": 5439,
        "ConfigParameters": SETTINGS,
        "SubnetIds": SUBNETS[:3],
        "SecurityGroupIds": ["<PlainRedshiftWorkgroupSecurityGroup.GroupId>"],
    }


def test_the_workgroup_is_as_it_is_wanted(made: Warehouses) -> None:
    assert made.rich.of(made.rich.named("Own/Workgroup/Workgroup")) == {
        "WorkgroupName": name(made.rich, "Own/Workgroup"),
        "NamespaceName": "<RichOwnWorkgroupNamespace>",
        "BaseCapacity": 16,
        "EnhancedVpcRouting": False,
        "PubliclyAccessible": False,
        "Port": 5431,
        "ConfigParameters": SETTINGS,
        "SubnetIds": SUBNETS[:2],
        "SecurityGroupIds": ["<RichOwnWorkgroupSecurityGroup.GroupId>"],
    }
    assert made.rich.of(made.rich.named("Own/Workgroup/Namespace"))["DbName"] == "fleet"


def test_nobody_reaches_the_database_until_the_user_says_so(made: Warehouses) -> None:
    group = made.plain.made.deliveries["Redshift"].security_group
    assert made.plain.of(group) == {
        "GroupDescription": "The database of a workgroup of Amazon Redshift",
        "VpcId": "vpc-0123456789abcdef0",
        "SecurityGroupEgress": [
            {
                "CidrIp": "0.0.0.0/0",
                "Description": "Loads files from Amazon S3",
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
            }
        ],
    }
    assert not made.template.all("AWS::EC2::SecurityGroupIngress")


def test_files_are_json_lines_under_the_prefix_that_the_job_reads(made: Warehouses) -> None:
    stream = made.rich.of(made.rich.made.deliveries["Own"].stream)["ExtendedS3DestinationConfiguration"]
    assert (stream["Prefix"], stream["CompressionFormat"]) == (f"data/{FOLDERS}", "GZIP")
    assert stream["ErrorOutputPrefix"] == f"errors/!{{firehose:error-output-type}}/{FOLDERS}"
    assert stream["BufferingHints"] == {"SizeInMBs": 64, "IntervalInSeconds": 900}
    actions = made.rich.of(made.rich.made.rule)["TopicRulePayload"]["Actions"]
    assert [one["Firehose"]["Separator"] for one in actions] == ["\n", "\n"]


@pytest.mark.parametrize(
    ("scene", "sink", "target", "first"),
    [
        (
            "plain",
            "Redshift",
            "<PlainRedshiftWorkgroupNamespace.Namespace.NamespaceArn>",
            {"PlainRedshiftWorkgroup"},
        ),
        ("rich", "Given", NAMESPACE_ARN, set()),
    ],
)
def test_redshift_hears_of_files_when_the_bucket_the_role_and_the_workgroup_are_ready(
    made: Warehouses, scene: str, sink: str, target: str, first: set[str]
) -> None:
    found: Scene = getattr(made, scene)
    integration, begin = found.named(f"{sink}/Copy/Integration"), f"{scene.capitalize()}{sink}"
    assert found.of(integration) == {
        "IntegrationName": name(found, f"{sink}/Copy"),
        "SourceArn": f"<{begin}StagingBucket.Arn>",
        "TargetArn": target,
    }
    assert waits_for(found, integration) == {f"{begin}StagingBucketPolicy", f"{begin}CopyPolicy", *first}


def test_the_job_is_made_when_redshift_hears_of_files_and_before_any_is_written(made: Warehouses) -> None:
    for scene, sink in ((made.plain, "Redshift"), (made.rich, "Own"), (made.rich, "Given")):
        begin = f"{scene.made.node.id}{sink}"
        job = scene.named(f"{sink}/Copy/Table").node.default_child
        needed = {f"{begin}CopyIntegration", f"{begin}CopyPolicy", f"{begin}CopyProviderGoingOn"}
        assert needed <= waits_for(scene, job)
        assert f"{begin}CopyTable" in waits_for(scene, scene.made.deliveries[sink].stream)


def table(scene: Scene, sink: str) -> Any:
    return scene.of(scene.named(f"{sink}/Copy/Table"))


def test_the_table_takes_whole_documents_when_it_has_no_columns(made: Warehouses) -> None:
    assert table(made.plain, "Redshift") == {
        "ServiceToken": "<PlainRedshiftCopyProviderFunction.Arn>",
        "ServiceTimeout": "3600",
        "WorkgroupName": "<PlainRedshiftWorkgroup>",
        "Database": "iot",
        "NamespaceName": "<PlainRedshiftWorkgroupNamespace>",
        "Schema": "public",
        "Table": "telemetry",
        "Columns": [{"Name": "document", "Type": "super"}],
        "Job": {
            "Name": f"cdk_refarch_{address(made.plain.named('Redshift/Copy'))[:12]}",
            "From": "s3://<PlainRedshiftStagingBucket>/data/",
            "RoleArn": "<PlainRedshiftWorkgroupCopyRole.Arn>",
            "Options": "FORMAT AS JSON 'noshred' GZIP",
        },
        "Watcher": "IAMR:<PlainRedshiftLoadsFunctionRole>",
        "Keep": "true",
    }


def test_columns_are_loaded_from_members_of_the_same_names(made: Warehouses) -> None:
    assert table(made.rich, "Own") == {
        "ServiceToken": "<RichOwnCopyProviderFunction.Arn>",
        "ServiceTimeout": "3600",
        "WorkgroupName": "<RichOwnWorkgroup>",
        "Database": "fleet",
        "NamespaceName": "<RichOwnWorkgroupNamespace>",
        "Schema": "fleet",
        "Table": "readings",
        "Columns": [{"Name": "temperature", "Type": "float8"}, {"Name": "at", "Type": "timestamptz"}],
        "Job": {
            "Name": f"cdk_refarch_{address(made.rich.named('Own/Copy'))[:12]}",
            "From": "s3://<RichOwnStagingBucket>/data/",
            "RoleArn": "<RichOwnWorkgroupCopyRole.Arn>",
            "Options": "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'",
        },
        "Watcher": "IAMR:<RichOwnLoadsFunctionRole>",
        "Keep": "false",
    }


def test_a_given_workgroup_is_asked_with_its_secret_and_loads_with_its_role(made: Warehouses) -> None:
    found = table(made.rich, "Given")
    assert (found["WorkgroupName"], found["Database"], found["SecretArn"]) == ("analytics", "dev", LOADER)
    assert "NamespaceName" not in found
    assert found["Job"]["RoleArn"] == "<Loader.Arn>"


def test_nothing_of_a_given_workgroup_is_made_and_a_warning_tells_what_it_needs(made: Warehouses) -> None:
    delivery = made.rich.made.deliveries["Given"]
    assert delivery.security_group is None
    assert delivery.workgroup_name == "analytics"
    found = kinds(made.rich, "Given")
    assert not [one for one in found if "RedshiftServerless" in one or "::EC2::" in one]
    assert {"AWS::Redshift::Integration", "AWS::KinesisFirehose::DeliveryStream", "AWS::S3::Bucket"} <= found
    annotations = Annotations.from_stack(made.stack)
    annotations.has_warning("/Fleet/Rich/Given", Match.string_like_regexp("redshift:CreateInboundIntegration"))
    annotations.has_warning("/Fleet/Rich/Own", Match.string_like_regexp("bills for storage while it is idle"))
    annotations.has_warning("/Fleet/Plain/Redshift", Match.string_like_regexp("cdk-refarch:bills-while-idle"))
    assert not annotations.find_warning("/Fleet/Direct/*", Match.any_value())


def test_each_new_file_is_looked_for_a_quarter_of_an_hour_later(made: Warehouses) -> None:
    (rule,) = (made.plain.of(one) for one in made.plain.named("Redshift/Loads/Arrivals").rules.values())
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": ["<PlainRedshiftStagingBucket>"]},
            "object": {"key": [{"prefix": "data/"}]},
        },
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == "<PlainRedshiftLoadsFiles.Arn>"
    assert target["DeadLetterConfig"] == {"Arn": "<PlainRedshiftLoadsArrivalsDeadLetterQueue.Arn>"}
    bucket = made.plain.of(made.plain.made.deliveries["Redshift"].bucket)
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert made.plain.of(made.plain.named("Redshift/Loads/Files")) == {
        "DelaySeconds": 900,
        "VisibilityTimeout": 900,
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "KmsMasterKeyId": "<PlainKey.Arn>",
        "RedrivePolicy": {"deadLetterTargetArn": "<PlainRedshiftLoadsFailedLoads.Arn>", "maxReceiveCount": 5},
    }


def test_a_function_asks_for_many_files_at_once_and_again_for_single_ones(made: Warehouses) -> None:
    assert made.plain.of(made.plain.named("Redshift/Loads/Mapping")) == {
        "EventSourceArn": "<PlainRedshiftLoadsFiles.Arn>",
        "FunctionName": "<PlainRedshiftLoadsFunction.Arn>",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 300,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert made.plain.variables("Redshift/Loads") == {
        "WORKGROUP": "<PlainRedshiftWorkgroup>",
        "DATABASE": "iot",
        "TABLE": "public.telemetry",
        "FAILED_QUEUE_URL": "<PlainRedshiftLoadsFailedLoads>",
        "JOB": "<PlainRedshiftCopyTable.Job>",
    }
    assert made.rich.variables("Given/Loads") == {
        "WORKGROUP": "analytics",
        "DATABASE": "dev",
        "TABLE": "public.readings",
        "FAILED_QUEUE_URL": "<RichGivenLoadsFailedLoads>",
        "JOB": "<RichGivenCopyTable.Job>",
    }
    function = made.plain.of(made.plain.named("Redshift/Loads/Function"))
    # A reader that takes longer than messages stay unseen would read them twice.
    assert function["Timeout"] == 180
    assert made.plain.of(made.plain.made.deliveries["Redshift"].failed_loads)["MessageRetentionPeriod"] == 1209600


def test_a_direct_copy_is_told_all_that_was_said(made: Warehouses) -> None:
    delivery = made.direct.made.deliveries["Redshift"]
    destination = made.direct.of(delivery.stream)["RedshiftDestinationConfiguration"]
    log = {"Enabled": True, "LogGroupName": "<DirectRedshiftDirectLog>"}
    parameters = [{"ParameterName": "LambdaArn", "ParameterValue": FUNCTION_ARN}]
    assert destination == {
        "ClusterJDBCURL": f"jdbc:redshift://{HOST}/dev",
        "CopyCommand": {
            "DataTableName": "fleet.readings",
            "DataTableColumns": "temperature,at",
            "CopyOptions": "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'",
        },
        "RoleARN": "<DirectRedshiftDirectRole.Arn>",
        "SecretsManagerConfiguration": {"Enabled": True, "SecretARN": LOADER},
        "RetryOptions": {"DurationInSeconds": 0},
        "S3BackupMode": "Disabled",
        "S3Configuration": {
            "BucketARN": "<DirectRedshiftDirectBucket.Arn>",
            "RoleARN": "<DirectRedshiftDirectRole.Arn>",
            "Prefix": f"data/{FOLDERS}",
            "ErrorOutputPrefix": f"errors/!{{firehose:error-output-type}}/{FOLDERS}",
            "CompressionFormat": "GZIP",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
            "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": "<DirectKey.Arn>"}},
            "CloudWatchLoggingOptions": {**log, "LogStreamName": "<DirectRedshiftDirectStagingLogStream>"},
        },
        "CloudWatchLoggingOptions": {**log, "LogStreamName": "<DirectRedshiftDirectLogStream>"},
        "ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": parameters}]},
    }
    assert made.direct.of(delivery.stream)["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyType": "CUSTOMER_MANAGED_CMK",
        "KeyARN": "<DirectKey.Arn>",
    }


def test_a_direct_copy_makes_no_database_and_leaves_open_what_was_not_said(made: Warehouses) -> None:
    delivery = made.bare.made.deliveries["Redshift"]
    destination = made.bare.of(delivery.stream)["RedshiftDestinationConfiguration"]
    assert set(destination["CopyCommand"]) == {"DataTableName", "CopyOptions"}
    assert destination["CopyCommand"]["DataTableName"] == "public.t"
    assert destination["SecretsManagerConfiguration"]["SecretARN"] == SECRET_ARN
    assert destination["RetryOptions"] == {"DurationInSeconds": 3600}
    assert destination["S3Configuration"]["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert "ProcessingConfiguration" not in destination
    assert (delivery.workgroup_name, delivery.security_group, delivery.failed_loads) == (None, None, None)
    assert not [one for one in kinds(made.bare) if "::Redshift" in one or one.startswith("Custom::")]
    assert kinds(made.bare).isdisjoint({"AWS::Lambda::Function", "AWS::EC2::SecurityGroup"})


QUEUE, STREAM = "ApproximateNumberOfMessagesVisible", "<RichGivenStagingStream>"
WATCHED = {
    "LoadsFailed": ("AWS/SQS", QUEUE, "Maximum", 0, "<RichGivenLoadsFailedLoads.QueueName>"),
    "ArrivalsUndelivered": ("AWS/SQS", QUEUE, "Maximum", 0, "<RichGivenLoadsArrivalsDeadLetterQueue.QueueName>"),
    "Freshness": ("AWS/Firehose", "DeliveryToS3.DataFreshness", "Maximum", 900, STREAM),
    "Throttled": ("AWS/Firehose", "ThrottledRecords", "Sum", 0, STREAM),
    "RecordsFailed": ("AWS/S3", "PutRequests", "Sum", 0, "<RichGivenStagingBucket>"),
}
DIRECT_STREAM = "<DirectRedshiftDirectRedshiftStream>"
WATCHED_DIRECTLY = {
    "Throttled": ("AWS/Firehose", "ThrottledRecords", "Sum", 0, DIRECT_STREAM),
    "RecordsFailed": ("AWS/S3", "PutRequests", "Sum", 0, "<DirectRedshiftDirectBucket>"),
    "LoadsFailed": ("AWS/Firehose", "DeliveryToRedshift.Success", "Minimum", 1, DIRECT_STREAM),
}


@pytest.mark.parametrize(
    ("scene", "sink", "alarm", "wanted"),
    [
        *(("rich", "Given", alarm, wanted) for alarm, wanted in WATCHED.items()),
        *(("direct", "Redshift", alarm, wanted) for alarm, wanted in WATCHED_DIRECTLY.items()),
    ],
)
def test_an_alarm_watches_what_the_service_emits_and_tells_the_topic(
    made: Warehouses, scene: str, sink: str, alarm: str, wanted: tuple[str, str, str, int, str]
) -> None:
    found: Scene = getattr(made, scene)
    assert found.made.alarms[f"{sink}{alarm}"] is found.made.deliveries[sink].alarms[alarm]
    one = found.of(found.made.alarms[f"{sink}{alarm}"])
    dimensions = [dimension["Value"] for dimension in one["Dimensions"] if dimension["Value"] != "Errors"]
    assert (one["Namespace"], one["MetricName"], one["Statistic"], one["Threshold"], *dimensions) == wanted
    below = wanted[1] == "DeliveryToRedshift.Success"
    assert one["ComparisonOperator"] == ("LessThanThreshold" if below else "GreaterThanThreshold")
    assert (one["TreatMissingData"], one["AlarmActions"]) == ("notBreaching", ["<Topic>"])
    assert len(one["AlarmDescription"].split(".")) > 2


def test_there_is_an_alarm_for_each_way_to_fail(made: Warehouses) -> None:
    loads = {"LoadsFailed", "ArrivalsUndelivered", "ArrivalsFailed"}
    for scene, sink in ((made.plain, "Redshift"), (made.rich, "Own"), (made.rich, "Given")):
        assert set(scene.made.deliveries[sink].alarms) == {"Freshness", "Throttled", "RecordsFailed", *loads}
    assert set(made.direct.made.deliveries["Redshift"].alarms) == set(WATCHED_DIRECTLY)
    failed = made.rich.of(made.rich.made.alarms["OwnArrivalsFailed"])
    assert failed["AlarmActions"] == ["<Topic>"]
    rules = {
        dimension["Value"] for one in failed["Metrics"][1:] for dimension in one["MetricStat"]["Metric"]["Dimensions"]
    }
    assert rules == {"<RichOwnLoadsArrivalsArrived>"}
    assert all("AlarmActions" not in made.plain.of(one) for one in made.plain.made.alarms.values())


@pytest.mark.parametrize(("scene", "sink", "policy"), [("plain", "Redshift", "Retain"), ("rich", "Own", "Delete")])
def test_data_is_kept_unless_the_user_chooses_otherwise(made: Warehouses, scene: str, sink: str, policy: str) -> None:
    found: Scene = getattr(made, scene)
    delivery = found.made.deliveries[sink]
    parts = ("Workgroup/Namespace", "Loads/Files", "Loads/FailedLoads", "Loads/Log", "Copy/Provider/Log")
    held = [
        delivery.bucket,
        delivery.access_log_bucket,
        delivery.log_group,
        *(found.named(f"{sink}/{one}") for one in parts),
    ]
    assert [found.template.resource(one)["DeletionPolicy"] for one in held] == [policy] * len(held)


def test_two_sinks_in_a_construct_and_several_constructs_in_a_stack_have_names_of_their_own(made: Warehouses) -> None:
    names = [
        value
        for kind, attribute in (
            ("AWS::RedshiftServerless::Namespace", "NamespaceName"),
            ("AWS::RedshiftServerless::Workgroup", "WorkgroupName"),
            ("AWS::Redshift::Integration", "IntegrationName"),
        )
        for value in {flat(one["Properties"][attribute]) for one in made.template.all(kind)}
    ]
    # A workgroup is called like its namespace.
    assert len(names) == 2 + 2 + 3
    jobs = {one["Properties"]["Job"]["Name"] for one in made.template.all("Custom::RedshiftTable")}
    assert len(jobs) == 3
    assert len(made.rich.of(made.rich.made.rule)["TopicRulePayload"]["Actions"]) == 2
