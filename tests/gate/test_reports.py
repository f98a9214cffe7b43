"""No checker has anything against any stack of the app or of an example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

import app as repository_app
from tests.conftest import Synthesized

from .lint import silence

ACKNOWLEDGED = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY


def findings(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{where['constructPath']}: {finding['ruleName']}: {finding['description']}"
        for finding in report.get("violations", [])
        for where in finding["violatingConstructs"]
    ]
    # A plugin that crashes reports a failure without a violation.
    crashed = report.get("conclusion") == "failure" and not lines
    return [f"{report['pluginName']}: {report.get('metadata')}"] if crashed else lines


def test_no_pack_and_no_schema_check_has_an_open_finding(synthesized: Synthesized) -> None:
    found = [line for report in synthesized.reports for line in findings(report)]
    assert not found, "\n" + "\n".join(found)


def test_the_house_rules_run_with_the_app(tmp_path: Path) -> None:
    app = repository_app.build({"architectures": "iot_to_firehose"}, outdir=str(tmp_path))
    sqs.CfnQueue(cdk.Stack(app, "Wrong"), "Queue")
    app.synth()
    found = [line for report in Synthesized(app, tmp_path).reports for line in findings(report)]
    assert any("Wrong/Queue: plain-http-allowed" in line for line in found), found


def test_cfn_lint_is_silent(synthesized: Synthesized) -> None:
    for name, template in synthesized.templates.items():
        found = [f"{name}: {match}" for match in silence(json.dumps(template))]
        assert not found, "\n" + "\n".join(found)


def test_synthesis_shows_no_warning(synthesized: Synthesized) -> None:
    messages = synthesized.app.synth().stacks
    assert [f"{entry.id}: {entry.entry.data}" for stack in messages for entry in stack.messages] == []


OF_THE_CDK = {
    "Literal AZs in template are the result of accessing stack.availabilityZones, this is expected and safe",
    "AWS::EC2::FlowLog DestinationOptions accepts properties in camelCase, even they are listed as PascalCase in the "
    "spec",
}
"""Why the CDK itself accepts what its Vpc writes, in its own words."""


def declared(app: cdk.App) -> set[tuple[str, str, str]]:
    return {
        (construct.node.path, id, reason)
        for construct in app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == ACKNOWLEDGED
        for id, reason in entry.data.items()
        if reason not in OF_THE_CDK
    }


def test_no_acknowledgement_is_stale_or_without_its_pack_or_a_sentence(synthesized: Synthesized) -> None:
    used = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for report in synthesized.reports
        for finding in report.get("suppressedViolations", [])
    }
    for path, id, reason in declared(synthesized.app):
        assert "::" in id, f"{path}: {id} must begin with its pack"
        assert len(reason.split()) > 8, f"{path}: the reason for {id} must be a sentence"
        assert reason.endswith("."), f"{path}: the reason for {id} must be a sentence"
        assert (path, id) in used, f"{path}: nothing is found any more for {id}; drop the acknowledgement"


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::S3::Bucket", {"NoSuchProperty": 1}),
        ("AWS::KinesisFirehose::DeliveryStream", {"DeliveryStreamType": "Nonsense"}),
    ],
)
def test_the_gate_sees_an_unknown_property_and_a_wrong_value(
    kind: str, properties: dict[str, Any], tmp_path: Path
) -> None:
    app = cdk.App(outdir=str(tmp_path))
    cdk.CfnResource(cdk.Stack(app, "Wrong"), "Resource", type=kind, properties=properties)
    app.synth()
    made = Synthesized(app, tmp_path)
    assert [line for report in made.reports for line in findings(report)] != []
    assert silence(json.dumps(made.templates["Wrong"])) != []


def test_the_gate_sees_an_insecure_bucket(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    s3.Bucket(cdk.Stack(app, "Wrong"), "Bucket")
    app.synth()
    found = [line for report in Synthesized(app, tmp_path).reports for line in findings(report)]
    assert any("AwsSolutions-S10" in line for line in found)
