"""WorkSpaces: connection aliases, which give the directories of several regions one name."""

from __future__ import annotations

from ministack.core.responses import get_account_id

from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import registrations
from .state import GONE, Alias, Course, as_map, find, fresh, home, living, page

_owners: dict[str, str] = {}
"""The accounts that connection strings belong to for ever, once an alias had them."""


def _create(request: Record) -> Record:
    text, here = request["ConnectionString"], home()
    if any(one.text.lower() == text.lower() for one in living(here.aliases)):
        raise Fault("ResourceAlreadyExistsException", f"A connection alias with the string {text} already exists.")
    if _owners.setdefault(text.lower(), here.account) != here.account:
        raise Fault("ResourceAlreadyExistsException", f"The string {text} is reserved for another account.")
    made = Alias(fresh("wsca-"), text, Course("CREATING", "CREATED"))
    here.aliases[made.id] = made
    here.tags[made.id] = as_map(request.get("Tags"))
    return {"AliasId": made.id}


def _ready(request: Record) -> Alias:
    found = find(home().aliases, request["AliasId"], "connection alias")
    if found.course.state != "CREATED":
        text = f"The connection alias is in the state {found.course.state}; it must be CREATED."
        raise Fault("InvalidResourceStateException", text)
    return found


def _associate(request: Record) -> Record:
    alias, directory = _ready(request), request["ResourceId"]
    registrations.registered(directory)
    if alias.association.state == "PENDING_DISASSOCIATION":
        raise Fault("InvalidResourceStateException", "The connection alias is being disassociated.")
    if alias.association.state != "NOT_ASSOCIATED":
        text = f"The connection alias is already associated with the directory {alias.directory_id}."
        raise Fault("ResourceAssociatedException", text)
    if other := of_directory(directory):
        raise Fault("ResourceAssociatedException", f"The directory is already associated with the alias {other.id}.")
    alias.directory_id, alias.identifier = directory, fresh("", 12)
    alias.association = Course("PENDING_ASSOCIATION", "ASSOCIATED_WITH_OWNER_ACCOUNT")
    return {"ConnectionIdentifier": alias.identifier}


def of_directory(id: str, region: str = "") -> Alias | None:
    """The alias that a directory is associated with, also when that is only under way.

    Args:
        id: The directory's id.
        region: Its region; empty for that of the request.
    """
    for one in living(home(region).aliases):
        if one.directory_id == id and one.association.state != "NOT_ASSOCIATED":
            return one
    return None


def _disassociate(request: Record) -> Record:
    alias = _ready(request)
    if alias.association.state != "ASSOCIATED_WITH_OWNER_ACCOUNT":
        text = f"The connection alias cannot be disassociated in the state {alias.association.state}."
        raise Fault("InvalidResourceStateException", text)
    alias.association = Course("PENDING_DISASSOCIATION", "NOT_ASSOCIATED")
    return {}


def _delete(request: Record) -> Record:
    alias = _ready(request)
    if alias.association.state != "NOT_ASSOCIATED":
        text = f"The connection alias is associated with the directory {alias.directory_id}. Disassociate it first."
        raise Fault("ResourceAssociatedException", text)
    alias.course = Course("DELETING", GONE)
    return {}


def described(alias: Alias) -> Record:
    """An alias as it is described.

    Args:
        alias: The alias.
    """
    owner = get_account_id()
    about = {
        "ConnectionString": alias.text,
        "AliasId": alias.id,
        "State": alias.course.state,
        "OwnerAccountId": owner,
    }
    if not alias.directory_id:
        return about
    state = alias.association.state
    associated = {
        "AssociatedAccountId": owner,
        "ResourceId": alias.directory_id,
        "ConnectionIdentifier": alias.identifier,
    }
    return {**about, "Associations": [{"AssociationStatus": state, **(associated if state[0] != "N" else {})}]}


def _describe(request: Record) -> Record:
    wanted, directory = request.get("AliasIds"), request.get("ResourceId")
    found = [one for one in living(home().aliases) if not wanted or one.id in wanted]
    if directory:
        associated = of_directory(directory)
        found = [one for one in found if one is associated]
    some, more = page(found, request, "InvalidParameterValuesException")
    return {"ConnectionAliases": [described(one) for one in some], **more}


OPERATIONS: dict[str, Operation] = {
    "CreateConnectionAlias": _create,
    "DeleteConnectionAlias": _delete,
    "DescribeConnectionAliases": _describe,
    "AssociateConnectionAlias": _associate,
    "DisassociateConnectionAlias": _disassociate,
}
