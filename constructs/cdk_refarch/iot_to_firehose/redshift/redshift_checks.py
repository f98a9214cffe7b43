"""Refusal of what Redshift or Firehose would only refuse during the deployment, or would lose records over."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.domain_checks import LABEL
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_present, check_resource, check_same_account
from cdk_refarch._parts.s3_delivery.s3_checks import check_sink as check_staging
from cdk_refarch._parts.subnet_checks import check_subnets, selection

from .name_checks import check_bare_name, check_column, check_name, check_schema
from .redshift_sink import DirectCopy, ExistingWorkgroup, RedshiftSink, RedshiftWorkgroup

MAX_COLUMNS = 1600
"""https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_usage.html"""

MIN_CAPACITY = 4
MAX_CAPACITY = 1024
CAPACITY_STEP = 8
LARGE_CAPACITY_STEP = 32
MANY = 512
"""The capacity that grows in the larger steps from there."""

MOST_CAPACITY = 5632
"""https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html"""

PORTS = (*range(5431, 5456), *range(8191, 8216))
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-redshiftserverless-workgroup.html"""

MAX_RETRY_S = 7200
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_RedshiftRetryOptions.html"""

ENDPOINT = rf"{LABEL}\.{LABEL}\.(?P<region>{LABEL})\.redshift(-serverless)?\.amazonaws\.com(\.cn)?:(?P<port>\d{{4,5}})"

MIN_PORT = 1150
MAX_PORT = 65535
"""https://docs.aws.amazon.com/redshift/latest/APIReference/API_CreateCluster.html, the wider range of clusters."""


def check_sink(checks: Checks, sink: RedshiftSink, scope: Construct) -> None:
    """Check everything that a sink says about itself.

    Args:
        checks: The checks of the sink.
        sink: The sink.
        scope: The scope that the architecture will be put in.

    Raises:
        ValueError: If AWS would refuse it, or failed records would get lost.
    """
    check_bare_name(checks, "table", sink.table, "call it telemetry, say")
    check_schema(checks, sink.schema, "call it fleet, say, or leave it out for public")
    _check_columns(checks, sink.columns)
    if (sink.workgroup is None) == (sink.direct is None):
        got = "neither" if sink.direct is None else "both"
        remedy = "give workgroup=RedshiftWorkgroup() with a vpc, say"
        checks.refuse("workgroup and direct", "given one at a time", got, remedy)
    check_staging(checks, sink.staging)
    checks.same_region("transform", sink.transform, scope)
    if isinstance(sink.workgroup, RedshiftWorkgroup):
        _check_own(checks, sink, sink.workgroup, scope)
        return
    for argument in ("vpc", "subnets"):
        if getattr(sink, argument) is not None:
            remedy = f"drop {argument}: nothing of this sink stands in it"
            got = "one for a given workgroup" if sink.direct is None else "one with direct"
            checks.refuse(argument, "given for a created workgroup alone", got, remedy)
    if sink.direct is not None:
        _check_direct(checks, sink, sink.direct, scope)
    else:
        _check_given(checks, sink.workgroup, scope)


def _check_columns(checks: Checks, columns: Mapping[str, str] | None) -> None:
    if columns is None:
        return
    remedy = "give {'temperature': 'float8'}, or leave it out for whole documents"
    if not isinstance(columns, Mapping):
        checks.refuse("columns", "a mapping", f"{type(columns).__name__} {columns!r}", remedy)
    if not 1 <= len(columns) <= MAX_COLUMNS:
        checks.refuse("columns", f"from 1 to {MAX_COLUMNS} columns", f"{len(columns)} columns", remedy)
    for name, kind in columns.items():
        check_column(checks, name, kind)


def _check_own(checks: Checks, sink: RedshiftSink, own: RedshiftWorkgroup, scope: Construct) -> None:
    check_present(checks, "vpc", sink.vpc, "vpc_id", "IVpc")
    check_resource(checks, scope, "vpc", sink.vpc, "vpc_id", "IVpc")
    check_same_account(checks, "vpc", sink.vpc, scope, "use one of the same account")
    if sink.vpc is not None:
        check_subnets(checks, sink.vpc, sink.subnets)
    check_bare_name(checks, "database", own.database, "call it iot, say")
    _check_base(checks, own.base_capacity)
    if own.max_capacity is not None:
        low = MIN_CAPACITY if is_token(own.base_capacity) else own.base_capacity
        remedy = "raise it, or leave it out"
        when = "it is not below base_capacity"
        checks.number("max_capacity", own.max_capacity, low, MOST_CAPACITY, unit="RPUs", when=when, remedy=remedy)
    check_flag(checks, "enhanced_vpc_routing", own.enhanced_vpc_routing, remedy="give False for two zones")
    if own.port not in PORTS and not is_token(own.port):
        rule = "from 5431 to 5455 or from 8191 to 8215"
        checks.refuse("port", rule, repr(own.port), "leave it out for 5439")
    _check_zones(checks, sink, own)


