"""Temporary keys: the sessions of the role are revoked, if it is one of those that the guard may do that to.

Nothing tells whose session a key is but what CloudTrail has of its use.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from answers import Answer, Case, utc
from aws_calls import Place, client, refusal
from owners import owner_of

DRY_RUN = os.environ["DRY_RUN"] != "false"
REVOKE_ROLES: list[str] = json.loads(os.environ["REVOKE_ROLES"])

GLOBAL_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where CloudTrail has the events of services that are in no region:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events"""

POLICY_NAME = "AWSRevokeOlderSessions"
"""The console's own, so that it shows what was revoked:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"""

iam = client("iam")


def answer_session(case: Case, place: Place) -> Answer:
    """Answer the leak of a temporary key.

    Args:
        case: The leak.
        place: Where the function runs.

    Raises:
        BotoCoreError: If a service gave no answer; all can be done again.
        ClientError: If a service is busy.
    """
    if case.outcome == "revoked":
        # A session that was issued before stays denied; to do it again would hit those that were issued since.
        return Answer("revoked", "", case.leak["user"], case.leak["account"])
    key_id = case.leak["key_id"]
    owner = owner_of(key_id)
    account = owner.account
    if account not in (None, place.account):
        return Answer("foreign_account", account=account or "")
    if not REVOKE_ROLES:
        return Answer("alert_only", owner.refused, account=account or "")
    try:
        identity = next(_identities(key_id, place), None)
    except ClientError as error:
        return Answer("could_not_revoke", refusal("cloudtrail:LookupEvents", error), account=account or "")
    if identity is None:
        return Answer("not_revoked", "CloudTrail has no event of the key yet", account=account or "")
    if identity.get("type") != "AssumedRole":
        return Answer(
            "not_revoked", f"it is no role's session, but of type {identity.get('type')}", account=place.account
        )
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn", "")
    if issuer not in REVOKE_ROLES:
        return Answer("not_revoked", f"the guard may not revoke sessions of {issuer}", account=place.account)
    return _revoked(issuer, place)


def _revoked(role_arn: str, place: Place) -> Answer:
    """Deny everything to the sessions of a role that were issued before now."""
    role = role_arn.rpartition("/")[2]
    if DRY_RUN:
        return Answer("would_revoke", "", role, place.account)
    # The time of now, also when it is done again: an earlier one would let in whom a leak after this one has shut out.
    condition = {"DateLessThan": {"aws:TokenIssueTime": utc(time.time())}}
    statement = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=document)
    except ClientError as error:
        return Answer("could_not_revoke", refusal("iam:PutRolePolicy", error), role, place.account)
    return Answer("revoked", "", role, place.account)


def _identities(key_id: str, place: Place) -> Iterator[Mapping[str, Any]]:
    """Yield who has used the key, from the events of this region and of that of global services."""
    attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": key_id}]
    for region in dict.fromkeys((place.region, GLOBAL_REGIONS.get(place.partition, place.region))):
        cloudtrail = client("cloudtrail", region)
        # All events of a key have the same identity; only those that name it otherwise are passed over.
        for event in cloudtrail.lookup_events(LookupAttributes=attributes).get("Events", []):
            identity: Mapping[str, Any] = json.loads(event["CloudTrailEvent"]).get("userIdentity", {})
            if identity.get("accessKeyId") == key_id:
                yield identity
