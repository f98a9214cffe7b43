"""What CloudFormation cannot say of AWS Directory Service: AD Connectors, and Managed ADs in further regions."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import (
    BUSY,
    MARK,
    NOT_YET,
    Event,
    Made,
    NotReadyError,
    ProviderError,
    RefusedError,
    asked,
    client,
    code,
    log,
    mark,
    may_ask,
    may_end,
    patiently,
    seen,
    serve,
    tags_for,
    was_there,
)
from directories import (
    GOING,
    GONE,
    MAKING,
    REFUSED,
    Directory,
    addresses_of,
    directories,
    is_same_name,
    managed_ad,
    service,
    tags_of,
)
from managed_ad_replicas import remove_replica, replicate, wait_for_replica

CONNECTED_BY = ("Name", "ShortName", "Size", "VpcId", "SubnetIds", "SecretArn", "DnsIps", "Controllers")
"""The properties of a connector, which is found by a digest of them; where one changes, another connector is made."""

secrets = client("secretsmanager")


def handler(event: Event, context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _connect(event: Event, context: Any) -> Made:
    """Make a connector, or one in place of another; CloudFormation deletes the other one."""
    directory_id = patiently(context, _connector, NOT_YET | {REFUSED}, event=event)
    made = directory_id, {"DirectoryId": directory_id}
    if directory_id == event.get("PhysicalResourceId"):
        before = event.get("OldResourceProperties", {})
        if _digest(before) != _digest(event["ResourceProperties"]):
            # An update has failed and is rolled back. CloudFormation never knew the id of what it had made.
            patiently(context, _disconnect, BUSY | {REFUSED}, event=event, properties=before)
        return made
    described = patiently(
        context, _settled, NOT_YET | {"EntityDoesNotExistException"}, event=event, directory_id=directory_id
    )
    if described["Stage"] == "Active":
        return made
    reason = f"AD Connector {directory_id} is {described['Stage']}: {described.get('StageReason', 'no reason given')}"
    try:
        # It never works, and another one may be made only of other properties while it is there.
        patiently(context, service().delete_directory, BUSY, DirectoryId=directory_id)
    except ClientError as error:
        log(deleted=False, reason=str(error))
    raise ProviderError(reason)


def _connector(event: Event) -> str:
    """Return the id of the connector with our mark, made now if there is none."""
    wanted = event["ResourceProperties"]
    ours = mark(event, _digest(wanted))
    for found, tags in _marked(wanted["Name"], ours):
        if found["Stage"] not in GOING:
            known: str = found["DirectoryId"]
            if was_there(event, tags):
                raise RefusedError(
                    f"AD Connector {known} of {wanted['Name']} must not be there, as it was kept when it was left out; "
                    "give it as ExistingDirectory, or delete it by hand first"
                )
            seen(event)
            return known
    may_ask(event, f"an AD Connector of {wanted['Name']}")
    user, password = _service_account(wanted["SecretArn"])
    settings = {"VpcId": wanted["VpcId"], "SubnetIds": wanted["SubnetIds"], "CustomerUserName": user}
    given = {"ShortName": wanted["ShortName"]} if "ShortName" in wanted else {}
    try:
        made = service().connect_directory(
            Name=wanted["Name"],
            Password=password,
            Size=wanted["Size"],
            Description=f"Of the stack {ours.split('/')[0]}"[:128],
            ConnectSettings={**settings, "CustomerDnsIps": _dns_ips(event)},
            Tags=[{"Key": key, "Value": value} for key, value in tags_for(event, _digest(wanted)).items()],
            **given,
        )
    except ClientError as error:
        message = error.response["Error"].get("Message", "").replace(password, "***")
        hidden = {"Error": {"Code": code(error), "Message": message}}
        raise ClientError(hidden, error.operation_name) from None
    asked(event)
    directory_id: str = made["DirectoryId"]
    return directory_id


def _digest(properties: dict[str, Any]) -> str:
    """Return what tells connectors of one resource apart."""
    chosen = {name: properties[name] for name in CONNECTED_BY if name in properties}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def _service_account(secret_arn: str) -> tuple[str, str]:
    """Return name and password of the user that the connector acts as."""
    rule = f'the secret {secret_arn} must be JSON such as {{"username": "...", "password": "..."}}'
    text = secrets.get_secret_value(SecretId=secret_arn).get("SecretString", "")
    try:
        secret = json.loads(text)
    except ValueError:
        # Its cause would tell the secret.
        raise ProviderError(rule) from None
    account = secret if isinstance(secret, dict) else {}
    user, password = account.get("username"), account.get("password")
    if not (isinstance(user, str) and user and isinstance(password, str) and password):
        raise ProviderError(f"{rule}, with texts that are not empty")
    return user, password


def _dns_ips(event: Event) -> list[str]:
    """Return the addresses of the DNS servers, which may be the controllers of a Managed AD."""
    wanted = event["ResourceProperties"]
    if "Controllers" in wanted:
        region = wanted["Controllers"]["Region"]
        return addresses_of(managed_ad(event, region, wanted["Controllers"].get("DirectoryId")), region)
    given: list[str] = wanted["DnsIps"]
    return given


def _settled(event: Event, directory_id: str) -> Directory:
    """Return a connector that is active or never will be."""
    (described,) = service().describe_directories(DirectoryIds=[directory_id])["DirectoryDescriptions"]
    stage = described["Stage"]
    seen(event)
    if stage not in ("Active", "Failed", *GOING):
        # Also one that is not operable: its network may come later.
        raise NotReadyError(f"AD Connector {directory_id} is {stage}: {described.get('StageReason', 'being made')}")
    found: Directory = described
    return found


def _disconnect(event: Event, properties: dict[str, Any]) -> None:
    """Delete the connectors of these properties with our mark, and say until they are gone that they are not."""
    left = []
    for found, _ in _marked(properties["Name"], mark(event, _digest(properties))):
        stage, directory_id = found["Stage"], found["DirectoryId"]
        if event["RequestType"] == "Delete":
            seen(event)
        if stage not in (*MAKING, *GOING):
            service().delete_directory(DirectoryId=directory_id)
        if stage != GONE:
            left.append(directory_id)
    if left:
        raise NotReadyError(f"AD Connector {', '.join(left)} is not deleted yet")
    may_end(event, event["PhysicalResourceId"].startswith("d-"))


def _marked(name: str, ours: str) -> Iterator[tuple[Directory, dict[str, str]]]:
    """Find connectors with our mark and their tags, the oldest first."""
    found = [one for one in directories() if one["Type"] == "ADConnector" and is_same_name(one["Name"], name)]
    for one in sorted(found, key=lambda one: (str(one.get("LaunchTime", "")), one["DirectoryId"])):
        tags = tags_of(one["DirectoryId"])
        if tags.get(MARK) == ours:
            yield one, tags


def _delete(event: Event, context: Any) -> None:
    """Delete a connector, or remove a replica, if it is ours; what was only waited for stays."""
    kind, properties = event["ResourceType"], event["ResourceProperties"]
    if kind == "Custom::AdConnector":
        patiently(context, _disconnect, BUSY | {REFUSED}, event=event, properties=properties)
    elif kind == "Custom::ManagedAdReplica":
        remove_replica(event, context)


KINDS: dict[str, Callable[[Event, Any], Made]] = {
    "Custom::AdConnector": _connect,
    "Custom::ManagedAdReplica": replicate,
    "Custom::ManagedAdReplicaReady": wait_for_replica,
}
