"""The functions of the architecture: where their code is, and what they may do to any resource."""

from __future__ import annotations

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"

ANY_RESOURCE = (
    "Macie has no resources for sessions, settings and findings. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmacie.html."
)
"""Why some statements are for any resource."""
