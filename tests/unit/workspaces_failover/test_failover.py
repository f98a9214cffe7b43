"""What the template has: the records, the switch, the guard, and the alarms that tell of each of them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import Desktop, ExistingDirectory, LocalReplica, PrimaryControllers
from cdk_refarch.workspaces_failover.directory_salt import directory_salt
from cdk_refarch.workspaces_failover.redirection import CODE
from tests.unit import refusals as given
from tests.unit.scenes import Scene
from tests.unit.templates import flat
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_built import Built, built
from tests.unit.workspaces_failover.failover_refusals import Made, connector, managed

SPACE = "CdkRefarch/WorkspacesFailover"


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def parameter(stack: str) -> str:
    """The name of the switch's parameter, which no other switch of the account has."""
    return f"cdk-refarch-{hashlib.sha256(f'{stack}/{stack}/Failover/Switch'.encode()).hexdigest()[:32]}"


def records(scene: Scene, record: Any) -> list[Any]:
    return [scene.of(record.records[name]) for name in ("Primary", "Failover")]


def test_each_site_has_a_record_and_only_the_primary_one_a_health_check(made: Built) -> None:
    of_both = {"HostedZoneId": "<Own>", "Name": "desktop.example.com.", "TTL": "30", "Type": "TXT"}
    assert records(made.full, made.full.made.record) == [
        {
            **of_both,
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "ResourceRecords": ['"<FailoverPrimaryIdentifier.ConnectionIdentifier>"'],
            "HealthCheckId": "<FailoverHealthAll.HealthCheckId>",
        },
        {
            **of_both,
            "SetIdentifier": "secondary",
            "Failover": "SECONDARY",
            "ResourceRecords": ['"<FailoverFailoverIdentifier.ConnectionIdentifier>"'],
        },
    ]
    assert {one["TTL"] for one in records(made.plain, made.plain.made.record)} == {"60"}


def test_records_can_be_made_alone(made: Built) -> None:
    primary, failover = records(made.record, made.record.made)
    assert (primary["ResourceRecords"], failover["ResourceRecords"]) == (['"abc123"'], ['"xyz789"'])
    assert (primary["TTL"], primary["HealthCheckId"]) == ("1", known.HEALTH_CHECK)
    assert "HealthCheckId" not in failover
    assert len(made.record.template.json["Resources"]) == 2


def test_identifiers_are_found_by_the_name_in_the_region_of_each_site(made: Built) -> None:
    for scene, salts in ((made.plain, known.DIRECTORIES), (made.full, known.DIRECTORIES)):
        found = scene.all("Custom::ConnectionIdentifier")
        assert [(one["Region"], one["Fqdn"], one["Directory"]) for one in found] == [
            (known.PRIMARY, known.FQDN, salts["primary"]),
            (known.FAILOVER, known.FQDN, salts["failover"]),
        ]


def salt(directory: str | Made) -> str:
    own = known.stack_in(cdk.App(), "Elsewhere", known.FAILOVER)
    given = ExistingDirectory(directory_id=directory) if isinstance(directory, str) else directory(own)
    return directory_salt(own, given)


def test_another_directory_of_a_site_has_its_identifier_looked_up_again() -> None:
    here = LocalReplica(primary_region=known.PRIMARY)
    directories = [
        *(connector(here), connector(here, size="Large"), connector(here, short_name="CORP")),
        connector(LocalReplica(primary_region=known.PRIMARY, directory_id="d-3333333333")),
        connector(PrimaryControllers(primary_region=known.PRIMARY)),
        *(connector(["192.0.2.1"]), connector(["192.0.2.2"]), connector(here, "other.example.com")),
        *(managed(), managed(edition="Standard"), "d-2222222222", given.LATER),
    ]
    salts = [salt(one) for one in directories]
    assert len(set(salts)) == len(directories)
    assert salts == [salt(one) for one in directories]
    # It goes to a stack of another region.
    assert not [one for one in salts if "Token" in one]
    assert salts[-2] == "d-2222222222"


