"""Least privilege: each role of the redirection may do exactly what its code calls, on what it is about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.workspaces_failover.redirection import MODULES
from tests.unit.grants import RUNS, function, sending
from tests.unit.scenes import Scene
from tests.unit.templates import Row
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_built import Built, built

DESCRIBING = ("ConnectionAliases", "WorkspaceDirectories", "Workspaces")


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def role(scene: Scene, path: str) -> Any:
    return scene.of(scene.named(path))


def failing(name: str, key: str, region: str) -> set[Row]:
    """What a function needs for its log, and to put aside what it failed on."""
    return function(f"Failover{name}") | sending(f"Failover{name}FailedEvents", key, region)


def parameter(scene: Scene, region: str) -> str:
    return f"arn:aws:ssm:{region}:{known.ACCOUNT}:parameter/{scene.made.switch.parameter_name}"


SCENES = [("plain", known.FAILOVER, "<FailoverKey.Arn>", known.ZONE), ("full", known.THIRD, "<Given.Arn>", "<Own>")]


@pytest.mark.parametrize(("name", "region", "key", "zone"), SCENES)
def test_the_guard_reads_and_changes_nothing(made: Built, name: str, region: str, key: str, zone: str) -> None:
    assert getattr(made, name).may("Guard/FunctionRole") == {
        *failing("Guard", key, region),
        *((f"workspaces:Describe{one}", "*", "") for one in DESCRIBING),
        ("ds:DescribeDirectories", "*", ""),
        ("route53:ListResourceRecordSets", f"arn:aws:route53:::hostedzone/{zone}", ""),
        ("ssm:GetParameter", parameter(getattr(made, name), region), ""),
    }


@pytest.mark.parametrize(("name", "region", "key", "zone"), SCENES)
def test_the_switch_turns_its_parameter_its_metric_and_its_control(
    made: Built, name: str, region: str, key: str, zone: str
) -> None:
    control = {("route53-recovery-cluster:UpdateRoutingControlState", known.CONTROL_ARN, "")} if zone == "<Own>" else ()
    space = str({"StringEquals": {"cloudwatch:namespace": "CdkRefarch/WorkspacesFailover"}})
    assert getattr(made, name).may("Switch/FunctionRole") == {
        *failing("Switch", key, region),
        ("ssm:GetParameter", parameter(getattr(made, name), region), ""),
        ("ssm:PutParameter", parameter(getattr(made, name), region), ""),
        ("cloudwatch:PutMetricData", "*", space),
        *control,
    }


@pytest.mark.parametrize(("name", "region", "key", "zone"), SCENES)
def test_who_makes_the_parameter_makes_and_deletes_that_one_alone(
    made: Built, name: str, region: str, key: str, zone: str
) -> None:
    scene = getattr(made, name)
    assert scene.may("Switch/ParameterProvider/FunctionRole") == {
        *function("FailoverSwitchParameterProvider"),
        *((f"ssm:{one}Parameter", parameter(scene, region), "") for one in ("Delete", "Put")),
    }


def test_who_asks_dns_needs_no_api_of_aws_and_the_provider_one_and_itself(made: Built) -> None:
    assert made.plain.may("Answer/FunctionRole") == function("FailoverAnswer")
    assert made.plain.may("IdentifierProvider/FunctionRole") == {
        *function("FailoverIdentifierProvider"),
        ("workspaces:DescribeConnectionAliases", "*", ""),
    }
    (policy,) = made.plain.all("AWS::IAM::Policy")
    assert policy["Roles"] == ["<FailoverIdentifierProviderFunctionRole>"]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Action": "lambda:InvokeFunction",
            "Effect": "Allow",
            "Resource": "<FailoverIdentifierProviderFunction.Arn>",
        }
    ]


def test_the_runbook_calls_its_three_functions_and_writes_its_log(made: Built) -> None:
    for scene in (made.plain, made.full):
        assert scene.may("Runbook/Role") == {
            *(("lambda:InvokeFunction", f"<Failover{one}Function.Arn>", "") for one in ("Guard", "Switch", "Answer")),
            *RUNS,
        }


@pytest.mark.parametrize(("name", "region", "key", "zone"), SCENES)
def test_only_the_service_assumes_a_role_and_only_for_machines_of_the_account(
    made: Built, name: str, region: str, key: str, zone: str
) -> None:
    scene = getattr(made, name)
    roles = {one["Description"]: one["AssumeRolePolicyDocument"]["Statement"] for one in scene.all("AWS::IAM::Role")}
    (trust,) = roles.pop(role(scene, "Runbook/Role")["Description"])
    machines = f"arn:aws:states:{region}:{known.ACCOUNT}:stateMachine:*"
    assert (trust["Principal"], trust["Condition"]) == (
        {"Service": "states.amazonaws.com"},
        {"StringEquals": {"aws:SourceAccount": known.ACCOUNT}, "ArnLike": {"aws:SourceArn": machines}},
    )
    assert len(roles) == 5
    for (statement,) in roles.values():
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_rules_alone_call_the_functions_and_fill_the_queues(made: Built) -> None:
    permissions = {(one["FunctionName"], one["SourceArn"]) for one in made.plain.all("AWS::Lambda::Permission")}
    rules = {"Guard": "<FailoverGuardRegularly.Arn>", "Switch": "<FailoverSwitchEachMinute.Arn>"}
    assert permissions == {(f"<Failover{name}Function.Arn>", rule) for name, rule in rules.items()}
    for name, rule in rules.items():
        queue = f"<Failover{name}FailedEvents>"
        (policy,) = (one for one in made.plain.all("AWS::SQS::QueuePolicy") if one["Queues"] == [queue])
        allowed = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
        assert [(one["Action"], one["Principal"], one["Condition"]) for one in allowed] == [
            ("sqs:SendMessage", {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": [rule]}})
        ]


def test_the_key_admits_the_logs_and_the_rules_of_the_region(made: Built) -> None:
    statements = made.plain.of(made.plain.made.encryption_key)["KeyPolicy"]["Statement"][1:]
    assert [one["Principal"]["Service"] for one in statements] == [
        "logs.eu-west-1.amazonaws.com",
        "events.amazonaws.com",
    ]
    assert statements[1]["Condition"]["StringEquals"] == {"aws:SourceAccount": known.ACCOUNT}


def test_every_module_of_the_functions_is_known_here() -> None:
    assert set(MODULES) == {"answer", "dns_text", "guard", "inspection", "sites", "switch"}
