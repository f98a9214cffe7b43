"""Refusal of what OpenSearch or Firehose would only refuse during the deployment, or would lose documents over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast, get_args

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_resource, check_same_account
from cdk_refarch._parts.s3_delivery.s3_checks import check_sink as check_bucket
from cdk_refarch._parts.subnet_checks import check_subnets, selection

from .opensearch_sink import (
    Backup,
    CollectionType,
    OpenSearchCollection,
    OpenSearchDomain,
    OpenSearchSink,
    Rotation,
)

if TYPE_CHECKING:
    from aws_cdk import aws_opensearchservice as opensearch

INDEX = r"[a-z0-9][a-z0-9._-]{0,79}"
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_AmazonopensearchserviceDestinationConfiguration.html,
and what OpenSearch takes: https://docs.opensearch.org/latest/api-reference/index-apis/create-index/"""

MAX_BUFFER_MIB = 100
MAX_INTERVAL_S = 900
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_AmazonopensearchserviceBufferingHints.html"""

MAX_RETRY_S = 7200
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_AmazonopensearchserviceRetryOptions.html"""

MAX_NODES = 1002
"""https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html"""

MIN_VOLUME_GIB = 10
MAX_VOLUME_GIB = 24576
"""https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html, the largest of any type."""

MASTERS = (0, 3, 5)
"""https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-dedicatedmasternodes.html"""

WITHOUT_EBS = ("i3", "i4g", "i4i", "i8g", "im4gn", "oi2", "r6gd", "r7gd", "r8gd")
WITHOUT_ENCRYPTION = ("m3", "r3", "t2")
"""https://docs.aws.amazon.com/opensearch-service/latest/developerguide/supported-instance-types.html"""

ZONES = 3
"""https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-multiaz.html"""


def check_sink(checks: Checks, sink: OpenSearchSink, scope: Construct) -> None:
    """Check everything that a sink says about itself.

    Args:
        checks: The checks of the sink.
        sink: The sink.
        scope: The scope that the architecture will be put in.

    Raises:
        ValueError: If AWS would refuse it, or failed documents would get lost.
    """
    rule = "from 1 to 80 lower case letters, digits, -, _ and ., beginning with a letter or digit"
    checks.matches("index", sink.index, INDEX, rule=rule, remedy="call it telemetry, say")
    if (sink.domain is None) == (sink.collection is None):
        got = "neither" if sink.domain is None else "both"
        remedy = "give domain=OpenSearchDomain() with a vpc, say"
        checks.refuse("domain and collection", "given one at a time", got, remedy)
    _check_buffer(checks, sink)
    check_choice(checks, "backup", sink.backup, get_args(Backup), remedy="leave it out for failed documents alone")
    check_flag(checks, "document_ids", sink.document_ids, remedy="give False for heavy writing")
    if sink.index_rotation is not None:
        remedy = "leave it out for every day"
        check_choice(checks, "index_rotation", sink.index_rotation, get_args(Rotation), remedy=remedy)
    check_bucket(checks, sink.in_bucket)
    checks.same_region("transform", sink.transform, scope)
    if sink.collection is not None:
        remedy = "give OpenSearchCollection()"
        checks.instance("collection", sink.collection, OpenSearchCollection, remedy=remedy)
    _check_network(checks, sink, scope)
    if sink.collection is not None:
        _check_collection(checks, sink, sink.collection)
    elif isinstance(sink.domain, OpenSearchDomain):
        _check_domain(checks, sink, sink.domain)
    else:
        _check_given(checks, sink, scope)
    if sink.vpc is not None and sink.finds_target and sink.target_security_group is None and not _in_vpc(sink.domain):
        _check_addresses(checks, sink.vpc)


def _check_buffer(checks: Checks, sink: OpenSearchSink) -> None:
    remedy = "give a size in this range"
    size = checks.mebibytes("buffer_size", sink.buffer_size)
    checks.number("buffer_size", size, 1, MAX_BUFFER_MIB, unit="MiB", remedy=remedy)
    for argument, high in (("buffer_interval", MAX_INTERVAL_S), ("retry_duration", MAX_RETRY_S)):
        seconds = checks.seconds(argument, getattr(sink, argument))
        checks.number(argument, seconds, 0, high, unit="s", remedy="give a time in this range")


