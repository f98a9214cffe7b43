"""The construct works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match
from aws_cdk.assertions import Template as AnyTemplate

from cdk_refarch import (
    AddressIdentity,
    Analytics,
    Dmarc,
    DomainIdentity,
    EventMetrics,
    Feedback,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesAccount,
    SesConfigSets,
    TrackingDomain,
)
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.ses_config_sets.built import Built, function, role
from tests.unit.templates import Template, flat

ACCOUNT = "111122223333"
DOMAIN = DomainIdentity(domain="example.com")
NEWS = {"news": SendingStream()}
SMALLEST: dict[str, Any] = {"streams": NEWS, "feedback": Feedback(record=False), "analytics": None}
PAUSING = SendingStream(
    pool="MANAGED", event_bridge_events=["CLICK"], metrics=EventMetrics(dimensions={"campaign": "none"}),
    reputation=Reputation(pause=Pause()),
)  # fmt: skip


def everything(stack: cdk.Stack, **more: Any) -> SesConfigSets:
    """A construct with all its parts, apart from receiving."""
    email = SesConfigSets(
        stack,
        "Email",
        identity=DOMAIN,
        streams={"transactional": SendingStream(), "marketing": PAUSING},
        account=SesAccount(suppression=["BOUNCE"], engagement_metrics=True),
        **more,
    )
    email.on_bounce("Clean", function(stack, "Told"))
    email.on_complaint("Unsubscribe", sqs.Queue(stack, "Queue"))
    email.grant_send(role(stack, "Sender"), stream="marketing", from_addresses=["a@example.com"])
    return email


def test_names_addresses_and_rates_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    later = Later(stack)
    domain = later.name
    zone = route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id=later.name, zone_name=later.name
    )
    email = SesConfigSets(
        stack,
        "Email",
        identity=DomainIdentity(
            domain=domain, hosted_zone=zone, mail_from_subdomain=later.name, dmarc=Dmarc(report_to=later.name)
        ),
        streams={
            "news": SendingStream(
                tracking=TrackingDomain(domain=f"click.{domain}"),
                reputation=Reputation(
                    bounce_rate=later.number,
                    complaint_rate=later.number,
                    pause=Pause(bounce_rate=later.number, complaint_rate=later.number),
                ),
                metrics=EventMetrics(dimensions={"campaign": later.name}),
            )
        },
        feedback=Feedback(keep_transient_days=later.number),
        analytics=Analytics(campaign_tag=later.name, buffer_interval=cdk.Duration.seconds(later.number)),
        inbound=Inbound(recipients=[f"support@{domain}", domain], expire_after_days=later.number, mx_record=True),
    )
    email.grant_send(role(stack, "Sender"), stream="news", from_addresses=[later.name], template_names=[later.name])
    template = Template(stack)
    # The name of a zone is only compared.
    assert later.unused(template) == ["Parameter3"]
    types = [one["Properties"]["Type"] for one in template.all("AWS::Route53::RecordSet")]
    assert sorted(types) == ["CNAME"] * 4 + ["MX"] * 2 + ["TXT"] * 2


def test_an_address_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    email = SesConfigSets(stack, "Email", identity=AddressIdentity(address=Later(stack).name), **SMALLEST)
    assert Template(stack).of(email.identity)["EmailIdentity"] == {"Ref": "Parameter1"}


def test_a_stack_without_region_is_free_of_any() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    inbound = Inbound(recipients=["example.com"])
    email = everything(stack, inbound=inbound)
    text = json.dumps(Template(stack).json)
    assert '"AWS::Region"' in text
    assert "us-east-1" not in text
    records = [stack.resolve(one.value) for one in email.dns_records if one.type == "MX"]
    region = {"Ref": "AWS::Region"}
    assert records == [
        {"Fn::Join": ["", ["10 feedback-smtp.", region, ".amazonses.com"]]},
        {"Fn::Join": ["", ["10 inbound-smtp.", region, ".amazonaws.com"]]},
    ]


def test_another_partition_gets_its_arns() -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(account=ACCOUNT, region="us-gov-west-1"))
    everything(stack)
    text = json.dumps(Template(stack).json)
    assert "arn:aws:" not in text
    assert "10 feedback-smtp.us-gov-west-1.amazonses.com" not in text  # without a hosted zone it is only listed


def test_what_holds_data_is_kept_unless_it_is_to_go(made: Built) -> None:
    kinds = {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::KMS::Key"}
    for where, policy in ((made.plain, "Retain"), (made.full, "Delete")):
        own = [one for one in _by_path(where.email, where.template).values() if one["Type"] in kinds]
        assert {one["Type"] for one in own} == kinds
        for one in own:
            assert one["UpdateReplacePolicy"] == policy
            # RetainExceptOnCreate leaves nothing behind of a deployment that failed.
            assert one["DeletionPolicy"].startswith(policy)


def _by_path(email: SesConfigSets, template: Template) -> dict[str, dict[str, Any]]:
    found = [one for one in email.node.find_all() if isinstance(one, cdk.CfnResource)]
    return {one.node.path: template.json["Resources"][template.resolve(one.logical_id)] for one in found}


def test_logs_are_kept_as_long_as_asked_for(made: Built) -> None:
    for where, days in ((made.plain, 180), (made.full, 365)):
        resources = _by_path(where.email, where.template).values()
        kept = [one["Properties"]["RetentionInDays"] for one in resources if one["Type"] == "AWS::Logs::LogGroup"]
        assert set(kept) == {days}


def test_a_given_key_encrypts_everything(made: Built) -> None:
    assert made.given.all("AWS::KMS::Key") == [made.given.of(made.mail.encryption_key)]
    for kind, name in (
        ("SQS::Queue", "KmsMasterKeyId"),
        ("SNS::Topic", "KmsMasterKeyId"),
        ("Logs::LogGroup", "KmsKeyId"),
    ):
        assert {one[name] for one in made.given.all(f"AWS::{kind}")} == {made.given.key_arn()}


def test_warnings_tell_what_the_policy_of_a_key_of_elsewhere_must_allow(made: Built) -> None:
    warnings = Annotations.from_stack(made.given.email.node.scope)  # type: ignore[arg-type]
    text = "The policy of the given encryption_key cannot be changed"
    found = [str(one.entry.data) for one in warnings.find_warning("*", Match.string_like_regexp(text))]
    for named in ("CloudWatch Logs", "ses.amazonaws.com", "sns.amazonaws.com", "encryption.athena.amazonaws.com"):
        assert [one for one in found if named in one], named


def test_warnings_name_the_argument_whose_key_it_is() -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    here = f"eu-west-1:{ACCOUNT}"
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{here}:key/theirs")
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="theirs", encryption_key=key)
    queue = sqs.Queue.from_queue_attributes(
        stack, "Queue", queue_arn=f"arn:aws:sqs:{here}:theirs", key_arn=f"arn:aws:kms:{here}:key/theirs"
    )
    inbound = Inbound(recipients=["example.com"], bucket=bucket)
    email = SesConfigSets(stack, "Email", identity=DOMAIN, inbound=inbound, **SMALLEST)
    email.on_bounce("Clean", queue)
    warnings = Annotations.from_stack(stack)
    rule = "The policy of the given %s cannot be changed by this app. It must let %s decrypt"
    for argument, service, where in (
        ("key of bucket", "ses.amazonaws.com", email.inbound),
        ("key of target", "sns.amazonaws.com", email.node.find_child("Clean")),
    ):
        text = Match.string_like_regexp(re.escape(rule % (argument, service)))
        assert len(warnings.find_warning(f"/{where.node.path}", text)) == 1  # type: ignore[union-attr]
    assert warnings.find_warning("*", Match.string_like_regexp("encryption_key")) == []


def with_analytics(scope: cdk.Stack, **more: Any) -> None:
    """A construct with a work group."""
    SesConfigSets(scope, "Email", identity=DOMAIN, streams=NEWS, feedback=Feedback(record=False), **more)


def work_group(scope: cdk.Stack) -> Any:
    """The name of the work group in the template of a stack, which may be a nested one."""
    found = AnyTemplate.from_stack(scope).find_resources("AWS::Athena::WorkGroup")
    (name,) = [one["Properties"]["Name"] for one in found.values()]
    return name


def test_a_nested_stack_uses_the_key_of_its_parent_which_knows_nothing_of_it() -> None:
    parent = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    key = kms.Key(parent, "Key")
    # Its own name is not known before it is deployed.
    nested = cdk.NestedStack(parent, "Nested")
    with_analytics(nested, encryption_key=key, inbound=Inbound(recipients=["example.com"]))
    name = work_group(nested)
    assert re.fullmatch("email-events-[0-9a-f]{32}", name)
    template = AnyTemplate.from_stack(parent).to_json()
    # The parent would have to wait for the nested stack, and the nested stack for its key.
    (found,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::KMS::Key"]
    assert "Nested" not in json.dumps(found)
    statements = flat(found["Properties"]["KeyPolicy"]["Statement"])
    (athena,) = [one for one in statements if "athena" in str(one["Principal"])]
    arn = f"arn:aws:athena:eu-west-1:{ACCOUNT}:workgroup/{name}"
    assert athena["Condition"]["ArnLike"] == {"aws:SourceArn": arn, "kms:EncryptionContext:aws:athena:arn": arn}


def test_work_groups_of_the_stacks_of_an_app_have_names_of_their_own() -> None:
    app = cdk.App()
    stacks = [cdk.Stack(app, id) for id in ("One", "Two", "s" * 128)]
    # The same id in each of two parents, and two ids in one.
    nested = [cdk.NestedStack(stacks[0], "A"), cdk.NestedStack(stacks[0], "B"), cdk.NestedStack(stacks[1], "A")]
    for one in (*stacks, *nested):
        with_analytics(one)
    names = [work_group(one) for one in (*stacks, *nested)]
    assert len(set(names)) == len(names)
    # https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateWorkGroup.html
    assert all(re.fullmatch("[a-zA-Z0-9._-]{1,128}", one) for one in names)


def test_the_work_group_of_a_nested_stack_has_the_same_name_whenever_it_is_synthesized() -> None:
    names = set()
    for _ in range(2):
        # The number of the token that its own name is differs.
        nested = cdk.NestedStack(cdk.Stack(cdk.App(), "Mail"), "Nested")
        with_analytics(nested)
        names.add(work_group(nested))
    assert len(names) == 1


def test_rejects_an_identity_that_another_construct_of_the_stack_has_and_says_how_to_share_it() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    first = SesConfigSets(stack, "First", identity=DOMAIN, **SMALLEST)
    rule = "identity must be made once in a stack, got another by Mail/First"
    remedy = "give the identity of the first, which its attribute identity is"
    with pytest.raises(ValueError, match=f"{rule}; {remedy}$"):
        SesConfigSets(stack, "Second", identity=DOMAIN, **SMALLEST)
    assert stack.node.try_find_child("Second") is None
    SesConfigSets(stack, "Second", identity=first.identity, **SMALLEST)
    assert len(Template(stack).all("AWS::SES::EmailIdentity")) == 1


def test_two_instances_fit_in_one_stack_with_identities_of_their_own() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    for id in ("One", "Two"):
        email = SesConfigSets(
            stack,
            id,
            identity=DomainIdentity(domain=f"{id.lower()}.example.com"),
            streams=NEWS,
            feedback=Feedback(record=False),
            inbound=Inbound(recipients=[f"{id.lower()}.example.com"], activate=id == "One"),
        )
        email.on_complaint("Unsubscribe", sqs.Queue(stack, f"{id}Queue"))
    template = Template(stack)
    assert len(template.all("AWS::SES::EmailIdentity")) == 2
    names = [one["Properties"]["Name"] for one in template.all("AWS::Athena::WorkGroup")]
    assert len(set(map(str, names))) == 2


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Mail", env=cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    email = SesConfigSets(
        stack,
        "Email",
        identity=DOMAIN,
        streams={"transactional": SendingStream(), "marketing": PAUSING},
        inbound=Inbound(recipients=["example.com"]),
        account=SesAccount(suppression=["BOUNCE"], engagement_metrics=True),
    )
    email.on_bounce(
        "Clean", lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f")
    )
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    # Neither flags nor the L2 give a role more than what stands in it.
    assert template.all("AWS::IAM::Policy") == []
    assert all("ManagedPolicyArns" not in one["Properties"] for one in template.all("AWS::IAM::Role"))
    assert "AccessControl" not in str(template.all("AWS::S3::Bucket"))
    assert len(template.all("AWS::Lambda::Permission")) == 4


def test_the_alarms_of_a_pause_both_call_it_whatever_the_flags(tmp_path: Path) -> None:
    app = cdk.App(post_cli_context=NO_FLAGS, outdir=str(tmp_path))
    stack = cdk.Stack(app, "Mail")
    SesConfigSets(stack, "Email", identity=DOMAIN, streams={"marketing": PAUSING}, analytics=None)
    found = [one["Properties"]["Principal"] for one in Template(stack).all("AWS::Lambda::Permission")]
    assert found == ["lambda.alarms.cloudwatch.amazonaws.com"] * 2


@pytest.mark.parametrize(("flags", "own_bucket"), [(FLAGS, False), (NO_FLAGS, True)], ids=["recommended", "none"])
def test_what_is_given_may_live_in_another_stack(flags: dict[str, Any], own_bucket: bool) -> None:
    app = cdk.App(post_cli_context=flags)
    shared, own = cdk.Stack(app, "Shared"), cdk.Stack(app, "Mail")
    key = kms.Key(shared, "Key")
    email = SesConfigSets(
        own,
        "Email",
        identity=DomainIdentity(
            domain="example.com", hosted_zone=route53.PublicHostedZone(shared, "Zone", zone_name="example.com")
        ),
        streams={"news": SendingStream(pool=ses.DedicatedIpPool(shared, "Pool"))},
        analytics=Analytics(bucket=s3.Bucket(shared, "Lake")),
        inbound=Inbound(
            recipients=["example.com"],
            bucket=None if own_bucket else s3.Bucket(shared, "Mail"),
            function=function(shared, "Fn"),
        ),
        encryption_key=key,
        alarm_topic=sns.Topic(shared, "Alarms"),
    )
    email.on_bounce("Clean", function(shared, "Told"))
    email.on_complaint("Unsubscribe", sqs.Queue(shared, "Queue", encryption_master_key=kms.Key(shared, "QueueKey")))
    sending = cdk.Stack(app, "Sending")
    email.grant_send(role(sending, "Sender"), stream="news", from_addresses=["a@example.com"])
    # What was there before does not wait for what uses it, or none of the two stacks could be deployed.
    assert [refers(stack) for stack in (own, sending, shared)] == [True, True, False]
    (policy,) = Template(shared).all("AWS::SQS::QueuePolicy")
    assert ":sns:" in str(policy["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]["ArnLike"])
