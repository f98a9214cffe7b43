"""Settings that CloudFormation lacks, each with a function of its own, and those of the whole account."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import DomainIdentity, Feedback, Inbound, SendingStream, SesAccount, SesConfigSets
from tests.unit.ses_config_sets.built import Built, permissions
from tests.unit.templates import Template, flat

Resources = dict[str, dict[str, Any]]
ACTIONS = {
    "Inbound": {"ses:DescribeActiveReceiptRuleSet", "ses:SetActiveReceiptRuleSet"},
    "Account": {"ses:PutAccountSuppressionAttributes"},
}
KINDS = {"Inbound": "SesActiveReceiptRuleSet", "Account": "SesAccountSuppression"}


def test_the_account_is_left_as_it_is_unless_it_is_asked_for(made: Built) -> None:
    for where in (made.plain, made.given):
        kinds = {one["Type"] for one in where.template.json["Resources"].values()}
        assert not {one for one in kinds if one.startswith("Custom::")}
        assert "AWS::SES::VdmAttributes" not in kinds


def test_the_account_keeps_its_settings_when_the_construct_is_removed(made: Built) -> None:
    expected = {"full": ("ENABLED", "ENABLED"), "bare": ("DISABLED", "ENABLED")}
    for name, (engagement, shared) in expected.items():
        (manager,) = made.scene(name).template.all("AWS::SES::VdmAttributes")
        assert (manager["DeletionPolicy"], manager["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert manager["Properties"] == {
            "DashboardAttributes": {"EngagementMetrics": engagement},
            "GuardianAttributes": {"OptimizedSharedDelivery": shared},
        }


def test_the_account_suppresses_addresses_for_the_reasons_that_were_given(made: Built) -> None:
    (found,) = made.full.template.all("Custom::SesAccountSuppression")
    assert found["Properties"]["Reasons"] == ["BOUNCE", "COMPLAINT"]
    assert made.bare.template.all("Custom::SesAccountSuppression") == []


def resources(**more: Any) -> Resources:
    """The resources of a construct that receives, or sets something of the account."""
    stack = cdk.Stack(cdk.App(), "Mail")
    SesConfigSets(
        stack,
        "Email",
        identity=DomainIdentity(domain="example.com"),
        streams={"news": SendingStream()},
        feedback=Feedback(record=False),
        analytics=None,
        **more,
    )
    found: Resources = Template(stack).json["Resources"]
    return found


def part(found: Resources, name: str) -> Resources:
    """What belongs to a part of the construct, by logical ids."""
    return {id: one for id, one in found.items() if id.startswith(f"Email{name}")}


RECEIVING = Inbound(recipients=["example.com"])
SUPPRESSING = SesAccount(suppression=["BOUNCE"])


@pytest.fixture(scope="module")
def both() -> Resources:
    return resources(inbound=RECEIVING, account=SUPPRESSING)


@pytest.mark.parametrize("name", ACTIONS)
def test_each_setting_has_a_function_that_may_do_nothing_but_make_it(made: Built, both: Resources, name: str) -> None:
    (setting,) = [one for one in both.values() if one["Type"] == f"Custom::{KINDS[name]}"]
    function = both[setting["Properties"]["ServiceToken"]["Fn::GetAtt"][0]]
    role = both[function["Properties"]["Role"]["Fn::GetAtt"][0]]
    found = permissions(flat(role["Properties"]))
    assert {one for one in found if one[0].startswith("ses:")} == {(action, "*", "") for action in ACTIONS[name]}
    assert {action.split(":")[0] for action, _, _ in found} == {"logs", "ses", "xray"}
    whole = permissions(made.full.of(made.full.named(f"{name}/Provider/FunctionRole")))
    assert {one[0] for one in whole if one[0].startswith("ses:")} == ACTIONS[name]


@pytest.mark.parametrize(
    ("kept", "more"),
    [("Inbound", {"inbound": RECEIVING}), ("Account", {"account": SUPPRESSING})],
)
def test_an_update_that_drops_one_setting_leaves_the_function_of_the_other_as_it_is(
    both: Resources, kept: str, more: dict[str, Any]
) -> None:
    left = resources(**more)
    (dropped,) = ACTIONS.keys() - {kept}
    assert part(left, kept) == part(both, kept) != {}
    assert part(left, dropped) == {} != part(both, dropped)
    assert not any(action in json.dumps(left) for action in ACTIONS[dropped])


def test_an_update_that_no_longer_activates_drops_the_function_together_with_what_it_undoes(both: Resources) -> None:
    left = resources(inbound=Inbound(recipients=["example.com"], activate=False), account=SUPPRESSING)
    gone = {one["Type"] for id, one in part(both, "Inbound").items() if id not in left}
    assert gone == {
        "Custom::SesActiveReceiptRuleSet",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
    }


def test_what_cloudformation_has_is_no_reason_for_a_function(made: Built) -> None:
    assert made.bare.named("Account").node.try_find_child("Provider") is None
    assert made.bare.template.all("AWS::Lambda::Function") == []
