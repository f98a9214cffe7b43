"""Who reaches whom where OpenSearch stands in a VPC: Firehose and the function that maps roles, at one port."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2

from tests.unit.iot_to_firehose.searches import GIVEN_DOMAIN, SUBNETS, Searches, searches
from tests.unit.templates import flat, plain

Way = tuple[str, str, str]
"""From where, to where, and the protocol with its port."""

NOTHING = "255.255.255.255/32"
"""What the CDK writes where a group lets nothing out, because a group without any rule lets everything out."""


@pytest.fixture(scope="module")
def made() -> Searches:
    return searches()


@pytest.fixture(scope="module")
def ways(made: Searches) -> dict[str, set[Way]]:
    """Every rule of every security group, by its direction."""
    found: dict[str, set[Way]] = {"out": set(), "in": set()}
    for name, resource in made.template.json["Resources"].items():
        given = flat(resource.get("Properties", {}))
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            group = {"GroupId": f"<{plain(name)}.GroupId>"}
            inner = [(one, "out") for one in given.get("SecurityGroupEgress", [])]
            inner += [(one, "in") for one in given.get("SecurityGroupIngress", [])]
            for one, direction in inner:
                found[direction].add(way({**one, **group}, direction))
        elif resource["Type"] == "AWS::EC2::SecurityGroupEgress":
            found["out"].add(way(given, "out"))
        elif resource["Type"] == "AWS::EC2::SecurityGroupIngress":
            found["in"].add(way(given, "in"))
    return found


def way(rule: dict[str, Any], direction: str) -> Way:
    (peer,) = {rule[key] for key in ("CidrIp", "DestinationSecurityGroupId", "SourceSecurityGroupId") if key in rule}
    if peer == NOTHING:
        return rule["GroupId"], peer, ""
    assert rule.get("FromPort") == rule.get("ToPort")
    port = f"{rule['IpProtocol']} {rule.get('FromPort', '')}".strip()
    return (rule["GroupId"], peer, port) if direction == "out" else (peer, rule["GroupId"], port)


def group(name: str) -> str:
    return f"<{name}SecurityGroup.GroupId>"


def out_of(ways: dict[str, set[Way]], source: str) -> set[tuple[str, str]]:
    return {(target, port) for one, target, port in ways["out"] if one == source}


def into(ways: dict[str, set[Way]], target: str) -> set[tuple[str, str]]:
    return {(source, port) for source, one, port in ways["in"] if one == target}


PORT = "tcp 443"
SHUT = {(NOTHING, "")}
TWO_MORE = ("PlainOpenSearch", "SmallOpenSearch", "SpareOpenSearch", "TwoOpenSearch")


@pytest.mark.parametrize("name", TWO_MORE)
def test_firehose_and_the_function_that_maps_roles_reach_a_domain_and_nobody_else(
    ways: dict[str, set[Way]], name: str
) -> None:
    firehose, nodes, function = group(name), group(f"{name}Domain"), f"<{name}DomainAccessSecurityGroup.GroupId>"
    assert out_of(ways, firehose) == {(nodes, PORT)}
    assert out_of(ways, function) == {(nodes, PORT), ("0.0.0.0/0", PORT)}
    assert into(ways, nodes) == {(firehose, PORT), (function, PORT)}
    assert out_of(ways, nodes) == SHUT
    assert into(ways, firehose) == into(ways, function) == set()


def test_firehose_alone_reaches_the_endpoint_of_a_collection(ways: dict[str, set[Way]]) -> None:
    firehose, endpoint = group("SearchOpenSearch"), group("SearchOpenSearchCollection")
    assert out_of(ways, firehose) == {(endpoint, PORT)}
    assert into(ways, endpoint) == {(firehose, PORT)}
    assert out_of(ways, endpoint) == SHUT


@pytest.mark.parametrize("name", ["Reached", "Named"])
def test_a_given_security_group_is_opened_to_firehose(ways: dict[str, set[Way]], name: str) -> None:
    firehose = group(f"{name}OpenSearch")
    assert out_of(ways, firehose) == {("sg-00000001", PORT)}
    assert (firehose, PORT) in into(ways, "sg-00000001")


def test_a_given_domain_that_knows_its_security_group_opens_it_to_firehose(
    made: Searches, ways: dict[str, set[Way]]
) -> None:
    own: ec2.ISecurityGroup = made.given.connections.security_groups[0]
    nodes = flat(made.stack.resolve(own.security_group_id))
    assert out_of(ways, group("InsideOpenSearch")) == {(nodes, PORT)}
    assert into(ways, nodes) == {(group("InsideOpenSearch"), PORT)}


@pytest.mark.parametrize("name", ["ByHand", "Near"])
def test_firehose_reaches_the_vpc_where_nobody_knows_the_security_group(
    made: Searches, ways: dict[str, set[Way]], name: str
) -> None:
    assert out_of(ways, group(f"{name}OpenSearch")) == {("10.0.0.0/16", PORT)}
    assert made.delivery(name).target_security_group is None


def test_there_is_no_way_in_beyond_those(ways: dict[str, set[Way]]) -> None:
    # Of Firehose and the function into four domains, and of Firehose into one endpoint, one domain and twice one group.
    assert len(ways["in"]) == 2 * len(TWO_MORE) + 4


@pytest.mark.parametrize(
    ("name", "subnets"), [("Plain", SUBNETS[:3]), ("Inside", SUBNETS[1:2]), ("Reached", SUBNETS[:3])]
)
def test_a_stream_stands_in_one_subnet_of_each_zone(made: Searches, name: str, subnets: list[str]) -> None:
    assert made.destination(name)["VpcConfiguration"] == {
        "RoleARN": f"<{name}OpenSearchRole.Arn>",
        "SubnetIds": subnets,
        "SecurityGroupIds": [group(f"{name}OpenSearch")],
    }


@pytest.mark.parametrize("name", ["Series", "Outside"])
def test_outside_a_vpc_there_is_nothing_of_a_network(made: Searches, name: str) -> None:
    assert "VpcConfiguration" not in made.destination(name)
    delivery = made.delivery(name)
    assert (delivery.security_group, delivery.target_security_group) == (None, None)


def test_the_attributes_tell_what_to_open_to_those_who_search(made: Searches) -> None:
    shown = {
        name: flat(made.stack.resolve(getattr(made.delivery(name).target_security_group, "security_group_id", None)))
        for name in ("Plain", "Search", "Reached")
    }
    assert shown == {
        "Plain": group("PlainOpenSearchDomain"),
        "Search": group("SearchOpenSearchCollection"),
        "Reached": "sg-00000001",
    }
    own = made.delivery("Plain").security_group
    assert own is not None
    assert flat(made.stack.resolve(own.security_group_id)) == group("PlainOpenSearch")


def test_the_way_to_a_domain_lasts_until_its_roles_are_taken_away(made: Searches) -> None:
    inside = made.delivery("Plain").node.find_child("Domain").node
    awaited = {plain(name) for name in made.template.resource(inside.find_child("Access"))["DependsOn"]}
    rules = {
        plain(name)
        for name, one in made.template.json["Resources"].items()
        if one["Type"] in ("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress")
        and name.startswith("PlainOpenSearchDomain")
    }
    assert len(rules) == 3
    assert rules < awaited


def test_nothing_of_a_given_domain_is_made(made: Searches) -> None:
    for name in ("Outside", "Inside", "Named", "Near"):
        delivery = made.delivery(name)
        assert (delivery.domain, delivery.collection) == (None, None)
        assert delivery.node.try_find_child("Domain") is None
    assert made.destination("Outside")["DomainARN"] == GIVEN_DOMAIN
    assert made.destination("Inside")["DomainARN"] == flat(made.stack.resolve(made.given.domain_arn))
    assert made.destination("Outside")["IndexRotationPeriod"] == "OneMonth"
    assert made.destination("Outside")["S3Configuration"]["BucketARN"] == "arn:aws:s3:::lake"
