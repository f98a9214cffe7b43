"""Each rule finds what breaks it and lets the nearest legal template pass, alone and in an app."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from cdk_refarch._parts.house_rules import RULES, Finding, HouseRules, check_template
from tests.unit.house_rules import cases_access, cases_data, cases_delivery
from tests.unit.house_rules.cases import Resources, it

CASES = [*cases_access.CASES, *cases_data.CASES, *cases_delivery.CASES]
BROKEN = [(case.rule, broken) for case in CASES for broken in case.broken]
LEGAL = [(case.rule, legal) for case in CASES for legal in case.legal]
ODD: list[Any] = [{"Ref": "Parameter"}, {"Fn::If": ["Condition", {"Ref": "AWS::NoValue"}, {}]}, {"Fn::Sub": "${A.B}"}]
ODD += [
    {"Fn::Join": ["", {"Ref": "Parameter"}]},
    {"Fn::If": "wrong"},
    {"Fn::GetAtt": []},
    None,
    "",
    "*",
    [],
    [[]],
    {},
    3,
]


def found_by(rule: str, resources: Resources) -> list[Finding]:
    return [finding for finding in check_template({"Resources": resources}) if finding.rule == rule]


@pytest.mark.parametrize(("rule", "broken"), BROKEN)
def test_a_rule_finds_the_resource_that_breaks_it(rule: str, broken: Resources) -> None:
    found = found_by(rule, broken)
    assert {finding.logical_id for finding in found} == {"It"}
    for finding in found:
        wrong, _, remedy = finding.message.rpartition("; ")
        assert wrong, finding.message
        assert remedy, finding.message
        assert not finding.message.endswith(".")


@pytest.mark.parametrize(("rule", "legal"), LEGAL)
def test_a_rule_lets_the_nearest_legal_template_pass(rule: str, legal: Resources) -> None:
    assert [finding for finding in found_by(rule, legal) if finding.logical_id == "It"] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_why_and_where_to_read_it_and_is_broken_by_a_case(rule: Any) -> None:
    reason, _, sources = rule.reason.partition("\n\n")
    assert len(reason.split()) > 8
    assert reason.endswith(".")
    assert sources.split()
    assert all(re.fullmatch(r"https://docs\.aws\.amazon\.com/\S+", source) for source in sources.split())
    assert rule.source == sources.split()[0]
    assert rule.id in {case.rule for case in CASES if case.broken and case.legal}


def test_every_case_is_of_a_rule_and_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert sorted(case.rule for case in CASES) == sorted(ids)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(child, (*path, key))


@pytest.mark.parametrize("resources", [broken for _, broken in BROKEN])
def test_no_rule_stumbles_over_an_intrinsic_or_nonsense_anywhere(resources: Resources) -> None:
    for path in places(resources):
        for odd in ODD:
            changed: Any = {"Resources": copy.deepcopy(resources)}
            *way, last = ("Resources", *path)
            inner = changed
            for key in way:
                inner = inner[key]
            inner[last] = odd
            check_template(changed)


@pytest.mark.parametrize("template", [{}, {"Resources": {}}, {"Resources": {"Fn::ForEach::Loop": ["A", [], {}]}}])
def test_a_template_without_resources_has_no_findings(template: dict[str, Any]) -> None:
    assert check_template(template) == []


def test_a_finding_reads_like_a_review_comment() -> None:
    resources = it("Logs::LogGroup", Metadata={"aws:cdk:path": "Fleet/Log/Resource"})
    [finding] = check_template({"Resources": resources})
    assert finding.path == "Fleet/Log/Resource"
    assert str(finding) == (
        "Fleet/Log/Resource: log-group-without-retention: logs are kept for ever; set RetentionInDays "
        "(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html)"
    )
    [without_path] = check_template({"Resources": it("Logs::LogGroup")})
    assert str(without_path).startswith("It: log-group-without-retention: ")


def report_of(app: cdk.App) -> dict[str, Any] | None:
    app.synth()
    reports = json.loads((Path(app.outdir) / "validation-report.json").read_text())["pluginReports"]
    return next((report for report in reports if report["pluginName"] == "HouseRules"), None)


@pytest.fixture
def app(tmp_path: Path) -> cdk.App:
    app = cdk.App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    cdk.Validations.of(app).add_plugins(HouseRules())
    return app


def two_log_groups(app: cdk.App) -> tuple[logs.CfnLogGroup, logs.CfnLogGroup]:
    stack = cdk.Stack(app, "Wrong")
    return logs.CfnLogGroup(stack, "First"), logs.CfnLogGroup(stack, "Second")


def paths_in(violations: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted(
        (one["ruleName"], where["constructPath"]) for one in violations for where in one["violatingConstructs"]
    )


def test_the_plugin_reports_in_a_real_app_where_and_what(app: cdk.App) -> None:
    two_log_groups(app)
    report = report_of(app)
    assert report is not None
    assert report["conclusion"] == "failure"
    rule = "log-group-without-retention"
    assert paths_in(report["violations"]) == [(rule, "Wrong/First"), (rule, "Wrong/Second")]
    first = report["violations"][0]
    assert first["severity"] == "error"
    assert first["description"] == "logs are kept for ever; set RetentionInDays"
    assert first["suggestedFix"].startswith("https://docs.aws.amazon.com/")
    assert first["violatingConstructs"][0]["cloudFormationResource"]["logicalId"] == "First"


def test_a_finding_is_acknowledged_by_its_id_at_one_construct_only(app: cdk.App) -> None:
    first, _ = two_log_groups(app)
    acknowledgement = cdk.Acknowledgment(id="HouseRules::log-group-without-retention", reason="Kept for the auditors.")
    cdk.Validations.of(first).acknowledge(acknowledgement)
    report = report_of(app)
    assert report is not None
    assert report["conclusion"] == "failure"
    assert paths_in(report["violations"]) == [("log-group-without-retention", "Wrong/Second")]
    [suppressed] = report["suppressedViolations"]
    assert suppressed["acknowledgedId"] == "HouseRules::log-group-without-retention"
    assert (suppressed["acknowledgedAt"], suppressed["reason"]) == ("Wrong/First", "Kept for the auditors.")


def test_an_acknowledgement_above_covers_all_below_and_the_report_succeeds(app: cdk.App) -> None:
    first, _ = two_log_groups(app)
    acknowledgement = cdk.Acknowledgment(id="HouseRules::log-group-without-retention", reason="Kept for the auditors.")
    cdk.Validations.of(first.stack).acknowledge(acknowledgement)
    report = report_of(app)
    assert report is not None
    assert (report["conclusion"], report["violations"]) == ("success", [])


def test_nested_stacks_and_stages_are_checked_and_acknowledged_too(app: cdk.App) -> None:
    stage = cdk.Stage(app, "Prod")
    stack = cdk.Stack(stage, "Outer")
    inner = cdk.NestedStack(cdk.NestedStack(stack, "Middle"), "Inner")
    logs.CfnLogGroup(inner, "Log")
    accepted = sqs.Queue(inner, "Queue", enforce_ssl=True)
    acknowledgement = cdk.Acknowledgment(id="HouseRules::data-store-without-encryption", reason="Holds no data.")
    cdk.Validations.of(accepted).acknowledge(acknowledgement)
    cdk.Validations.of(stage).add_plugins(HouseRules())
    report = report_of(app)
    assert report is not None
    assert paths_in(report["violations"]) == [("log-group-without-retention", "Prod/Outer/Middle/Inner/Log")]
    assert [one["ruleName"] for one in report["suppressedViolations"]] == ["data-store-without-encryption"]


def test_an_app_without_findings_has_no_report(app: cdk.App) -> None:
    logs.CfnLogGroup(cdk.Stack(app, "Right"), "Log", retention_in_days=30)
    assert report_of(app) is None


def test_the_plugin_says_what_it_checks() -> None:
    plugin = HouseRules()
    assert plugin.rule_ids == [rule.id for rule in RULES]
    assert plugin.version is None or re.match(r"\d+\.\d+\.\d+", plugin.version)
