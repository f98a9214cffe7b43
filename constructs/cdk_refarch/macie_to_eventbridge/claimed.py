"""What of Amazon Macie belongs to an account and region once."""

from __future__ import annotations

from .values import MacieSession, ResultsExport

SETTINGS = ("automated_discovery", "security_hub", "organization")

REMEDIES = {
    "session": "give session=MacieSession(existing=True)",
    "results_export": "give results_export=ResultsExport(enabled=False)",
}


def claimed(session: MacieSession, results_export: ResultsExport) -> dict[str, str]:
    """Return what a construct makes that there can be one of, and the argument that asks for it.

    Args:
        session: What is asked for; checked before.
        results_export: What is asked for; checked before.
    """
    wanted = {"session": not session.existing, "results_export": results_export.enabled}
    wanted |= {what: getattr(session, what) is not None for what in SETTINGS}
    return {f"{what} of Macie": what for what, claims in wanted.items() if claims}
