"""What CloudFormation cannot say of Amazon SES: reasons of the suppression list, the active rule set."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import FAILED_CREATE, client, code, patiently, serve

BUSY = frozenset(
    {
        "InternalFailure",
        "InternalServiceErrorException",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Errors of SES that pass by themselves: it activates a rule set, and says which is active, once a second."""

NOT_YET = BUSY | {"AccessDenied", "AccessDeniedException", "RuleSetDoesNotExist"}
"""The same, and what it says until policies and rule sets are known everywhere."""

NONE = "-"
"""No rule set, which is the name of none: they begin with a letter or digit."""

ses = client("ses")
sesv2 = client("sesv2")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _put_suppression(event: dict[str, Any], context: Any) -> str:
    """Say why addresses are put on the account's suppression list; it stays so when the resource is deleted."""
    reasons = event["ResourceProperties"]["Reasons"]
    patiently(context, sesv2.put_account_suppression_attributes, NOT_YET, SuppressedReasons=reasons)
    return "ses-account-suppression"


def _activate(event: dict[str, Any], context: Any) -> str:
    """Activate a rule set; the physical id says which was active before there was the resource, and which is ours."""
    ours = event["ResourceProperties"]["RuleSetName"]
    if event["RequestType"] == "Update":
        before, _ = _rule_sets(event)
    else:
        before = _active(context)
    patiently(context, ses.set_active_receipt_rule_set, NOT_YET, RuleSetName=ours)
    return f"{before}|{ours}"


def _delete(event: dict[str, Any], context: Any) -> None:
    """Activate the rule set that was active before, if ours still is; other resources leave what they made."""
    if event["ResourceType"] != "Custom::SesActiveReceiptRuleSet":
        return
    before, ours = _rule_sets(event)
    if _active(context, BUSY) != ours:
        # Somebody has activated another since, or an update has.
        return
    if before not in (NONE, ours):
        try:
            patiently(context, ses.set_active_receipt_rule_set, BUSY, RuleSetName=before)
        except ClientError as error:
            if code(error) != "RuleSetDoesNotExist":
                raise
        else:
            return
    # Without a name, none is active, and ours can be deleted.
    patiently(context, ses.set_active_receipt_rule_set, BUSY)


def _rule_sets(event: dict[str, Any]) -> tuple[str, str]:
    """Return which rule set was active before and which is ours."""
    if event["PhysicalResourceId"] == FAILED_CREATE:
        # It may have been activated, and SES was too late to say so.
        return NONE, event["ResourceProperties"]["RuleSetName"]
    before, ours = event["PhysicalResourceId"].split("|")
    return before, ours


def _active(context: Any, passing: frozenset[str] = NOT_YET) -> str:
    """Return the name of the active rule set."""
    active = patiently(context, ses.describe_active_receipt_rule_set, passing)
    name: str = active.get("Metadata", {}).get("Name", NONE)
    return name


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {
    "Custom::SesAccountSuppression": _put_suppression,
    "Custom::SesActiveReceiptRuleSet": _activate,
}
