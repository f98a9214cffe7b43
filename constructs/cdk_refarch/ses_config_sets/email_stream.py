"""One stream of email: a configuration set, where its events go, and its reputation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import alarm
from cdk_refarch._parts.operation import Operation

from .values import ALL_EVENTS, EmailEvent, SendingStream

if TYPE_CHECKING:
    from .stream_pause import StreamPause

DIMENSION = "ses:configuration-set"
"""https://docs.aws.amazon.com/ses/latest/dg/configuration-sets-export-metrics.html"""

PERIOD = cdk.Duration.hours(1)
"""How long a rate is averaged: SES itself works it out over many messages."""

_REASONS = {
    frozenset(("BOUNCE", "COMPLAINT")): ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
    frozenset(("BOUNCE",)): ses.SuppressionReasons.BOUNCES_ONLY,
    frozenset(("COMPLAINT",)): ses.SuppressionReasons.COMPLAINTS_ONLY,
}


class EmailStream(Construct):
    """A configuration set that sends over TLS only, with alarms on its reputation.

    Creates the configuration set, its pool if it has one of its own, its event destinations other than those of the
    feedback and of the analytics, alarms, and the function that pauses it if that is asked for.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        stream: What is asked for; checked before.
        operation: What it shares with the other parts.

    Attributes:
        configuration_set: The configuration set; its name is made up by CloudFormation.
        configuration_set_arn: Its ARN.
        pool: The pool of addresses that it sends from, given or created; None for the shared ones.
        pause: The function that pauses it; None without ``Reputation.pause``.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, stream: SendingStream, operation: Operation) -> None:
        super().__init__(scope, id)
        self.pool = self._pool(stream)
        tracking = stream.tracking
        reasons = stream.suppression
        self.configuration_set = ses.ConfigurationSet(
            self,
            "ConfigurationSet",
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
            reputation_metrics=True,
            # Nothing is said of sending_enabled: every later update of the set would resume a stream that is paused.
            dedicated_ip_pool=self.pool,
            max_delivery_duration=stream.max_delivery,
            custom_tracking_redirect_domain=None if tracking is None else tracking.domain,
            custom_tracking_https_policy=None if tracking is None else ses.HttpsPolicy[tracking.https],
            suppression_reasons=None if not reasons else _REASONS[frozenset(reasons)],
            disable_suppression_list=None if reasons is None or reasons else True,
            vdm_options=_vdm(stream),
        )
        stack = cdk.Stack.of(self)
        self.configuration_set_arn = (
            f"arn:{stack.partition}:ses:{stack.region}:{stack.account}"
            f":configuration-set/{self.configuration_set.configuration_set_name}"
        )
        self._destinations(stream)
        self._alarms: dict[str, cloudwatch.Alarm] = self._reputation(stream, operation.alarm_topic)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms
        self.pause = self._pause(stream, operation)

    def metric_bounce_rate(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return the share of the stream's mail that bounced for good, from 0 to 1.

        Args:
            period: Length of a period; None for an hour.
        """
        return self._metric("Reputation.BounceRate", period)

    def metric_complaint_rate(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return the share of the stream's mail that somebody complained of, from 0 to 1.

        Args:
            period: Length of a period; None for an hour.
        """
        return self._metric("Reputation.ComplaintRate", period)

    def send_events(
        self,
        id: str,
        events: Sequence[EmailEvent],
        *,
        sns_destination: ses.CfnConfigurationSetEventDestination.SnsDestinationProperty | None = None,
        kinesis_firehose_destination: (
            ses.CfnConfigurationSetEventDestination.KinesisFirehoseDestinationProperty | None
        ) = None,
        event_bridge_destination: ses.CfnConfigurationSetEventDestination.EventBridgeDestinationProperty | None = None,
        cloud_watch_destination: ses.CfnConfigurationSetEventDestination.CloudWatchDestinationProperty | None = None,
    ) -> ses.CfnConfigurationSetEventDestination:
        """Send events of the stream to one destination.

        Args:
            id: The id of the destination.
            events: Which events.
            sns_destination: A topic.
            kinesis_firehose_destination: A stream with a role.
            event_bridge_destination: The account's default bus.
            cloud_watch_destination: Metrics.
        """
        l1 = ses.CfnConfigurationSetEventDestination
        return l1(
            self,
            id,
            configuration_set_name=self.configuration_set.configuration_set_name,
            event_destination=l1.EventDestinationProperty(
                enabled=True,
                # In the order of the type, so that the order of the argument changes nothing.
                matching_event_types=[event for event in ALL_EVENTS if event in events],
                sns_destination=sns_destination,
                kinesis_firehose_destination=kinesis_firehose_destination,
                event_bridge_destination=event_bridge_destination,
                cloud_watch_destination=cloud_watch_destination,
            ),
        )

    def _pool(self, stream: SendingStream) -> ses.IDedicatedIpPool | None:
        if stream.pool == "SHARED":
            return None
        if not isinstance(stream.pool, str):
            return stream.pool
        # SES makes no managed pool of a standard one's addresses and never the other way round: under another id it is
        # another pool.
        return ses.DedicatedIpPool(self, f"{stream.pool.capitalize()}Pool", scaling_mode=ses.ScalingMode[stream.pool])

    def _destinations(self, stream: SendingStream) -> None:
        l1 = ses.CfnConfigurationSetEventDestination
        stack = cdk.Stack.of(self)
        if stream.event_bridge_events:
            bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
            self.send_events(
                "EventBridgeDestination",
                stream.event_bridge_events,
                event_bridge_destination=l1.EventBridgeDestinationProperty(event_bus_arn=bus),
            )
        if stream.metrics is not None:
            self.send_events(
                "CloudWatchDestination",
                stream.metrics.events,
                cloud_watch_destination=l1.CloudWatchDestinationProperty(
                    dimension_configurations=[
                        l1.DimensionConfigurationProperty(
                            dimension_name=name, default_dimension_value=value, dimension_value_source="MESSAGE_TAG"
                        )
                        for name, value in stream.metrics.dimensions.items()
                    ]
                ),
            )

    def _metric(self, name: str, period: cdk.Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SES",
            metric_name=name,
            dimensions_map={DIMENSION: self.configuration_set.configuration_set_name},
            statistic="Average",
            period=PERIOD if period is None else period,
        )

    def _reputation(self, stream: SendingStream, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        wanted = stream.reputation
        watched = {
            "BounceRate": (
                self.metric_bounce_rate(),
                wanted.bounce_rate,
                "Too much of the stream's mail bounces for good. AWS reviews the account from 5 % on. See which "
                "addresses and domains by the query bounce_rate_by_domain_and_day, and clean the list.",
            ),
            "ComplaintRate": (
                self.metric_complaint_rate(),
                wanted.complaint_rate,
                "Too many recipients mark the stream's mail as spam. AWS reviews the account from 0.1 % on. See what "
                "was sent to whom, and stop it.",
            ),
        }
        return {
            name: alarm(
                self,
                name,
                metric=metric,
                threshold=threshold,
                comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                description=description,
                topic=topic,
                # A stream that sends nothing has no new rate, and the old one still holds.
                missing=cloudwatch.TreatMissingData.IGNORE,
            )
            for name, (metric, threshold, description) in watched.items()
        }

    def _pause(self, stream: SendingStream, operation: Operation) -> StreamPause | None:
        if stream.reputation.pause is None:
            return None
        # Imported here, because aws_lambda takes about 100 ms.
        from .stream_pause import StreamPause

        made = StreamPause(self, "Pause", stream=self, pause=stream.reputation.pause, operation=operation)
        self._alarms.update({f"Pause{name}": one for name, one in made.alarms.items()})
        return made


def stream_names(streams: Mapping[str, tuple[EmailStream, SendingStream]]) -> dict[str, str]:
    """Return the names of configuration sets, which events tell, to those of their streams.

    Args:
        streams: The streams by name, with what was asked for.
    """
    return {stream.configuration_set.configuration_set_name: name for name, (stream, _) in streams.items()}


def _vdm(stream: SendingStream) -> ses.VdmOptions | None:
    if stream.engagement_metrics is None and stream.optimized_shared_delivery is None:
        return None
    return ses.VdmOptions(
        engagement_metrics=stream.engagement_metrics, optimized_shared_delivery=stream.optimized_shared_delivery
    )
