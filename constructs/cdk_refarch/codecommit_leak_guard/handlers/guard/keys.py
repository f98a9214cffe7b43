"""Long-term access keys: those of the own account's users are disabled, unless a setting or a tag is against it.

What is there now decides, each time: a key that somebody has activated again is disabled again when it is pushed again.
"""

import json
import os

from botocore.exceptions import ClientError

from answers import DISABLED, Answer, Case
from aws_calls import client, code, refusal
from owners import owner_of

DRY_RUN = os.environ["DRY_RUN"] != "false"
EXEMPT_USERS = {user.casefold() for user in json.loads(os.environ["EXEMPT_USERS"])}
"""IAM takes names that differ in case only for the same."""

BREAK_GLASS_TAG = os.environ["BREAK_GLASS_TAG"].casefold()
QUARANTINE_POLICY_ARN = os.environ.get("QUARANTINE_POLICY_ARN", "")

ROOT = ("root", "<root_account>")
"""What IAM has been seen to call the root user, whose keys only the root user can disable."""

DELETED = "the key is deleted, or not shown by IAM yet"
ROOT_OR_DELETED = "the key is the root user's, or deleted"

iam = client("iam")


def answer_key(case: Case, own: str) -> Answer:
    """Answer the leak of a long-term key.

    Args:
        case: The leak.
        own: The own account.

    Raises:
        BotoCoreError: If a service gave no answer; all can be done again.
        BusyError: If another walk has taken the leak over.
        ClientError: If a service is busy.
    """
    key_id = case.leak["key_id"]
    owner = owner_of(key_id)
    if owner.account not in (None, own):
        return Answer("foreign_account", account=owner.account or "")
    try:
        user: str = iam.get_access_key_last_used(AccessKeyId=key_id).get("UserName", "")
    except ClientError as error:
        reason = refusal("iam:GetAccessKeyLastUsed", error)
        if owner.refused:
            # It may be the account's own all the same.
            return Answer("could_not_disable", owner.refused)
        if owner.account is None:
            return Answer("unknown_account", reason)
        if code(error) == "NoSuchEntity":
            return _gone(case, ROOT_OR_DELETED, "", own)
        return Answer("could_not_disable", reason, account=own)
    if user in ("", own, *ROOT):
        return Answer("no_user", ROOT_OR_DELETED, account=own)
    return _answer_user(case, user, own)


def _answer_user(case: Case, user: str, own: str) -> Answer:
    """Answer the leak of a key that IAM says to be a user's."""
    if user.casefold() in EXEMPT_USERS:
        return Answer("exempt", "", user, own)
    # Which of the two is asked is for the reason, if it is refused.
    asked = "iam:ListUserTags"
    try:
        if BREAK_GLASS_TAG and _breaks_glass(user):
            return Answer("break_glass", "", user, own)
        asked = "iam:ListAccessKeys"
        status = _status(user, case.leak["key_id"])
    except ClientError as error:
        reason = refusal(asked, error)
        if code(error) == "NoSuchEntity":
            return _gone(case, DELETED, user, own)
        return Answer("could_not_disable", reason, user, own)
    if status is None:
        return _gone(case, DELETED, user, own)
    if status != "Active":
        # Disabled by an attempt that did not come to tell it, or by this guard before.
        outcome = "disabled" if case.disables else "already_inactive"
        return _quarantined(case, Answer(outcome, "", user, own))
    if DRY_RUN:
        return Answer("would_disable", "", user, own)
    return _disabled(case, user, own)


def _disabled(case: Case, user: str, own: str) -> Answer:
    """Disable the key."""
    case.plan_to_disable()
    try:
        iam.update_access_key(UserName=user, AccessKeyId=case.leak["key_id"], Status="Inactive")
    except ClientError as error:
        return Answer("could_not_disable", refusal("iam:UpdateAccessKey", error), user, own)
    return _quarantined(case, Answer("disabled", "", user, own))


def _quarantined(case: Case, answer: Answer) -> Answer:
    """Attach the policy that takes the user's permissions, if one is set and that was not told yet."""
    told = case.notified is not None and case.outcome == answer.outcome
    if DRY_RUN or told or not QUARANTINE_POLICY_ARN:
        return answer
    try:
        iam.attach_user_policy(UserName=answer.user, PolicyArn=QUARANTINE_POLICY_ARN)
    except ClientError as error:
        return Answer("could_not_quarantine", refusal("iam:AttachUserPolicy", error), answer.user, answer.account)
    return Answer(answer.outcome, "the quarantine policy is attached to the user", answer.user, answer.account)


def _breaks_glass(user: str) -> bool:
    """Tell whether the user has the tag of those who must not be locked out."""
    pages = iam.get_paginator("list_user_tags").paginate(UserName=user)
    tags: dict[str, str] = {tag["Key"].casefold(): tag["Value"] for page in pages for tag in page["Tags"]}
    return tags.get(BREAK_GLASS_TAG, "false").strip().casefold() != "false"


def _status(user: str, key_id: str) -> str | None:
    """Return whether the key is active; None if the user has no such key."""
    for page in iam.get_paginator("list_access_keys").paginate(UserName=user):
        for key in page["AccessKeyMetadata"]:
            if key["AccessKeyId"] == key_id:
                status: str = key["Status"]
                return status
    return None


def _gone(case: Case, reason: str, user: str, own: str) -> Answer:
    """Answer that there is no such key of a user; one that was inactive when it was told of was deleted since."""
    if case.outcome in (*DISABLED, "already_inactive"):
        outcome = "disabled" if case.outcome in DISABLED else "already_inactive"
        return Answer(outcome, "the key was deleted since", user or case.leak["user"], own)
    return Answer("no_user", reason, user, own)
