"""A bad OpenSearchSink is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from cdk_refarch import BucketLifecycle, IotToFirehose, OpenSearchCollection, OpenSearchDomain, OpenSearchSink
from tests.unit.iot_to_firehose.refusals import BUCKET, CODE, MIB, PYTHON, SECONDS, Cases, legal, names, refused, stack

# Beside what other tests put into the stack.
things = Construct(stack, "Searched")
TOKEN = cdk.Aws.REGION
NUMBER = cdk.CfnParameter(things, "Count", type="Number").value_as_number
HERE = "eu-west-1:111122223333"


def network(id: str, *, zones: int = 3, scope: Construct = things, **given: Any) -> ec2.IVpc:
    subnets = [f"subnet-{number:08x}" for number in range(zones)]
    attributes: dict[str, Any] = {
        "vpc_id": "vpc-00000001",
        "availability_zones": [f"eu-west-1{letter}" for letter in "abc"[:zones]],
        "private_subnet_ids": subnets,
        "vpc_cidr_block": "10.0.0.0/16",
    }
    return ec2.Vpc.from_vpc_attributes(scope, id, **{**attributes, **given})


VPC = network("Vpc")
TWO = network("TwoZones", zones=2)
UNKNOWN = network("Unknown", vpc_cidr_block=None)
OPEN = network("Open", public_subnet_ids=["subnet-0000000a", "subnet-0000000b", "subnet-0000000c"])
ELSEWHERE = ec2.Vpc(
    cdk.Stack(cdk.App(), "Other", env=cdk.Environment(account="444455556666", region="eu-west-1")), "Vpc"
)
FAR = ec2.Vpc(cdk.Stack(cdk.App(), "Far", env=cdk.Environment(account="111122223333", region="eu-west-2")), "Vpc")
IDS = cdk.CfnParameter(things, "Ids", type="CommaDelimitedList").value_as_list
LATER = network("Later", availability_zones=IDS, private_subnet_ids=IDS)
ONE_BY_ONE = network(
    "OneByOne",
    availability_zones=[cdk.Fn.select(number, cdk.Fn.get_azs()) for number in range(3)],
    private_subnet_ids=[cdk.Fn.select(number, IDS) for number in range(3)],
)
GROUP = ec2.SecurityGroup.from_security_group_id(things, "Group", "sg-00000001")
ROLE = iam.Role.from_role_arn(things, "Role", "arn:aws:iam::111122223333:role/ops")
VERSION = opensearch.EngineVersion.OPENSEARCH_2_19
OUTSIDE = opensearch.Domain(things, "Outside", version=VERSION)
INSIDE = opensearch.Domain(
    things, "Inside", version=VERSION, vpc=VPC, vpc_subnets=[ec2.SubnetSelection(one_per_az=True)]
)
IMPORTED = opensearch.Domain.from_domain_endpoint(things, "Imported", "https://search-a-b.eu-west-1.es.amazonaws.com")
ABROAD = opensearch.Domain.from_domain_attributes(
    things,
    "Abroad",
    domain_arn="arn:aws:es:eu-west-2:111122223333:domain/abroad",
    domain_endpoint="https://search-c-d.eu-west-2.es.amazonaws.com",
)
PUBLIC = OpenSearchCollection(public_access=True)


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments for a sink to a domain that is there, which says the least."""
    sink = {"index": "telemetry", "domain": IMPORTED, **arguments}
    return {"topic_filter": "a", "sinks": [OpenSearchSink(**sink)]}


