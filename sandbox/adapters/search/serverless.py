"""Collections of OpenSearch Serverless: CloudFormation's types, VPC endpoints, and who may do what in a collection.

MiniStack has the management API of collections and policies. Lifecycle policies and indices of templates are only
recorded, and capacity, groups of collections and SAML are missing.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2
from ministack.services import opensearchserverless as aoss
from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas

from . import network
from .domains import endpoint
from .indices import Cluster

Record = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]
PREFIX = "/_opensearch/collections/"
"""Where collections are, by their ids."""
_PREFIX_OF_TYPE = "AWS::OpenSearchServerless::"
_SESSION = re.compile(r"arn:aws[\w-]*:sts::\d{12}:assumed-role/[^*/]+/\*")
_PERMISSIONS = (
    ("indices:data/read/*", "aoss:ReadDocument"),
    ("indices:data/write/*", "aoss:WriteDocument"),
    ("indices:admin/create", "aoss:CreateIndex"),
    ("indices:admin/delete", "aoss:DeleteIndex"),
    ("indices:admin/mapping/put", "aoss:UpdateIndex"),
    ("indices:*", "aoss:DescribeIndex"),
)
"""What a data access policy must have for what is done to an index."""
_clusters: dict[str, Cluster] = {}
_endpoints: dict[tuple[str, str, str], Record] = {}
_validate_data_policy, _validate_network_policy = aoss._validate_data_policy, aoss._validate_network_policy


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    aoss._collection_endpoint = lambda id: f"https://{endpoint(PREFIX + id)}"
    aoss._validate_data_policy, aoss._validate_network_policy = _valid, _valid_network
    aoss._HANDLERS["ListVpcEndpoints"] = _list_endpoints
    _provide("Collection", _create_collection, _update_collection, _delete_collection)
    _provide("VpcEndpoint", _create_endpoint, _update_endpoint, _delete_endpoint)
    for name, kind in (("AccessPolicy", "access"), ("SecurityPolicy", "security")):
        _provide(name, *_policy(kind))


def find(id: str) -> tuple[Record, Cluster] | None:
    """A collection of any region, with what is in it; None if there is none.

    Args:
        id: Its id.
    """
    record = aoss._find_collection_anywhere(id)
    return (record, _clusters.setdefault(id, Cluster())) if record else None


def id_of(url: str) -> str:
    """The id of the collection that an endpoint belongs to; empty for none of ours.

    Args:
        url: The endpoint.
    """
    return url.partition(PREFIX)[2].strip("/")


def _provide(name: str, create: Callable[..., Any], update: Callable[..., Any], delete: Callable[..., Any]) -> None:
    type = _PREFIX_OF_TYPE + name
    schema = schemas.load(type)
    replacing = schema.create_only if schema else []

    def created(logical_id: str, properties: Record, stack: str) -> Provisioned:
        try:
            made: Provisioned = create(properties)
        except aoss._Invalid as error:
            raise _failed(error) from error
        return made

    def updated(physical_id: str, old: Record, new: Record, stack: str, logical_id: str | None = None) -> Provisioned:
        if any(old.get(one) != new.get(one) for one in replacing):
            replaced: Provisioned = provisioners._replace_resource(type, physical_id, old, new, stack, logical_id)
            return replaced
        try:
            changed: Provisioned = update(physical_id, new)
        except aoss._Invalid as error:
            raise _failed(error) from error
        return changed

    def deleted(physical_id: str, properties: Record) -> None:
        try:
            delete(physical_id)
        except aoss._Invalid as error:
            if error.code != "ResourceNotFoundException":
                raise _failed(error) from error

    handler = {"create": created, "update": updated, "update_with_logical_id": True, "delete": deleted}
    provisioners._RESOURCE_HANDLERS[type] = handler
    provisioners._REPLACING_PROPERTIES[type] = tuple(replacing)


def _failed(error: Any) -> _FailedError:
    codes = {"ConflictException": "AlreadyExists", "ValidationException": "InvalidRequest"}
    text = f"{error} (Service: OpenSearchServerless, Status Code: 400)"
    code = codes.get(error.code, "GeneralServiceException")
    return _FailedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})')


def _lower(properties: Record) -> Record:
    return {name[0].lower() + name[1:]: value for name, value in properties.items()}


def _create_collection(properties: Record) -> Provisioned:
    given = _lower({name: value for name, value in properties.items() if name not in ("Tags", "EncryptionConfig")})
    given["tags"] = [_lower(tag) for tag in properties.get("Tags") or []]
    own = properties.get("EncryptionConfig") or {}
    given["encryptionConfig"] = {"kmsKeyArn": own.get("KmsKeyArn"), "aWSOwnedKey": own.get("AWSOwnedKey")}
    _, _, body = aoss._create_collection(given)
    record = aoss._collections[json.loads(body)["createCollectionDetail"]["id"]]
    record["status"] = "ACTIVE"
    return _collection(record)


def _collection(record: Record) -> Provisioned:
    names = {"Arn": "arn", "CollectionEndpoint": "collectionEndpoint", "DashboardEndpoint": "dashboardEndpoint"}
    attributes = {name: record[member] for name, member in names.items()}
    return record["id"], {"Id": record["id"], "KmsKeyArn": record["kmsKeyArn"], **attributes}


def _update_collection(id: str, new: Record) -> Provisioned:
    mutable = {"Description": "", "DeletionProtection": "DISABLED"}
    aoss._update_collection({"id": id, **_lower({name: new.get(name, default) for name, default in mutable.items()})})
    return _collection(aoss._collections[id])


def _delete_collection(id: str) -> None:
    aoss._delete_collection({"id": id})
    _clusters.pop(id, None)


def _policy(kind: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    store = aoss._access_policies if kind == "access" else aoss._security_policies
    validate = aoss._access_validator if kind == "access" else aoss._security_validator

    def create(properties: Record) -> Provisioned:
        aoss._put_policy(store, kind, _lower(properties), validate)
        return f"{properties['Type']}|{properties['Name']}", {}

    def update(physical_id: str, new: Record) -> Provisioned:
        record = store.get(physical_id.replace("|", "/")) or {}
        given = {"description": "", **_lower(new), "policyVersion": record.get("policyVersion")}
        aoss._update_policy(store, kind, given, validate)
        return physical_id, {}

    def delete(physical_id: str) -> None:
        store.pop(physical_id.replace("|", "/"), None)

    return create, update, delete


def _valid(document: Any) -> None:
    """Take the sessions of a role as principals, ``assumed-role/NAME/*``, which AWS's guide for Firehose has."""
    text = json.dumps(document)
    for statement in document if isinstance(document, list) else []:
        for principal in statement.get("Principal") or [] if isinstance(statement, dict) else []:
            if isinstance(principal, str) and _SESSION.fullmatch(principal):
                text = text.replace(json.dumps(principal), json.dumps(principal.removesuffix("*") + "any"))
    _validate_data_policy(json.loads(text))


def _valid_network(document: Any) -> None:
    """Take dashboards by the collections that they belong to, as AWS has them, where MiniStack has another prefix."""
    same = json.dumps(document).replace('"ResourceType": "dashboard"', '"ResourceType": "collection"')
    _validate_network_policy(json.loads(same))


def _create_endpoint(properties: Record) -> Provisioned:
    subnets, groups = properties["SubnetIds"], properties.get("SecurityGroupIds") or []
    vpc = properties["VpcId"]
    wrong = [one for one in subnets if (ec2._subnets.get(one) or {}).get("VpcId") != vpc]
    wrong += [one for one in groups if (ec2._security_groups.get(one) or {}).get("VpcId") != vpc]
    if wrong:
        raise aoss._Invalid(f"{', '.join(wrong)} must be in {vpc}")
    id = f"vpce-0{secrets.token_hex(8)}"
    _endpoints[get_account_id(), get_region(), id] = {"id": id, **_lower(properties)}
    return id, {"Id": id}


def _update_endpoint(id: str, new: Record) -> Provisioned:
    _endpoints[get_account_id(), get_region(), id] |= _lower(new)
    return id, {"Id": id}


def _delete_endpoint(id: str) -> None:
    _endpoints.pop((get_account_id(), get_region(), id), None)


def _list_endpoints(request: Record) -> Any:
    place = get_account_id(), get_region()
    found = [one for (*where, _), one in _endpoints.items() if tuple(where) == place]
    return aoss.json_response(
        {"vpcEndpointSummaries": [{"id": one["id"], "name": one["name"], "status": "ACTIVE"} for one in found]}
    )


def barrier(name: str, origin: network.Origin) -> str:
    """Say why network policies keep a caller from a collection; empty if they do not.

    Args:
        name: The collection's name.
        origin: Where the caller comes from.
    """
    whys = [f"no network policy lets anybody reach collection {name}"]
    for policy in list(aoss._security_policies.values()):
        for statement in policy["policy"] if policy["type"] == "network" else ():
            if not _concerns(statement, "collection", f"collection/{name}"):
                continue
            if statement.get("AllowFromPublic"):
                return ""
            for id in statement.get("SourceVPCEs") or []:
                one = _endpoints.get((get_account_id(), get_region(), id))
                why = f"{id} is not there"
                if one is not None:
                    why = network.barrier(origin, one["subnetIds"], one.get("securityGroupIds") or [])
                if not why:
                    return ""
                whys.append(why)
    return whys[-1]


def _concerns(statement: Record, kind: str, resource: str) -> bool:
    rules = [rule for rule in statement.get("Rules", []) if rule["ResourceType"] == kind]
    return any(fnmatchcase(resource, pattern) for rule in rules for pattern in rule["Resource"])


class DataAccess:
    """What the data access policies let a caller do in a collection.

    Args:
        collection: The collection.
        session: The caller's ARN, of the session if it is a role.
        identity: The ARN of the role or user.
    """

    each = False

    def __init__(self, collection: Record, session: str, identity: str) -> None:
        self._name, self._session, self._identity = collection["name"], session, identity
        self.identified = collection["type"] == "SEARCH"

    def cluster(self, action: str) -> None:
        """Let actions pass that are of no index."""

    def index(self, action: str, name: str) -> None:
        """Refuse what no policy lets the caller do to an index.

        Args:
            action: The action.
            name: The index.

        Raises:
            Forbidden: If none does.
        """
        needed = next(permission for pattern, permission in _PERMISSIONS if fnmatchcase(action, pattern))
        if not any(one in ("aoss:*", needed) for one in self._permissions(f"index/{self._name}/{name}")):
            raise Forbidden(f"{self._session} lacks {needed} on index/{self._name}/{name} in the data access policies")

    def _permissions(self, resource: str) -> Iterator[str]:
        for policy in list(aoss._access_policies.values()):
            for statement in policy["policy"]:
                if not any(self._is(principal) for principal in statement["Principal"]):
                    continue
                for rule in statement["Rules"]:
                    if rule["ResourceType"] == "index" and any(fnmatchcase(resource, one) for one in rule["Resource"]):
                        yield from rule["Permission"]

    def _is(self, principal: str) -> bool:
        return fnmatchcase(self._session, principal) or principal == self._identity


class Forbidden(Exception):
    """The collection answers 403, which says no more; the message is for the sandbox's log."""
