"""Route 53 in the sandbox: health checks that look at alarms' metrics, records that fail over, and DNS."""

from __future__ import annotations

import json
import secrets
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.adapters.route53 import wire
from sandbox.operations import told
from sandbox.resolver import txt
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .test_ses_stacks import function, resource, role

FAR = "us-west-2"
CONTROL = "arn:aws:route53-recovery-control::123456789012:controlpanel/abc/routingcontrol/def"
PRINTS = "import os\ndef handler(event, context):\n    return os.environ['RESOLVER']\n"


def text(identifier: str, kind: str, check: Any = None, **more: Any) -> dict[str, Any]:
    health = {} if check is None else {"HealthCheckId": {"Ref": check}}
    routing = {"SetIdentifier": kind.lower(), "Failover": kind}
    record = {"Name": "desk.example.com", "Type": "TXT", "TTL": "60", "ResourceRecords": [f'"{identifier}"']}
    return resource("Route53::RecordSet", HostedZoneId={"Ref": "Zone"}, **record, **routing, **health, **more)


def check(kind: str, **config: Any) -> dict[str, Any]:
    return resource("Route53::HealthCheck", HealthCheckConfig={"Type": kind, **config})


def watched() -> dict[str, Any]:
    """A failover that follows a metric of another region."""
    alarm = resource(
        "CloudWatch::Alarm",
        AlarmName="Turned",
        Namespace="own",
        MetricName="Off",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    identifier = {"Name": {"Ref": "Alarm"}, "Region": FAR}
    return {
        "Zone": resource("Route53::HostedZone", Name="example.com"),
        "Alarm": alarm,
        "Check": check("CLOUDWATCH_METRIC", AlarmIdentifier=identifier, InsufficientDataHealthStatus="LastKnownStatus"),
        "Control": check("RECOVERY_CONTROL", RoutingControlArn=CONTROL, Inverted=True),
        "All": check("CALCULATED", ChildHealthChecks=[{"Ref": "Check"}, {"Ref": "Control"}], HealthThreshold=2),
        "Primary": text("near", "PRIMARY", "All"),
        "Secondary": text("far", "SECONDARY"),
        "Function": function(PRINTS, "Works"),
        "Works": role("logs:*"),
    }


def put(run: Run, value: float, ago: float = 0) -> None:
    """Put a value of the metric, some seconds ago; those of the last five are looked at."""
    point = {"MetricName": "Off", "Value": value, "Timestamp": datetime.now(UTC) - timedelta(seconds=ago)}
    run.client("cloudwatch", FAR).put_metric_data(Namespace="own", MetricData=[point])


def test_a_failover_follows_the_metric_of_an_alarm_in_another_region(run: Run) -> None:
    far = Run(run.sandbox, regions={"Failover": FAR})
    client = run.client("route53")
    with deployed(far, "Failover", {"Resources": watched()}):
        id = far.resource("Failover", "AWS::Route53::HealthCheck", "Check")
        zone = far.resource("Failover", "AWS::Route53::HostedZone")
        assert txt(run, "desk.example.com") == ["near"]
        far.client("cloudwatch", FAR).set_alarm_state(AlarmName="Turned", StateValue="ALARM", StateReason="told")
        assert txt(run, "Desk.Example.com.") == ["near"]
        put(far, 1, ago=2)
        assert txt(run, "desk.example.com") == ["far"]
        tested = client.test_dns_answer(HostedZoneId=zone, RecordName="desk.example.com", RecordType="TXT")
        assert (tested["RecordData"], tested["ResponseCode"]) == (['"far"'], "NOERROR")
        said = client.get_health_check_status(HealthCheckId=id)["HealthCheckObservations"]
        assert said[0]["StatusReport"]["Status"].startswith("Failure")
        described = client.get_health_check(HealthCheckId=id)["HealthCheck"]
        assert described["CloudWatchAlarmConfiguration"]["MetricName"] == "Off"
        client.update_health_check(HealthCheckId=id, InsufficientDataHealthStatus="Healthy")
        run.wait("the end of the data", lambda: is_healthy(run, id), 10)
        client.update_health_check(HealthCheckId=id, InsufficientDataHealthStatus="Unhealthy")
        assert not is_healthy(run, id)
        client.update_health_check(HealthCheckId=id, InsufficientDataHealthStatus="LastKnownStatus")
        assert txt(run, "desk.example.com") == ["far"]
        put(far, 0)
        assert txt(run, "desk.example.com") == ["near"]
        told(run, "/_sandbox/route53/routing-control", {"arn": CONTROL, "on": True})
        assert txt(run, "desk.example.com") == ["far"]
        told(run, "/_sandbox/route53/routing-control", {"arn": CONTROL, "on": False})
        assert txt(run, "desk.example.com") == ["near"]
        name = far.resource("Failover", "AWS::Lambda::Function")
        answer = far.client("lambda", FAR).invoke(FunctionName=name)["Payload"].read()
        assert json.loads(answer) == run.sandbox.resolver
        metrics = run.client("cloudwatch").list_metrics(Namespace="AWS/Route53")["Metrics"]
        assert {"Name": "HealthCheckId", "Value": id} in [one["Dimensions"][0] for one in metrics]
    assert client.list_health_checks()["HealthChecks"] == []


def is_healthy(run: Run, id: str) -> bool:
    return bool(told(run, "/_sandbox/route53/health", {"id": id})["healthy"])


@pytest.fixture(scope="module")
def zone(sandbox: Any) -> Iterator[str]:
    """A public zone, with alarms that are not for Route 53."""
    run = Run(sandbox)
    client = run.client("route53")
    id = str(client.create_hosted_zone(Name="zone.test", CallerReference=secrets.token_hex())["HostedZone"]["Id"])
    plain = {"Namespace": "own", "MetricName": "M", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1}
    alarms: dict[str, dict[str, Any]] = {
        "Good": {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 2},
        "Some": {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2},
        "Fast": {"Statistic": "Sum", "Period": 10, "EvaluationPeriods": 1},
        "Percentile": {"ExtendedStatistic": "p90", "Period": 60, "EvaluationPeriods": 1},
    }
    for name, more in alarms.items():
        run.client("cloudwatch").put_metric_alarm(AlarmName=name, **plain, **more)
    yield id.removeprefix("/hostedzone/")
    run.client("cloudwatch").delete_alarms(AlarmNames=list(alarms))


def made(run: Run, **config: Any) -> str:
    client = run.client("route53")
    answer = client.create_health_check(CallerReference=secrets.token_hex(), HealthCheckConfig=config)
    return str(answer["HealthCheck"]["Id"])


def on(name: str, region: str = "us-east-1") -> dict[str, Any]:
    return {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Name": name, "Region": region}}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (on("None"), "does not exist in region us-east-1"),
        (on("Good", FAR), "does not exist in region us-west-2"),
        (on("Some"), "M out of N"),
        (on("Fast"), "high-resolution"),
        (on("Percentile"), "extended statistic"),
        (on("Good") | {"Port": 443}, "Port must not be specified"),
        ({"Type": "CLOUDWATCH_METRIC"}, "AlarmIdentifier must be specified"),
        ({"Type": "CALCULATED", "ChildHealthChecks": ["no-such-check"], "HealthThreshold": 1}, "does not exist"),
        ({"Type": "CALCULATED", "ChildHealthChecks": ["a", "a"], "HealthThreshold": 1}, "each once"),
        ({"Type": "RECOVERY_CONTROL", "RoutingControlArn": "arn:aws:else"}, "Invalid RoutingControlArn"),
        ({"Type": "RECOVERY_CONTROL", "RoutingControlArn": CONTROL, "RequestInterval": 10}, "RequestInterval must not"),
    ],
    ids=str,
)
def test_health_checks_that_route_53_refuses_are_refused(run: Run, zone: str, config: dict[str, Any], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        made(run, **config)


def test_a_calculated_check_has_no_calculated_children_and_no_status_of_its_own(run: Run, zone: str) -> None:
    client = run.client("route53")
    child = made(run, **on("Good"))
    parent = made(run, Type="CALCULATED", ChildHealthChecks=[child], HealthThreshold=1)
    with pytest.raises(ClientError, match="must not be a calculated health check"):
        made(run, Type="CALCULATED", ChildHealthChecks=[parent], HealthThreshold=1)
    with pytest.raises(ClientError, match="cannot be retrieved"):
        client.get_health_check_status(HealthCheckId=parent)
    client.update_health_check(HealthCheckId=parent, Inverted=True, HealthCheckVersion=1)
    assert not is_healthy(run, parent)
    assert client.get_health_check(HealthCheckId=parent)["HealthCheck"]["HealthCheckConfig"]["Inverted"] is True
    with pytest.raises(ClientError, match="HealthCheckVersionMismatch"):
        client.update_health_check(HealthCheckId=parent, Inverted=False, HealthCheckVersion=1)
    client.update_health_check(HealthCheckId=parent, Disabled=True)
    assert is_healthy(run, parent)
    for id in (parent, child):
        client.delete_health_check(HealthCheckId=id)
    with pytest.raises(Broken, match="there is no health check"):
        is_healthy(run, child)


def change(run: Run, zone: str, **record: Any) -> None:
    whole = {"Name": "a.zone.test", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"x"'}], **record}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": whole}]}
    run.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"HealthCheckId": "none"}, "NoSuchHealthCheck"),
        ({"Name": "a.elsewhere.test"}, "not permitted in zone"),
        ({"Failover": "PRIMARY"}, "SetIdentifier and a routing policy"),
        ({"ResourceRecords": [{"Value": "bare"}]}, "enclosed in quotation marks"),
        ({"ResourceRecords": [{"Value": f'"{"x" * 256}"'}]}, "too long"),
        ({"Name": "two.zone.test", "Failover": "PRIMARY", "SetIdentifier": "b"}, "A PRIMARY failover record"),
        ({"Name": "two.zone.test"}, "another routing policy"),
    ],
    ids=str,
)
def test_records_that_route_53_refuses_are_refused(run: Run, zone: str, record: dict[str, Any], why: str) -> None:
    change(run, zone, Name="two.zone.test", Failover="PRIMARY", SetIdentifier="a")
    with pytest.raises(ClientError, match=why):
        change(run, zone, **record)


