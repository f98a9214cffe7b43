"""Receiving: the rule and its order, what it may write and call, and which rule set is active."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.ses_config_sets.built import ACCOUNT, HERE, Built, Scene, allowed, permissions, service
from tests.unit.ses_config_sets.test_feedback import receipts

SCENES = pytest.mark.parametrize("scene", ["full", "given"])


def received(where: Scene) -> Any:
    return where.email.inbound


def from_rules(where: Scene) -> dict[str, Any]:
    """The condition that only mail of the rule set meets."""
    rule_set = where.shown(received(where).rule_set.ref)
    return {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ses:{HERE}:receipt-rule-set/{rule_set}:receipt-rule/*"},
    }


def test_mail_is_filtered_before_it_is_kept_and_told_of(made: Built) -> None:
    inbound = received(made.full)
    assert made.full.of(inbound.rule) == {
        "RuleSetName": made.full.shown(inbound.rule_set.ref),
        "Rule": {
            "Enabled": True,
            "ScanEnabled": True,
            "TlsPolicy": "Require",
            "Recipients": ["shop.example.com", "help@in.shop.example.com", "info@in.shop.example.com"],
            "Actions": [
                {
                    "LambdaAction": {
                        "FunctionArn": made.full.shown(inbound.filter.function_arn),
                        # SES waits for the answer, which may stop the rule set.
                        "InvocationType": "RequestResponse",
                    }
                },
                {
                    "S3Action": {
                        "BucketName": made.full.shown(inbound.bucket.bucket_name),
                        "ObjectKeyPrefix": "mail/",
                        "TopicArn": made.full.shown(inbound.topic.topic_arn),
                    }
                },
                {
                    "LambdaAction": {
                        "FunctionArn": made.full.shown(made.consumer.function_arn),
                        "InvocationType": "Event",
                    }
                },
            ],
        },
    }


def test_no_function_is_called_but_the_filter_unless_one_is_given(made: Built) -> None:
    actions = made.given.of(received(made.given).rule)["Rule"]["Actions"]
    assert [next(iter(one)) for one in actions] == ["LambdaAction", "S3Action"]


def test_the_filter_answers_in_time_and_is_as_strict_as_asked_for(made: Built) -> None:
    for where, strict in ((made.full, "true"), (made.given, "false")):
        found = where.of(received(where).filter)
        assert found["Environment"]["Variables"] == {"STRICT": strict}
        # https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
        assert found["Timeout"] < 30


@SCENES
def test_the_filter_may_write_its_log_and_nothing_else(made: Built, scene: str) -> None:
    where = made.scene(scene)
    role = received(where).node.find_child("Filter").node.find_child("FunctionRole")
    assert {action.split(":")[0] for action, _, _ in permissions(where.of(role))} == {"logs", "xray"}


@SCENES
def test_only_rules_of_the_set_call_the_functions(made: Built, scene: str) -> None:
    where = made.scene(scene)
    found = {one["FunctionName"]: one for one in where.all("AWS::Lambda::Permission")}
    called = [received(where).filter, *([made.consumer] if scene == "full" else [])]
    by_ses = {name for name, one in found.items() if one["Principal"] == "ses.amazonaws.com"}
    assert by_ses == {where.shown(one.function_arn) for one in called}
    for one in (found[name] for name in by_ses):
        assert (one["Action"], one["SourceAccount"]) == ("lambda:InvokeFunction", ACCOUNT)
        assert one["SourceArn"] == from_rules(where)["ArnLike"]["aws:SourceArn"]


@SCENES
def test_only_rules_of_the_set_write_to_the_bucket_and_under_mail(made: Built, scene: str) -> None:
    where = made.scene(scene)
    bucket = received(where).bucket
    assert (bucket is made.mail) == (scene == "given")
    assert allowed(where.of(bucket.policy)) == [
        {
            "Action": "s3:PutObject",
            "Principal": service("ses"),
            "Resource": f"{where.shown(bucket.bucket_arn)}/mail/*",
            "Condition": from_rules(where),
        }
    ]


@SCENES
def test_only_rules_of_the_set_publish_to_the_topic(made: Built, scene: str) -> None:
    where = made.scene(scene)
    topic = received(where).topic
    assert allowed(where.of(topic.node.find_child("Policy"))) == [
        {
            "Action": "sns:Publish",
            "Principal": service("ses"),
            "Resource": where.shown(topic.topic_arn),
            "Condition": from_rules(where),
        }
    ]
    assert where.of(topic)["KmsMasterKeyId"] == where.key_arn()


def test_mail_is_encrypted_with_the_key_of_its_bucket_which_admits_the_rules(made: Built) -> None:
    own = made.full.of(received(made.full).bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert own[0]["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": made.full.key_arn()}
    assert made.mail.encryption_key is not None
    for where, key in ((made.full, made.full.email.encryption_key), (made.given, made.mail.encryption_key)):
        expected = receipts(where.shown(received(where).rule_set.ref))
        assert expected in allowed(where.of(key))


@SCENES
def test_the_rule_is_made_when_all_that_ses_tries_is_in_force(made: Built, scene: str) -> None:
    where = made.scene(scene)
    inbound = received(where)
    needed = [
        inbound.bucket.policy,
        inbound.topic.node.find_child("Policy"),
        inbound.bucket.encryption_key,
        inbound.node.find_child("FilterPermission"),
    ]
    if scene == "full":
        needed.append(inbound.node.find_child("ConsumerPermission"))
    for one in needed:
        assert where.waits_for(inbound.rule, one), one.node.path


def test_the_rule_set_becomes_the_active_one_once_its_rule_is_there(made: Built) -> None:
    inbound = received(made.full)
    active = inbound.node.find_child("Active")
    found = made.full.of(active)
    provider = made.full.named("Inbound/Provider/Function")
    assert found["ServiceToken"] == made.full.shown(provider.function_arn)
    assert found["RuleSetName"] == made.full.shown(inbound.rule_set.ref)
    assert made.full.resource(active)["Type"] == "Custom::SesActiveReceiptRuleSet"
    assert made.full.waits_for(active, inbound.rule)


def test_the_active_rule_set_is_left_alone_when_it_is_to_be(made: Built) -> None:
    inbound = received(made.given)
    assert inbound.node.try_find_child("Active") is None
    assert inbound.node.try_find_child("Provider") is None
    assert made.given.template.all("Custom::SesActiveReceiptRuleSet") == []


def test_mail_in_the_created_bucket_goes_when_it_expires(made: Built) -> None:
    rules = made.full.of(received(made.full).bucket)["LifecycleConfiguration"]["Rules"]
    mail = {"Id": "Mail", "Status": "Enabled", "Prefix": "mail/", "ExpirationInDays": 365}
    assert mail in rules
    assert "LifecycleConfiguration" not in made.given.of(made.mail)


def test_mail_that_is_delayed_or_lost_rings(made: Built) -> None:
    for name, metric in (("ActionsFailed", "PublishFailure"), ("MailLost", "PublishExpired")):
        alarm = made.full.of(made.full.email.alarms[f"Inbound{name}"])
        rule_set = made.full.shown(received(made.full).rule_set.ref)
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/SES", metric, "Sum")
        assert alarm["Dimensions"] == [{"Name": "RuleSetName", "Value": rule_set}]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    errors = made.full.of(made.full.email.alarms["InboundFilterErrors"])
    filtering = made.full.shown(received(made.full).filter.function_name)
    assert errors["Dimensions"] == [{"Name": "FunctionName", "Value": filtering}]


def test_nothing_receives_mail_unless_it_is_asked_to(made: Built) -> None:
    assert (made.plain.email.inbound, made.bare.email.inbound) == (None, None)
    assert made.plain.template.all("AWS::SES::ReceiptRuleSet") == []
    assert not [name for name in made.plain.email.alarms if name.startswith("Inbound")]