def _check_network(checks: Checks, sink: OpenSearchSink, scope: Construct) -> None:
    check_resource(checks, scope, "vpc", sink.vpc, "vpc_id", "IVpc")
    check_same_account(checks, "vpc", sink.vpc, scope, "use one of the same account")
    group = sink.target_security_group
    check_resource(checks, scope, "target_security_group", group, "security_group_id", "ISecurityGroup")
    if sink.vpc is None:
        for argument in ("subnets", "target_security_group"):
            if getattr(sink, argument) is not None:
                checks.refuse(f"{argument} and vpc", "given together", f"{argument} alone", "give the vpc as well")
        if isinstance(sink.domain, OpenSearchDomain):
            remedy = "give the VPC that the domain is to stand in: it is not opened to the internet"
            checks.refuse("vpc", "given for a domain that is created", None, remedy)
        return
    check_subnets(checks, sink.vpc, sink.subnets)
    if cdk.Token.is_unresolved(sink.vpc.select_subnets(**selection(sink.subnets)).subnet_ids):
        # Roles and the CDK's own functions name each of them.
        remedy = "import the VPC with cdk.Fn.select(0, ids), cdk.Fn.select(1, ids) ..."
        checks.refuse("subnets", "as many as are known when the app runs", "a token for all of them", remedy)
    if group is not None and not sink.finds_target:
        remedy = "drop it: what is created has a security group of its own"
        checks.refuse("target_security_group", "that of a given domain or endpoint", "one for a created one", remedy)


def _check_addresses(checks: Checks, vpc: ec2.IVpc) -> None:
    try:
        addresses = vpc.vpc_cidr_block
    except RuntimeError:
        addresses = None
    if addresses is None:
        rule = "given for a VPC whose addresses the app does not know"
        remedy = "give that of the domain or endpoint, or vpc_cidr_block when the VPC is imported"
        checks.refuse("target_security_group", rule, "None", remedy)


def _check_roles(checks: Checks, argument: str, given: Sequence[object]) -> None:
    remedy = "give a list of roles"
    for position, role in enumerate(elements(checks, argument, given, unit="roles", remedy=remedy)):
        at = f"{argument}[{position}]"
        if not hasattr(role, "role_arn"):
            got = f"{type(role).__name__} {role!r}"
            checks.refuse(at, "an IRole", got, "give a construct that implements IRole")


def _check_collection(checks: Checks, sink: OpenSearchSink, collection: OpenSearchCollection) -> None:
    check_choice(checks, "type", collection.type, get_args(CollectionType), remedy="leave it out for SEARCH")
    check_flag(checks, "standby_replicas", collection.standby_replicas, remedy="give False for half the price")
    check_flag(checks, "public_access", collection.public_access, remedy="give a vpc instead, or True")
    for argument in ("admins", "readers"):
        _check_roles(checks, argument, getattr(collection, argument))
    if collection.public_access == (sink.vpc is not None):
        got = "both" if collection.public_access else "neither"
        remedy = "give the vpc from which the collection is used"
        checks.refuse("vpc and public_access", "given one at a time", got, remedy)
    if collection.endpoint_id is not None:
        rule, remedy = "the id of a VPC endpoint", "write it as vpce-0123456789abcdef0"
        checks.matches("endpoint_id", collection.endpoint_id, r"vpce-[0-9a-z]+", rule=rule, remedy=remedy)
        if sink.vpc is None:
            checks.refuse("endpoint_id and vpc", "given together", "endpoint_id alone", "give the vpc as well")
    if sink.index_rotation not in (None, "NoRotation"):
        remedy = "drop it: Firehose rotates no indices there"
        checks.refuse("index_rotation and collection", "given one at a time", repr(sink.index_rotation), remedy)
    if not sink.document_ids:
        remedy = "drop it, and give OpenSearchCollection(type='TIMESERIES') for documents without ids"
        checks.refuse("document_ids and collection", "given one at a time", "False with a collection", remedy)


def _check_domain(checks: Checks, sink: OpenSearchSink, domain: OpenSearchDomain) -> None:
    remedy = "give a version such as 'OpenSearch_2.19': what is older lacks what this domain is made with"
    rule = "OpenSearch_ with a version from 1.3"
    checks.matches("version", domain.version, r"OpenSearch_(1\.[3-9]\d?|[2-9]\.\d+)", rule=rule, remedy=remedy)
    _check_types(checks, domain)
    _check_count(checks, "zones", domain.zones, 1, ZONES, unit="zones", remedy="use 3, or 1 for development")
    _check_count(checks, "data_nodes", domain.data_nodes, 1, MAX_NODES, unit="nodes", remedy="use one for each zone")
    remedy = "raise or lower it"
    _check_count(checks, "volume_gib", domain.volume_gib, MIN_VOLUME_GIB, MAX_VOLUME_GIB, unit="GiB", remedy=remedy)
    if domain.master_nodes not in MASTERS or isinstance(domain.master_nodes, bool):
        remedy = "use 3: an even number cannot agree"
        got = "a token" if is_token(domain.master_nodes) else repr(domain.master_nodes)
        checks.refuse("master_nodes", "0, 3 or 5", got, remedy)
    if domain.data_nodes % domain.zones:
        got = f"{domain.data_nodes} nodes in {domain.zones} zones"
        checks.refuse("data_nodes", "a multiple of zones", got, f"use {domain.zones} or a multiple of it")
    check_flag(checks, "standby", domain.standby, remedy="give True with 3 zones")
    if domain.standby and (domain.zones != ZONES or not domain.master_nodes):
        got = f"{domain.zones} zones and {domain.master_nodes} master nodes"
        checks.refuse("standby", "with 3 zones and dedicated master nodes", got, "drop it, or raise them")
    if domain.standby and domain.data_node_type.startswith("t3."):
        remedy = "give a larger type: these cannot stand by"
        checks.refuse("data_node_type and standby", "given one at a time", repr(domain.data_node_type), remedy)
    for argument in ("admins", "readers"):
        _check_roles(checks, argument, getattr(domain, argument))
    if sink.vpc is not None:
        _check_place(checks, sink.vpc, sink.subnets, domain.zones)


