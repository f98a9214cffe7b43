"""The columns of the table of email events.

They are what Firehose's OpenX deserializer, which lower-cases every key, finds in the event documents of SES:
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-firehose-contents.html
The partition columns ``day`` (yyyy-MM-dd, when the event arrived, UTC) and ``hour`` come on top, from the folders.

What is not a column is not kept: the headers and the subject of a message and the IP address of who opened it are
personal data that no query here needs. Recipients are kept, for a bounce names one.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdk_refarch._parts.s3_delivery.s3_sink import BucketLifecycle, S3Sink

from .values import Analytics

_TAGS = "map<string,array<string>>"
"""Keys are lower-cased as well, those of message tags included."""
_RECIPIENT = "struct<emailaddress:string,action:string,status:string,diagnosticcode:string>"
_DELAYED = "struct<emailaddress:string,status:string,diagnosticcode:string>"
_TOPICS = "array<struct<topicname:string,subscriptionstatus:string>>"
_PREFERENCES = (
    f"struct<unsubscribeall:boolean,topicsubscriptionstatus:{_TOPICS},topicdefaultsubscriptionstatus:{_TOPICS}>"
)

# Points in time stay text, ISO 8601 in UTC, as SES writes them: one that cannot be read would cost the whole event.
COLUMNS: Mapping[str, str] = {
    "eventtype": "string",
    "mail": (
        "struct<timestamp:string,messageid:string,source:string,sendingaccountid:string"
        f",destination:array<string>,tags:{_TAGS}>"
    ),
    "bounce": (
        "struct<timestamp:string,feedbackid:string,bouncetype:string,bouncesubtype:string"
        f",bouncedrecipients:array<{_RECIPIENT}>,reportingmta:string,remotemtaip:string>"
    ),
    "complaint": (
        "struct<timestamp:string,feedbackid:string,complaintsubtype:string,complaintfeedbacktype:string"
        ",complainedrecipients:array<struct<emailaddress:string>>,useragent:string,arrivaldate:string>"
    ),
    "delivery": (
        "struct<timestamp:string,processingtimemillis:bigint,recipients:array<string>,smtpresponse:string"
        ",reportingmta:string,remotemtaip:string>"
    ),
    "reject": "struct<reason:string>",
    "open": "struct<timestamp:string,useragent:string>",
    "click": f"struct<timestamp:string,link:string,linktags:{_TAGS},useragent:string>",
    "failure": "struct<errormessage:string,templatename:string>",
    "deliverydelay": (
        f"struct<timestamp:string,delaytype:string,expirationtime:string,delayedrecipients:array<{_DELAYED}>"
        ",reportingmta:string>"
    ),
    "subscription": (
        "struct<timestamp:string,contactlist:string,source:string"
        f",newtopicpreferences:{_PREFERENCES},oldtopicpreferences:{_PREFERENCES}>"
    ),
}
"""Column names to Hive types. A Send event has nothing but ``mail``."""


LIFECYCLE = BucketLifecycle(infrequent_access_after_days=90, errors_expire_after_days=90)
"""Events that do not fit the table are kept whole, with headers and subject, until there was time to mend it."""


def event_sink(analytics: Analytics) -> S3Sink:
    """Return what the delivery of events is told.

    Args:
        analytics: What is asked for.
    """
    return S3Sink(
        bucket=analytics.bucket,
        access_log_bucket=analytics.access_log_bucket,
        lifecycle=LIFECYCLE if analytics.lifecycle is None and analytics.bucket is None else analytics.lifecycle,
        buffer_interval=analytics.buffer_interval,
        parquet=COLUMNS,
    )
