"""What the tests of Macie's custom resources share."""

from __future__ import annotations

SETTINGS, EXPORT, JOB, LOG = (
    f"Custom::{name}" for name in ("MacieSettings", "MacieResultsExport", "MacieClassificationJob", "MacieJobLog")
)
NEVER_ENABLED = "automated discovery must be enabled once before it is told what to read and what to use"
