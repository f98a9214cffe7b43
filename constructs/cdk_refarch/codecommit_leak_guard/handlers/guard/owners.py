"""Whose key it is, as far as its id tells."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from aws_calls import DENIED, client, code, refusal

REFUSED = DENIED | {"InvalidClientTokenId", "UnrecognizedClientException"}

sts = client("sts")


@dataclass(frozen=True, slots=True)
class Owner:
    """What STS says of a key's id.

    Args:
        account: The account, which does not mean that the key exists; None if it names none.
        refused: Why STS says nothing at all; empty if it answers.
    """

    account: str | None
    refused: str = ""


def owner_of(key_id: str) -> Owner:
    """Return the account that a key's id names.

    Args:
        key_id: The id, of a long-term or a temporary key.

    Raises:
        ClientError: If STS is busy.
    """
    try:
        return Owner(sts.get_access_key_info(AccessKeyId=key_id).get("Account"))
    except ClientError as error:
        reason = refusal("sts:GetAccessKeyInfo", error)
        return Owner(None, reason if code(error) in REFUSED else "")
