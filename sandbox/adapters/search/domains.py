"""Domains of OpenSearch Service: what AWS refuses when they are made, their endpoints, and who is their master.

MiniStack has the management API and CloudFormation's type. A domain is there at once, where AWS takes half an hour, and
the service-linked role that a domain in a VPC needs counts as there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, ec2, iam, opensearch

from sandbox.adapters import access

from .indices import Cluster
from .security import Security

Record = dict[str, Any]
PREFIX = "/_opensearch/domains/"
"""Where domains are, by their names."""
_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
_create, _delete = opensearch.create_domain_record, opensearch.delete_domain_record
_update, _configure = opensearch.update_domain_from_cloudformation, opensearch._update_domain_config
_resource_policy = iam_evaluator._resource_policy


class Domain:
    """What is in a domain.

    Args:
        master: The ARN of its master user; empty without fine-grained access control.
    """

    def __init__(self, master: str) -> None:
        self.cluster = Cluster()
        self.security = Security(master) if master else None


_domains: dict[tuple[str, str, str], Domain] = {}


def install() -> None:
    """Put the checks before MiniStack's, and let domains' own policies count."""
    opensearch.create_domain_record = _created
    opensearch.delete_domain_record = _deleted
    opensearch.update_domain_from_cloudformation = _updated
    opensearch._update_domain_config = _configured
    iam_evaluator._resource_policy = _policy_of


def find(name: str) -> tuple[Record, Domain] | None:
    """A domain of the account and region of the request, with what is in it; None if there is none.

    Args:
        name: Its name.
    """
    record = opensearch._domains.get(name)
    return (record, _domains[get_account_id(), get_region(), name]) if record else None


def endpoint(path: str) -> str:
    """The host, port and path of something that is served here.

    Args:
        path: The path.
    """
    return f"localhost:{os.environ['GATEWAY_PORT']}{path}"


def _policy_of(service: str, arn: str) -> Any:
    if service == "es" and ":domain/" in arn:
        record = opensearch._domains.get(arn.partition(":domain/")[2].split("/")[0])
        return (record.get("AccessPolicies") or None, get_account_id()) if record else None
    return _resource_policy(service, arn)


def _created(payload: Record, *rest: Any) -> Record:
    _must_be_possible(payload)
    record: Record = _create(payload, *rest)
    name = record["DomainName"]
    _domains[get_account_id(), get_region(), name] = Domain(_master(payload))
    _place(record)
    return record


def _place(record: Record) -> None:
    """Give a domain the address that it is served at, and its VPC."""
    address = endpoint(PREFIX + record["DomainName"])
    record["_Endpoint"] = address
    options = record.get("VPCOptions")
    if not options:
        record["Endpoint"] = address
        return
    record["Endpoints"] = {"vpc": address}
    subnets = [ec2._subnets[one] for one in options["SubnetIds"]]
    options["VPCId"] = subnets[0]["VpcId"]
    options["AvailabilityZones"] = [one["AvailabilityZone"] for one in subnets]


def _updated(name: str, payload: Record, *rest: Any) -> Record:
    _must_be_possible(payload)
    record: Record = _update(name, payload, *rest)
    _place(record)
    _be_mastered(name, payload)
    return record


def _configured(name: str, payload: Record) -> Any:
    answer = _configure(name, payload)
    if answer[0] == 200:
        _be_mastered(name, payload)
    return answer


def _be_mastered(name: str, payload: Record) -> None:
    domain, master = _domains[get_account_id(), get_region(), name], _master(payload)
    if not master:
        return
    if domain.security is None:
        domain.security = Security(master)
    elif master not in domain.security.mappings.get("all_access", {}).get("backend_roles", ()):
        domain.security.be_mastered_by(master)


def _master(payload: Mapping[str, Any]) -> str:
    options = payload.get("AdvancedSecurityOptions") or {}
    return str((options.get("MasterUserOptions") or {}).get("MasterUserARN", ""))


def _deleted(name: str, *rest: Any, **more: Any) -> Any:
    _domains.pop((get_account_id(), get_region(), name), None)
    return _delete(name, *rest, **more)


def _must_be_possible(payload: Mapping[str, Any]) -> None:
    problem = next(_problems(payload), None)
    if problem:
        raise opensearch.OpenSearchServiceError(400, "ValidationException", problem)


def _problems(payload: Mapping[str, Any]) -> Iterator[str]:
    """What AWS would say; the checks are in the developer guide, the words are ours."""
    yield from _of_security(payload)
    yield from _of_nodes(payload)
    yield from _of_network(payload)
    yield from _of_policy(payload)
    yield from _of_logs(payload)
    own = payload.get("EncryptionAtRestOptions") or {}
    if own.get("Enabled") and own.get("KmsKeyId"):
        try:
            access.refuse_disabled_key(access.key_arn(own["KmsKeyId"], get_account_id(), get_region()))
        except access.Refused as error:
            yield f"The KMS key cannot be used: {error}"


def _of_security(payload: Mapping[str, Any]) -> Iterator[str]:
    options = payload.get("AdvancedSecurityOptions") or {}
    if not options.get("Enabled"):
        return
    needed = {
        "encryption at rest": (payload.get("EncryptionAtRestOptions") or {}).get("Enabled"),
        "node-to-node encryption": (payload.get("NodeToNodeEncryptionOptions") or {}).get("Enabled"),
        "enforced HTTPS": (payload.get("DomainEndpointOptions") or {}).get("EnforceHTTPS"),
    }
    missing = [name for name, given in needed.items() if not given]
    if missing:
        yield f"You must enable {' and '.join(missing)} to use advanced security options."
    master, internal = options.get("MasterUserOptions") or {}, options.get("InternalUserDatabaseEnabled")
    if internal and "MasterUserARN" in master:
        yield "You must specify a master user name and password, not an ARN, with the internal user database."
    if not internal and "MasterUserARN" not in master:
        yield "You must specify the ARN of a master user if the internal user database is not enabled."
    if internal:
        yield "the sandbox has no internal user database; add it to sandbox/adapters/search/security.py"


def _of_nodes(payload: Mapping[str, Any]) -> Iterator[str]:
    nodes = payload.get("ClusterConfig") or {}
    count, zones = int(nodes.get("InstanceCount", 1)), _zones(nodes)
    if nodes.get("DedicatedMasterEnabled") and int(nodes.get("DedicatedMasterCount", 3)) not in (3, 5):
        yield "You must choose three or five dedicated master nodes."
    if zones > 1 and count % zones:
        yield f"You must choose a multiple of {zones} data nodes for {zones} Availability Zones, not {count}."
    if nodes.get("MultiAZWithStandbyEnabled") and (zones != 3 or not nodes.get("DedicatedMasterEnabled")):
        yield "Multi-AZ with standby needs three Availability Zones and dedicated master nodes."


def _zones(nodes: Mapping[str, Any]) -> int:
    if not nodes.get("ZoneAwarenessEnabled"):
        return 1
    return int((nodes.get("ZoneAwarenessConfig") or {}).get("AvailabilityZoneCount", 2))


def _of_network(payload: Mapping[str, Any]) -> Iterator[str]:
    options = payload.get("VPCOptions") or {}
    subnets, groups = options.get("SubnetIds") or [], options.get("SecurityGroupIds") or []
    if not subnets:
        return
    if unknown := [one for one in subnets if one not in ec2._subnets]:
        yield f"Invalid subnet ids: {', '.join(unknown)}"
        return
    found = [ec2._subnets[one] for one in subnets]
    zones = _zones(payload.get("ClusterConfig") or {})
    if len(subnets) != zones or len({one["AvailabilityZone"] for one in found}) != zones:
        yield f"You must specify exactly {zones} subnets in {zones} Availability Zones, got {len(subnets)}."
    vpcs = {one["VpcId"] for one in found}
    if len(vpcs) > 1 or any((ec2._security_groups.get(one) or {}).get("VpcId") not in vpcs for one in groups):
        yield "The subnets and security groups must be of one VPC."


def _of_policy(payload: Mapping[str, Any]) -> Iterator[str]:
    given = payload.get("AccessPolicies") or "{}"
    try:
        policy = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        yield "Error setting policy: it is no JSON"
        return
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if payload.get("VPCOptions") and "aws:sourceip" in json.dumps(statement.get("Condition", {})).lower():
            yield (
                "You can't attach an IP-based policy to a domain that has a VPC endpoint. Instead, use a security "
                "group to control IP-based access."
            )
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, Mapping) else []
        for arn in [named] if isinstance(named, str) else named:
            if ":role/" in arn and iam._roles.get(arn.rsplit("/", 1)[-1]) is None:
                yield f"Error setting policy: invalid principal {arn}"


def _of_logs(payload: Mapping[str, Any]) -> Iterator[str]:
    for kind, option in (payload.get("LogPublishingOptions") or {}).items():
        if option.get("Enabled") in (False, "false"):
            continue
        secured = (payload.get("AdvancedSecurityOptions") or {}).get("Enabled")
        if kind == "AUDIT_LOGS" and not secured:
            yield "audit log publishing cannot be enabled as you do not have advanced security options configured."
        group = str(option.get("CloudWatchLogsLogGroupArn", "")).removesuffix(":*")
        if cloudwatch_logs._log_groups.get(group.rsplit(":", 1)[-1]) is None:
            yield f"The CloudWatch Logs log group {group} for {kind} is not there."
        if not _may_log(str(payload.get("DomainName", "")), group):
            yield (
                f"The Resource Access Policy specified for the CloudWatch Logs log group {group} does not grant "
                "sufficient permissions for Amazon OpenSearch Service to create a log stream."
            )


def _may_log(name: str, group: str) -> bool:
    """Whether a resource policy of CloudWatch Logs lets the service in, for this domain."""
    source = f"arn:aws:es:{get_region()}:{get_account_id()}:domain/{name}"
    for action in _LOG_ACTIONS:
        context = iam_evaluator.EvalContext(
            principal_arn="es.amazonaws.com",
            principal_type="Service",
            principal_account=get_account_id(),
            action=action,
            resource_arn=f"{group}:log-stream:x",
            region=get_region(),
            secure_transport=True,
            service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
        )
        documents = [one["policyDocument"] for one in list(cloudwatch_logs._resource_policies.values())]
        results = [
            iam_evaluator.evaluate_resource_policy(one, context, service="es.amazonaws.com").decision
            for one in documents
        ]
        if "Allow" not in results or "Deny" in results:
            return False
    return True
