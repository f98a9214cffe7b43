"""Amazon Macie itself: the session, what it looks for, its settings, its jobs and where results go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_macie as macie
from constructs import Construct, IDependable, IValidation

from cdk_refarch._parts.checks import refusal
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.log_metrics import count_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.provider import Provider

from . import jobs as job_parts
from .functions import ANY_RESOURCE
from .identifiers import allow_lists as create_allow_lists
from .identifiers import identifiers, suppression_filters
from .results import Results
from .settings import setting_actions, settings
from .values import (
    DEFAULT_FREQUENCY,
    AllowList,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    ResultsExport,
    SuppressionRule,
)

METRICS = "cdk-refarch/MacieToEventBridge"
"""The namespace of the metric of job errors."""

JOB_LOG_DAYS = 365
"""How long the log of all jobs of the account is kept, unless Macie has made it already."""


class Discovery(Construct):
    """The part of the architecture that finds sensitive data.

    Creates what is asked for: the session, identifiers, lists, suppression rules, the bucket of results, and a function
    for the settings and jobs that CloudFormation has no resource for.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        session: Whether Macie is enabled, and settings; checked before, as all that follows.
        results_export: Where results go.
        custom_data_identifiers: What else is sensitive.
        allow_lists: What is not.
        suppression_rules: What nobody needs to hear of.
        jobs: What is read.
        operation: What it shares with the other parts.

    Attributes:
        session: The session; None for one that exists.
        results: ``bucket`` and ``access_log_bucket`` of the results; None where the export is left as it is.
        custom_data_identifiers: The custom data identifiers by id.
        allow_lists: The allow lists by id.
        suppression_rules: The findings filters by id.
        jobs: The jobs by id; ``ref`` is the job's id in Macie.
        metric_job_errors: How often a job could not read something, or found nothing to read; None without jobs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        session: MacieSession,
        results_export: ResultsExport,
        custom_data_identifiers: Sequence[CustomDataIdentifier],
        allow_lists: Sequence[AllowList],
        suppression_rules: Sequence[SuppressionRule],
        jobs: Sequence[ClassificationJob],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.session: macie.CfnSession | None = None if session.existing else self._session(session)
        self.custom_data_identifiers: Mapping[str, macie.CfnCustomDataIdentifier] = identifiers(
            Construct(self, "Identifiers"), custom_data_identifiers
        )
        self.allow_lists: Mapping[str, macie.CfnAllowList] = create_allow_lists(
            Construct(self, "AllowLists"), allow_lists
        )
        self.suppression_rules: Mapping[str, macie.CfnFindingsFilter] = suppression_filters(
            Construct(self, "SuppressionRules"), suppression_rules
        )
        self._after_session(
            *self.custom_data_identifiers.values(), *self.allow_lists.values(), *self.suppression_rules.values()
        )
        self.results: Results | None = None
        if results_export.enabled:
            self.results = Results(self, "Results", export=results_export, operation=operation)
        self.jobs: Mapping[str, cdk.CustomResource] = {}
        self.metric_job_errors: cloudwatch.Metric | None = None
        wanted = settings(
            session,
            [one.attr_id for one in self.custom_data_identifiers.values()],
            [one.attr_id for one in self.allow_lists.values()],
        )
        if not wanted and not jobs and self.results is None:
            return
        statements = self._statements(wanted, jobs)
        provider = Provider(
            self,
            "Provider",
            module="macie",
            description="Makes the settings of Amazon Macie that CloudFormation lacks",
            statements=statements,
            operation=operation,
            any_resource=ANY_RESOURCE,
        )
        role = provider.node.find_child("FunctionRole")
        acknowledge_wildcard(role, job_parts.any_job(self), "Macie makes up the ids of jobs when it creates them.")
        if jobs:
            acknowledge_wildcard(role, job_parts.job_log(self)[1], "The ARN of a log group ends so for most actions.")
        # Also without any setting: an update that drops the last one must see what it was.
        self._after_session(provider.resource(self, "Settings", "MacieSettings", wanted))
        self._export(provider, results_export.prefix, operation.encryption_key)
        if jobs:
            self.jobs = self._jobs(provider, jobs)
            self.metric_job_errors = self._watch_jobs(provider)

    def _session(self, wanted: MacieSession) -> macie.CfnSession:
        frequency = DEFAULT_FREQUENCY if wanted.publishing_frequency is None else wanted.publishing_frequency
        session = macie.CfnSession(self, "Session", status="ENABLED", finding_publishing_frequency=frequency)
        # Without the session all findings go. Only a deployment that fails takes back what it enabled, or the next one
        # would find Macie enabled and fail too.
        session.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.node.add_validation(_Retained(session))
        return session

    def _after_session(self, *made: IDependable) -> None:
        if self.session is not None:
            for one in made:
                one.node.add_dependency(self.session)  # type: ignore[attr-defined]

    def _statements(self, wanted: Mapping[str, Any], jobs: Sequence[ClassificationJob]) -> list[iam.PolicyStatement]:
        actions = setting_actions(wanted)
        if self.results is not None:
            actions.append("macie2:PutClassificationExportConfiguration")
        # An update that drops the last job cancels it when the role is as it will be.
        cancel = iam.PolicyStatement(actions=["macie2:UpdateClassificationJob"], resources=[job_parts.any_job(self)])
        settings_of_account = iam.PolicyStatement(actions=sorted(actions), resources=["*"])
        return [settings_of_account, cancel, *(job_parts.job_statements(self) if jobs else [])]

    def _export(self, provider: Provider, prefix: str, key: kms.IKey) -> None:
        if self.results is None:
            return
        export = provider.resource(
            self,
            "Export",
            "MacieResultsExport",
            {
                "BucketName": self.results.bucket.bucket_name,
                "BucketOwner": self.results.owner,
                "KeyPrefix": prefix or None,
                "KmsKeyArn": key.key_arn,
            },
        )
        # Macie looks at the policies of bucket and key at once.
        export.node.add_dependency(self.results, self.results.bucket, key)
        self._after_session(export)

    def _jobs(self, provider: Provider, wanted: Iterable[ClassificationJob]) -> dict[str, cdk.CustomResource]:
        scope = Construct(self, "Jobs")
        made = {}
        for one in wanted:
            properties = job_parts.job(
                one,
                account=cdk.Stack.of(self).account,
                custom_data_identifiers=self.custom_data_identifiers,
                lists=self.allow_lists,
            )
            made[one.id] = provider.resource(scope, one.id, "MacieClassificationJob", {"Job": properties})
        self._after_session(*made.values())
        # Macie creates a job every ten seconds: https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html
        for before, job in pairwise(made.values()):
            job.node.add_dependency(before)
        return made

    def _watch_jobs(self, provider: Provider) -> cloudwatch.Metric:
        # Macie makes the group with its first job. A filter needs it now, and a resource of CloudFormation's own would
        # fail where it exists.
        group = provider.resource(
            self,
            "JobLog",
            "MacieJobLog",
            {"LogGroupName": job_parts.JOB_LOG, "RetentionInDays": str(JOB_LOG_DAYS)},
        )
        metric = f"JobErrors-{address(self)}"
        scope = Construct(self, "JobErrors")
        for id, job in self.jobs.items():
            counted = count_lines(
                scope,
                id,
                log_group_name=group.ref,
                pattern=job_parts.JOB_ERRORS.format(name=id),
                namespace=METRICS,
                metric_name=metric,
            )
            job.node.add_dependency(counted)
        return cloudwatch.Metric(namespace=METRICS, metric_name=metric, statistic="Sum")


@jsii.implements(IValidation)
class _Retained:
    """Refuses that something else, such as an aspect of the app, lets the session go with the stack."""

    def __init__(self, session: macie.CfnSession) -> None:
        self._session = session

    def validate(self) -> list[str]:
        policy = self._session.cfn_options.deletion_policy
        if policy in (cdk.CfnDeletionPolicy.RETAIN, cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE):
            return []
        remedy = "exclude it, as in RemovalPolicies.of(app).destroy(exclude_resource_types=['AWS::Macie::Session'])"
        return [str(refusal(f"{self._session.node.path}: removal policy", "one that retains it", policy, remedy))]