def _check_types(checks: Checks, domain: OpenSearchDomain) -> None:
    for argument, unfit, kind in (
        ("data_node_type", (*WITHOUT_EBS, *WITHOUT_ENCRYPTION), "of a kind with EBS volumes and encryption"),
        ("master_node_type", WITHOUT_ENCRYPTION, "of a kind with encryption"),
    ):
        rule, remedy = "an instance type of OpenSearch", "write it as r7g.large.search"
        name = getattr(domain, argument)
        checks.matches(argument, name, r"[a-z0-9-]+\.[a-z0-9-]+\.search", rule=rule, remedy=remedy)
        if name.partition(".")[0] in unfit:
            checks.refuse(argument, kind, repr(name), "use one of the kinds m7g, r7g or t3")


def _check_count(checks: Checks, argument: str, value: object, low: int, high: int, *, unit: str, remedy: str) -> None:
    if value is None or is_token(value):
        # The construct counts with it.
        checks.refuse(argument, "known when the app runs", "NoneType None" if value is None else "a token", remedy)
    checks.number(argument, cast("float", value), low, high, unit=unit, remedy=remedy)


def _check_place(checks: Checks, vpc: ec2.IVpc, subnets: object, wanted: int) -> None:
    chosen = vpc.select_subnets(**selection(subnets))
    zones = chosen.availability_zones
    if not cdk.Token.is_unresolved(zones) and len(set(zones)) < wanted:
        got = f"subnets in {len(set(zones))}"
        remedy = "lower zones, or give a VPC with more zones"
        checks.refuse("zones and subnets", f"a subnet in each of {wanted} zones", got, remedy)
    if {subnet.subnet_id for subnet in vpc.public_subnets} & set(chosen.subnet_ids):
        remedy = "select private ones with a way out: the function that maps roles has no public address"
        checks.refuse("subnets", "private for a domain that is created", "public ones", remedy)


def _check_given(checks: Checks, sink: OpenSearchSink, scope: Construct) -> None:
    if not hasattr(sink.domain, "domain_arn"):
        got = f"{type(sink.domain).__name__} {sink.domain!r}"
        remedy = "give OpenSearchDomain(), or a construct that implements IDomain"
        checks.refuse("domain", "an OpenSearchDomain or an IDomain", got, remedy)
    check_resource(checks, scope, "domain", sink.domain, "domain_arn", "IDomain")
    check_same_account(checks, "domain", sink.domain, scope, "give one of the same account")
    _check_region(checks, cast("opensearch.IDomain", sink.domain).domain_arn, scope)
    inside = _in_vpc(sink.domain)
    if inside is not None and inside != (sink.vpc is not None):
        got, remedy = ("None", "give that VPC") if inside else ("one", "drop it: Firehose reaches the domain without")
        place = "the VPC of a domain in one" if inside else "left out for a domain outside any VPC"
        checks.refuse("vpc", place, got, remedy)


def _check_region(checks: Checks, arn: str, scope: Construct) -> None:
    # What the CDK takes for the region of an imported domain is that of the stack.
    if is_token(arn):
        return
    there, here = [*arn.split(":"), *[""] * 4][3], cdk.Stack.of(scope).region
    if there != here and not is_token(here):
        checks.refuse("domain", f"in the region of the stack, {here}", there, "use one of the same region")


def _in_vpc(domain: object) -> bool | None:
    """Return whether a domain stands in a VPC; None for an imported one."""
    try:
        return True if hasattr(domain, "connections") else None
    except RuntimeError:
        # The CDK knows no connections of a domain outside.
        return False
