"""The validation that CloudFormation does with resource schemas, which MiniStack does not do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.adapters import keywords, schemas
from tests.conftest import ROOT

STREAM = "AWS::KinesisFirehose::DeliveryStream"
QUEUE = "AWS::SQS::Queue"


def destination(**more: Any) -> dict[str, Any]:
    role, bucket = "arn:aws:iam::123456789012:role/r", "arn:aws:s3:::data"
    return {"ExtendedS3DestinationConfiguration": {"RoleARN": role, "BucketARN": bucket, **more}}


@pytest.mark.parametrize(
    ("resource_type", "properties", "expected"),
    [
        (
            STREAM,
            destination(BufferingHints={"SizeInMBs": "five"}),
            "#/ExtendedS3DestinationConfiguration/BufferingHints/SizeInMBs: expected type: Integer, found: String",
        ),
        (
            STREAM,
            {"ExtendedS3DestinationConfiguration": {"BucketARN": "arn:aws:s3:::data"}},
            "#/ExtendedS3DestinationConfiguration: required key [RoleARN] not found",
        ),
        (STREAM, {"Foo": 1}, "#: extraneous key [Foo] is not permitted"),
        (STREAM, {"Arn": "arn"}, "#: extraneous key [Arn] is not permitted: it is read-only"),
        (STREAM, {"DeliveryStreamType": "Direct"}, "#/DeliveryStreamType: Direct is not a valid enum value"),
        (STREAM, {"DeliveryStreamName": ""}, "#/DeliveryStreamName: expected minLength: 1, actual: 0"),
        (QUEUE, {"DelaySeconds": 901}, "#/DelaySeconds: 901 is not less or equal to 900"),
        (QUEUE, {"Tags": {"a": "b"}}, "#/Tags: expected type: JSONArray, found: JSONObject"),
        (
            "AWS::CodeCommit::Repository",
            {"RepositoryName": "a.git"},
            "#/RepositoryName: failed validation constraint for keyword [pattern]",
        ),
        (
            "AWS::CodePipeline::Pipeline",
            {"RoleArn": "pipeline-role", "Stages": [{"Name": "a", "Actions": []}] * 2},
            "#/RoleArn: failed validation constraint for keyword [pattern]",
        ),
        (
            "AWS::ImageBuilder::Component",
            {"Name": "agent", "Platform": "Linux", "Version": "1.0.0", "SupportedOsVersions": []},
            "#/SupportedOsVersions: expected minimum item count: 1, actual: 0",
        ),
    ],
)
def test_says_what_is_wrong_as_cloudformation_does(
    resource_type: str, properties: dict[str, Any], expected: str
) -> None:
    assert expected in schemas.problems(resource_type, properties)


@pytest.mark.parametrize(
    ("resource_type", "properties"),
    [
        (QUEUE, {"DelaySeconds": "5", "FifoQueue": "true", "QueueName": 5, "RedrivePolicy": '{"maxReceiveCount": 3}'}),
        (QUEUE, {"DelaySeconds": 5.0, "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "s"}]}),
        (STREAM, destination(CompressionFormat="GZIP", BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": "60"})),
        ("AWS::CodePipeline::Pipeline", {"Name": True, "Stages": [{"Name": "a"}, {"Name": "b"}]}),
    ],
)
def test_reads_scalars_as_leniently_as_cloudformation(resource_type: str, properties: dict[str, Any]) -> None:
    assert not [line for line in schemas.problems(resource_type, properties) if "expected type" in line]


def test_a_list_of_nothing_but_tags_that_cloudformation_adds_counts_as_none() -> None:
    listener = {"LoadBalancerArn": "a", "DefaultActions": [{"Type": "forward", "TargetGroupArn": "t"}]}
    added = [{"Key": "aws:cloudformation:stack-name", "Value": "s"}]
    assert schemas.problems("AWS::ElasticLoadBalancingV2::Listener", {**listener, "Tags": added}) == []
    assert schemas.problems("AWS::ElasticLoadBalancingV2::Listener", {**listener, "Tags": []}) != []


def references(value: Any, path: str = "#") -> Iterator[str]:
    """The paths of what refers to something else."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from references(item, f"{path}/{key}")


def certain_problems(resource_type: str, properties: dict[str, Any]) -> list[str]:
    """What is wrong whatever the references turn out to be: a reference is there, and says nothing of its value."""
    unknown = [re.escape(path) for path in references(properties)]
    about_references = re.compile(f"({'|'.join(unknown)})[:/]" if unknown else "(?!)")
    return [line for line in schemas.problems(resource_type, properties) if not about_references.match(line)]