def _check_base(checks: Checks, given: int) -> None:
    remedy = "use 8 to begin with"
    # A workgroup without one has 128, which is no size to begin with.
    if given is None:
        checks.refuse("base_capacity", f"from {MIN_CAPACITY} RPUs to {MAX_CAPACITY} RPUs", None, remedy)
    checks.number("base_capacity", given, MIN_CAPACITY, MAX_CAPACITY, unit="RPUs", remedy=remedy)
    if is_token(given) or given == MIN_CAPACITY:
        return
    step = CAPACITY_STEP if given <= MANY else LARGE_CAPACITY_STEP
    if given % step:
        rule = f"4 or a multiple of {step}" if step == CAPACITY_STEP else f"a multiple of {step} above {MANY} RPUs"
        checks.refuse("base_capacity", rule, f"{given} RPUs", remedy)


def _check_zones(checks: Checks, sink: RedshiftSink, own: RedshiftWorkgroup) -> None:
    wanted = 3 if own.enhanced_vpc_routing else 2
    if sink.vpc is None:
        return
    zones = sink.vpc.select_subnets(**selection(sink.subnets)).availability_zones
    if cdk.Token.is_unresolved(zones) or len(set(zones)) >= wanted:
        return
    remedy = "give a VPC with more zones"
    if own.enhanced_vpc_routing:
        remedy += ", or enhanced_vpc_routing=False, which needs two"
    got = f"subnets in {len(set(zones))}"
    checks.refuse("vpc and subnets", f"a subnet in each of {wanted} zones", got, remedy)


def _check_given(checks: Checks, given: object, scope: Construct) -> None:
    remedy = "give RedshiftWorkgroup() or ExistingWorkgroup(...)"
    if not isinstance(given, ExistingWorkgroup):
        got = f"{type(given).__name__} {given!r}"
        checks.refuse("workgroup", "a RedshiftWorkgroup or an ExistingWorkgroup", got, remedy)
    rule, remedy = "from 3 to 64 lower case letters, digits and -", "name the workgroup as Redshift does"
    checks.matches("workgroup_name", given.workgroup_name, r"[a-z0-9-]{3,64}", rule=rule, remedy=remedy)
    for argument, kind in (("workgroup_arn", "workgroup"), ("namespace_arn", "namespace")):
        pattern = rf"arn:[a-z-]+:redshift-serverless:[a-z0-9-]+:\d{{12}}:{kind}/[0-9a-f-]+"
        rule, remedy = f"the ARN of a {kind} of Redshift Serverless", "take it from the console, or from Fn::GetAtt"
        checks.matches(argument, getattr(given, argument), pattern, rule=rule, remedy=remedy)
        _check_here(checks, argument, getattr(given, argument), scope)
    check_name(checks, "database", given.database, "name the database as Redshift does")
    check_present(checks, "admin_secret", given.admin_secret, "secret_arn", "ISecret")
    check_present(checks, "copy_role", given.copy_role, "role_arn", "IRole")
    checks.same_region("admin_secret", given.admin_secret, scope)
    check_same_account(checks, "copy_role", given.copy_role, scope, "use a role of the same account")


def _check_here(checks: Checks, argument: str, arn: str, scope: Construct) -> None:
    stack = cdk.Stack.of(scope)
    if is_token(arn):
        return
    _, _, _, region, account, _ = arn.split(":", 5)
    for there, here, what in ((region, stack.region, "region"), (account, stack.account, "account")):
        if there != here and not is_token(here):
            checks.refuse(argument, f"in the {what} of the stack, {here}", there, f"use one of the same {what}")


def _check_endpoint(checks: Checks, endpoint: str, scope: Construct) -> None:
    found = re.fullmatch(ENDPOINT, endpoint)
    if found is None:
        return
    if not MIN_PORT <= int(found["port"]) <= MAX_PORT:
        remedy = "take it from the console"
        checks.refuse("port of public_endpoint", f"from {MIN_PORT} to {MAX_PORT}", found["port"], remedy)
    here = cdk.Stack.of(scope).region
    if found["region"] != here and not is_token(here):
        remedy = "COPY reads no bucket of another region as Firehose has it"
        checks.refuse("public_endpoint", f"in the region of the stack, {here}", found["region"], remedy)


def _check_direct(checks: Checks, sink: RedshiftSink, direct: DirectCopy, scope: Construct) -> None:
    checks.instance("direct", direct, DirectCopy, remedy="give DirectCopy(public_endpoint=..., ...)")
    rule = "a host of Redshift and a port"
    remedy = "write it as analytics.123456789012.eu-central-1.redshift-serverless.amazonaws.com:5439"
    checks.matches("public_endpoint", direct.public_endpoint, ENDPOINT, rule=rule, remedy=remedy)
    _check_endpoint(checks, direct.public_endpoint, scope)
    check_name(checks, "database", direct.database, "name the database as Redshift does")
    check_present(checks, "secret", direct.secret, "secret_arn", "ISecret")
    checks.same_region("secret", direct.secret, scope)
    if direct.columns is not None:
        remedy = "name the columns in the order of COPY"
        given = elements(
            checks, "columns of direct", direct.columns, unit="columns", low=1, high=MAX_COLUMNS, remedy=remedy
        )
        for name in given:
            check_bare_name(checks, "columns of direct", name, remedy)
    if sink.columns is not None:
        remedy = "drop columns: the table must be there; DirectCopy(columns=[...]) names those that are loaded"
        checks.refuse("columns and direct", "given one at a time", "both", remedy)
    seconds = checks.seconds("retry_duration", direct.retry_duration)
    checks.number("retry_duration", seconds, 0, MAX_RETRY_S, unit="s", remedy="give a time in this range")
