"""Where the records of a rule may go: what every kind of sink can be asked, and what becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from .checks import Checks
from .operation import Operation

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3


class Delivery(Construct):
    """What was made for a sink: records put to its Firehose stream arrive there.

    Attributes:
        stream: The Firehose stream.
        role: The role that the stream works with.
        bucket: The bucket that it writes to, given or created.
        access_log_bucket: Where the created bucket's access logs go, given or created; None for a given bucket.
        log_group: The stream's error log.
        alarms: The alarms by name.
    """

    stream: firehose.CfnDeliveryStream
    role: iam.Role
    bucket: s3.IBucket
    access_log_bucket: s3.IBucket | None
    log_group: logs.ILogGroup
    alarms: Mapping[str, cloudwatch.Alarm]
    separator: str | None = None
    """What a sender writes behind each record."""
    _object_key: kms.IKey

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an identity read the objects, and use the key that they are encrypted with.

        Args:
            grantee: The identity.
        """
        grant = self.bucket.grant_read(grantee)
        if self.bucket.encryption_key is None:
            return grant.combine(self._object_key.grant_decrypt(grantee))
        return grant

    def metric(self, name: str, *, statistic: str = "Sum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return a metric of the stream.

        Args:
            name: Its name in the namespace ``AWS/Firehose``, see
                https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name=name,
            dimensions_map={"DeliveryStreamName": self.stream.ref},
            statistic=statistic,
            period=period,
        )


class Sink(ABC):
    """A place that a Firehose stream delivers to, as a small frozen value.

    What a kind of sink needs to be made is loaded when one is made, so that nobody waits for kinds that are not used.
    """

    id: str
    bucket: s3.IBucket | None

    @property
    @abstractmethod
    def data_prefix(self) -> str:
        """The prefix of what the stream writes to its bucket."""

    error_prefix: str
    """The prefix of what could not be delivered."""

    @abstractmethod
    def check(self, checks: Checks, scope: Construct) -> None:
        """Check everything that the sink says about itself.

        Args:
            checks: The checks of the sink.
            scope: The scope that the architecture will be put in.

        Raises:
            ValueError: If AWS would refuse it, or failed records would get lost.
        """

    @abstractmethod
    def deliver(self, scope: Construct, operation: Operation) -> Delivery:
        """Create the stream, and what it delivers to unless that is given.

        Args:
            scope: The architecture's construct.
            operation: What it shares with the other parts.
        """
