"""Least privilege: who reads code cannot touch IAM, who touches IAM sees no code, and each may do only what it does."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from cdk_refarch import CodeCommitLeakGuard, LeakNotification, LeakResponse
from cdk_refarch.codecommit_leak_guard.argument_checks import MAX_KEYS, MAX_REPOSITORIES
from cdk_refarch.codecommit_leak_guard.response_checks import MAX_PATHS, MAX_ROLES
from cdk_refarch.codecommit_leak_guard.values import Delivery
from tests.unit.codecommit_leak_guard import built as known
from tests.unit.codecommit_leak_guard.built import ACCOUNT, HERE, REGION, Built, built
from tests.unit.grants import RUNS, USE, function, grants, sending, via
from tests.unit.scenes import Scene
from tests.unit.templates import Row, Template, flat, rows

READING = {f"codecommit:{one}" for one in ("GetBlob", "GetBranch", "GetCommit", "GetDifferences", "GetFolder")}
READING |= {"codecommit:ListBranches"}
KEYS = {"plain": "<GuardKey.Arn>", "full": "<Given.Arn>", "dry": "<GuardKey.Arn>", "told": "<GuardKey.Arn>"}
REPOSITORIES = {
    "plain": [f"arn:aws:codecommit:{HERE}:*"],
    "full": ["<Shop.Arn>", f"arn:aws:codecommit:{HERE}:lab"],
    "dry": [f"arn:aws:codecommit:{HERE}:shop"],
    "told": [f"arn:aws:codecommit:{HERE}:{name}" for name in known.MANY],
}
ROLES = ("<Deploy.Arn>", known.DEPLOY)


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


@pytest.fixture(params=KEYS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def users(*paths: str) -> list[str]:
    return [f"arn:aws:iam::{ACCOUNT}:user{path}*" for path in paths]


def using_record(key: str, *actions: str) -> set[Row]:
    return {
        *grants("<GuardRecord.Arn>", *(f"dynamodb:{one}" for one in actions)),
        *grants(key, *USE, when=via("dynamodb", REGION)),
    }


def test_who_scans_reads_code_and_writes_the_record(made: Built, name: str) -> None:
    code = grants("<CodeKey.Arn>", "kms:Decrypt", when=via("codecommit", REGION)) if name == "full" else ()
    assert getattr(made, name).may("Scan/FunctionRole") == {
        *function("GuardScan"),
        *grants(REPOSITORIES[name], *READING),
        *using_record(KEYS[name], "GetItem", "PutItem", "UpdateItem"),
        *code,
    }


def answering(key: str, topic: str, topic_key: str | None) -> set[Row]:
    return {
        *function("GuardResponse"),
        *grants("*", "sts:GetAccessKeyInfo"),
        *grants(users("/"), "iam:GetAccessKeyLastUsed"),
        *using_record(key, "GetItem", "UpdateItem"),
        *grants(topic, "sns:Publish"),
        *(grants(topic_key, *USE, when=via("sns", REGION)) if topic_key else ()),
    }


LOOKING = ("iam:ListAccessKeys", "iam:ListUserTags")


@pytest.mark.parametrize("name", ["plain", "told"])
def test_who_answers_makes_keys_of_users_inactive_and_no_more(made: Built, name: str) -> None:
    assert getattr(made, name).may("Response/FunctionRole") == {
        *answering("<GuardKey.Arn>", "<GuardNotificationTopic>", "<GuardKey.Arn>"),
        *grants(users("/"), *LOOKING, "iam:UpdateAccessKey"),
    }


def test_who_answers_attaches_the_one_policy_and_revokes_the_roles_that_were_given(made: Built) -> None:
    of_people = users("/people/", "/machines/")
    policy = str({"ArnEquals": {"iam:PolicyARN": known.QUARANTINE}})
    hub = f"arn:aws:securityhub:{HERE}:product/{ACCOUNT}/default"
    assert made.full.may("Response/FunctionRole") == {
        *answering("<Given.Arn>", "<Told>", "<ToldKey.Arn>"),
        *grants(of_people, *LOOKING, "iam:UpdateAccessKey"),
        *grants(of_people, "iam:AttachUserPolicy", when=policy),
        *grants("*", "cloudtrail:LookupEvents"),
        *grants(ROLES, "iam:PutRolePolicy"),
        *grants(hub, "securityhub:BatchImportFindings"),
    }


def test_a_dry_run_may_change_nothing(made: Built) -> None:
    may = made.dry.may("Response/FunctionRole")
    assert may == {
        *answering("<GuardKey.Arn>", known.TOLD, None),
        *grants(users("/"), *LOOKING),
        *grants("*", "cloudtrail:LookupEvents"),
    }
    assert {action for action, _, _ in may if action.startswith("iam:")} == {"iam:GetAccessKeyLastUsed", *LOOKING}


def test_no_role_that_touches_iam_reads_code(made: Built, name: str) -> None:
    for role in getattr(made, name).all("AWS::IAM::Role"):
        services = {
            action.partition(":")[0]
            for policy in role.get("Policies", ())
            for statement in policy["PolicyDocument"]["Statement"]
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        }
        assert not {"iam", "codecommit"} <= services


def test_the_machine_calls_its_two_functions_and_sets_aside_what_failed(made: Built, name: str) -> None:
    assert getattr(made, name).may("Machine/Role") == {
        *grants(["<GuardScanFunction.Arn>", "<GuardResponseFunction.Arn>"], "lambda:InvokeFunction"),
        *sending("GuardMachineFailedScans", KEYS[name], REGION),
        *RUNS,
    }


def test_the_machine_starts_itself_and_no_other(made: Built, name: str) -> None:
    scene = getattr(made, name)
    going_on = scene.of(scene.named("Machine/GoingOn"))
    assert going_on["Roles"] == ["<GuardMachineRole>"]
    assert set(rows({"Policies": [going_on]})) == grants("<GuardMachineStateMachine>", "states:StartExecution")


@pytest.mark.parametrize("name", ["plain", "dry", "told"])
def test_rules_start_the_machine_and_nothing_else(made: Built, name: str) -> None:
    scene = getattr(made, name)
    assert scene.may("Pushes/Role") == grants("<GuardMachineStateMachine>", "states:StartExecution")
    rules = [f"<GuardPushes{id}.Arn>" for id in scene.made.push_route.rules]
    (policy,) = (one for one in scene.all("AWS::SQS::QueuePolicy") if one["Queues"] == ["<GuardPushesDeadLetterQueue>"])
    allowed = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert [(one["Action"], one["Principal"], one["Condition"]) for one in allowed] == [
        ("sqs:SendMessage", {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": rules}})
    ]


def test_who_starts_scans_starts_them_and_sets_aside_what_failed(made: Built) -> None:
    assert made.full.may("Triggers/FunctionRole") == {
        *function("GuardTriggers"),
        *grants("<GuardMachineStateMachine>", "states:StartExecution"),
        *sending("GuardTriggersFailedEvents", "<Given.Arn>", REGION),
    }


def test_who_adds_triggers_reads_and_writes_those_of_the_repositories_given(made: Built) -> None:
    assert made.full.may("Triggers/Provider/FunctionRole") == {
        *function("GuardTriggersProvider"),
        *grants(REPOSITORIES["full"], "codecommit:GetRepositoryTriggers", "codecommit:PutRepositoryTriggers"),
    }


def test_each_repository_may_call_the_function_and_no_other_of_any_account(made: Built) -> None:
    found = made.full.all("AWS::Lambda::Permission")
    assert {one.pop("SourceArn") for one in found} == set(REPOSITORIES["full"])
    same = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "<GuardTriggersFunction.Arn>",
        "Principal": "codecommit.amazonaws.com",
        "SourceAccount": ACCOUNT,
    }
    assert found == [same, same]
    for scene in (made.plain, made.dry, made.told):
        assert scene.all("AWS::Lambda::Permission") == []


OWN = {
    "plain": {"Scan/FunctionRole", "Response/FunctionRole", "Machine/Role", "Pushes/Role"},
    "full": {
        *("Scan/FunctionRole", "Response/FunctionRole", "Machine/Role", "Triggers/FunctionRole"),
        "Triggers/Provider/FunctionRole",
    },
}


@pytest.mark.parametrize("name", OWN)
def test_there_is_no_role_beyond_those_above_and_no_policy_beside_them(made: Built, name: str) -> None:
    scene: Scene = getattr(made, name)
    given = 1 if name == "full" else 0
    assert len(scene.all("AWS::IAM::Role")) == len(OWN[name]) + given
    assert [one["Roles"] for one in scene.all("AWS::IAM::Policy")] == [["<GuardMachineRole>"]], "that is above"
    for path in OWN[name]:
        (trust,) = scene.of(scene.named(path))["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
        if path.endswith("/FunctionRole"):
            assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
            continue
        service, what = ("states", "stateMachine:") if path.startswith("Machine") else ("events", "rule/")
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:{service}:{HERE}:{what}*"},
        }


def test_the_key_admits_the_logs_and_the_rules_and_nobody_else(made: Built) -> None:
    for scene, services in ((made.plain, ["logs.eu-west-1", "events"]), (made.full, ["logs.eu-west-1"])):
        root, *others = scene.of(scene.made.encryption_key)["KeyPolicy"]["Statement"]
        assert root["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert [one["Principal"]["Service"] for one in others] == [f"{one}.amazonaws.com" for one in services]
        assert all(one["Condition"] for one in others)


def test_who_may_scan_whole_histories_starts_and_sees_and_ends_runs_of_this_machine_alone() -> None:
    stack = known.stack_in(cdk.App(), "Granting")
    guard = CodeCommitLeakGuard(stack, "Guard")
    auditor = iam.Role(stack, "Auditor", assumed_by=iam.AccountRootPrincipal())
    grant = guard.grant_full_scan(auditor)
    grant.assert_success()
    policies = [flat(one["Properties"]) for one in Template(stack).all("AWS::IAM::Policy")]
    (properties,) = (one for one in policies if one["Roles"] == ["<Auditor>"])
    runs = f"arn:aws:states:{HERE}:execution:<GuardMachineStateMachine.Name>:*"
    found: dict[str, Any] = {one["Resource"]: one["Action"] for one in properties["PolicyDocument"]["Statement"]}
    assert found == {
        "<GuardMachineStateMachine>": "states:StartExecution",
        runs: ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"],
    }


def test_an_identity_that_is_none_is_refused() -> None:
    guard = built().plain.made
    with pytest.raises(ValueError, match="must be") as caught:
        guard.grant_full_scan("auditor")
    assert str(caught.value) == (
        "Plain/Guard: grantee must be an IGrantable, got str 'auditor'; give a construct that implements IGrantable"
    )


LONGEST = 100
"""How many letters the name of a repository has at most:
https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html"""


def characters(document: Any) -> int:
    """How long something is as AWS counts it, without white space."""
    return len(json.dumps(document, separators=(",", ":")))


def on_aws(text: str, region: str) -> str:
    """What a text will be on AWS: ARNs with long names in place of references."""
    partition = "aws-us-gov" if region.startswith("us-gov") else "aws"
    here = f"{region}:{ACCOUNT}"
    named = {
        "Key.Arn": f"arn:{partition}:kms:{here}:key/mrk-{'k' * 32}",
        "Log.Arn": f"arn:{partition}:logs:{here}:log-group:{'l' * LONGEST}:*",
        "Record.Arn": f"arn:{partition}:dynamodb:{here}:table/{'t' * LONGEST}",
        "Record": "t" * LONGEST,
        "Topic": f"arn:{partition}:sns:{here}:{'t' * LONGEST}",
    }

    def replaced(found: re.Match[str]) -> str:
        (arn,) = (arn for end, arn in named.items() if found[1].endswith(end))
        return arn

    return re.sub("<([^<>]+)>", replaced, text.replace("<AWS::Partition>", partition))


@functools.cache
def largest(delivery: Delivery, region: str = "us-gov-west-1") -> Scene:
    """As many repositories, keys, paths, names and roles as there may be, with the longest names."""
    stack = known.stack_in(cdk.App(), "Largest", region)
    partition = "aws-us-gov" if region.startswith("us-gov") else "aws"
    names = [f"{number:02}".ljust(LONGEST, "x") for number in range(MAX_REPOSITORIES[delivery])]
    keys = [f"arn:{partition}:kms:{region}:{ACCOUNT}:key/mrk-{number:032}" for number in range(MAX_KEYS)]
    policy = f"arn:{partition}:iam::{ACCOUNT}:policy/{'p' * 128}"
    # All paths that there may be, and roles as long as go with them.
    roles = [
        f"arn:{partition}:iam::{ACCOUNT}:role/{number}/{'p' * 20}/".ljust(115 + len(partition), "r")
        for number in range(MAX_ROLES)
    ]
    made = CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[known.known_as(stack, name) for name in names],
        decrypt_keys=[kms.Key.from_key_arn(stack, f"Key{number}", arn) for number, arn in enumerate(keys)],
        delivery=delivery,
        response=LeakResponse(
            user_paths=[f"/{number:02}".ljust(95, "x") + "/" for number in range(MAX_PATHS)],
            quarantine_policy=iam.ManagedPolicy.from_managed_policy_arn(stack, "Quarantine", policy),
            revoke_roles=[iam.Role.from_role_arn(stack, f"Role{number}", arn) for number, arn in enumerate(roles)],
        ),
        notification=LeakNotification(security_hub=True),
    )
    return Scene(made, Template(stack))


@pytest.mark.parametrize("region", ["ap-northeast-1", "us-gov-west-1"])
@pytest.mark.parametrize(
    ("delivery", "path"),
    [
        ("eventbridge", "Scan/FunctionRole"),
        ("eventbridge", "Response/FunctionRole"),
        ("trigger", "Triggers/Provider/FunctionRole"),
    ],
)
def test_the_most_and_longest_that_may_be_given_fit_into_the_policies_of_a_role(
    delivery: Delivery, path: str, region: str
) -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    scene = largest(delivery, region)
    (policy,) = scene.of(scene.named(path))["Policies"]
    text = on_aws(json.dumps(policy["PolicyDocument"], separators=(",", ":")), region)
    assert len(text) < 10_240


def test_the_most_that_may_be_given_fits_into_the_environment_of_the_function() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    stack = known.stack_in(cdk.App(), "Named", "us-gov-west-1")
    arns = [f"arn:aws-us-gov:iam::{ACCOUNT}:role/{number}/{'p' * 20}/".ljust(117, "r") for number in range(MAX_ROLES)]
    response = LeakResponse(
        exempt_users=[f"{number:02}".ljust(60, "u") for number in range(31)],
        break_glass_tag="t" * 128,
        quarantine_policy=iam.ManagedPolicy.from_managed_policy_arn(
            stack, "Quarantine", f"arn:aws-us-gov:iam::{ACCOUNT}:policy/{'p' * 128}"
        ),
        revoke_roles=[iam.Role.from_role_arn(stack, f"Role{number}", arn) for number, arn in enumerate(arns)],
    )
    notification = LeakNotification(security_hub=True)
    made = CodeCommitLeakGuard(stack, "Guard", response=response, notification=notification)
    held = Scene(made, Template(stack)).of(made.response_function)["Environment"]["Variables"]
    known_at_last = {name: on_aws(value, "us-gov-west-1") for name, value in held.items()}
    assert sum(len(name) + len(value) for name, value in known_at_last.items()) < 4096


def test_one_statement_is_for_all_keys() -> None:
    scene = largest("eventbridge")
    (policy,) = scene.of(scene.named("Scan/FunctionRole"))["Policies"]
    reading = [one for one in policy["PolicyDocument"]["Statement"] if "codecommit." in str(one.get("Condition"))]
    assert [(one["Action"], len(one["Resource"])) for one in reading] == [("kms:Decrypt", MAX_KEYS)]


def test_as_many_repositories_as_may_have_triggers_fit_into_the_policy_of_the_function() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    function = f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:{'f' * 64}"
    total = sum(
        characters(
            {
                "Sid": "s" * LONGEST,
                "Effect": "Allow",
                "Principal": {"Service": one["Principal"]},
                "Action": one["Action"],
                "Resource": function,
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": one["SourceAccount"]},
                    "ArnLike": {"AWS:SourceArn": one["SourceArn"]},
                },
            }
        )
        for one in largest("trigger").all("AWS::Lambda::Permission")
    )
    assert total < 20 * 1024


def test_the_patterns_of_rules_are_short_enough_however_long_the_names_are() -> None:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    scene = largest("eventbridge")
    patterns = [characters(scene.of(one)["EventPattern"]) for one in scene.made.push_route.rules.values()]
    assert len(patterns) == 5
    assert max(patterns) < 2048
