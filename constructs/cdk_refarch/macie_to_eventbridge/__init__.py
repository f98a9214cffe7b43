"""Findings of Amazon Macie through Amazon EventBridge to people and systems."""

from .audit_bus import AuditBus
from .finding_route import FindingRoute
from .macie_to_eventbridge import MacieToEventBridge
from .routing import Notification, Quarantine, Route, TicketQueue
from .values import (
    AllowList,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    Organization,
    ResultsExport,
    SuppressionRule,
)

__all__ = [
    "AllowList",
    "AuditBus",
    "BucketCriteria",
    "ClassificationJob",
    "CustomDataIdentifier",
    "FindingRoute",
    "MacieSession",
    "MacieToEventBridge",
    "Notification",
    "Organization",
    "Quarantine",
    "ResultsExport",
    "Route",
    "SuppressionRule",
    "TicketQueue",
]
