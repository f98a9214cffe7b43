"""Email in streams of Amazon SES, with what becomes of it told, kept, counted and acted on."""

from .email_stream import EmailStream
from .feedback_hook import FeedbackHook
from .ses_config_sets import SesConfigSets
from .values import (
    AddressIdentity,
    Analytics,
    Dmarc,
    DnsRecord,
    DomainIdentity,
    EventMetrics,
    Feedback,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesAccount,
    TrackingDomain,
)

__all__ = [
    "AddressIdentity",
    "Analytics",
    "Dmarc",
    "DnsRecord",
    "DomainIdentity",
    "EmailStream",
    "EventMetrics",
    "Feedback",
    "FeedbackHook",
    "Inbound",
    "Pause",
    "Reputation",
    "SendingStream",
    "SesAccount",
    "SesConfigSets",
    "TrackingDomain",
]
