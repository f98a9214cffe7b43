"""MQTT messages through an AWS IoT rule and Amazon Data Firehose into Amazon S3."""

from .iot_to_firehose import IotToFirehose

__all__ = ["IotToFirehose"]
