from ._parts.alarm_topic import AlarmTopic
from .iot_to_firehose import BucketLifecycle, GlueTable, IotToFirehose, S3Delivery, S3Sink

__all__ = ["AlarmTopic", "BucketLifecycle", "GlueTable", "IotToFirehose", "S3Delivery", "S3Sink"]
