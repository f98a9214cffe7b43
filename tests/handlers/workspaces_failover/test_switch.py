"""The switch: the parameter before the metric, both the same within a minute, and any endpoint that still answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.redirection import FQDN, NAMESPACE, PARAMETER, load_redirection

CONTROL = "arn:aws:route53-recovery-control::111122223333:controlpanel/0123/routingcontrol/abcd"
ENDPOINTS = [
    {"Region": region, "Endpoint": f"https://{name}.route53-recovery-cluster.{region}.amazonaws.com/v1"}
    for name, region in {"a": "us-east-1", "b": "ap-northeast-1", "c": "eu-west-1"}.items()
]
CLUSTER, UPDATE = "route53-recovery-cluster", "UpdateRoutingControlState"


class Account:
    """A parameter and a metric, as the function leaves them.

    Attributes:
        value: The parameter.
        version: Its version.
        points: The values of the metric, in order.
        done: The names of the calls, in order.
    """

    def __init__(self, aws: FakeAws, value: str = "primary") -> None:
        self.aws, self.value = aws, value
        self.version = 7
        self.points: list[float] = []
        aws.reply("ssm", "GetParameter", self._get, repeat=True)
        aws.reply("ssm", "PutParameter", self._put, repeat=True)

    def healthy(self) -> Account:
        self.aws.reply("cloudwatch", "PutMetricData", self._point, repeat=True)
        return self

    @property
    def done(self) -> list[str]:
        return [call.operation for call in self.aws.calls]

    def _get(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"Name": PARAMETER}
        return {"Parameter": {"Name": PARAMETER, "Type": "String", "Value": self.value, "Version": self.version}}

    def _put(self, given: dict[str, Any]) -> dict[str, Any]:
        self.value = given.pop("Value")
        assert given == {"Name": PARAMETER, "Overwrite": True}
        self.version += 1
        return {"Version": self.version, "Tier": "Standard"}

    def _point(self, given: dict[str, Any]) -> dict[str, Any]:
        (datum,) = given["MetricData"]
        self.points.append(datum.pop("Value"))
        assert given["Namespace"] == NAMESPACE
        assert datum == {"MetricName": "PrimaryDisabled", "Dimensions": [{"Name": "Fqdn", "Value": FQDN}]}
        return {}


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    for name, value in {"FQDN": FQDN, "PARAMETER_NAME": PARAMETER, "NAMESPACE": NAMESPACE}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ROUTING_CONTROL_ARN", raising=False)
    return aws


@pytest.fixture
def account(aws: FakeAws) -> Account:
    return Account(aws)


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTING_CONTROL_ARN", CONTROL)
    monkeypatch.setenv("ROUTING_CONTROL_ENDPOINTS", json.dumps(ENDPOINTS))


def run(event: dict[str, Any] | None = None) -> Any:
    return load_redirection("switch").handler(event or {}, Context())


def logged(capsys: pytest.CaptureFixture[str]) -> Any:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


@pytest.mark.parametrize(("site", "disabled"), [("primary", 0), ("failover", 1)])
def test_each_minute_the_metric_repeats_the_parameter(
    account: Account, capsys: pytest.CaptureFixture[str], site: str, disabled: int
) -> None:
    account.healthy().value = site
    assert run() == {"site": site, "version": 0}
    assert account.points == [disabled]
    assert logged(capsys) == {"site": site, "primary_disabled": disabled, "turned": False, "routing_control": None}
    assert account.aws.actions() == {"ssm:GetParameter", "cloudwatch:PutMetricData"}


@pytest.mark.parametrize(("site", "disabled"), [("primary", 0), ("failover", 1)])
def test_a_turn_writes_the_parameter_before_the_metric(
    account: Account, capsys: pytest.CaptureFixture[str], site: str, disabled: int
) -> None:
    account.healthy().value = "failover" if site == "primary" else "primary"
    assert run({"turn": site}) == {"site": site, "version": 8}
    assert (account.value, account.points) == (site, [disabled])
    assert account.done == ["PutParameter", "PutMetricData"]
    assert logged(capsys) == {"site": site, "primary_disabled": disabled, "turned": True, "routing_control": None}
    assert account.aws.actions() == {"ssm:PutParameter", "cloudwatch:PutMetricData"}


def test_a_turn_to_where_it_stands_does_the_same_again(account: Account) -> None:
    account.healthy()
    assert [run({"turn": "failover"}) for _ in range(2)] == [{"site": "failover", "version": n} for n in (8, 9)]
    assert account.points == [1, 1]


def test_a_drill_turns_back_what_it_has_turned(account: Account) -> None:
    account.healthy()
    turned = run({"turn": "failover", "version": 0})
    assert run({"turn": "primary", "version": turned["version"]}) == {"site": "primary", "version": 9}
    assert account.done == [*("PutParameter", "PutMetricData"), *("GetParameter", "PutParameter", "PutMetricData")]
    assert (account.value, account.points) == ("primary", [1, 0])


def test_a_drill_does_not_undo_a_failover_that_began_meanwhile(account: Account, control: None) -> None:
    account.healthy().aws.reply(CLUSTER, UPDATE, repeat=True)
    drill, _ = run({"turn": "failover"}), run({"turn": "failover"})
    done = len(account.done)
    module = load_redirection("switch")
    with pytest.raises(module.OvertakenError) as error:
        module.handler({"turn": "primary", "version": drill["version"]}, Context())
    assert str(error.value) == f"{PARAMETER} was turned again since version 8; it stays at failover"
    assert type(error.value).__name__ == "OvertakenError"
    assert account.done[done:] == ["GetParameter"]
    assert (account.value, account.version, account.points) == ("failover", 9, [1, 1])


def test_a_turn_back_that_ended_half_way_can_be_done_again(aws: FakeAws) -> None:
    account = Account(aws, "failover")
    aws.reply("cloudwatch", "PutMetricData", ReadTimeoutError(endpoint_url="https://monitoring"))
    with pytest.raises(ReadTimeoutError):
        run({"turn": "primary", "version": 7})
    account.healthy()
    # The version is another one, by the first try.
    assert run({"turn": "primary", "version": 7}) == {"site": "primary", "version": 9}
    assert account.points == [0]


def test_what_ends_between_the_two_is_healed_by_the_next_minute(aws: FakeAws) -> None:
    account = Account(aws)
    aws.reply("cloudwatch", "PutMetricData", ReadTimeoutError(endpoint_url="https://monitoring"))
    with pytest.raises(ReadTimeoutError):
        run({"turn": "failover"})
    assert (account.value, account.points) == ("failover", [])
    account.healthy()
    assert run() == {"site": "failover", "version": 0}
    assert account.points == [1]


def test_a_parameter_that_cannot_be_written_turns_nothing(
    aws: FakeAws, control: None, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.reply("ssm", "PutParameter", FakeError("TooManyUpdates"))
    with pytest.raises(ClientError, match="TooManyUpdates"):
        run({"turn": "failover"})
    assert [call.operation for call in aws.calls] == ["PutParameter"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", ["", "Failover", "secondary", "primary\n"])
def test_a_parameter_that_says_neither_gives_no_metric(account: Account, value: str) -> None:
    account.value = value
    with pytest.raises(ValueError, match="site must be primary or failover, got"):
        run()
    assert account.done == ["GetParameter"]


@pytest.mark.parametrize("site", ["", None, "drill", ["primary"]])
def test_a_turn_to_neither_changes_nothing(account: Account, site: Any) -> None:
    with pytest.raises(ValueError, match="site must be primary or failover, got"):
        run({"turn": site})
    assert account.done == []


@pytest.mark.parametrize(("site", "state"), [("primary", "On"), ("failover", "Off")])
def test_the_routing_control_is_turned_last_at_the_first_endpoint(
    account: Account, control: None, capsys: pytest.CaptureFixture[str], site: str, state: str
) -> None:
    account.healthy().aws.reply(CLUSTER, UPDATE)
    run({"turn": site})
    assert account.done == ["PutParameter", "PutMetricData", UPDATE]
    call = account.aws.calls[-1]
    assert call.parameters == {"RoutingControlArn": CONTROL, "RoutingControlState": state}
    assert call.region == "us-east-1"
    assert account.aws.actions() == {
        "ssm:PutParameter",
        "cloudwatch:PutMetricData",
        "route53-recovery-cluster:UpdateRoutingControlState",
    }
    assert logged(capsys)["routing_control"] == state


def test_the_schedule_leaves_the_routing_control_alone(account: Account, control: None) -> None:
    account.healthy()
    run()
    assert account.done == ["GetParameter", "PutMetricData"]


GONE = [
    ConnectTimeoutError(endpoint_url="https://a"),
    EndpointConnectionError(endpoint_url="https://b"),
    FakeError("EndpointTemporarilyUnavailableException", status=503),
]


def test_endpoints_that_are_gone_are_followed_by_the_next(
    account: Account, control: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.healthy()
    for answer in GONE[:2]:
        account.aws.reply(CLUSTER, UPDATE, answer)
    account.aws.reply(CLUSTER, UPDATE)
    module = load_redirection("switch")
    made = []
    original = module.client

    def client(*arguments: Any, **options: Any) -> Any:
        made.append(original(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(module, "client", client)
    assert module.handler({"turn": "failover"}, Context()) == {"site": "failover", "version": 8}
    assert [call.region for call in account.aws.calls[2:]] == [one["Region"] for one in ENDPOINTS]
    assert [one.meta.endpoint_url for one in made] == [one["Endpoint"] for one in ENDPOINTS]
    assert {one.meta.config.retries["total_max_attempts"] for one in made} == {1}


def test_no_endpoint_at_all_tells_what_each_said_and_can_be_done_again(account: Account, control: None) -> None:
    account.healthy()
    for answer in GONE:
        account.aws.reply(CLUSTER, UPDATE, answer)
    module = load_redirection("switch")
    with pytest.raises(module.RoutingControlError) as error:
        module.handler({"turn": "failover"}, Context())
    assert str(error.value).startswith(
        "routing control must be Off, and no endpoint took it: us-east-1: Connect timeout"
    )
    assert "; eu-west-1: An error occurred (EndpointTemporarilyUnavailableException)" in str(error.value)
    # The site is turned all the same, by the health check of the metric.
    assert (account.value, account.points) == ("failover", [1])
    account.aws.reply(CLUSTER, UPDATE)
    assert run({"turn": "failover"}) == {"site": "failover", "version": 9}


def test_all_tries_of_all_calls_end_before_the_function_does(aws: FakeAws, control: None) -> None:
    module = load_redirection("switch")
    config = module.ssm.meta.config
    tries = config.retries["total_max_attempts"]
    assert tries == module.cloudwatch.meta.config.retries["total_max_attempts"] == 2
    one = config.connect_timeout + config.read_timeout
    # Three calls, each with up to a second before its second try, and the five endpoints that a cluster has.
    assert 3 * (tries * one + 1) + 5 * one <= 75
