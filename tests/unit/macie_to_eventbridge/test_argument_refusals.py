"""What concerns the construct as a whole is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cfnlint
import pytest

from cdk_refarch import MacieToEventBridge
from cdk_refarch.macie_to_eventbridge import argument_checks, routing_checks
from cdk_refarch.macie_to_eventbridge.routing import Notification, Quarantine, Route, TicketQueue
from cdk_refarch.macie_to_eventbridge.values import (
    AllowList,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    ResultsExport,
    SuppressionRule,
)
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack


def discovery(**arguments: Any) -> Call:
    wanted = {
        "session": MacieSession(),
        "results_export": ResultsExport(),
        "custom_data_identifiers": [],
        "allow_lists": [],
        "suppression_rules": [],
        "jobs": [],
        **arguments,
    }
    return lambda: argument_checks.check_discovery(checks, stack, **wanted)


def responses(**arguments: Any) -> Call:
    others = dict.fromkeys(("notification", "ticket_queue", "quarantine", "audit_bus", "event_bus"))
    wanted: dict[str, Any] = {"routes": [], **others, "reconcile": False, **arguments}
    return lambda: argument_checks.check_responses(checks, stack, **wanted)


def region(name: str) -> Call:
    return lambda: argument_checks.check_region(checks, name)


def audit_bus(organization_id: Any = None, accounts: Any = ()) -> Call:
    return lambda: routing_checks.check_audit_bus(checks, organization_id, accounts)


ONE_AT_A_TIME = "given one at a time, got both; set {} in the accounts whose findings they are"
NO_MACIE = "region of the stack must be one that has Amazon Macie, got"

REGIONS: list[Case] = [
    (
        region("ca-west-1"),
        f"{NO_MACIE} ca-west-1; deploy the stack to ca-central-1",
    ),
    (region("mx-central-1"), f"{NO_MACIE} mx-central-1; deploy the stack to eu-west-1 or us-east-1"),
    (
        region("eu-south-2"),
        f"{NO_MACIE} eu-south-2; deploy the stack to eu-central-1 or eu-north-1 or eu-south-1 or eu-west-1 or eu-west-2 or "
        "eu-west-3",
    ),
    *(
        (region(name), f"{NO_MACIE} {name}; leave it out of this partition")
        for name in ("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1")
    ),
]

WIRED: list[Case] = [
    (discovery(session=True), "session must be a MacieSession, got bool True; give MacieSession() or leave it out"),
    (
        discovery(results_export=False),
        "results_export must be a ResultsExport, got bool False; give ResultsExport() or leave it out",
    ),
    *(
        (discovery(**{argument: None}), f"{argument} must be a list, got NoneType None; give [{kind}(...)]")
        for argument, kind in (
            ("custom_data_identifiers", "CustomDataIdentifier"),
            ("allow_lists", "AllowList"),
            ("suppression_rules", "SuppressionRule"),
            ("jobs", "ClassificationJob"),
        )
    ),
    (responses(routes=None), "routes must be a list, got NoneType None; give [Route(...)]"),
    (
        responses(notification=1),
        "notification must be a Notification, got int 1; give Notification(emails=['security@example.com'])",
    ),
    (responses(ticket_queue=1), "ticket_queue must be a TicketQueue, got int 1; give TicketQueue() or leave it out"),
    (responses(quarantine=1), "quarantine must be a Quarantine, got int 1; give Quarantine() or leave it out"),
    (responses(audit_bus=1), "audit_bus must be an IEventBus, got int 1; give a construct that implements IEventBus"),
    (responses(event_bus=1), "event_bus must be an IEventBus, got int 1; give a construct that implements IEventBus"),
    (
        responses(reconcile=True, event_bus=given.BUS),
        f"reconcile and event_bus must be {ONE_AT_A_TIME.format('reconcile')}",
    ),
    (
        responses(quarantine=Quarantine(), event_bus=given.BUS),
        f"quarantine and event_bus must be {ONE_AT_A_TIME.format('quarantine')}",
    ),
    (
        responses(routes=[Route(id="Loop", target=given.SAME_BUS)], event_bus=given.BUS),
        "Loop: target must be another bus than the one that is listened to, got the same; EventBridge does not send events "
        "in a circle; give another bus",
    ),
    (
        responses(reconcile="no"),
        "reconcile must be True or False, got 'no'; give True to send findings after whose events were lost",
    ),
]

AUDIT_BUSES: list[Case] = [
    (
        audit_bus(),
        "organization_id and accounts must be given one at a time, got neither; give the organization, or the accounts "
        "that may send",
    ),
    (
        audit_bus("o-a1b2c3d4e5", ["111122223333"]),
        "organization_id and accounts must be given one at a time, got both; give the organization, or the accounts that "
        "may send",
    ),
    *(
        (
            audit_bus(wrong),
            f"organization_id must be an id of an organization, as in o-a1b2c3d4e5, got {wrong!r}; copy it from AWS "
            "Organizations",
        )
        for wrong in ("", "*", "r-ab12", "o-a1b2c3d4e", "o-" + "a" * 33, "O-A1B2C3D4E5")
    ),
    (audit_bus(accounts="111122223333"), "accounts must be a list, got str '111122223333'; give ['111122223333'], say"),
    *(
        (
            audit_bus(accounts=[wrong]),
            f"accounts must be a list of account ids of 12 digits, got {wrong!r}; give ['111122223333'], say",
        )
        for wrong in ("1" * 11, "1" * 13, "*")
    ),
    (audit_bus(accounts=[111122223333]), "accounts must be text, got int 111122223333; give ['111122223333'], say"),
    (
        audit_bus(accounts=["1" * 12, "1" * 12]),
        "accounts must be a list without repetition, got '111111111111' twice; drop one of them",
    ),
]

ALL = [*REGIONS, *WIRED, *AUDIT_BUSES]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    *(region(name) for name in argument_checks.REGIONS),
    region("xx-new-1"),
    region(cdk.Aws.REGION),
    discovery(),
    discovery(
        custom_data_identifiers=[CustomDataIdentifier(id="Same", regex="EMP-[0-9]{6}")],
        allow_lists=[AllowList(id="Same", regex="EMP-000000")],
        suppression_rules=[SuppressionRule(id="Same", criteria={"type": ["Policy:IAMUser/S3BucketPublic"]})],
        jobs=[ClassificationJob(id="Same", buckets=["team-data"])],
    ),
    responses(),
    responses(
        routes=[Route(id="Security", target=given.TOPIC)],
        notification=Notification(),
        ticket_queue=TicketQueue(),
        quarantine=Quarantine(),
        audit_bus=given.FAR_BUS,
        reconcile=True,
    ),
    responses(audit_bus=given.FAR_BUS, event_bus=given.BUS),
    responses(audit_bus=given.OTHERS_BUS, event_bus=given.BUS),
    responses(routes=[Route(id="On", target=given.FAR_BUS)], event_bus=given.BUS),
    audit_bus("o-a1b2c3d4e5"),
    audit_bus("o-" + "a" * 32),
    audit_bus(given.LATER),
    audit_bus(accounts=["111122223333", "444455556666", cdk.Aws.ACCOUNT_ID]),
    audit_bus(accounts=given.LATER_LIST),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_a_stack_in_a_region_without_macie_is_refused_first() -> None:
    china = cdk.Stack(cdk.App(), "China", env=cdk.Environment(region="cn-north-1"))
    with pytest.raises(ValueError, match="must be") as caught:
        MacieToEventBridge(china, "Macie", encryption_key="no key")  # type: ignore[arg-type]
    assert str(caught.value) == f"China/Macie: {NO_MACIE} cn-north-1; leave it out of this partition"


def test_the_regions_are_those_that_cloudformation_knows() -> None:
    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    known = {path.stem: "AWS::Macie::Session" in json.loads(path.read_text()) for path in folder.glob("*-*-*.json")}
    assert {name for name, has in known.items() if has} <= set(argument_checks.REGIONS)
    assert {name for name, has in known.items() if not has} == set(argument_checks.REGIONS_WITHOUT)
    # Endpoints of Macie are there, and cfn-lint has no schemas of this region at all.
    assert set(argument_checks.REGIONS) - set(known) == {"me-south-1"}
