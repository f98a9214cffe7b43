"""The function that does something about what was found, and tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.findings import acknowledge, acknowledge_wildcard
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.log_metrics import count_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.people_topic import publish
from cdk_refarch._parts.policies import statement

from .leak_scan import CODE, NAMESPACE, ONLY_THE_MACHINE
from .record import use_record
from .values import LeakResponse

TIMEOUT = cdk.Duration.minutes(5)
"""Findings come 25 at a time, and AWS CloudTrail is asked twice in a second at most."""

ANY_KEY = (
    "AWS STS has no resources for the question whose account a key is of. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html."
)
ANY_EVENT = (
    "AWS CloudTrail has no resources for its history of events. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudtrail.html."
)


class LeakAnswer(Construct):
    """A function that makes a leaked key inactive, or tells why not.

    It never sees code or secrets: it is told the number of a finding in the record.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        response: What it does; checked before.
        table: The record.
        topic: Who is told.
        security_hub: Whether findings go to AWS Security Hub.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        response: LeakResponse,
        table: dynamodb.ITable,
        topic: sns.ITopic,
        security_hub: bool,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._response = response
        stack = cdk.Stack.of(self)
        product = f"arn:{stack.partition}:securityhub:{stack.region}:{stack.account}:product/{stack.account}/default"
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="respond.handler",
            description=f"Answers AWS credentials found in pushes{' in a dry run' * response.dry_run}",
            timeout=TIMEOUT,
            statements=[
                statement(["sts:GetAccessKeyInfo"], "*"),
                statement(["iam:GetAccessKeyLastUsed"], self._users("/")),
                *self._acting(),
                *publish(self, topic),
                *([statement(["securityhub:BatchImportFindings"], product)] if security_hub else []),
                *use_record(self, table, operation, ["GetItem", "UpdateItem"]),
            ],
            environment={
                "TABLE_NAME": table.table_name,
                "TOPIC_ARN": topic.topic_arn,
                **self._environment(),
                **({"PRODUCT_ARN": product} if security_hub else {}),
            },
            operation=operation,
            any_resource=f"{ANY_KEY} {ANY_EVENT}" if response.revoke_roles else ANY_KEY,
        )
        acknowledge(self.function, "Serverless::Serverless-LambdaDLQ", ONLY_THE_MACHINE)
        self._acknowledge()
        self._told, self._failed = self._count("Told"), self._count("CouldNotAct")
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(topic, operation.alarm_topic)

    def metric_leaks(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many leaks were told of.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return cloudwatch.Metric(namespace=NAMESPACE, metric_name=self._told, statistic="Sum", period=period)

    def metric_could_not_act(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many leaked keys of the account stayed usable although they should not.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return cloudwatch.Metric(namespace=NAMESPACE, metric_name=self._failed, statistic="Sum", period=period)

    def _users(self, path: str) -> str:
        stack = cdk.Stack.of(self)
        return f"arn:{stack.partition}:iam::{stack.account}:user{path}*"

    def _acting(self) -> list[iam.PolicyStatement]:
        response, users = self._response, [self._users(path) for path in self._response.user_paths]
        acting = [] if response.dry_run else ["iam:UpdateAccessKey"]
        statements = [statement(["iam:ListAccessKeys", "iam:ListUserTags", *acting], *users)]
        if response.quarantine_policy is not None and not response.dry_run:
            attaching = statement(["iam:AttachUserPolicy"], *users)
            attaching.add_conditions({"ArnEquals": {"iam:PolicyARN": response.quarantine_policy.managed_policy_arn}})
            statements.append(attaching)
        if response.revoke_roles:
            statements.append(statement(["cloudtrail:LookupEvents"], "*"))
            if not response.dry_run:
                statements.append(statement(["iam:PutRolePolicy"], *(one.role_arn for one in response.revoke_roles)))
        return statements

    def _environment(self) -> dict[str, str]:
        response, policy = self._response, self._response.quarantine_policy
        roles = [one.role_arn for one in response.revoke_roles]
        return {
            "DRY_RUN": "true" if response.dry_run else "false",
            "EXEMPT_USERS": json.dumps(list(response.exempt_users)),
            "BREAK_GLASS_TAG": response.break_glass_tag,
            "REVOKE_ROLES": cdk.Stack.of(self).to_json_string(roles),
            **({} if policy is None else {"QUARANTINE_POLICY_ARN": policy.managed_policy_arn}),
        }

    def _acknowledge(self) -> None:
        role = self.node.find_child("FunctionRole")
        why = "Whose key will leak cannot be known. The paths of users are those that the consumer gave."
        for path in dict.fromkeys(["/", *self._response.user_paths]):
            acknowledge_wildcard(role, self._users(path), why)

    def _count(self, name: str) -> str:
        metric = f"{name}-{address(self)}"
        field = "failed" if name == "CouldNotAct" else "told"
        count_lines(
            self,
            f"{name}Metric",
            log_group_name=self.function.log_group.log_group_name,
            pattern=f"{{ $.{field} = 1 }}",
            namespace=NAMESPACE,
            metric_name=metric,
        )
        return metric

    def _alarms(self, topic: sns.ITopic, alarm_topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The function that answers leaks failed, and is tried again for some minutes. Read its log. What it "
                "fails on for good waits in the queue of failed scans.",
            ),
            (
                "CouldNotAct",
                self.metric_could_not_act(),
                "A leaked key of this account is still usable, or its user not under quarantine: the notification says "
                "whose and why. Do it by hand now, and mend the permission.",
            ),
            (
                "NotificationsFailed",
                topic.metric_number_of_notifications_failed(statistic="Sum"),
                "Subscribers of the notification topic were not told of leaks. The record has them: look them up, and "
                "mend the subscription.",
            ),
        ]
        return alarms(self, watched, alarm_topic, suffix="Alarm")
