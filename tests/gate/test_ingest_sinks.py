"""The stack ``IotToFirehose`` with other sinks than the one that it has by default, held against the whole gate."""

from __future__ import annotations

import copy
import json
from typing import Any

import aws_cdk as cdk
import pytest

import app as repository_app
from stacks import build
from stacks.config import Settings
from tests.conftest import Synthesized

from .contracts import assert_missed
from .contracts_search import SEARCH_CONTRACTS, refusals_of_data_access
from .lint import silence
from .test_permissions import problems
from .test_reports import findings

ALL = ["s3", "opensearch", "opensearch_serverless", "redshift"]
NETWORK = {"vpc_id": "vpc-1", "availability_zones": ["a", "b", "c"], "private_subnet_ids": ["s-1", "s-2", "s-3"]}
ADMIN = "arn:aws:iam::111122223333:role/admin"


def of_context(given: dict[str, Any]) -> dict[str, Any]:
    return {"architectures": "iot_to_firehose", "iot_to_firehose": json.dumps(given)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The stack with all its sinks."""
    folder = tmp_path_factory.mktemp("sinks")
    app = repository_app.build(of_context({"sinks": ALL, "admin_role_arns": [ADMIN]}), outdir=str(folder))
    app.synth()
    return Synthesized(app, folder)


@pytest.fixture
def synthesized_with_all(made: Synthesized) -> dict[str, Any]:
    """Its template."""
    return made.templates["IotToFirehose"]


def test_all_sinks_pass_the_gate_but_for_what_their_owner_must_know_of_the_price(made: Synthesized) -> None:
    template = made.templates["IotToFirehose"]
    found = [line for report in made.reports for line in findings(report)]
    priced = [line for line in found if "cdk-refarch:bills-while-idle" in line]
    assert len(priced) == 3
    assert [line for line in found if line not in priced] == []
    assert list(problems(template)) == []
    assert [str(match) for match in silence(json.dumps(template))] == []
    outputs = {"CollectionEndpoint", "OpenSearchEndpoint", "RedshiftWorkgroup", "FailedLoadsUrl", "BucketName"}
    assert outputs <= set(template["Outputs"])


def test_each_grant_that_is_taken_away_is_missed(synthesized_with_all: dict[str, Any]) -> None:
    assert_missed(SEARCH_CONTRACTS, [synthesized_with_all])


def test_a_collection_lets_its_stream_write_and_nobody_else_is_taken_for_it(
    synthesized_with_all: dict[str, Any],
) -> None:
    resources = copy.deepcopy(synthesized_with_all["Resources"])
    assert refusals_of_data_access(resources) == []
    (policy,) = [one for one in resources.values() if one["Type"] == "AWS::OpenSearchServerless::AccessPolicy"]
    policy["Properties"]["Policy"] = "[]"
    assert len(refusals_of_data_access(resources)) == 1


VARIANTS: list[tuple[dict[str, Any], dict[str, int]]] = [
    ({}, {"AWS::EC2::VPC": 0, "AWS::KinesisFirehose::DeliveryStream": 1}),
    (
        {"sinks": ["s3", "redshift"], "columns": {"device": "varchar(64)"}, "table": "readings"},
        {"AWS::EC2::VPC": 1, "AWS::RedshiftServerless::Workgroup": 1, "AWS::KinesisFirehose::DeliveryStream": 2},
    ),
    (
        {"sinks": ["opensearch_serverless"], "index": "readings", **NETWORK},
        {"AWS::EC2::VPC": 0, "AWS::OpenSearchServerless::Collection": 1, "AWS::OpenSearchServerless::VpcEndpoint": 1},
    ),
    (
        {"sinks": ["opensearch"], "expire_after_days": 30, "admin_role_arns": [ADMIN], **NETWORK},
        {"AWS::OpenSearchService::Domain": 1, "AWS::OpenSearchServerless::Collection": 0},
    ),
]


@pytest.mark.parametrize(("given", "kinds"), VARIANTS, ids=[str(given) for given, _ in VARIANTS])
def test_settings_that_go_together_reach_the_stack(given: dict[str, Any], kinds: dict[str, int]) -> None:
    app = cdk.App(context=of_context(given), builtin_cloud_formation_validation=False)
    build(app, Settings.from_context(app.node))
    (stack,) = app.synth().stacks
    resources = [one["Type"] for one in stack.template["Resources"].values()]
    assert {kind: resources.count(kind) for kind in kinds} == kinds
    told = json.dumps(stack.template)
    for name in ("index", "table"):
        assert given.get(name, "") in told
    for value in (*given.get("admin_role_arns", []), *given.get("private_subnet_ids", []), *given.get("columns", {})):
        assert value in told


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"sinks": ["redshift"], "partition_by": {"a": ".a"}},
        "partition_by",
        "sinks",
        "given together with s3, got partition_by alone; add s3 to sinks, or drop partition_by",
    ),
    (
        {"sinks": ["redshift"], "parquet": {"a": "int"}},
        "parquet",
        "sinks",
        "given together with s3, got parquet alone; add s3 to sinks, or drop parquet",
    ),
    (
        {"columns": {"a": "int"}},
        "columns",
        "sinks",
        "given together with redshift, got columns alone; add redshift to sinks, or drop columns",
    ),
    (
        {"sinks": ["redshift"], "admin_role_arns": [ADMIN]},
        "admin_role_arns",
        "sinks",
        "given together with opensearch, got admin_role_arns alone; add opensearch or opensearch_serverless to "
        "sinks, or drop admin_role_arns",
    ),
    (
        NETWORK,
        "vpc_id",
        "sinks",
        "given together with another sink than s3, got vpc_id alone; drop vpc_id: nothing stands in it",
    ),
    (
        {"sinks": ["redshift"], "vpc_id": "vpc-1", "availability_zones": ["a"]},
        "vpc_id",
        "private_subnet_ids",
        "given together, got vpc_id alone; give the network with its zones and subnets, or leave all three out to "
        "have one made",
    ),
    (
        {"sinks": ["redshift"], "availability_zones": ["a"]},
        "vpc_id",
        "availability_zones",
        "given together, got availability_zones alone; give the network with its zones and subnets, or leave all three "
        "out to have one made",
    ),
]


@pytest.mark.parametrize(("given", "one", "other", "rest"), REFUSED, ids=[str(given) for given, *_ in REFUSED])
def test_rejects(given: dict[str, Any], one: str, other: str, rest: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        Settings.from_context(cdk.App(context=of_context(given)).node)
    assert str(caught.value) == f"context keys iot_to_firehose.{one} and iot_to_firehose.{other} must be {rest}"


def test_rejects_an_empty_list_of_sinks_and_another_one() -> None:
    for given, message in (
        ({"sinks": []}, "context key iot_to_firehose.sinks must be a list with one name at least, got []"),
        ({"sinks": ["s4"]}, f"context key iot_to_firehose.sinks.0 must be one of {', '.join(ALL)}, got 's4'"),
    ):
        with pytest.raises(ValueError, match="must be") as caught:
            Settings.from_context(cdk.App(context=of_context(given)).node)
        assert str(caught.value).startswith(message)
