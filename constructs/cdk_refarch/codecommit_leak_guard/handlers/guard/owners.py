"""Whose key it is, as far as its id tells."""

from botocore.exceptions import ClientError

from aws_calls import client, refusal

sts = client("sts")


def owner_of(key_id: str) -> str | None:
    """Return the account that a key's id names, which does not mean that the key exists; None if it names none.

    Args:
        key_id: The id, of a long-term or a temporary key.

    Raises:
        ClientError: If STS is busy.
    """
    try:
        account: str | None = sts.get_access_key_info(AccessKeyId=key_id).get("Account")
    except ClientError as error:
        refusal("sts:GetAccessKeyInfo", error)
        return None
    return account