def test_the_functions_are_told_where_and_what_and_no_more(made: Built) -> None:
    named = {"FQDN": known.FQDN, "PARAMETER_NAME": parameter("PlainRedirection")}
    assert made.plain.variables("Guard") == {
        **named,
        "ZONE_ID": known.ZONE,
        "PRIMARY_REGION": known.PRIMARY,
        "FAILOVER_REGION": known.FAILOVER,
        "HEALTH_CHECK_ID": "<FailoverHealthSwitch.HealthCheckId>",
    }
    assert made.full.variables("Guard")["HEALTH_CHECK_ID"] == "<FailoverHealthAll.HealthCheckId>"
    assert made.plain.variables("Switch") == {**named, "NAMESPACE": SPACE}
    control = made.full.variables("Switch")
    assert control["PARAMETER_NAME"] == parameter("FullRedirection") == made.full.made.switch.parameter_name
    assert control["ROUTING_CONTROL_ARN"] == known.CONTROL_ARN
    assert json.loads(control["ROUTING_CONTROL_ENDPOINTS"]) == [
        {"Region": region, "Endpoint": url} for region, url in known.ENDPOINTS.items()
    ]
    for scene, asks in ((made.plain, "true"), (made.full, "false")):
        variables = scene.variables("Answer")
        assert json.loads(variables.pop("IDENTIFIERS")) == {
            "primary": "<FailoverPrimaryIdentifier.ConnectionIdentifier>",
            "failover": "<FailoverFailoverIdentifier.ConnectionIdentifier>",
        }
        assert variables == {"FQDN": known.FQDN, "CHECK_DNS": asks}


def test_the_functions_have_every_variable_that_their_code_reads(made: Built) -> None:
    sources = {path.stem: path.read_text() for path in CODE.glob("*.py")}
    modules = {"Guard": ("guard", "inspection", "sites"), "Switch": ("switch", "sites"), "Answer": ("answer", "sites")}
    for part, names in modules.items():
        text = "".join(sources[name] for name in names)
        needed = set(re.findall(r'environ\["([A-Z_]+)"\]', text))
        may = set(re.findall(r'environ\.get\("([A-Z_]+)"', text))
        assert needed <= set(made.full.variables(part)) <= needed | may
        assert made.full.of(made.full.named(f"{part}/Function"))["Handler"] == f"{names[0]}.handler"


def test_the_switch_starts_at_the_primary_site_and_takes_no_other_word(made: Built) -> None:
    assert made.plain.of(made.plain.named("Switch/Site")) == {
        "AllowedPattern": "^(primary|failover)$",
        "Description": "Where users of desktop.example.com are sent: primary or failover. The runbook turns it",
        "Name": parameter("PlainRedirection"),
        "ServiceTimeout": "600",
        "ServiceToken": "<FailoverSwitchParameterProviderFunction.Arn>",
        "Value": "primary",
    }


def test_no_deployment_writes_the_switch_once_it_is_there(made: Built) -> None:
    for scene, region in ((made.plain, known.FAILOVER), (made.full, known.THIRD)):
        # CloudFormation would write what the template says with each update.
        assert scene.all("AWS::SSM::Parameter") == []
        assert scene.template.resource(scene.named("Switch/Site"))["Type"] == "Custom::SwitchParameter"
        name = scene.made.switch.parameter_name
        arn = flat(scene.template.resolve(scene.made.switch.parameter_arn))
        assert arn == f"arn:aws:ssm:{region}:{known.ACCOUNT}:parameter/{name}"


def test_the_switch_is_called_only_once_its_parameter_is_there(made: Built) -> None:
    resource = made.plain.template.resolve(made.plain.named("Switch/Site").node.default_child.logical_id)
    assert made.plain.template.resource(made.plain.named("Switch/EachMinute"))["DependsOn"] == [resource]


def test_the_guard_looks_and_the_switch_repeats_itself_by_the_clock(made: Built) -> None:
    for scene, interval in ((made.plain, "rate(60 minutes)"), (made.full, "rate(5 minutes)")):
        rules = {one["Targets"][0]["Arn"]: one for one in scene.all("AWS::Events::Rule")}
        assert {name: one["ScheduleExpression"] for name, one in rules.items()} == {
            "<FailoverGuardFunction.Arn>": interval,
            "<FailoverSwitchFunction.Arn>": "rate(1 minute)",
        }
        assert {one["State"] for one in rules.values()} == {"ENABLED"}
        for part in ("Guard", "Switch"):
            queue = f"<Failover{part}FailedEvents.Arn>"
            (target,) = rules[f"<Failover{part}Function.Arn>"]["Targets"]
            assert target["DeadLetterConfig"] == {"Arn": queue}
            assert scene.of(scene.named(f"{part}/Function"))["DeadLetterConfig"] == {"TargetArn": queue}


def test_what_the_guard_finds_is_measured_in_its_log(made: Built) -> None:
    (metric,) = made.full.all("AWS::Logs::MetricFilter")
    (transformation,) = metric["MetricTransformations"]
    drift = made.full.of(made.full.made.alarms["Drift"])
    assert metric["LogGroupName"] == "<FailoverGuardLog>"
    assert (metric["FilterPattern"], transformation["MetricValue"]) == ("{ $.findings >= 0 }", "$.findings")
    assert (transformation["MetricNamespace"], transformation["MetricName"]) == (SPACE, drift["MetricName"])
    assert (drift["Namespace"], drift["Period"], drift["TreatMissingData"]) == (SPACE, 300, "ignore")
    assert made.plain.of(made.plain.made.alarms["Drift"])["Period"] == 3600


