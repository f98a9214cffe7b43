"""Amazon S3 to Amazon Macie to Amazon EventBridge to people and systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import alarm
from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.people_topic import people_topic
from cdk_refarch._parts.queues import failure_queue, work_queue
from cdk_refarch._parts.resource_checks import check_resources

from . import integrations
from .argument_checks import check_discovery, check_region, check_responses
from .claimed import REMEDIES, claimed
from .discovery import Discovery
from .finding_route import FindingRoute
from .pattern import RECONCILED
from .quarantine_response import QuarantineResponse
from .routing import ALL_CATEGORIES, Category, FindingType, Notification, Quarantine, Route, Severity, TicketQueue
from .routing_checks import check_route
from .values import AllowList, ClassificationJob, CustomDataIdentifier, MacieSession, ResultsExport, SuppressionRule

if TYPE_CHECKING:
    from cdk_refarch._parts.rule_targets import Target

    from .reconciler import Reconciler


class MacieToEventBridge(Construct):
    """Findings of Amazon Macie reach those who act on them, and none that fails to is lost unseen.

    Creates the session of Macie unless it exists, a bucket for the results of every analysed object, routes from Amazon
    EventBridge to targets with a dead-letter queue each, the ready targets that are asked for, alarms for every way to
    fail, roles and policies with exactly the needed permissions, and a key.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        session: Whether Macie is enabled, and the settings of the account.
        results_export: Where the results of every analysed object are kept.
        custom_data_identifiers: What is sensitive besides what Macie knows, with distinct ids. Jobs use them, and
            automated discovery where ``session`` switches it on.
        allow_lists: What Macie does not report, with distinct ids. Jobs use them, and automated discovery where
            ``session`` switches it on.
        suppression_rules: Findings that are archived as they appear, with distinct ids.
        jobs: What Macie reads, once or again and again, with distinct ids.
        routes: Findings that go to targets of one's own, with distinct ids other than ``Notification``, ``Tickets``,
            ``Quarantine`` and ``Audit``.
        notification: Tells people by an encrypted topic; None for nobody.
        ticket_queue: Puts findings into an encrypted queue for a ticket system; None for no queue.
        quarantine: Answers findings of sensitive data by a function; None for no function.
        audit_bus: The event bus, of this or another account, that all findings but samples go to as they are; None for
            no bus. Its policy must admit this account, which ``AuditBus`` does.
        event_bus: The bus that the routes listen to, such as an ``AuditBus``; None for the account's default bus, where
            Macie's own findings are.
        reconcile: Whether findings of the last day whose events were lost, which AWS delivers at best effort, are sent
            after, at most once each. Not together with ``event_bus``.
        encryption_key: Encrypts results, messages, copies and logs; None to create one. A given key that the app does
            not own must admit this account's IAM policies, Macie, EventBridge and CloudWatch Logs.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to results, messages, copies, logs and the key when the construct is removed. The
            session of Macie stays in any case.
        log_retention: How long the logs of functions are kept. The log of jobs is Macie's own and kept for a year.

    Attributes:
        discovery: Macie itself: ``session``, ``results``, ``jobs`` and what was made of the other arguments.
        routes: All routes by id: one's own, and ``Notification``, ``Tickets``, ``Quarantine`` and ``Audit``.
        notification_topic: The topic for people; None without ``notification``.
        ticket_queue: The queue for a ticket system; None without ``ticket_queue``.
        failed_tickets: Messages that the ticket system received five times and never deleted; None without
            ``ticket_queue``.
        quarantine: The function with its ``bucket`` and ``failed_findings``; None without ``quarantine``.
        reconciler: The function that sends findings after; None without ``reconcile``.
        encryption_key: The key, given or created.
        alarms: All alarms by name; those of a route begin with its id.

    Raises:
        ValueError: If an argument is one that AWS would refuse, that never matches a finding, or that would lose one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        session: MacieSession = MacieSession(),
        results_export: ResultsExport = ResultsExport(),
        custom_data_identifiers: Sequence[CustomDataIdentifier] = (),
        allow_lists: Sequence[AllowList] = (),
        suppression_rules: Sequence[SuppressionRule] = (),
        jobs: Sequence[ClassificationJob] = (),
        routes: Sequence[Route] = (),
        notification: Notification | None = None,
        ticket_queue: TicketQueue | None = None,
        quarantine: Quarantine | None = None,
        audit_bus: events.IEventBus | None = None,
        event_bus: events.IEventBus | None = None,
        reconcile: bool = False,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        self._checks = Checks.of(scope, id)
        check_region(self._checks, cdk.Stack.of(scope).region)
        users = "Macie, queues and logs"
        check_resources(self._checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
        check_discovery(
            self._checks, scope, session, results_export, custom_data_identifiers, allow_lists, suppression_rules, jobs
        )
        check_responses(
            self._checks, scope, routes, notification, ticket_queue, quarantine, audit_bus, event_bus, reconcile
        )
        once = claimed(session, results_export)
        check_claims(self._checks, scope, once, REMEDIES)
        super().__init__(scope, id)
        claim(self, once)
        self._event_bus = event_bus
        self._reconciled: str | None = f"{RECONCILED}{address(self)}" if reconcile else None
        data = "results, messages, copies and logs"
        self.encryption_key: kms.IKey = key_for(self, encryption_key, data=data, removal_policy=removal_policy)
        self._operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.discovery = Discovery(
            self,
            "Discovery",
            session=session,
            results_export=results_export,
            custom_data_identifiers=custom_data_identifiers,
            allow_lists=allow_lists,
            suppression_rules=suppression_rules,
            jobs=jobs,
            operation=self._operation,
        )
        self._alarms: dict[str, cloudwatch.Alarm] = dict(self._own_alarms())
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms
        self._routes: dict[str, FindingRoute] = {}
        self.routes: Mapping[str, FindingRoute] = self._routes
        self._scope_of_routes = Construct(self, "Routes")
        for route in routes:
            self._add(route)
        self.notification_topic = self._notify(notification)
        self.ticket_queue, self.failed_tickets = self._ticket(ticket_queue)
        self.quarantine = self._quarantine(quarantine)
        if audit_bus is not None:
            self._add(Route(id="Audit", target=audit_bus, min_severity="LOW"))
        self.reconciler = None if self._reconciled is None else self._reconcile(self._reconciled)

    def route(
        self,
        id: str,
        target: Target,
        *,
        min_severity: Severity = "HIGH",
        categories: Sequence[Category] = ALL_CATEGORIES,
        finding_types: Sequence[FindingType] = (),
        buckets: Sequence[str] = (),
        include_samples: bool = False,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> FindingRoute:
        """Send findings to a target.

        Args:
            id: As in ``Route``, like all that follows.
            target: Where the findings go.
            min_severity: The least severity that passes.
            categories: Which findings pass.
            finding_types: The types that pass; empty for all of the categories.
            buckets: Names of the buckets whose findings pass, where * stands for any text; empty for all buckets.
            include_samples: Whether findings that ``CreateSampleFindings`` made up pass as well.
            dead_letter_queue: A queue for findings that could not be delivered; None to create one.

        Raises:
            ValueError: If an argument is one that AWS would refuse, or that never matches a finding.
        """
        route = Route(
            id=id,
            target=target,
            min_severity=min_severity,
            categories=categories,
            finding_types=finding_types,
            buckets=buckets,
            include_samples=include_samples,
            dead_letter_queue=dead_letter_queue,
        )
        check_route(self._checks, self, route, taken=self._routes, heard=self._event_bus)
        return self._add(route)

    def _add(self, route: Route, *, whole_events: bool = False) -> FindingRoute:
        made = FindingRoute(
            self._scope_of_routes,
            route.id,
            route=route,
            event_bus=self._event_bus,
            encryption_key=self.encryption_key,
            alarm_topic=self._operation.alarm_topic,
            removal_policy=self._operation.removal_policy,
            reconciled=self._reconciled,
            whole_events=whole_events,
        )
        self._routes[route.id] = made
        self._alarms.update({f"{route.id}{name}": one for name, one in made.alarms.items()})
        return made

    def _notify(self, wanted: Notification | None) -> sns.Topic | None:
        if wanted is None:
            return None
        topic = people_topic(self, "NotificationTopic", emails=wanted.emails, key=self.encryption_key)
        self._add(
            Route(
                id="Notification",
                target=topic,
                min_severity=wanted.min_severity,
                include_samples=wanted.include_samples,
            )
        )
        return topic

    def _ticket(self, wanted: TicketQueue | None) -> tuple[sqs.Queue | None, sqs.Queue | None]:
        if wanted is None:
            return None, None
        policy = self._operation.removal_policy
        failed = failure_queue(self, "FailedTickets", key=self.encryption_key, removal_policy=policy, recognized=True)
        queue = work_queue(
            self,
            "TicketQueue",
            key=self.encryption_key,
            failed=failed,
            visibility=integrations.TICKET_VISIBILITY,
            removal_policy=policy,
        )
        self._add(
            Route(id="Tickets", target=queue, min_severity=wanted.min_severity, include_samples=wanted.include_samples)
        )
        self._alarms |= integrations.ticket_alarms(self, queue, failed, self._operation.alarm_topic)
        return queue, failed

    def _quarantine(self, wanted: Quarantine | None) -> QuarantineResponse | None:
        if wanted is None:
            return None
        made = QuarantineResponse(self, "Quarantine", quarantine=wanted, operation=self._operation)
        route = Route(
            id="Quarantine",
            target=made.function,
            min_severity=wanted.min_severity,
            categories=("CLASSIFICATION",),
            buckets=wanted.buckets,
            include_samples=wanted.include_samples,
        )
        # As they are, so that what the function failed on can be replayed like what never reached it.
        self._add(route, whole_events=True)
        self._alarms.update({f"Quarantine{name}": one for name, one in made.alarms.items()})
        return made

    def _reconcile(self, source: str) -> Reconciler:
        # Imported here, because aws_dynamodb takes its time and only this needs it.
        from .reconciler import Reconciler

        made = Reconciler(self, "Reconciler", source=source, operation=self._operation)
        self._alarms.update({f"Reconciler{name}": one for name, one in made.alarms.items()})
        return made

    def _own_alarms(self) -> Iterator[tuple[str, cloudwatch.Alarm]]:
        if self.discovery.metric_job_errors is not None:
            yield (
                "JobErrors",
                alarm(
                    self,
                    "JobErrors",
                    metric=self.discovery.metric_job_errors,
                    description="A job of Macie could not read an account or a bucket, found no bucket, or stands "
                    "still at the quota of the month. Read the log of jobs, and mend the policies, criteria or quota.",
                    topic=self._operation.alarm_topic,
                ),
            )
