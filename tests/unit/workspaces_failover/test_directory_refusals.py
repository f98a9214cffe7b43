"""Directories that Directory Service or WorkSpaces would refuse are refused before anything exists."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_refarch import ExistingDirectory, LocalReplica, PrimaryControllers
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, names, refused
from tests.unit.workspaces_failover.refusals import (
    FAR,
    OTHERS,
    SUBNET_IDS,
    VPC,
    connector,
    managed,
    network,
    secret,
    site,
    stack,
)

FAR_VPC = ec2.Vpc.from_vpc_attributes(
    stack, "FarVpc", vpc_id="vpc-2", availability_zones=["us-east-1a"], region="us-east-1"
)
OTHERS_VPC, FAR_SECRET = network(OTHERS), secret(FAR)
ONE, THREE, TWICE = (network(stack, f"Zones{zones}", zones) for zones in ("a", "abc", "aa"))
BARE = ec2.Vpc.from_vpc_attributes(stack, "BareVpc", vpc_id="vpc-3", availability_zones=["eu-west-1a"])
NAMED = [
    ec2.Subnet.from_subnet_attributes(stack, f"Subnet{zone}", subnet_id=id, availability_zone=f"eu-west-1{zone}")
    for zone, id in zip("abc", SUBNET_IDS, strict=True)
]
NAMELESS = ec2.Subnet.from_subnet_id(stack, "Subnet", SUBNET_IDS[0])

SHOWN = "give the id that aws ds describe-directories shows"
DIRECTORY_ID = "Directory: directory_id must be d- and 10 hexadecimal digits"
FOUND_BY_NAME = "leave it out to find the directory by its name"
TWO_OF_IT = "give two subnets of the directory's VPC, or leave them out"
ZONES = "give ec2.SubnetSelection(subnets=[...]) with a subnet in each of two availability zones"
FQDN = "give 'corp.example.com', say"
SHORT = (
    'Directory: short_name must be 1 to 15 characters, none of them one of \\ / : * ? " < > | and a dot not the first'
)
ADDRESSES = "give LocalReplica(primary_region='us-east-1'), or ['10.0.0.10', '10.0.1.10'], say"
REGION = "give 'us-east-1', say"
WRITE_REGION = "write it: functions make calls there"


def existing(directory_id: Any = "d-0123456789", subnet_ids: Any = None) -> dict[str, Any]:
    return {"directory": ExistingDirectory(directory_id=directory_id, subnet_ids=subnet_ids)}


def selected(*subnets: ec2.ISubnet) -> ec2.SubnetSelection:
    return ec2.SubnetSelection(subnets=list(subnets))


EXISTING: list[Case] = [
    *((site(directory=wrong), f"directory must be an ExistingDirectory, a ManagedAd or an AdConnector, got {shown}; give ExistingDirectory(directory_id='d-0123456789')") for wrong, shown in ((None, "NoneType None"), ("d-0123456789", "str 'd-0123456789'"))),
    (site(**existing(None)), f"Directory: directory_id must be text, got NoneType None; {SHOWN}"),
    *((site(**existing(wrong)), f"{DIRECTORY_ID}, got {wrong!r}; {SHOWN}") for wrong in ("", "d-012345678", "d-01234567890", "D-0123456789", "d-012345678g")),
    (site(**existing("wsd-0123456789")), "Directory: directory_id must be that of a directory of AWS Directory Service, got 'wsd-0123456789'; WorkSpaces Pools, whose support ends on 2027-12-31, are not supported"),
    (site(**existing(subnet_ids="subnet-1")), f"Directory: subnet_ids must be a list, got str 'subnet-1'; {TWO_OF_IT}"),
    *((site(**existing(subnet_ids=SUBNET_IDS[:count])), f"Directory: subnet_ids must be a list of 2 subnets, got a list of {count}; {TWO_OF_IT}") for count in (0, 1, 3)),
    (site(**existing(subnet_ids=SUBNET_IDS[:1] * 2)), f"Directory: subnet_ids must be a list without repetition, got {SUBNET_IDS[0]!r} twice; drop one of them"),
    *((site(**existing(subnet_ids=[SUBNET_IDS[0], wrong])), f"Directory: subnet_ids[1] must be the id of a subnet, got {wrong!r}; give subnet-..., as EC2 shows it") for wrong in ("subnet-1", "subnet-0123456", "subnet-012345678", "subnet-0123456789abcdef", "subnet-0123456789abcdef01", "sg-01234567")),
    (site(**existing(subnet_ids=[SUBNET_IDS[0], None])), "Directory: subnet_ids[1] must be text, got NoneType None; give subnet-..., as EC2 shows it"),
]  # fmt: skip


def created(make: Any) -> list[Case]:
    """What both kinds refuse that are created."""
    return [
        (site(**make(name=None)), f"Directory: name must be text, got NoneType None; {FQDN}"),
        *((site(**make(name=wrong)), f"Directory: name must be a fully qualified domain name, got {wrong!r}; {FQDN}") for wrong in ("", "corp", "corp..com", "corp.example.com.", ".corp.com", "corp_1.com")),
        (site(**make(name="corp-example")), f"Directory: name must be a domain name of two labels or more, got 'corp-example'; {FQDN}"),
        (site(**make(short_name=1)), "Directory: short_name must be text, got int 1; give 'CORP', say"),
        *((site(**make(short_name=wrong)), f"{SHORT}, got {wrong!r}; give 'CORP', say") for wrong in ("", "A" * 16, ".CORP", "CO/RP", "CO?", "A:B")),
        *((site(**make(vpc=wrong)), f"Directory: vpc must be an IVpc, got {shown}; give a construct that implements IVpc") for wrong, shown in ((None, "NoneType None"), ("vpc-1", "str 'vpc-1'"))),
        (site(**make(vpc=FAR_VPC)), f"Directory: vpc {given.ELSEWHERE}"),
        (site(**make(vpc=OTHERS_VPC)), f"Directory: vpc {given.OTHER_ACCOUNT}; give a VPC of the account"),
        (site(**make(subnets="private")), "Directory: subnets must be a SubnetSelection, got str 'private'; give ec2.SubnetSelection(subnet_type=...) with a type that the VPC has"),
        (site(**make(vpc=BARE)), "Directory: subnets must be a selection of subnets that the VPC has, got There are no 'Private' subnet groups in this VPC. Available types: ; give ec2.SubnetSelection(subnet_type=...) with a type that the VPC has"),
        *((site(**make(vpc=wrong)), f"Directory: subnets must be a selection of 2 subnets, got one of {count}; {ZONES}") for wrong, count in ((ONE, 1), (THREE, 3))),
        *((site(**make(subnets=selected(*NAMED[:count]))), f"Directory: subnets must be a selection of 2 subnets, got one of {count}; {ZONES}") for count in (1, 3)),
        (site(**make(subnets=selected(NAMED[0], NAMELESS))), "Directory: subnets must be a selection of subnets that the VPC has, got You cannot reference a Subnet's availability zone if it was not supplied. Add the availabilityZone when importing using ...; give ec2.SubnetSelection(subnet_type=...) with a type that the VPC has"),
        (site(**make(vpc=TWICE)), f"Directory: subnets must be a selection of 2 availability zones, got eu-west-1a, eu-west-1a; {ZONES}"),
    ]  # fmt: skip


MANAGED: list[Case] = [
    *created(managed),
    *((site(**managed(admin_secret=wrong)), f"Directory: admin_secret must be an ISecret, got {shown}; give a construct that implements ISecret") for wrong, shown in ((None, "NoneType None"), ("corp/admin", "str 'corp/admin'"))),
    (site(**managed(admin_secret=FAR_SECRET)), f"Directory: admin_secret {given.ELSEWHERE}"),
    (site(**managed(edition="enterprise")), "Directory: edition must be one of Enterprise, Standard, got 'enterprise'; write 'Enterprise'"),
    *((site(**managed(edition=wrong)), f"Directory: edition must be one of Enterprise, Standard, got {wrong!r}; give 'Enterprise'") for wrong in ("Basic", None)),
    (site(**managed(edition=given.LATER)), "Directory: edition must be known when the app runs, got a token; give 'Enterprise'"),
]  # fmt: skip


def asks(kind: type[LocalReplica] | type[PrimaryControllers]) -> list[Case]:
    """What is refused of domain controllers that are found by the name of their directory."""

    def controllers(region: Any = "us-east-1", directory_id: Any = None) -> dict[str, Any]:
        return connector(controllers=kind(primary_region=region, directory_id=directory_id))

    where = "Directory/Controllers: primary_region"
    return [
        (site(**connector(name=given.LATER, controllers=kind(primary_region="us-east-1"))), "Directory: name must be known when the app runs, got a token; write it: the directory is found by it"),
        (site(**controllers(None)), f"{where} must be text, got NoneType None; {WRITE_REGION}"),
        (site(**controllers(given.LATER)), f"{where} must be known when the app runs, got a token; {WRITE_REGION}"),
        *((site(**controllers(wrong)), f"{where} must be a region, got {wrong!r}; {REGION}") for wrong in ("", "Virginia", "us-east-1a", "us-east")),
        (site(**controllers("eu-west-1")), f"{where} must be another region than the stack's, got eu-west-1; name the region of the primary site"),
        *((site(**controllers(directory_id=wrong)), f"Directory/Controllers: directory_id must be d- and 10 hexadecimal digits, got {wrong!r}; {FOUND_BY_NAME}") for wrong in ("", "d-012345678", "corp.example.com")),
        (site(**controllers(directory_id=1)), f"Directory/Controllers: directory_id must be text, got int 1; {FOUND_BY_NAME}"),
    ]  # fmt: skip


CONNECTORS: list[Case] = [
    *created(connector),
    *((site(**connector(service_account=wrong)), f"Directory: service_account must be an ISecret, got {shown}; give a construct that implements ISecret") for wrong, shown in ((None, "NoneType None"), ("corp/join", "str 'corp/join'"))),
    (site(**connector(service_account=FAR_SECRET)), f"Directory: service_account {given.ELSEWHERE}"),
    (site(**connector(size="LARGE")), "Directory: size must be one of Small, Large, got 'LARGE'; write 'Large'"),
    (site(**connector(size="Medium")), "Directory: size must be one of Small, Large, got 'Medium'; give 'Small'"),
    *asks(LocalReplica),
    *asks(PrimaryControllers),
    (site(**connector(controllers="10.0.0.10")), f"Directory: controllers must be a LocalReplica, PrimaryControllers or a list, got str '10.0.0.10'; {ADDRESSES}"),
    (site(**connector(controllers=None)), f"Directory: controllers must be a list, got NoneType None; {ADDRESSES}"),
    *((site(**connector(controllers=[f"10.0.0.{number}" for number in range(count)])), f"Directory: controllers must be a list of 1 to 2 addresses, got a list of {count}; {ADDRESSES}") for count in (0, 3)),
    (site(**connector(controllers=["10.0.0.1"] * 2)), "Directory: controllers must be a list without repetition, got '10.0.0.1' twice; drop one of them"),
    *((site(**connector(controllers=["10.0.0.1", wrong])), f"Directory: controllers[1] must be an IPv4 address, got {wrong!r}; {ADDRESSES}") for wrong in ("dc1.corp.example.com", "10.0.0.0/24", "::1")),
    (site(**connector(controllers=[1])), f"Directory: controllers[0] must be text, got int 1; {ADDRESSES}"),
    (site(**connector(controllers=[""])), f"Directory: controllers[0] must be text that is not empty, got ''; {ADDRESSES}"),
]  # fmt: skip

ALL = [*EXISTING, *MANAGED, *CONNECTORS]

LEGAL: list[Call] = [
    *(site(**existing(id)) for id in ("d-0123456789", "d-abcdef0123", given.LATER)),
    *(site(**existing(subnet_ids=subnets)) for subnets in (SUBNET_IDS[:2], ["subnet-01234567", "subnet-89abcdef"], given.LATER_LIST, [given.LATER, SUBNET_IDS[0]])),
    *(site(**make(**arguments)) for make in (managed, connector) for arguments in ({"name": "a.b"}, {"name": "Corp-1.Example.com"}, {"name": given.LATER}, {"short_name": "A"}, {"short_name": "A" * 15}, {"short_name": "CO.RP"}, {"subnets": selected(*NAMED[:2])}, {"subnets": selected(*VPC.private_subnets)})),
    *(site(**managed(edition=edition)) for edition in ("Enterprise", "Standard")),
    *(site(**connector(size=size)) for size in ("Small", "Large")),
    *(site(**connector(controllers=kind(primary_region="us-east-1", directory_id=id))) for kind in (LocalReplica, PrimaryControllers) for id in (None, "d-0123456789", given.LATER)),
    *(site(**connector(controllers=addresses)) for addresses in (["10.0.0.10"], ["10.0.0.10", "10.0.1.10"], [given.LATER], given.LATER_LIST)),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_subnets_of_zones_that_nobody_knows_yet_are_taken() -> None:
    anywhere = cdk.Stack(cdk.App(), "Anywhere")
    site(**managed(vpc=ec2.Vpc(anywhere, "Vpc", max_azs=2)))()