def test_accepts_what_the_templates_of_this_repository_have() -> None:
    for path in (ROOT / "tests/snapshots/__snapshots__").rglob("*.json"):
        for name, resource in json.loads(path.read_text())["Resources"].items():
            assert certain_problems(resource["Type"], resource.get("Properties", {})) == [], name


ZONE = {"Fn::ImportValue": "Zone"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Name": "a.", "Type": "A", "HostedZoneId": ZONE, "ResourceRecords": [ZONE]}, []),
        ({"Type": "A", "HostedZoneId": ZONE}, ["#: required key [Name] not found"]),
        ({"Name": "a.", "Type": "A"}, ["#: 0 subschemas matched instead of one"]),
        ({"Name": "a.", "Type": "A", "HostedZoneId": ZONE, "HostedZoneName": ZONE}, ["#: 2 subschemas matched"]),
        (
            {"Name": "a.", "Type": "A", "HostedZoneId": ZONE, "TTL": ["1"], "Foo": ZONE},
            ["#: extraneous key [Foo]", "#/TTL"],
        ),
    ],
)
def test_references_hide_nothing_but_their_own_values(properties: dict[str, Any], expected: list[str]) -> None:
    found = certain_problems("AWS::Route53::RecordSet", properties)
    assert [one for one in expected if not any(line.startswith(one) for line in found)] == []
    assert bool(found) == bool(expected)


def test_leaves_types_without_schema_alone() -> None:
    assert schemas.problems("Custom::Anything", {"Foo": object()}) == []


def test_refuses_with_the_logical_id_and_each_problem_once() -> None:
    with pytest.raises(schemas.RefusedError) as refused:
        schemas.check(QUEUE, "Failed", {"Foo": 1, "DelaySeconds": "soon"})
    assert str(refused.value).splitlines() == [
        "Properties validation failed for resource Failed with message:",
        "#: extraneous key [Foo] is not permitted",
        "#/DelaySeconds: expected type: Integer, found: String",
    ]


CHOICE = {
    "type": "object",
    "properties": {"A": {"type": "string"}, "B": {"type": "integer"}},
    "oneOf": [{"required": ["A"]}, {"required": ["B"]}],
    "dependentExcluded": {"A": ["C"]},
    "dependentRequired": {"B": ["C"]},
}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (CHOICE, {"A": "a"}, []),
        (CHOICE, {"A": "a", "B": 1, "C": 1}, ["#: 2 subschemas matched instead of one"]),
        (CHOICE, {}, ["#: 0 subschemas matched instead of one", "#: required key [A] not found"]),
        (CHOICE, {"B": 1}, ["#: property [C] is required when [B] is present"]),
        (CHOICE, {"A": "a", "C": 1}, ["#: property [C] is not permitted when [A] is present"]),
        ({"requiredXor": ["A", "B"]}, {"A": 1, "B": 1}, ["#: only one of [A, B] is permitted"]),
        ({"requiredOr": ["A", "B"]}, {}, ["#: required key [A or B] not found"]),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, 2, []),
        ({"type": "array", "uniqueItems": True}, [{"a": 1}, {"a": 1}], ["#: array items are not unique"]),
        ({"if": {"required": ["A"]}, "then": {"required": ["B"]}}, {"A": 1}, ["#: required key [B] not found"]),
        ({"not": {"required": ["A"]}}, {"A": 1}, ["#: failed validation constraint for keyword [not]"]),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, {"x1": 1}, []),
        ({"enumCaseInsensitive": ["gp3"]}, "GP3", []),
        ({"pattern": r"^\p{Lu}+$"}, "É", []),
        ({"pattern": "(unclosed"}, "anything", []),
    ],
)
def test_knows_the_keywords_of_resource_schemas(schema: dict[str, Any], value: Any, expected: list[str]) -> None:
    found = list(keywords.Validator(schema).problems(schema, value))
    assert [line for line in found if line in expected] == expected
    assert bool(found) == bool(expected)


def test_follows_references_in_a_schema() -> None:
    schema = schemas.load(STREAM)
    assert schema is not None
    assert (schema.at("ExtendedS3DestinationConfiguration.BufferingHints.SizeInMBs") or {})["type"] == "integer"
    assert schema.at("ExtendedS3DestinationConfiguration.Nothing") is None
    assert schema.primary == ["DeliveryStreamName"]


def test_does_not_load_cfn_lint_which_takes_a_second() -> None:
    code = f"import sys; from sandbox.adapters import schemas; schemas.problems({QUEUE!r}, {{}}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"cfnlint", "ministack", "moto", "boto3"} & set(done.stdout.split())
