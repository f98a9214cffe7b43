"""What is to be scanned, as the input of the state machine says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVENTS = ("referenceCreated", "referenceUpdated", "unreferencedMergeCommitCreated")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be scanned.

    Args:
        repository: The repository.
        reference: The branch or tag.
        pusher: Who has pushed; nothing if unknown.
        commit: The commit that was pushed; nothing for a whole history.
        old: The commit that was there before; None if there was none, or it is unknown.
        branch: The branch whose whole history it is; None for all.
    """

    repository: str
    reference: str
    pusher: str = ""
    commit: str = ""
    old: str | None = None
    branch: str | None = None


def asked_of(request: Mapping[str, Any]) -> Asked:
    """Return what a request asks for.

    Args:
        request: An event of CodeCommit, or ``full_scan`` with ``repository`` and maybe ``branch``.

    Raises:
        ValueError: If it is neither.
    """
    full = request.get("full_scan")
    if isinstance(full, Mapping) and full.get("repository"):
        branch = full.get("branch")
        return Asked(full["repository"], f"refs/heads/{branch}" if branch else "all branches", branch=branch)
    detail = request.get("detail") or {}
    if detail.get("event") not in EVENTS or not detail.get("repositoryName") or not detail.get("commitId"):
        raise ValueError(
            f"request must have full_scan with a repository, findings, or the detail of {' or '.join(EVENTS)} with "
            f"repositoryName and commitId, got {sorted(request)} with event {detail.get('event')!r}"
        )
    return Asked(
        repository=detail["repositoryName"],
        reference=detail.get("referenceFullName") or "",
        pusher=detail.get("callerUserArn") or "",
        commit=detail["commitId"],
        old=detail.get("oldCommitId"),
    )
