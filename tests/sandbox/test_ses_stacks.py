"""Stacks with Amazon SES in the sandbox: identities, streams, alarms that pause them, and mail that arrives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.leftovers import Leftovers
from sandbox.operations import body, keys, told, waiting
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .test_ses import ACCOUNT, EICAR, FROM, REGION, SIMULATOR, admitting, refused

RULE_SET = f"arn:aws:ses:{REGION}:{ACCOUNT}:receipt-rule-set"
ROOT = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
SES = {"Service": "ses.amazonaws.com"}
FILTER = """
def handler(event, context):
    mail = event["Records"][0]["ses"]
    assert "content" not in mail
    bad = mail["receipt"]["spamVerdict"]["status"] == "FAIL"
    return {"disposition": "STOP_RULE_SET" if bad else "CONTINUE"}
"""
PAUSES = """
import boto3, os
def handler(event, context):
    alarm = event["alarmData"]
    assert (event["source"], alarm["state"]["value"]) == ("aws.cloudwatch", "ALARM")
    assert alarm["configuration"]["metrics"][0]["metricStat"]["metric"]["namespace"] == "AWS/SES"
    name = os.environ["CONFIGURATION_SET"]
    boto3.client("sesv2").put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
"""


def get(name: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def resource(type: str, *after: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{type}", "Properties": properties} | ({"DependsOn": list(after)} if after else {})


def function(code: str, role: str, **environment: Any) -> dict[str, Any]:
    described = {"Handler": "index.handler", "Runtime": "python3.13", "Code": {"ZipFile": code}, "Timeout": 10}
    return resource("Lambda::Function", **described, Role=get(role), Environment={"Variables": environment})


def role(*actions: str, service: str = "lambda.amazonaws.com", on: Any = "*") -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": list(actions) or "none:None", "Resource": on}
    policies = [{"PolicyName": "Do", "PolicyDocument": {"Statement": [allowed]}}]
    return resource("IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]}, Policies=policies)


def permission(name: str, who: str, source: Any) -> dict[str, Any]:
    invoke = {"Action": "lambda:InvokeFunction", "FunctionName": get(name), "Principal": who}
    return resource("Lambda::Permission", **invoke, SourceAccount=ACCOUNT, SourceArn=source)


def identity() -> dict[str, Any]:
    return {
        "Domain": resource(
            "SES::EmailIdentity",
            EmailIdentity="example.com",
            ConfigurationSetAttributes={"ConfigurationSetName": {"Ref": "Set"}},
            DkimSigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT"},
            Tags=[{"Key": "team", "Value": "shop"}],
        ),
        "Set": resource(
            "SES::ConfigurationSet",
            ReputationOptions={"ReputationMetricsEnabled": True},
            SuppressionOptions={"SuppressedReasons": []},
        ),
    }


def stream_to_firehose() -> dict[str, Any]:
    writes = ["s3:PutObject", "s3:GetBucketLocation", "s3:ListBucket", "s3:AbortMultipartUpload", "s3:GetObject"]
    destination = {"BucketARN": get("Bucket"), "RoleARN": get("Delivers"), "BufferingHints": {"IntervalInSeconds": 60}}
    where = {"DeliveryStreamARN": get("Stream"), "IAMRoleARN": get("Puts")}
    return {
        **identity(),
        "Bucket": resource("S3::Bucket"),
        "Delivers": role(*writes, "s3:ListBucketMultipartUploads", service="firehose.amazonaws.com"),
        "Stream": resource("KinesisFirehose::DeliveryStream", ExtendedS3DestinationConfiguration=destination),
        "Puts": role("firehose:PutRecordBatch", service="ses.amazonaws.com", on=get("Stream")),
        "ToStream": resource(
            "SES::ConfigurationSetEventDestination",
            ConfigurationSetName={"Ref": "Set"},
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": ["SEND", "DELIVERY"],
                "KinesisFirehoseDestination": where,
            },
        ),
        "Pool": resource("SES::DedicatedIpPool", PoolName="pool", ScalingMode="MANAGED"),
        "Template": resource("SES::Template", Template={"TemplateName": "Hello", "SubjectPart": "Hello {{name}}"}),
        "Vdm": resource("SES::VdmAttributes", DashboardAttributes={"EngagementMetrics": "ENABLED"}),
    }


def send(run: Run, *to: str, **more: Any) -> str:
    content = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "b"}}}}
    request = {"FromEmailAddress": FROM, "Content": content, "Destination": {"ToAddresses": list(to)}}
    return str(run.client("sesv2").send_email(**request, **more)["MessageId"])


def test_a_domain_has_its_records_and_its_stream_and_events_reach_the_bucket(run: Run) -> None:
    template = {"Resources": stream_to_firehose()}
    names = ("DkimDNSTokenName1", "DkimDNSTokenValue1", "DkimDNSTokenName3")
    template["Outputs"] = {name: {"Value": get("Domain", name)} for name in names}
    left = Leftovers(run)
    with deployed(run, "Mail", template):
        left.remember(["Mail"])
        v2, out = run.client("sesv2"), run.outputs("Mail")
        found = v2.get_email_identity(EmailIdentity="example.com")
        token = found["DkimAttributes"]["Tokens"][0]
        assert out["DkimDNSTokenName1"] == f"{token}._domainkey.example.com"
        assert out["DkimDNSTokenValue1"] == f"{token}.dkim.amazonses.com"
        assert found["ConfigurationSetName"] == run.resource("Mail", "AWS::SES::ConfigurationSet")
        assert (found["DkimAttributes"]["Status"], found["Tags"]) == ("SUCCESS", [{"Key": "team", "Value": "shop"}])
        assert v2.get_dedicated_ip_pool(PoolName="pool")["DedicatedIpPool"]["ScalingMode"] == "MANAGED"
        assert v2.get_email_template(TemplateName="Hello")["TemplateContent"]["Subject"] == "Hello {{name}}"
        bucket = run.resource("Mail", "AWS::S3::Bucket")
        id = send(run, f"success@{SIMULATOR}")
        (key,) = run.wait("the object", lambda: keys(run, bucket, ""))
        lines = [json.loads(line) for line in body(run, bucket, key).splitlines()]
        assert [(one["eventType"], one["mail"]["messageId"]) for one in lines] == [("Send", id), ("Delivery", id)]
        run.client("s3").delete_object(Bucket=bucket, Key=key)
    remains = left.check()
    of_stacks = [one for one in remains.problems if "templates-of-tests" not in one]
    assert (of_stacks, remains.unchecked) == ([], ())


def test_a_destination_whose_role_lacks_its_permission_fails_the_stack(run: Run) -> None:
    resources = stream_to_firehose()
    resources["Puts"] = role("firehose:PutRecord", service="ses.amazonaws.com")
    with pytest.raises(Broken, match="firehose:PutRecordBatch"), deployed(run, "Mail", {"Resources": resources}):
        pass


def pausing() -> dict[str, Any]:
    alarm = {
        "Namespace": "AWS/SES",
        "MetricName": "Reputation.BounceRate",
        "Dimensions": [{"Name": "ses:configuration-set", "Value": {"Ref": "Set"}}],
        "Statistic": "Average",
        "Period": 3600,
        "EvaluationPeriods": 1,
        "Threshold": 0.045,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
        "AlarmActions": [get("Pauser")],
    }
    return {
        **identity(),
        "Role": role("ses:PutConfigurationSetSendingOptions"),
        "Pauser": function(PAUSES, "Role", CONFIGURATION_SET={"Ref": "Set"}),
        "Alarm": resource("CloudWatch::Alarm", **alarm),
        "May": permission("Pauser", "lambda.alarms.cloudwatch.amazonaws.com", get("Alarm")),
    }


def test_a_bad_reputation_rings_an_alarm_whose_function_pauses_the_stream(run: Run) -> None:
    with deployed(run, "Pausing", {"Resources": pausing()}):
        name = run.resource("Pausing", "AWS::SES::ConfigurationSet")
        send(run, f"bounce@{SIMULATOR}")

        def paused() -> bool:
            found = run.client("sesv2").get_configuration_set(ConfigurationSetName=name)
            return not found["SendingOptions"]["SendingEnabled"]

        run.wait("the pause", paused, 20)
        with refused("SendingPausedException"):
            send(run, f"success@{SIMULATOR}")


def test_an_alarm_invokes_no_function_whose_policy_does_not_admit_it(run: Run) -> None:
    resources = pausing()
    del resources["May"]
    run._mark = run.sandbox.log.stat().st_size
    with deployed(run, "Pausing", {"Resources": resources}):
        send(run, f"bounce@{SIMULATOR}")
        denial = "lambda.alarms.cloudwatch.amazonaws.com is not authorized"
        run.wait("the warning", lambda: [one for one in run.warnings() if denial in one])
        send(run, f"success@{SIMULATOR}")


def inbound() -> dict[str, Any]:
    rule = {"Fn::Sub": f"{RULE_SET}/${{Rules}}:receipt-rule/first"}
    second = {"Fn::Sub": f"{RULE_SET}/${{Rules}}:receipt-rule/second"}
    objects = {"Fn::Join": ["", [get("Bucket"), "/*"]]}
    uses = {**admitting("kms:*", "*", ""), "Condition": {"StringEquals": {"aws:SourceArn": rule}}}
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": get("Key")}
    encryption = [{"ServerSideEncryptionByDefault": default}]
    filter = {"LambdaAction": {"FunctionArn": get("Filter"), "InvocationType": "RequestResponse"}}
    stored = {"S3Action": {"BucketName": {"Ref": "Bucket"}, "ObjectKeyPrefix": "mail/", "TopicArn": {"Ref": "Topic"}}}
    publish = {**admitting("sns:Publish", "*", ""), "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
    to_queue = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}
    common = {"Enabled": True, "ScanEnabled": True, "Recipients": ["example.com"]}
    return {
        "Domain": resource("SES::EmailIdentity", EmailIdentity="example.com"),
        "Rules": resource("SES::ReceiptRuleSet"),
        "Key": resource("KMS::Key", KeyPolicy={"Statement": [ROOT, uses]}),
        "Bucket": resource("S3::Bucket", BucketEncryption={"ServerSideEncryptionConfiguration": encryption}),
        "Writes": resource(
            "S3::BucketPolicy",
            Bucket={"Ref": "Bucket"},
            PolicyDocument={"Statement": [admitting("s3:PutObject", "", "") | {"Resource": objects} | source(rule)]},
        ),
        "Topic": resource("SNS::Topic"),
        "Publishes": resource("SNS::TopicPolicy", Topics=[{"Ref": "Topic"}], PolicyDocument={"Statement": [publish]}),
        "Queue": resource("SQS::Queue"),
        "Takes": resource("SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument={"Statement": [to_queue]}),
        "Hears": resource(
            "SNS::Subscription",
            TopicArn={"Ref": "Topic"},
            Protocol="sqs",
            Endpoint=get("Queue"),
            RawMessageDelivery=True,
        ),
        "Role": role(),
        "Filter": function(FILTER, "Role"),
        "May": permission("Filter", "ses.amazonaws.com", rule),
        "First": resource(
            "SES::ReceiptRule",
            "May",
            "Writes",
            "Publishes",
            RuleSetName={"Ref": "Rules"},
            Rule={**common, "Name": "first", "Actions": [filter, stored]},
        ),
        "Second": resource(
            "SES::ReceiptRule",
            "Publishes",
            RuleSetName={"Ref": "Rules"},
            After={"Ref": "First"},
            Rule={**common, "Name": "second", "Actions": [{"SNSAction": {"TopicArn": {"Ref": "Topic"}}}]},
        ),
        "Unused": resource("CloudFormation::WaitConditionHandle") | {"Metadata": second},
    }


def source(rule: Any) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": rule}}}


def test_mail_that_arrives_goes_through_the_rules_of_the_active_set(run: Run) -> None:
    v1, s3 = run.client("ses"), run.client("s3")
    mail = {"content": "From: ann@example.net\r\nTo: help@example.com\r\nSubject: Help\r\n\r\nWhere is it?\r\n"}
    path, left = "/_sandbox/ses/inbound", Leftovers(run)
    with deployed(run, "Inbound", {"Resources": inbound()}):
        left.remember(["Inbound"])
        rules, bucket = (run.resource("Inbound", f"AWS::{type}") for type in ("SES::ReceiptRuleSet", "S3::Bucket"))
        with pytest.raises(Broken, match="550"):
            told(run, path, mail)
        v1.set_active_receipt_rule_set(RuleSetName=rules)
        found = v1.describe_active_receipt_rule_set()["Rules"]
        assert [one["Name"] for one in found] == ["first", "second"]
        taken = told(run, path, mail)
        assert taken["actions"] == ["first:LambdaAction", "first:S3Action", "second:SNSAction"]
        key = f"mail/{taken['messageId']}"
        assert set(keys(run, bucket, "mail/")) == {"mail/AMAZON_SES_SETUP_NOTIFICATION", key}
        assert body(run, bucket, key).decode() == mail["content"]
        assert s3.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "aws:kms"
        stored, heard = run.wait("both", lambda: waiting(run, run.resource("Inbound", "AWS::SQS::Queue")))
        assert (stored["receipt"]["action"]["objectKey"], "content" in stored) == (key, False)
        assert (heard["content"], heard["mail"]["commonHeaders"]["subject"]) == (mail["content"], "Help")
        assert heard["receipt"]["virusVerdict"] == {"status": "PASS"}
        assert told(run, path, {**mail, "verdicts": {"spam": "FAIL"}})["actions"] == ["first:LambdaAction"]
        infected = told(run, path, {**mail, "content": mail["content"] + EICAR})
        assert len(infected["actions"]) == 3
        with pytest.raises(Broken, match="550"):
            told(run, path, {**mail, "recipients": ["a@elsewhere.example"]})
        s3.delete_bucket_policy(Bucket=bucket)
        assert "first:S3Action:failed" in told(run, path, mail)["actions"]
        v1.set_active_receipt_rule_set()
        for key in keys(run, bucket, ""):
            s3.delete_object(Bucket=bucket, Key=key)
    assert [one for one in left.check().problems if "templates-of-tests" not in one] == []


def test_a_rule_that_ses_could_not_follow_fails_the_stack(run: Run) -> None:
    resources = inbound()
    resources["First"]["DependsOn"].remove("May")
    with pytest.raises(Broken, match="lambda:InvokeFunction"), deployed(run, "Inbound", {"Resources": resources}):
        pass
    run.client("ses").create_receipt_rule_set(RuleSetName="Own")
    action = {"SNSAction": {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:none", "Encoding": "UTF-8"}}
    with refused("InvalidSnsTopic", "there is no topic"):
        run.client("ses").create_receipt_rule(RuleSetName="Own", Rule={"Name": "one", "Actions": [action]})
    run.client("ses").delete_receipt_rule_set(RuleSetName="Own")


def test_what_a_subscription_cannot_deliver_waits_in_its_dead_letter_queue_and_is_moved(run: Run) -> None:
    sqs, sns = run.client("sqs"), run.client("sns")
    topic = sns.create_topic(Name="feedback")["TopicArn"]
    arns = {name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("closed-one", "dead-one")}
    take = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}
    open_to_all = {"Policy": json.dumps({"Statement": [take]})}
    dead = sqs.create_queue(QueueName="dead-one", Attributes=open_to_all)["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arns["dead-one"], "maxReceiveCount": 1})
    closed = sqs.create_queue(QueueName="closed-one", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arns["dead-one"]})
    attributes = {"RawMessageDelivery": "true", "RedrivePolicy": policy}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["closed-one"], Attributes=attributes)
    sns.publish(TopicArn=topic, Message='{"n": 1}')
    assert run.wait("the dead letter", lambda: waiting(run, dead)) == [{"n": 1}]
    sqs.start_message_move_task(SourceArn=arns["dead-one"])
    (task,) = sqs.list_message_move_tasks(SourceArn=arns["dead-one"])["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    sqs.start_message_move_task(SourceArn=arns["dead-one"], DestinationArn=arns["closed-one"])
    assert (waiting(run, dead), waiting(run, closed)) == ([], [{"n": 1}])
    with refused("InvalidParameterValue", "dead-letter queue of another queue"):
        sqs.start_message_move_task(SourceArn=arns["closed-one"])
