"""SES's custom resources: the account's suppression list, and which receipt rule set is active."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context

PROVIDER = "ses"
SUPPRESSION, ACTIVE = "Custom::SesAccountSuppression", "Custom::SesActiveReceiptRuleSet"
PUT, SET, DESCRIBE = "PutAccountSuppressionAttributes", "SetActiveReceiptRuleSet", "DescribeActiveReceiptRuleSet"
GONE = FakeError("RuleSetDoesNotExist", "Rule set does not exist: theirs")
OURS = {"RuleSetName": "ours"}


def active(aws: FakeAws, name: str | None) -> None:
    """Say which rule set is active, next time."""
    aws.reply("ses", DESCRIBE, {"Metadata": {"Name": name}, "Rules": []} if name else {})


class ReceiptRuleSets:
    """The rule sets of an account, of which one may be active."""

    def __init__(self, aws: FakeAws, active: str | None, *names: str) -> None:
        self.active, self.names = active, {*names, *filter(None, [active])}
        aws.reply("ses", DESCRIBE, self._describe, repeat=True)
        aws.reply("ses", SET, self._activate, repeat=True)

    def _describe(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Metadata": {"Name": self.active}} if self.active else {}

    def _activate(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters.get("RuleSetName")
        if name not in (None, *self.names):
            raise GONE
        self.active = name
        return {}


@pytest.mark.parametrize("reasons", [["BOUNCE", "COMPLAINT"], ["BOUNCE"], []])
@pytest.mark.parametrize("action", ["Create", "Update"])
def test_reasons_of_the_suppression_list_are_said(
    aws: FakeAws, cloudformation: CloudFormation, reasons: list[str], action: str
) -> None:
    aws.reply("sesv2", PUT)
    answer = cloudformation.send(
        SUPPRESSION, {"Reasons": reasons}, action, PhysicalResourceId="ses-account-suppression"
    )
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "ses-account-suppression")
    assert cloudformation.given(PUT) == [{"SuppressedReasons": reasons}]
    assert aws.actions() == {"ses:PutAccountSuppressionAttributes"}


@pytest.mark.parametrize("physical_id", ["ses-account-suppression", "failed-create"])
def test_the_suppression_list_stays_as_it_is_when_the_stack_goes(
    aws: FakeAws, cloudformation: CloudFormation, physical_id: str
) -> None:
    answer = cloudformation.send(SUPPRESSION, {"Reasons": []}, "Delete", PhysicalResourceId=physical_id)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    assert aws.calls == []


@pytest.mark.parametrize(("before", "physical_id"), [("theirs", "theirs|ours"), (None, "-|ours")])
def test_a_rule_set_is_activated_and_the_id_says_which_was_active_before(
    aws: FakeAws, cloudformation: CloudFormation, before: str | None, physical_id: str
) -> None:
    sets = ReceiptRuleSets(aws, before, "ours")
    answer = cloudformation.send(ACTIVE, OURS)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    assert sets.active == "ours"
    assert aws.actions() == {"ses:DescribeActiveReceiptRuleSet", "ses:SetActiveReceiptRuleSet"}
    removed = cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId=physical_id)
    assert (removed["Status"], removed["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    assert sets.active == before
    assert cloudformation.given(SET) == [{"RuleSetName": "ours"}, {"RuleSetName": before} if before else {}]


def test_the_id_of_names_as_long_as_they_may_be_is_short_enough(aws: FakeAws, cloudformation: CloudFormation) -> None:
    before, ours = "a" * 64, "b" * 64
    ReceiptRuleSets(aws, before, ours)
    physical_id = cloudformation.send(ACTIVE, {"RuleSetName": ours})["PhysicalResourceId"]
    assert physical_id == f"{before}|{ours}"
    assert len(physical_id) <= 1024


def test_a_create_that_comes_again_leaves_none_active_when_the_stack_goes(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    sets = ReceiptRuleSets(aws, "ours")
    assert cloudformation.send(ACTIVE, OURS)["PhysicalResourceId"] == "ours|ours"
    cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="ours|ours")
    assert sets.active is None


def test_an_update_to_another_name_keeps_what_was_active_before(aws: FakeAws, cloudformation: CloudFormation) -> None:
    sets = ReceiptRuleSets(aws, "ours", "theirs", "new")
    new = {"RuleSetName": "new"}
    answer = cloudformation.send(ACTIVE, new, "Update", PhysicalResourceId="theirs|ours", OldResourceProperties=OURS)
    assert (answer["PhysicalResourceId"], sets.active) == ("theirs|new", "new")
    # CloudFormation deletes what had the id before.
    cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="theirs|ours")
    assert sets.active == "new"
    cloudformation.send(ACTIVE, new, "Delete", PhysicalResourceId="theirs|new")
    assert sets.active == "theirs"


def test_an_update_that_is_rolled_back_ends_where_it_began(aws: FakeAws, cloudformation: CloudFormation) -> None:
    sets = ReceiptRuleSets(aws, "ours", "theirs")
    new = {"RuleSetName": "theirs"}
    cloudformation.send(ACTIVE, new, "Update", PhysicalResourceId="theirs|ours", OldResourceProperties=OURS)
    assert (cloudformation.answer["PhysicalResourceId"], sets.active) == ("theirs|theirs", "theirs")
    cloudformation.send(ACTIVE, OURS, "Update", PhysicalResourceId="theirs|theirs", OldResourceProperties=new)
    assert cloudformation.answer["PhysicalResourceId"] == "theirs|ours"
    cloudformation.send(ACTIVE, new, "Delete", PhysicalResourceId="theirs|theirs")
    assert sets.active == "ours"


def test_an_update_to_the_same_name_keeps_the_id_and_activates_it_again(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    sets = ReceiptRuleSets(aws, "by-hand", "ours", "theirs")
    answer = cloudformation.send(ACTIVE, OURS, "Update", PhysicalResourceId="theirs|ours", OldResourceProperties=OURS)
    assert (answer["PhysicalResourceId"], sets.active) == ("theirs|ours", "ours")


@pytest.mark.parametrize("now", ["by-hand", None])
def test_what_somebody_has_activated_since_stays_when_the_stack_goes(
    aws: FakeAws, cloudformation: CloudFormation, now: str | None
) -> None:
    active(aws, now)
    cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="theirs|ours")
    assert cloudformation.answer["Status"] == "SUCCESS"
    assert cloudformation.given(SET) == []


def test_none_is_active_when_the_one_before_is_gone(aws: FakeAws, cloudformation: CloudFormation) -> None:
    sets = ReceiptRuleSets(aws, "ours")
    assert cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="theirs|ours")["Status"] == "SUCCESS"
    assert sets.active is None
    assert cloudformation.given(SET) == [{"RuleSetName": "theirs"}, {}]


def test_a_create_that_failed_after_it_had_activated_the_rule_set_leaves_none_active(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    sets = ReceiptRuleSets(aws, "ours")
    assert cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="failed-create")["Status"] == "SUCCESS"
    assert sets.active is None


@pytest.mark.parametrize("name", ["Throttling", "ServiceUnavailable", "AccessDenied", "RuleSetDoesNotExist"])
def test_what_passes_is_waited_for(aws: FakeAws, cloudformation: CloudFormation, name: str) -> None:
    active(aws, None)
    aws.reply("ses", SET, FakeError(name))
    aws.reply("ses", SET, ReadTimeoutError(endpoint_url="https://email"))
    aws.reply("ses", SET)
    assert cloudformation.send(ACTIVE, OURS)["Status"] == "SUCCESS"
    assert cloudformation.pauses == [1, 2]


def test_too_many_requests_about_the_suppression_list_are_waited_for(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    aws.reply("sesv2", PUT, FakeError("TooManyRequestsException", status=429))
    aws.reply("sesv2", PUT)
    assert cloudformation.send(SUPPRESSION, {"Reasons": ["BOUNCE"]})["Status"] == "SUCCESS"


def test_a_refusal_that_stays_fails_in_words_of_the_service_and_in_time(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    active(aws, None)
    aws.reply("ses", SET, GONE, repeat=True)
    answer = cloudformation.send(ACTIVE, OURS, context=Context(60, look=10))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    assert "Rule set does not exist" in answer["Reason"]


def test_a_delete_that_is_not_permitted_fails_at_once(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("ses", DESCRIBE, FakeError("AccessDenied", "not authorized"))
    answer = cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="theirs|ours")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "theirs|ours")
    assert cloudformation.pauses == []


def test_a_rule_set_that_cannot_be_activated_again_fails_the_delete(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    active(aws, "ours")
    aws.reply("ses", SET, FakeError("AccessDenied", "not authorized"))
    assert cloudformation.send(ACTIVE, OURS, "Delete", PhysicalResourceId="theirs|ours")["Status"] == "FAILED"
    assert cloudformation.given(SET) == [{"RuleSetName": "theirs"}]


def test_another_kind_of_resource_is_refused(aws: FakeAws, cloudformation: CloudFormation) -> None:
    answer = cloudformation.send("Custom::SesSomething", {})
    known = "Custom::SesAccountSuppression, Custom::SesActiveReceiptRuleSet"
    assert answer["Reason"] == f"ResourceType must be one of {known}, got Custom::SesSomething"
    assert aws.calls == []
