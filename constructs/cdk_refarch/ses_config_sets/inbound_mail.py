"""Email that SES receives: scanned, kept in a bucket and told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.keys import SES, USE, admit, admit_to_topics
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.private_bucket import private_bucket

from .functions import HANDLERS
from .provider import RECEIVING_ACTIONS, provider
from .values import Inbound

PREFIX = "mail/"
"""Where mail is in the bucket; the name of an object is the id of its message."""

FILTER_TIMEOUT = cdk.Duration.seconds(20)
"""SES waits at most 30 s for an answer: https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html"""


class InboundMail(Construct):
    """Mail to the recipients is scanned, and what is neither spam nor infected is kept and told of.

    Creates a receipt rule set with a rule that demands TLS, a function that stops spam and infected mail, a bucket
    unless it is given, a topic, alarms, and makes the rule set the active one.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        inbound: What is asked for; checked before.
        operation: What it shares with the other parts.

    Attributes:
        rule_set: The receipt rule set.
        rule: Its rule.
        bucket: The bucket that mail is written to, given or created.
        topic: Told of each mail that was kept: headers, verdicts and the object's key, without the mail itself.
        filter: The function that stops spam and infected mail.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, inbound: Inbound, operation: Operation) -> None:
        super().__init__(scope, id)
        self._operation = operation
        self.rule_set = ses.CfnReceiptRuleSet(self, "RuleSet")
        self.bucket = self._bucket(inbound)
        admit_to_topics(self, operation.encryption_key, SES)
        self.topic = sns.Topic(self, "Topic", master_key=operation.encryption_key, enforce_ssl=True)
        self.topic.add_to_resource_policy(self._statement(self.topic, ["sns:Publish"], self.topic.topic_arn))
        self.filter = self._filter(inbound)
        self.rule = self._rule(inbound)
        if inbound.activate:
            active = provider(self, RECEIVING_ACTIONS, operation).resource(
                self, "Active", "SesActiveReceiptRuleSet", {"RuleSetName": self.rule_set.ref}
            )
            # No mail is taken before the rule is there, and no rule goes before others take the mail.
            active.node.add_dependency(self.rule)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms()

    def _bucket(self, inbound: Inbound) -> s3.IBucket:
        key = self._operation.encryption_key
        bucket = inbound.bucket
        if bucket is None:
            rules = []
            if inbound.expire_after_days is not None:
                rules.append(
                    s3.CfnBucket.RuleProperty(
                        id="Mail", status="Enabled", prefix=PREFIX, expiration_in_days=inbound.expire_after_days
                    )
                )
            bucket, _ = private_bucket(
                self, key=key, access_log_bucket=None, removal_policy=self._operation.removal_policy, rules=rules
            )
        statement = self._statement(bucket, ["s3:PutObject"], bucket.arn_for_objects(f"{PREFIX}*"))
        if not bucket.add_to_resource_policy(statement).statement_added:
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:inbound-bucket-policy",
                "The policy of the given bucket cannot be changed by this app. It must let ses.amazonaws.com put "
                f"objects under {PREFIX}, or the receipt rule cannot be created: "
                "https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html",
            )
        if bucket.encryption_key is not None:
            admit(
                self,
                bucket.encryption_key,
                self._statement(bucket.encryption_key, USE, "*"),
                needed="ses.amazonaws.com decrypt and generate data keys, or the receipt rule cannot be created",
                source="https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html",
                argument="key of bucket",
            )
        return bucket

    def _rules(self, rule_set: str) -> str:
        # The rule's own name is not known before it exists, and SES tries all of it when it is created.
        stack = cdk.Stack.of(self)
        return f"arn:{stack.partition}:ses:{stack.region}:{stack.account}:receipt-rule-set/{rule_set}:receipt-rule/*"

    def _statement(self, owner: IConstruct, actions: list[str], resource: str) -> iam.PolicyStatement:
        # In another stack, the policy would have to wait for this stack, and this stack for what has the policy.
        here = cdk.Stack.of(owner) is cdk.Stack.of(self)
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal(SES)],
            actions=actions,
            resources=[resource],
            conditions={
                "StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account},
                "ArnLike": {"aws:SourceArn": self._rules(self.rule_set.ref if here else "*")},
            },
        )

    def _filter(self, inbound: Inbound) -> lambda_.Function:
        filtering = Construct(self, "Filter")
        function = python_function(
            filtering,
            code=HANDLERS / "inbound_filter",
            description="Stops received email that is spam or infected",
            timeout=FILTER_TIMEOUT,
            statements=[],
            environment={"STRICT": "true" if inbound.strict else "false"},
            operation=self._operation,
        )
        acknowledge(
            function,
            "Serverless::Serverless-LambdaDLQ",
            "Amazon SES waits for the function's answer. When it gets none it tries again, for hours, and then the "
            "sender hears of it.",
        )
        return function

    def _rule(self, inbound: Inbound) -> ses.CfnReceiptRule:
        l1 = ses.CfnReceiptRule
        called = {"Filter": self.filter.function_arn}
        if inbound.function is not None:
            called["Consumer"] = inbound.function.function_arn
        permissions = [
            lambda_.CfnPermission(
                self,
                f"{name}Permission",
                action="lambda:InvokeFunction",
                function_name=arn,
                principal=SES,
                source_account=cdk.Stack.of(self).account,
                source_arn=self._rules(self.rule_set.ref),
            )
            for name, arn in called.items()
        ]
        actions = [
            l1.ActionProperty(
                lambda_action=l1.LambdaActionProperty(function_arn=called["Filter"], invocation_type="RequestResponse")
            ),
            l1.ActionProperty(
                s3_action=l1.S3ActionProperty(
                    bucket_name=self.bucket.bucket_name, object_key_prefix=PREFIX, topic_arn=self.topic.topic_arn
                )
            ),
        ]
        if inbound.function is not None:
            actions.append(
                l1.ActionProperty(
                    lambda_action=l1.LambdaActionProperty(function_arn=called["Consumer"], invocation_type="Event")
                )
            )
        rule = l1(
            self,
            "Rule",
            rule_set_name=self.rule_set.ref,
            rule=l1.RuleProperty(
                enabled=True,
                scan_enabled=True,
                tls_policy="Require",
                recipients=list(inbound.recipients),
                actions=actions,
            ),
        )
        # SES tries each action when the rule is created.
        rule.node.add_dependency(*permissions, self.topic)
        policy, key = cast("s3.Bucket", self.bucket).policy, self.bucket.encryption_key
        if policy is not None:
            rule.node.add_dependency(policy)
        if key is not None and cdk.Stack.of(key) is cdk.Stack.of(self):
            rule.node.add_dependency(key)
        return rule

    def _alarms(self) -> dict[str, cloudwatch.Alarm]:
        def metric(name: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="AWS/SES",
                metric_name=name,
                dimensions_map={"RuleSetName": self.rule_set.ref},
                statistic="Sum",
            )

        watched: list[Watched] = [
            (
                "ActionsFailed",
                metric("PublishFailure"),
                "SES could not run an action for received mail, and tries again for hours. Mend the bucket's "
                "policy, the key, the topic or the functions.",
            ),
            (
                "MailLost",
                metric("PublishExpired"),
                "SES gave up running an action for received mail: its sender gets a bounce, and here it is lost. Mend "
                "the bucket's policy, the key, the topic or the functions at once.",
            ),
            (
                "FilterErrors",
                self.filter.metric_errors(),
                "The function that stops spam and infected mail failed, and SES tries again. Read its log.",
            ),
        ]
        return alarms(self, watched, self._operation.alarm_topic, suffix="Alarm")