QUEUES, RUNS = ("AWS/SQS", "ApproximateNumberOfMessagesVisible"), "AWS/States"
ALARMS = {
    "PrimaryDisabled": (SPACE, "PrimaryDisabled", {"Fqdn": known.FQDN}, "Maximum"),
    "SwitchFailed": (*QUEUES, {"QueueName": "<FailoverSwitchFailedEvents.QueueName>"}, "Maximum"),
    "GuardFailed": (*QUEUES, {"QueueName": "<FailoverGuardFailedEvents.QueueName>"}, "Maximum"),
    **{
        f"Runbook{name}": (RUNS, f"Executions{name}", {"StateMachineArn": "<FailoverRunbookStateMachine>"}, "Sum")
        for name in ("Failed", "TimedOut", "Aborted")
    },
}


def test_every_alarm_watches_what_its_name_says_and_tells_the_topic(made: Built) -> None:
    alarms = made.full.made.alarms
    assert set(alarms) == {*ALARMS, "Drift"}
    assert len(made.full.all("AWS::CloudWatch::Alarm")) == len(alarms) + 1
    for name, alarm in alarms.items():
        found = made.full.of(alarm)
        assert found["AlarmActions"] == ["<Told>"]
        assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert found["EvaluationPeriods"] == 1
        assert len(found["AlarmDescription"]) > 60
        if name in ALARMS:
            dimensions = {one["Name"]: one["Value"] for one in found["Dimensions"]}
            assert (found["Namespace"], found["MetricName"], dimensions, found["Statistic"]) == ALARMS[name]
    assert not [one for one in made.plain.made.alarms.values() if "AlarmActions" in made.plain.of(one)]


def test_queues_and_logs_are_encrypted_kept_and_removed_as_it_was_said(made: Built) -> None:
    for scene, key, policy, days in (
        (made.plain, "<FailoverKey.Arn>", "Retain", 365),
        (made.full, "<Given.Arn>", "Delete", 7),
    ):
        groups = scene.all("AWS::Logs::LogGroup")
        assert {(one["KmsKeyId"], one["RetentionInDays"]) for one in groups} == {(key, days)}
        assert len(groups) == 6
        assert {one["KmsMasterKeyId"] for one in scene.all("AWS::SQS::Queue")} == {key}
        kept = ("AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::StepFunctions::StateMachine")
        assert {one["DeletionPolicy"] for kind in kept for one in scene.template.all(kind)} == {policy}
    assert made.plain.template.resource(made.plain.made.encryption_key)["DeletionPolicy"] == "Retain"


def warnings(pair: known.Pair, **arguments: Any) -> list[str]:
    pair.failed_over(**arguments)
    found = Annotations.from_stack(pair.here).find_warning("*", Match.any_value())
    return [str(one.entry.data) for one in found]


def desktops(*users: str) -> dict[str, Any]:
    return {"desktops": [Desktop(user_name=user, bundle_id="wsb-0a1b2c3d4") for user in users]}


def test_it_warns_of_users_without_a_desktop_at_the_failover_site_and_of_nothing_when_all_have_one() -> None:
    users = [f"user{number}" for number in range(7)]
    pair = known.pair_in(app := known.quiet_app(), primary=desktops(*users), failover=desktops("USER0"))
    assert warnings(pair) == [
        "The failover site has no WorkSpace for user1, user2, user3, user4, user5 and 1 more: AWS makes none when "
        "users are redirected. [ack: cdk-refarch:users-without-failover]"
    ]
    few = known.site_in(known.stack_in(app, "Few", known.PRIMARY), **desktops("User0"))
    here = known.stack_in(app, "Other", known.THIRD)
    assert warnings(replace(pair, primary=few, here=here)) == []


def test_it_warns_of_a_connector_that_aws_deregisters() -> None:
    app = known.quiet_app()
    standby = known.stack_in(app, "Standby", known.FAILOVER)
    idle = known.site_in(standby, connector(["192.0.2.1"])(standby))
    primary = known.site_in(known.stack_in(app, "Primary", known.PRIMARY))
    assert warnings(known.Pair(primary, idle, known.stack_in(app, "Redirection", known.THIRD))) == [
        "The failover site has no WorkSpaces: AWS deregisters an AD Connector without any after 30 days. "
        "https://docs.aws.amazon.com/workspaces/latest/adminguide/register-deregister-directory.html "
        "[ack: cdk-refarch:idle-connector]"
    ]
