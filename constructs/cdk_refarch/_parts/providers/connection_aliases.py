"""Connection aliases of WorkSpaces: with which directory one is associated, and what DNS must say for that.

An alias has at most one directory in a Region, and a directory at most one alias.
"""

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import (
    BUSY,
    NOT_YET,
    NotReadyError,
    RefusedError,
    asked,
    client,
    code,
    may_ask,
    may_end,
    patiently,
    seen,
    serve,
)

PASSING = NOT_YET | {"InvalidResourceStateException", "ResourceNotFoundException"}
"""What passes: an alias or a directory is not ready, or not known everywhere."""

LEAVING = BUSY | {"InvalidResourceStateException", "ResourceNotFoundException"}
"""What passes while they are parted; what is not found any more is looked for again."""

OWNED = "ASSOCIATED_WITH_OWNER_ACCOUNT"

PENDING = ("PENDING_ASSOCIATION", "PENDING_DISASSOCIATION")

workspaces = client("workspaces")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _associate(event: dict[str, Any], context: Any) -> tuple[str, dict[str, str]]:
    """Associate an alias with a directory, unless it is."""
    wanted, before = event["ResourceProperties"], event.get("OldResourceProperties", {})
    if before.get("AliasId") not in (None, wanted["AliasId"]):
        # It may have the directory.
        patiently(context, _parted, LEAVING, alias_id=before["AliasId"], directory_id=before["DirectoryId"])
    identifier = patiently(context, _identifier, PASSING, event=event)
    return wanted["AliasId"], {"ConnectionIdentifier": identifier}


def _identifier(event: dict[str, Any]) -> str:
    """Return the identifier of the association, which is waited for, and asked for if there is none."""
    wanted, before = event["ResourceProperties"], event.get("OldResourceProperties", {})
    directory_id, name = wanted["DirectoryId"], f"connection alias {wanted['Fqdn']} ({wanted['AliasId']})"
    alias = _alias(wanted["AliasId"])
    if alias is None or alias["State"] != "CREATED":
        raise NotReadyError(f"{name} is not created yet")
    association = _association(alias)
    status, found = association.get("AssociationStatus"), association.get("ResourceId")
    if status is None:
        may_ask(event, f"the association of {name} with directory {directory_id}")
        _ask(wanted)
        asked(event)
        raise NotReadyError(f"{name} is being associated with directory {directory_id}")
    if found == directory_id and status != "PENDING_DISASSOCIATION":
        seen(event)
    if status in PENDING:
        raise NotReadyError(f"{name} is {status}")
    if status == OWNED and found == directory_id:
        identifier: str = association["ConnectionIdentifier"]
        return identifier
    if status == OWNED and found == before.get("DirectoryId"):
        workspaces.disassociate_connection_alias(AliasId=wanted["AliasId"])
        raise NotReadyError(f"{name} is being disassociated from directory {found}")
    account = f" of account {association.get('AssociatedAccountId')}" if status != OWNED else ""
    raise RefusedError(
        f"{name} must be associated with no other directory than {directory_id}, got {found}{account}; "
        "disassociate it there first"
    )


def _ask(wanted: dict[str, Any]) -> None:
    """Ask WorkSpaces to associate the alias with the directory; it refuses if the directory has another."""
    directory_id = wanted["DirectoryId"]
    try:
        workspaces.associate_connection_alias(AliasId=wanted["AliasId"], ResourceId=directory_id)
    except ClientError as error:
        if code(error) != "ResourceAssociatedException":
            raise
        for other in _aliases(workspaces, ResourceId=directory_id):
            if other["AliasId"] != wanted["AliasId"]:
                raise RefusedError(
                    f"directory {directory_id} must have no other connection alias than {wanted['Fqdn']}, got "
                    f"{other['ConnectionString']} ({other['AliasId']}); disassociate that one first"
                ) from error


def _delete(event: dict[str, Any], context: Any) -> None:
    """Disassociate the alias from our directory; with another, it was associated by others."""
    if event["ResourceType"] == "Custom::ConnectionAliasAssociation":
        patiently(context, _ended, LEAVING, event=event)


def _ended(event: dict[str, Any]) -> None:
    """Make sure that the association, which may not be shown yet, is not there."""
    wanted = event["ResourceProperties"]
    _parted(wanted["AliasId"], wanted["DirectoryId"])
    may_end(event, event["PhysicalResourceId"] == wanted["AliasId"])


def _parted(alias_id: str, directory_id: str) -> None:
    """Make sure that the alias is not associated with the directory."""
    alias = _alias(alias_id)
    association = _association(alias) if alias else {}
    # Whose one is that is pending may not be said yet.
    if association.get("ResourceId", directory_id) != directory_id:
        return
    status = association.get("AssociationStatus")
    if status in PENDING:
        raise NotReadyError(f"connection alias {alias_id} is {status}")
    if status == OWNED:
        workspaces.disassociate_connection_alias(AliasId=alias_id)
        raise NotReadyError(f"connection alias {alias_id} is being disassociated from directory {directory_id}")


def _find(event: dict[str, Any], context: Any) -> tuple[str, dict[str, str]]:
    """Find out by a domain name which directory has its alias in a Region, and what identifies that in DNS."""
    wanted = event["ResourceProperties"]
    fqdn, region = wanted["Fqdn"], wanted["Region"]
    found = patiently(context, _owned, NOT_YET, regional=client("workspaces", region), fqdn=fqdn, region=region)
    return f"{region}/{fqdn}", {
        "ConnectionIdentifier": found["ConnectionIdentifier"],
        "DirectoryId": found["ResourceId"],
    }


def _owned(regional: Any, fqdn: str, region: str) -> dict[str, Any]:
    """Return the association of the alias of a domain name."""
    for alias in _aliases(regional):
        association = _association(alias)
        if alias["ConnectionString"].lower() == fqdn.lower() and association.get("AssociationStatus") == OWNED:
            return association
    raise NotReadyError(
        f"connection alias {fqdn} must be associated with a directory in {region} before DNS can name it; deploy the "
        "site there"
    )


def _alias(alias_id: str) -> dict[str, Any] | None:
    """Return an alias; None if there is none."""
    return next(_aliases(workspaces, AliasIds=[alias_id]), None)


def _aliases(regional: Any, **given: Any) -> Iterator[dict[str, Any]]:
    """Yield aliases, of all pages."""
    while True:
        page = regional.describe_connection_aliases(**given)
        yield from page.get("ConnectionAliases", [])
        if not page.get("NextToken"):
            return
        given["NextToken"] = page["NextToken"]


def _association(alias: dict[str, Any]) -> dict[str, Any]:
    """Return the association of an alias, which has at most one; empty if it has none."""
    for association in alias.get("Associations", []):
        if association.get("AssociationStatus") != "NOT_ASSOCIATED":
            found: dict[str, Any] = association
            return found
    return {}


KINDS: dict[str, Callable[[dict[str, Any], Any], tuple[str, dict[str, str]]]] = {
    "Custom::ConnectionAliasAssociation": _associate,
    "Custom::ConnectionIdentifier": _find,
}
