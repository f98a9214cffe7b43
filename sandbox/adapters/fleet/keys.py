"""Keys of what instances are launched from: Auto Scaling's service-linked role must be let use them.

The role's own policy, which nobody can change, gives it no key. So a key's policy must name the role, or a grant must;
a policy that leaves everything to IAM, as the default one does, is not enough. A key of another account needs a grant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services import ec2, kms

from sandbox.adapters import access

ROLE = "AWSServiceRoleForAutoScaling"
_UNUSABLE = (
    "Instance became unhealthy while waiting for instance to be in InService state. "
    "Termination Reason: Client.InternalError: Client error on launch"
)
_INVALID = "Client.InvalidKMSKey.{}. Launching EC2 instance failed."
_OPERATIONS = ("DescribeKey", "Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant")


def of(image: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    """The customer managed keys of an image's snapshots, and of a launch template's volumes.

    Args:
        image: EC2's record of the image; empty for one of AWS.
        data: The data of the launch template.
    """
    given = [image.get("KmsKeyId")]
    snapshots = {id: record for (_, _, id), record in list(ec2._snapshots.all_items())}
    for mapping in [*(image.get("BlockDeviceMappings") or ()), *(data.get("BlockDeviceMappings") or ())]:
        volume = mapping.get("Ebs") or {}
        given += [volume.get("KmsKeyId"), snapshots.get(volume.get("SnapshotId"), {}).get("KmsKeyId")]
    yield from (key for key in given if key and "alias/aws/" not in key)


def problem(account: str, region: str, key: str) -> str:
    """Why Auto Scaling cannot launch with a key; empty if it can.

    Args:
        account: The account of the group.
        region: Its region.
        key: The key's id, alias or ARN.
    """
    found = kms._resolve_key(key) or next((one for one in kms._keys.all_values() if one["Arn"] == key), None)
    if found is None:
        return _INVALID.format(f"NotFound: The KMS key {key} does not exist")
    principal = f"arn:aws:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/{ROLE}"
    who = access.Session(ROLE, principal, account, region)
    context = {"kms:ViaService": f"ec2.{region}.amazonaws.com", "kms:CallerAccount": account}
    for operation in _OPERATIONS:
        more = {"kms:GrantIsForAWSResource": "true"} if operation == "CreateGrant" else {}
        try:
            if not _is_granted(found["Arn"], principal, operation):
                access.require(who, f"kms:{operation}", found["Arn"], {**context, **more})
        except access.Refused:
            return _UNUSABLE
    if found["KeyState"] != "Enabled":
        return _INVALID.format("InvalidState: The KMS key provided is in an incorrect state")
    return ""


def _is_granted(arn: str, principal: str, operation: str) -> bool:
    return any(
        (one["KeyId"], one["GranteePrincipal"]) == (arn, principal) and operation in one["Operations"]
        for one in kms._grants.all_values()
    )
