from ._parts.alarm_topic import AlarmTopic
from ._parts.house_rules import HouseRules
from .iot_to_firehose import BucketLifecycle, GlueTable, IotToFirehose, S3Delivery, S3Sink

__all__ = ["AlarmTopic", "BucketLifecycle", "GlueTable", "HouseRules", "IotToFirehose", "S3Delivery", "S3Sink"]
