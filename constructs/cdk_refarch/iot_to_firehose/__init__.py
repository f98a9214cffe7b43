"""MQTT messages through an AWS IoT rule and Amazon Data Firehose into Amazon S3."""

from .iot_to_firehose import IotToFirehose
from .s3_delivery import S3Delivery
from .s3_sink import BucketLifecycle, GlueTable, S3Sink

__all__ = ["BucketLifecycle", "GlueTable", "IotToFirehose", "S3Delivery", "S3Sink"]
