"""What people are told of a leak: how bad it is, what happened and what to do now."""

from collections.abc import Mapping

from answers import Answer

THINGS = {
    "access_key": "access key",
    "temporary_key": "temporary access key",
    "secret_key": "secret access key",
    "session_token": "session token",
}

SEVERITIES = {
    "already_inactive": "MEDIUM",
    "could_not_disable": "CRITICAL",
    "could_not_quarantine": "CRITICAL",
    "could_not_revoke": "CRITICAL",
    "no_user": "CRITICAL",
    "unknown_account": "MEDIUM",
}
"""Those of outcomes that are not HIGH."""

TITLES = {
    "already_inactive": "The access key of user {user} was pushed to {repository}; it was inactive already",
    "break_glass": "The access key of break-glass user {user} was pushed to {repository} and is STILL ACTIVE",
    "could_not_disable": "An access key was pushed to {repository} and could NOT be disabled",
    "could_not_quarantine": "The access key of user {user} was pushed to {repository}; it is inactive, the user is NOT "
    "quarantined",
    "could_not_revoke": "A temporary access key was pushed to {repository}; its sessions could NOT be revoked",
    "disabled": "The access key of user {user} was pushed to {repository} and is inactive now",
    "exempt": "The access key of exempt user {user} was pushed to {repository} and is STILL ACTIVE",
    "foreign_account": "A {thing} of account {account} was pushed to {repository}",
    "no_user": "An access key of no known user was pushed to {repository}; it may be the root user's",
    "not_revoked": "A temporary access key was pushed to {repository}; no session was revoked",
    "revoked": "A session of role {user} was pushed to {repository}; the role's sessions until now are revoked",
    "unknown_account": "An access key of an unknown account was pushed to {repository}",
    "would_disable": "The access key of user {user} was pushed to {repository} and is STILL ACTIVE (dry run)",
    "would_revoke": "A session of role {user} was pushed to {repository}; it is NOT revoked (dry run)",
}
"""What happened, by outcome."""

DISABLE = "Disable the key (aws iam update-access-key --user-name {user} --status Inactive --access-key-id ...)"
REVOKE = "revoke the role's sessions in the IAM console (role, Revoke sessions)"

STEPS = {
    "already_inactive": "Make sure that nobody activates the key again, and delete it",
    "break_glass": f"{DISABLE} as soon as the user has another one",
    "could_not_disable": f"{DISABLE} at once",
    "could_not_quarantine": "Take the user's permissions by hand; give what used the key a new one and delete this one",
    "could_not_revoke": f"At once, {REVOKE}",
    "disabled": "Give what used the key a new one, and delete this one",
    "exempt": f"{DISABLE} as soon as the user has another one",
    "foreign_account": "Tell the owner of account {account} to rotate it at once",
    "no_user": "Sign in as the root user and delete the key if it is there; if it was a user's, it may be deleted",
    "not_revoked": f"Find the role and {REVOKE}; CloudTrail may know more in some minutes: start the state machine "
    'again with {{"findings": ["..."]}}',
    "revoked": "Find out how the session got into the code, and let nothing but the role itself use it",
    "unknown_account": "Find out whose key it is and have it rotated at once",
    "would_disable": f"{DISABLE} at once, and turn the dry run off",
    "would_revoke": f"At once, {REVOKE}, and turn the dry run off",
}
"""What to do first, by outcome."""

ALERTS = {
    "secret_key": "Find out which access key it belongs to and rotate that at once",
    "session_token": f"Find out whose session it is and {REVOKE}",
    "temporary_key": f"Find out whose session it is and {REVOKE}",
}
"""The same of what is only told, by what leaked."""

CLOUDTRAIL = "Look into CloudTrail for what was done with it since the push."
HISTORY = (
    "Remove it from the repository's history. All readers of the repository could read it from the push on: to remove "
    "it does not replace to rotate it."
)


def severity_of(outcome: str, with_secret: bool) -> str:
    """Return how bad a leak is.

    Args:
        outcome: What came of it.
        with_secret: Whether the secret leaked, too.
    """
    if outcome.startswith("would_") and with_secret:
        return "CRITICAL"
    return SEVERITIES.get(outcome, "HIGH")


def title_of(answer: Answer, kind: str, repository: str) -> str:
    """Return what happened, in a sentence without its full stop.

    Args:
        answer: What came of it.
        kind: What leaked.
        repository: The repository's name.
    """
    template = TITLES.get(answer.outcome, "A {thing} was pushed to {repository}")
    return _filled(template, answer, {"repository": repository, "thing": THINGS.get(kind, "credential")})


def step_of(answer: Answer, kind: str) -> str:
    """Return what to do first, as a sentence.

    Args:
        answer: What came of it.
        kind: What leaked.
    """
    template = STEPS.get(answer.outcome) or ALERTS.get(kind, "Find out whose it is and rotate it at once")
    return f"{_filled(template, answer, {})}."


def _filled(template: str, answer: Answer, values: Mapping[str, str]) -> str:
    return template.format(user=answer.user or "(unknown)", account=answer.account or "(unknown)", **values)