def test_a_stack_with_a_record_whose_check_is_not_there_fails(run: Run) -> None:
    record = text("near", "PRIMARY", None, HealthCheckId="00000000-0000-0000-0000-000000000000")
    broken = {"Zone": resource("Route53::HostedZone", Name="example.com"), "Record": record}
    with (
        pytest.raises(Broken, match="No health check exists with the specified ID 0"),
        deployed(run, "Missing", {"Resources": broken}),
    ):
        pass


def asked(run: Run, message: bytes) -> bytes:
    host, port = run.sandbox.resolver.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(message, (host, int(port)))
        return client.recv(65535)


def query(name: str, kind: int = 16, options: bytes = b"") -> bytes:
    return (
        b"id" + struct.pack("!5H", 0x0100, 1, 0, 0, bool(options)) + wire.name(name) + bytes([0, kind, 0, 1]) + options
    )


def head(answer: bytes) -> tuple[int, bool, int, int]:
    """The response's code, whether it is cut, and how many records there are in the answer and the authority."""
    id, flags, _, records, authority, _ = struct.unpack_from("!2s5H", answer)
    assert (id, flags & 0x8180) == (b"id", 0x8180)
    return flags & 0xF, bool(flags & 0x200), records, authority


def test_dns_is_answered_as_on_the_wire(run: Run, zone: str) -> None:
    change(run, zone, Name="b.zone.test", ResourceRecords=[{"Value": '"a \\"b\\" \\303\\244" "c"'}])
    change(run, zone, Name="*.wild.zone.test", Type="CNAME", ResourceRecords=[{"Value": "b.zone.test"}])
    change(run, zone, Name="many.zone.test", ResourceRecords=[{"Value": f'"{n}{"x" * 200}"'} for n in range(4)])
    change(run, zone, Name="four.zone.test", Type="A", ResourceRecords=[{"Value": "192.0.2.1"}])
    assert txt(run, "b.zone.test") == ['a "b" äc']
    assert txt(run, "any.wild.zone.test") == ['a "b" äc']
    assert txt(run, "none.zone.test") == []
    assert head(asked(run, query("any.wild.zone.test"))) == (wire.NOERROR, False, 2, 0)
    assert head(asked(run, query("none.zone.test"))) == (wire.NXDOMAIN, False, 0, 1)
    assert head(asked(run, query("b.zone.test", 1))) == (wire.NOERROR, False, 0, 1)
    assert head(asked(run, query("wild.zone.test"))) == (wire.NOERROR, False, 0, 1)
    assert asked(run, query("four.zone.test", 1)).endswith(b"\0\4\xc0\0\2\1")
    assert head(asked(run, query("zone.test", 6))) == (wire.NOERROR, False, 1, 0)
    assert head(asked(run, query("example.org"))) == (wire.REFUSED, False, 0, 0)
    assert head(asked(run, query("many.zone.test"))) == (wire.NOERROR, True, 0, 0)
    large = b"\0" + struct.pack("!2HIH", 41, 4096, 0, 0)
    assert head(asked(run, query("many.zone.test", options=large))) == (wire.NOERROR, False, 4, 0)
    assert head(asked(run, b"id\1\0" + bytes(8))) == (wire.FORMERR, False, 0, 0)
    assert head(asked(run, query("b.zone.test")[:-3]))[0] == wire.FORMERR
    with pytest.raises(Broken, match="code 5"):
        txt(run, "example.org")


def test_zones_of_a_vpc_are_not_public(run: Run) -> None:
    vpc = {"VPCs": [{"VPCId": "vpc-00000001", "VPCRegion": FAR}]}
    private = {"Zone": resource("Route53::HostedZone", Name="inner.test", **vpc)}
    with deployed(run, "Private", {"Resources": private}):
        id = run.resource("Private", "AWS::Route53::HostedZone")
        with pytest.raises(ClientError, match="public hosted zones"):
            run.client("route53").test_dns_answer(HostedZoneId=id, RecordName="inner.test", RecordType="NS")
        with pytest.raises(Broken, match="code 5"):
            txt(run, "inner.test")