def created(sink: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    return given(**{"domain": OpenSearchDomain(**arguments), "vpc": VPC, **(sink or {})})


def collected(sink: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    collection = OpenSearchCollection(**{"public_access": True, **arguments})
    return given(domain=None, **{"collection": collection, **(sink or {})})


INDEX = "index must be from 1 to 80 lower case letters, digits, -, _ and ., beginning with a letter or digit"
TYPE = "must be an instance type of OpenSearch"
RANGE = "give a size in this range"

SINKS: Cases = [
    *(
        (given(index=wrong), f"{INDEX}, got {wrong!r}; call it telemetry, say")
        for wrong in ("", "x" * 81, "Telemetry", "_telemetry", "-a", ".a", "a b", "a,b", "a*", "a/b", "größe", "a\n")
    ),
    (given(index=None), "index must be text, got NoneType None; call it telemetry, say"),
    (
        given(domain=None),
        "domain and collection must be given one at a time, got neither; give domain=OpenSearchDomain() with a vpc, say",
    ),
    (
        given(collection=PUBLIC),
        "domain and collection must be given one at a time, got both; give domain=OpenSearchDomain() with a vpc, say",
    ),
    (
        given(domain=None, collection="logs"),
        "collection must be an OpenSearchCollection, got str 'logs'; give OpenSearchCollection()",
    ),
    (
        given(domain="logs"),
        "domain must be an OpenSearchDomain or an IDomain, got str 'logs'; give OpenSearchDomain(), or a construct that "
        "implements IDomain",
    ),
    (given(buffer_size=MIB(0)), f"buffer_size must be from 1 MiB to 100 MiB, got 0 MiB; {RANGE}"),
    (given(buffer_size=MIB(101)), f"buffer_size must be from 1 MiB to 100 MiB, got 101 MiB; {RANGE}"),
    (given(buffer_size=5), "buffer_size must be a Size, got int 5; give cdk.Size.mebibytes(...)"),
    (
        given(buffer_interval=SECONDS(901)),
        "buffer_interval must be from 0 s to 900 s, got 901 s; give a time in this range",
    ),
    (
        given(retry_duration=SECONDS(7201)),
        "retry_duration must be from 0 s to 7200 s, got 7201 s; give a time in this range",
    ),
    (given(retry_duration=60), "retry_duration must be a Duration, got int 60; give cdk.Duration.seconds(...)"),
    (
        given(backup="everything"),
        "backup must be one of failed, all, got 'everything'; leave it out for failed documents alone",
    ),
    (given(backup="All"), "backup must be one of failed, all, got 'All'; write 'all'"),
    (
        given(backup=TOKEN),
        "backup must be known when the app runs, got a token; leave it out for failed documents alone",
    ),
    (given(document_ids="no"), "document_ids must be True or False, got 'no'; give False for heavy writing"),
    (
        given(index_rotation="Daily"),
        "index_rotation must be one of NoRotation, OneHour, OneDay, OneWeek, OneMonth, got 'Daily'; leave it out for every "
        "day",
    ),
    (
        given(index_rotation="one-day"),
        "index_rotation must be one of NoRotation, OneHour, OneDay, OneWeek, OneMonth, got 'one-day'; write 'OneDay'",
    ),
    (
        given(index_rotation=TOKEN),
        "index_rotation must be known when the app runs, got a token; leave it out for every day",
    ),
]

BUCKETS: Cases = [
    (given(bucket="lake"), "bucket must be a bucket, got str; give a construct that implements IBucket"),
    (
        given(bucket=BUCKET, access_log_bucket=BUCKET),
        "bucket and access_log_bucket must be given one at a time, got both; set logging on the bucket itself",
    ),
    (
        given(bucket=BUCKET, lifecycle=BucketLifecycle(expire_after_days=9)),
        "bucket and lifecycle must be given one at a time, got both; set lifecycle rules on the bucket itself",
    ),
    (
        given(prefix="errors/documents/"),
        "prefix and error_prefix must be apart, so that failed records are not read as data, got 'errors/documents/' and "
        "'errors/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/'; give one of them another "
        "folder",
    ),
    (
        given(prefix="a/!{partitionKeyFromLambda:site}/"),
        "prefix must be free of keys from Lambda when there is no transform, got 'a/!{partitionKeyFromLambda:site}/'; give "
        "the function that returns the keys as transform",
    ),
    (given(transform="f"), "transform must be a Lambda function, got str; give a construct that implements IFunction"),
    (
        given(transform=lambda_.Function(things, "Slow", runtime=PYTHON, code=CODE, handler="h", timeout=SECONDS(301))),
        "timeout of transform must be from 1 s to 300 s, got 301 s; lower it: Firehose does not wait longer for an "
        "invocation",
    ),
    (
        given(
            transform=lambda_.Function.from_function_arn(
                things, "There", f"arn:aws:lambda:eu-west-2:{HERE[10:]}:function:f"
            )
        ),
        "transform must be in the region of the stack, eu-west-1, got eu-west-2; use one of the same region",
    ),
]

ALONE = "must be that of a given domain or endpoint, got one for a created one; drop it: what is created has a security group"

NETWORKS: Cases = [
    (given(vpc="vpc-1"), "vpc must be an IVpc, got str 'vpc-1'; give a construct that implements IVpc"),
    (
        given(vpc=FAR),
        "vpc must be in the region of the stack, eu-west-1, got eu-west-2; use one of the same region",
    ),
    (
        given(vpc=ELSEWHERE),
        "vpc must be in the account of the stack, 111122223333, got 444455556666; use one of the same account",
    ),
    (
        given(vpc=VPC, target_security_group="sg-1"),
        "target_security_group must be an ISecurityGroup, got str 'sg-1'; give a construct that implements ISecurityGroup",
    ),
    (
        given(subnets=ec2.SubnetSelection()),
        "subnets and vpc must be given together, got subnets alone; give the vpc as well",
    ),
    (
        given(target_security_group=GROUP),
        "target_security_group and vpc must be given together, got target_security_group alone; give the vpc as well",
    ),
    (
        created({"vpc": None}),
        "vpc must be given for a domain that is created, got None; give the VPC that the domain is to stand in: it is not "
        "opened to the internet",
    ),
    (
        given(vpc=VPC, subnets="private"),
        "subnets must be a SubnetSelection, got str 'private'; give ec2.SubnetSelection(subnet_type=...) with a type that "
        "the VPC has",
    ),
    (
        given(vpc=LATER),
        "subnets must be as many as are known when the app runs, got a token for all of them; import the VPC with "
        "cdk.Fn.select(0, ids), cdk.Fn.select(1, ids) ...",
    ),
    (created({"target_security_group": GROUP}), f"target_security_group {ALONE} of its own"),
    (
        collected({"vpc": VPC, "target_security_group": GROUP}, public_access=False),
        f"target_security_group {ALONE} of its own",
    ),
    *(
        (
            arguments,
            "target_security_group must be given for a VPC whose addresses the app does not know, got None; give that of "
            "the domain or endpoint, or vpc_cidr_block when the VPC is imported",
        )
        for arguments in (
            given(vpc=UNKNOWN),
            collected({"vpc": UNKNOWN}, public_access=False, endpoint_id="vpce-0123456789abcdef0"),
        )
    ),
    (
        given(domain=INSIDE),
        "vpc must be the VPC of a domain in one, got None; give that VPC",
    ),
    (
        given(domain=OUTSIDE, vpc=VPC),
        "vpc must be left out for a domain outside any VPC, got one; drop it: Firehose reaches the domain without",
    ),
    (
        given(domain=ABROAD),
        "domain must be in the region of the stack, eu-west-1, got eu-west-2; use one of the same region",
    ),
    (
        created(
            zones=2, data_nodes=2, sink={"subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC), "vpc": OPEN}
        ),
        "subnets must be private for a domain that is created, got public ones; select private ones with a way out: the "
        "function that maps roles has no public address",
    ),
    (
        created({"vpc": TWO}),
        "zones and subnets must be a subnet in each of 3 zones, got subnets in 2; lower zones, or give a VPC with more zones",
    ),
]

VERSIONS = "version must be OpenSearch_ with a version from 1.3"
OLDER = "give a version such as 'OpenSearch_2.19': what is older lacks what this domain is made with"
KIND = "of a kind with EBS volumes and encryption"
OTHERS = "use one of the kinds m7g, r7g or t3"
ROLES = "got str 'ops'; give a construct that implements IRole"
LARGEST = 24576

DOMAINS: Cases = [
    *(
        (created(version=wrong), f"{VERSIONS}, got {wrong!r}; {OLDER}")
        for wrong in (
            "2.19",
            "OpenSearch_1.2",
            "OpenSearch_1.0",
            "Elasticsearch_7.10",
            "OpenSearch_2",
            "opensearch_2.19",
        )
    ),
    (created(data_node_type="r7g.large"), f"data_node_type {TYPE}, got 'r7g.large'; write it as r7g.large.search"),
    (created(master_node_type="m7g"), f"master_node_type {TYPE}, got 'm7g'; write it as r7g.large.search"),
    *(
        (created(data_node_type=wrong), f"data_node_type must be {KIND}, got {wrong!r}; {OTHERS}")
        for wrong in (
            "i3.large.search",
            "im4gn.large.search",
            "r6gd.large.search",
            "t2.small.search",
            "m3.large.search",
        )
    ),
    (
        created(master_node_type="t2.small.search"),
        f"master_node_type must be of a kind with encryption, got 't2.small.search'; {OTHERS}",
    ),
    (created(zones=0), "zones must be from 1 zone to 3 zones, got 0 zones; use 3, or 1 for development"),
    (created(zones=4), "zones must be from 1 zone to 3 zones, got 4 zones; use 3, or 1 for development"),
    (created(zones=True), "zones must be from 1 zone to 3 zones, got bool True; use 3, or 1 for development"),
    (created(zones=NUMBER), "zones must be known when the app runs, got a token; use 3, or 1 for development"),
    (created(zones=None), "zones must be known when the app runs, got NoneType None; use 3, or 1 for development"),
    (created(data_nodes=0), "data_nodes must be from 1 node to 1002 nodes, got 0 nodes; use one for each zone"),
    (created(data_nodes=1005), "data_nodes must be from 1 node to 1002 nodes, got 1005 nodes; use one for each zone"),
    (created(data_nodes=NUMBER), "data_nodes must be known when the app runs, got a token; use one for each zone"),
    (
        created(data_nodes=4),
        "data_nodes must be a multiple of zones, got 4 nodes in 3 zones; use 3 or a multiple of it",
    ),
    (created(volume_gib=9), "volume_gib must be from 10 GiB to 24576 GiB, got 9 GiB; raise or lower it"),
    (created(volume_gib=24577), "volume_gib must be from 10 GiB to 24576 GiB, got 24577 GiB; raise or lower it"),
    (
        created(volume_gib=10.5),
        "volume_gib must be a whole number from 10 GiB to 24576 GiB, got 10.5 GiB; raise or lower it",
    ),
    (created(volume_gib=NUMBER), "volume_gib must be known when the app runs, got a token; raise or lower it"),
    *(
        (
            created(master_nodes=wrong),
            f"master_nodes must be 0, 3 or 5, got {wrong!r}; use 3: an even number cannot agree",
        )
        for wrong in (1, 2, 4, 7, None, False)
    ),
    (created(master_nodes=NUMBER), "master_nodes must be 0, 3 or 5, got a token; use 3: an even number cannot agree"),
    (created(standby="yes"), "standby must be True or False, got 'yes'; give True with 3 zones"),
    (
        created(standby=True, zones=2, data_nodes=2),
        "standby must be with 3 zones and dedicated master nodes, got 2 zones and 3 master nodes; drop it, or raise them",
    ),
    (
        created(standby=True, master_nodes=0),
        "standby must be with 3 zones and dedicated master nodes, got 3 zones and 0 master nodes; drop it, or raise them",
    ),
    (
        created(standby=True, data_node_type="t3.medium.search"),
        "data_node_type and standby must be given one at a time, got 't3.medium.search'; give a larger type: these cannot "
        "stand by",
    ),
    (created(admins=ROLE), f"admins must be a list, got {type(ROLE).__name__} {ROLE!r}; give a list of roles"),
    (created(admins=["ops"]), f"admins[0] must be an IRole, {ROLES}"),
    (created(readers=[ROLE, "ops"]), f"readers[1] must be an IRole, {ROLES}"),
]

PLACE = "vpc and public_access must be given one at a time"

COLLECTIONS: Cases = [
    (
        collected(type="VECTORSEARCH"),
        "type must be one of SEARCH, TIMESERIES, got 'VECTORSEARCH'; leave it out for SEARCH",
    ),
    (collected(type="search"), "type must be one of SEARCH, TIMESERIES, got 'search'; write 'SEARCH'"),
    (collected(type=TOKEN), "type must be known when the app runs, got a token; leave it out for SEARCH"),
    (
        collected(standby_replicas="DISABLED"),
        "standby_replicas must be True or False, got 'DISABLED'; give False for half the price",
    ),
    (collected(public_access=None), "public_access must be True or False, got None; give a vpc instead, or True"),
    (collected(admins="ops"), "admins must be a list, got str 'ops'; give a list of roles"),
    (collected(readers=["ops"]), f"readers[0] must be an IRole, {ROLES}"),
    (collected(public_access=False), f"{PLACE}, got neither; give the vpc from which the collection is used"),
    (collected({"vpc": VPC}), f"{PLACE}, got both; give the vpc from which the collection is used"),
    (
        collected({"vpc": VPC}, public_access=False, endpoint_id="aoss"),
        "endpoint_id must be the id of a VPC endpoint, got 'aoss'; write it as vpce-0123456789abcdef0",
    ),
    (
        collected(endpoint_id="vpce-0123456789abcdef0"),
        "endpoint_id and vpc must be given together, got endpoint_id alone; give the vpc as well",
    ),
    (
        collected({"index_rotation": "OneDay"}),
        "index_rotation and collection must be given one at a time, got 'OneDay'; drop it: Firehose rotates no indices there",
    ),
    (
        collected({"document_ids": False}),
        "document_ids and collection must be given one at a time, got False with a collection; drop it, and give "
        "OpenSearchCollection(type='TIMESERIES') for documents without ids",
    ),
]

ALL = [*SINKS, *BUCKETS, *NETWORKS, *DOMAINS, *COLLECTIONS]


@pytest.mark.parametrize(("arguments", "message"), ALL, ids=names(ALL))
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    refused(arguments, message)


@pytest.mark.parametrize(
    ("subnets", "said"),
    [
        (ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED), "There are no 'Isolated' subnet groups"),
        (ec2.SubnetSelection(subnets=[]), "one of none"),
    ],
)
def test_rejects_subnets_that_are_not_there(subnets: ec2.SubnetSelection, said: str) -> None:
    with pytest.raises(ValueError, match=r"^Fleet/Ingest: subnets must be a selection of ") as caught:
        IotToFirehose(stack, "Ingest", **given(vpc=VPC, subnets=subnets))
    assert said in str(caught.value)


def test_two_sinks_that_write_to_one_place_are_refused() -> None:
    sinks = [OpenSearchSink(id=id, index="telemetry", domain=IMPORTED, bucket=BUCKET) for id in ("One", "Other")]
    message = (
        "sinks must be a list of sinks that write to different places, got "
        "'documents/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/' twice in one bucket; give one of them another prefix"
    )
    refused({"topic_filter": "a", "sinks": sinks}, message)


LEGAL: list[dict[str, Any]] = [
    given(index="x" * 80, buffer_size=MIB(1), buffer_interval=SECONDS(0), retry_duration=SECONDS(0)),
    given(index="0a-b_c.d", buffer_size=MIB(100), buffer_interval=SECONDS(900), retry_duration=SECONDS(7200)),
    given(index=TOKEN, index_rotation="OneMonth", document_ids=False, backup="all"),
    given(vpc=VPC),
    given(vpc=UNKNOWN, target_security_group=GROUP),
    given(vpc=OPEN, subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)),
    given(domain=OUTSIDE),
    given(domain=INSIDE, vpc=UNKNOWN),
    given(bucket=BUCKET, lifecycle=None),
    created(version="OpenSearch_1.3", volume_gib=10, zones=1, data_nodes=1, master_nodes=0),
    created(version="OpenSearch_3.7", volume_gib=LARGEST, data_nodes=1002, master_nodes=5),
    created({"vpc": TWO}, zones=2, data_nodes=4, data_node_type="t3.small.search", master_node_type="t3.small.search"),
    created({"vpc": ONE_BY_ONE}, zones=3.0, data_nodes=3.0),
    created({"vpc": OPEN}, standby=True, data_node_type="or2.large.search", master_node_type="i3.large.search"),
    collected({"index_rotation": "NoRotation"}, type="TIMESERIES", standby_replicas=False),
    collected({"vpc": UNKNOWN, "target_security_group": GROUP}, public_access=False, endpoint_id="vpce-0a"),
    collected({"vpc": VPC}, public_access=False, endpoint_id=TOKEN),
    collected({"vpc": UNKNOWN}, public_access=False, admins=(ROLE,), readers=[ROLE]),
]


@pytest.mark.parametrize("number", range(len(LEGAL)))
def test_accepts(number: int) -> None:
    IotToFirehose(legal, f"LegalOpenSearch{number}", **LEGAL[number])
