"""What belongs to an account and region once is made once in a stack, and the session of Macie stays."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from constructs import Construct

from cdk_refarch import ClassificationJob, MacieSession, MacieToEventBridge, Notification, Organization, ResultsExport
from tests.unit.macie_to_eventbridge.findings import SMALLEST
from tests.unit.templates import Template

IN_ONE = "set it in one of the two"
ONCE: dict[str, tuple[dict[str, Any], str]] = {
    "session": ({"session": MacieSession()}, "give session=MacieSession(existing=True)"),
    "results_export": (
        {"results_export": ResultsExport()},
        "give results_export=ResultsExport(enabled=False)",
    ),
    "automated_discovery": ({"session": MacieSession(existing=True, automated_discovery=False)}, IN_ONE),
    "security_hub": ({"session": MacieSession(existing=True, security_hub=True)}, IN_ONE),
    "organization": (
        {"session": MacieSession(existing=True, organization=Organization(auto_enable_members=False))},
        IN_ONE,
    ),
}


def make(scope: cdk.Stack, id: str, **given: Any) -> MacieToEventBridge:
    return MacieToEventBridge(scope, id, **{**SMALLEST, **given})


@pytest.mark.parametrize("what", ONCE)
def test_rejects_a_second_one_of_what_an_account_has_once(what: str) -> None:
    given, remedy = ONCE[what]
    stack = cdk.Stack(cdk.App(), "Security")
    make(stack, "One", **given)
    with pytest.raises(ValueError, match="must be") as caught:
        make(stack, "Two", **given)
    assert (
        str(caught.value) == f"Security/Two: {what} must be made once in a stack, got another by Security/One; {remedy}"
    )
    assert stack.node.try_find_child("Two") is None
    make(stack, "Two")


def test_rejects_what_another_construct_deeper_in_the_stack_makes() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    MacieToEventBridge(Construct(stack, "Part"), "One")
    with pytest.raises(ValueError, match="session must be made once in a stack, got another by Security/Part/One; "):
        MacieToEventBridge(stack, "Two")


def test_two_settings_of_one_session_may_be_made_by_two_constructs() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    for id, (given, _) in ONCE.items():
        make(stack, id.title().replace("_", ""), **given)
    template = Template(stack)
    assert len(template.all("Custom::MacieResultsExport")) == len(template.all("AWS::Macie::Session")) == 1
    assert len(template.all("Custom::MacieSettings")) == 4


def test_other_stacks_have_their_own() -> None:
    app = cdk.App()
    for id in ("Ireland", "Frankfurt"):
        MacieToEventBridge(cdk.Stack(app, id), "Macie")
    app.synth()


def test_what_was_refused_before_has_claimed_nothing() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    with pytest.raises(ValueError, match="reconcile must be"):
        MacieToEventBridge(stack, "Macie", reconcile="no")  # type: ignore[arg-type]
    MacieToEventBridge(stack, "Macie")


def test_two_instances_fit_in_one_stack() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    once = [ClassificationJob(id="Once", buckets=["lake"])]
    one = MacieToEventBridge(stack, "One", jobs=once, notification=Notification())
    two = MacieToEventBridge(stack, "Two", **SMALLEST, jobs=once, notification=Notification(), reconcile=True)
    template = Template(stack)
    assert len(template.all("AWS::Macie::Session")) == 1
    assert len(template.all("AWS::Events::Rule")) == 6
    names = [template.of(each.alarms["JobErrors"])["MetricName"] for each in (one, two)]
    assert len(set(names)) == 2


def session(stack: cdk.Stack) -> None:
    MacieToEventBridge(stack, "Macie", results_export=ResultsExport(enabled=False))


def test_rejects_that_the_session_goes_with_the_stack() -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Security")
    session(stack)
    cdk.RemovalPolicies.of(stack).destroy()
    with pytest.raises(RuntimeError) as caught:
        app.synth()
    (refusal,) = (line.strip() for line in str(caught.value).splitlines() if "Session" in line)
    assert refusal == (
        "[Security/Macie/Discovery] Security/Macie/Discovery/Session: removal policy must be one that retains it, got "
        "CfnDeletionPolicy.DELETE; exclude it, as in "
        "RemovalPolicies.of(app).destroy(exclude_resource_types=['AWS::Macie::Session'])"
    )


def test_a_session_that_is_excluded_or_retained_stays() -> None:
    for number in range(3):
        app = cdk.App()
        stack = cdk.Stack(app, "Security")
        session(stack)
        if number == 1:
            cdk.RemovalPolicies.of(app).destroy(exclude_resource_types=["AWS::Macie::Session"])
        elif number == 2:
            cdk.RemovalPolicies.of(stack).retain()
        (found,) = Template(stack).all("AWS::Macie::Session")
        assert found["DeletionPolicy"] == ("Retain" if number == 2 else "RetainExceptOnCreate")
        assert found["UpdateReplacePolicy"] == "Retain"


def test_a_session_of_somebody_else_is_none_of_our_business() -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Security")
    make(stack, "Macie")
    cdk.RemovalPolicies.of(stack).destroy()
    app.synth()


def test_what_a_construct_claimed_that_is_gone_is_free_again() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    session(stack)
    stack.node.try_remove_child("Macie")
    session(stack)
    with pytest.raises(ValueError, match="session must be made once in a stack, got another by Security/Macie; "):
        MacieToEventBridge(stack, "Other", results_export=ResultsExport(enabled=False))
